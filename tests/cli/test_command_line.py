import json
import logging
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxcolor import cli, images
from jaxcolor.pretrained import model_card, release
from tests import tiny

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    release.save(tiny.model(), folder, card="A card.")
    return folder


@pytest.fixture(scope="module")
def regression(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "l2"
    release.save(tiny.model(tiny.REGRESSION), folder, card="A card.")
    return folder


@pytest.fixture
def photo(photographs, tmp_path) -> Path:
    path = tmp_path / "grandma.png"
    Image.fromarray(photographs["chelsea"][:60, :80]).convert("L").save(path)
    return path


def run(*arguments: str | Path) -> int:
    return cli.main([str(argument) for argument in arguments])


def error_of(capsys) -> str:
    """The one line of an error."""
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_a_photograph_is_colorized(model, photo, tmp_path, capsys):
    assert run("colorize", photo, "--model", model, "-o", tmp_path / "colored") == 0
    colored = np.asarray(Image.open(tmp_path / "colored" / "grandma.png"))
    assert colored.shape == (60, 80, 3)
    assert np.ptp(colored.astype(int), axis=-1).max() > 10
    assert "1 of 1 photographs" in capsys.readouterr().out


def test_quiet_prints_nothing(model, photo, tmp_path, capsys):
    output = tmp_path / "colored"
    assert run("colorize", photo, "--model", model, "-o", output, "--quiet") == 0
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


def test_what_exists_is_not_overwritten_unless_asked(model, photo, tmp_path, capsys):
    output = tmp_path / "colored.png"
    output.write_text("precious")
    command = ("colorize", photo, "--model", model, "-o", output)
    assert run(*command) == cli.MISUSED
    assert str(output) in error_of(capsys)
    assert output.read_text() == "precious"
    assert run(*command, "--overwrite") == 0
    with Image.open(output) as colored:
        assert colored.size == (80, 60)


def test_bad_files_of_a_folder_are_listed_and_the_rest_is_done(
    model, photo, tmp_path, capsys
):
    folder = tmp_path / "album"
    folder.mkdir()
    photo.rename(folder / photo.name)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no photograph")
    assert run("colorize", folder, "--model", model, "-o", tmp_path / "colored") == 1
    assert [p.name for p in (tmp_path / "colored").iterdir()] == [photo.name]
    printed = capsys.readouterr()
    assert "1 of 2 photographs" in printed.out
    assert "not colorized: " in printed.err
    assert "broken.jpg" in printed.err


def test_without_names_the_bundled_model_colors_into_a_folder_here(
    model, photo, tmp_path, monkeypatch
):
    monkeypatch.setattr(release, "BUNDLED", model)
    monkeypatch.chdir(tmp_path)
    # What is called so and is no model is not in the way.
    (tmp_path / "bundled").mkdir()
    assert run("colorize", photo) == 0
    assert run("colorize", photo, "--model", model, "-o", "named.png") == 0
    # The mark names the model as it was given.
    found, wanted = tmp_path / "colored" / photo.name, tmp_path / "named.png"
    np.testing.assert_array_equal(Image.open(found), Image.open(wanted))


def test_an_empty_box_is_one_line(photo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(release, "BUNDLED", tmp_path / "bundled")
    assert run("colorize", photo, "-o", tmp_path / "colored") == cli.MISUSED
    assert "there is no bundled model" in error_of(capsys)


@pytest.mark.parametrize("flag", ["--temperature", "--rebalancing-lambda"])
def test_a_regression_has_no_use_for_numbers_of_bins(
    regression, photo, tmp_path, capsys, flag
):
    output = tmp_path / "colored"
    command = ("colorize", photo, "--model", regression, "-o", output)
    assert run(*command, flag, "0.5") == cli.MISUSED
    assert "predicts ab itself" in error_of(capsys)
    assert not output.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("nowhere.jpg", "--model", "{model}"),
        ("{photo}", "--model", "nowhere"),
        ("{photo}", "--model", "{model}", "--temperature", "0"),
        ("{photo}", "--model", "{model}", "--format", "doc"),
    ],
)
def test_a_wrong_argument_is_one_line_and_status_2(
    model, photo, tmp_path, capsys, arguments
):
    filled = [argument.format(model=model, photo=photo) for argument in arguments]
    assert run("colorize", *filled, "-o", tmp_path / "colored") == cli.MISUSED
    assert error_of(capsys).startswith("jaxcolor: error: ")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("paint",),
        ("colorize",),
        ("colorize", "x.jpg", "--model", "m", "-o", "o", "--batch-size", "0"),
        ("evaluate", "folder", "--model", "m", "--mode", "3"),
    ],
)
def test_a_command_that_is_not_understood_ends_with_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == cli.MISUSED
    assert "usage: jaxcolor" in capsys.readouterr().err


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help_with_an_example(name, capsys):
    with pytest.raises(SystemExit) as ended:
        run(name, "--help")
    assert ended.value.code == 0
    assert f"example:\n  jaxcolor {name} " in capsys.readouterr().out


def test_a_prior_is_drawn(photo_folder, tmp_path, capsys):
    output, plot = tmp_path / "prior.json", tmp_path / "prior.png"
    command = ("prior", photo_folder, "-o", output, "--resize", "32", "--quiet")
    assert run(*command, "--plot", tmp_path / "prior.txt") == cli.MISUSED
    assert "wanted a name that ends in .png" in error_of(capsys)
    assert not output.exists()
    assert run(*command, "--plot", plot) == 0
    with Image.open(plot) as image:
        assert image.size[0] > 500


def test_a_prior_is_counted_and_not_overwritten(photo_folder, tmp_path, capsys):
    output = tmp_path / "prior.json"
    command = ("prior", photo_folder, "-o", output, "--resize", "32", "--quiet")
    assert run(*command) == 0
    counted = json.loads(output.read_text())
    assert counted["images"] == len(list(photo_folder.iterdir()))
    assert len(counted["counts"]) == 313
    assert run(*command) == cli.MISUSED
    assert "prior.json" in error_of(capsys)


def test_a_model_is_evaluated(model, photo_folder, tmp_path, capsys):
    output = tmp_path / "results"
    command = ("evaluate", photo_folder, "--model", f"mine={model}", "--size", "32")
    assert run(*command, "-o", output, "--quiet") == 0
    printed = capsys.readouterr().out
    for system in ("ground truth", "gray", "mine"):
        assert f"| {system} |" in printed
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["size"] == 32
    assert len(manifest["models"]["mine"]["sha256"]) == 64
    assert "| mine |" in (output / "table.md").read_text()
    assert "mine" in (output / "report.html").read_text()


def test_baselines_take_their_colors_from_references(photo_folder, tmp_path, capsys):
    command = ("evaluate", photo_folder, "--references", photo_folder, "--size", "32")
    assert run(*command, "--resamples", "20", "--quiet") == 0
    printed = capsys.readouterr().out
    for system in ("random", "mean color", "Welsh et al. 2002", "histogram transfer"):
        assert f"| {system} |" in printed


def test_two_models_of_one_name_are_refused(model, photo_folder, capsys):
    command = ("evaluate", photo_folder, "--model", model, "--model", model)
    assert run(*command, "--quiet") == cli.MISUSED
    assert "same name" in error_of(capsys)


def test_a_warning_is_one_line(model, photo, tmp_path, capsys, monkeypatch):
    def load(path):
        warnings.warn(f"{path}: ICC profile ignored", stacklevel=1)
        return original(path)

    original = images.load
    monkeypatch.setattr(images, "load", load)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        run("colorize", photo, "--model", model, "-o", tmp_path / "out", "--quiet")
    assert error_of(capsys) == f"jaxcolor: warning: {photo}: ICC profile ignored"


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (OSError(28, "No space left on device"), 1, "error: .*No space left"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_goes_wrong_midway_is_one_line(
    model, photo, tmp_path, capsys, monkeypatch, error, status, line
):
    def fail(*_):
        raise error

    monkeypatch.setattr(release, "load", fail)
    output = tmp_path / "out"
    assert run("colorize", photo, "--model", model, "-o", output) == status
    assert re.match(f"jaxcolor: {line}", error_of(capsys))


def test_a_release_takes_the_numbers_of_decoding(model, tmp_path, capsys):
    command = ("release", model, "-o", tmp_path / "calm")
    numbers = ("--temperature", "0.7", "--rebalancing-lambda", "0.6")
    assert run(*command, *numbers, "--coherence", "0.4") == 0
    released = json.loads((tmp_path / "calm" / "config.json").read_text())
    assert (released["temperature"], released["rebalancing_lambda"]) == (0.7, 0.6)
    assert released["coherence"] == 0.4
    wrong = ("release", model, "-o", tmp_path / "wrong")
    for flag, value in (
        ("--temperature", "inf"),
        ("--rebalancing-lambda", "1.5"),
        ("--coherence", "1.5"),
    ):
        assert run(*wrong, flag, value) == cli.MISUSED
        assert f"is {value}; wanted" in error_of(capsys)
    assert not (tmp_path / "wrong").exists()


def test_a_release_takes_notes_and_a_dtype(model, tmp_path, capsys):
    notes = tmp_path / "notes.md"
    notes.write_text("## Failure cases\n\nLawns turn out blue.\n")
    command = ("release", model, "-o", tmp_path / "small", "--notes", notes)
    assert run(*command, "--dtype", "bfloat16", "--quiet") == 0
    card = (tmp_path / "small" / "README.md").read_text()
    assert card.endswith("\n\n## Failure cases\n\nLawns turn out blue.\n")
    weights = [folder / release.WEIGHTS for folder in (model, tmp_path / "small")]
    assert weights[1].stat().st_size < 0.6 * weights[0].stat().st_size
    missing = ("--notes", tmp_path / "nowhere.md")
    assert run("release", model, "-o", tmp_path / "b", *missing) == cli.MISUSED
    assert "there is no file of notes at" in error_of(capsys)


@pytest.mark.slow
def test_three_commands_lead_from_a_folder_to_a_colorization(
    photo_folder, photo, tmp_path
):
    def jaxcolor(*arguments: str | Path) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "jaxcolor", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    prior, workdir = tmp_path / "prior.json", tmp_path / "run"
    done = jaxcolor("prior", photo_folder, "-o", prior, "--resize", "64")
    assert done.returncode == 0, done.stderr
    train = (
        "train",
        f"--config={ROOT / 'configs' / 'smoke.py'}",
        f"--workdir={workdir}",
        f"--config.data.source={photo_folder}",
        f"--config.prior.path={prior}",
        "--config.training.steps=6",
        "--config.training.checkpoint_every=3",
    )
    done = jaxcolor(*train)
    assert done.returncode == 0, done.stderr
    assert "finished" in done.stdout
    done = jaxcolor("colorize", photo, "--model", workdir, "-o", tmp_path / "a.png")
    assert done.returncode == 0, done.stderr
    released = tmp_path / "released"
    done = jaxcolor("release", f"{workdir}@6", "-o", released, "--license", "mit")
    assert done.returncode == 0, done.stderr
    assert "license: mit" in (released / "README.md").read_text()
    same = jaxcolor(
        "colorize", photo, "--model", f"{workdir}@6", "-o", tmp_path / "b.png"
    )
    assert same.returncode == 0, same.stderr
    done = jaxcolor("colorize", photo, "--model", released, "-o", tmp_path / "c.png")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "b.png")),
        np.asarray(Image.open(tmp_path / "c.png")),
    )


def test_the_card_of_a_model_without_results_says_how_to_use_it():
    text = model_card.text(
        tiny.BINS,
        name="tiny",
        data="None.",
        prior=None,
        results=None,
        license_name=None,
    )
    assert "jaxcolor colorize photograph.jpg" in text
    assert "license:" not in text


def test_a_run_that_was_stopped_resumes_with_what_is_missing(
    model, photo, tmp_path, capsys
):
    output = tmp_path / "colored"
    command = ("colorize", photo, "--model", model, "-o", output)
    assert run(*command) == 0
    before = (output / photo.name).read_bytes()
    other = tmp_path / "other.png"
    other.write_bytes(photo.read_bytes())
    assert run(*command[:2], other, *command[2:], "--skip-existing") == 0
    assert (output / photo.name).read_bytes() == before
    assert (output / other.name).exists()
    printed = capsys.readouterr().out
    assert "1 of 2 photographs written" in printed
    assert "1 had been written before" in printed


def test_what_cannot_be_read_is_named_and_changes_the_status(
    model, photo, tmp_path, capsys
):
    album = tmp_path / "album"
    album.mkdir()
    photo.rename(album / photo.name)
    (album / "phone.nef").touch()
    command = ("colorize", album, "--model", model, "--overwrite", "-o")
    assert run(*command, tmp_path / "colored") == 0
    assert "1 not read (RAW; export as TIFF or JPEG): phone.nef" in error_of(capsys)
    os.mkfifo(album / "pipe.jpg")
    assert run(*command, tmp_path / "colored") == cli.FAILED
    assert "1 not read (not a regular file): pipe.jpg" in capsys.readouterr().err


def test_names_of_files_cannot_command_the_terminal(
    model, photographs, tmp_path, capfd, monkeypatch
):
    # As outside of pytest, which has handlers of its own.
    monkeypatch.setattr(logging.root, "handlers", [])
    album = tmp_path / "album"
    album.mkdir()
    (album / os.fsdecode(b"a\n\x1b[31m\xe9.jpg")).write_bytes(b"no photograph")
    assert run("colorize", album, "--model", model, "-o", tmp_path / "o") == cli.FAILED
    # An error, and a log message of a broken photograph beside a good one.
    missing = tmp_path / "b\n\x1b[31m"
    assert run("colorize", missing, "--model", model) == cli.MISUSED
    # In color: of photographs without any a prior is refused.
    Image.fromarray(photographs["chelsea"]).save(album / "cat.png")
    assert run("prior", album, "-o", tmp_path / "p.json", "--resize", "8") == 0
    printed = capfd.readouterr().err
    assert len(printed.splitlines()) == 3
    assert "\x1b" not in printed
    assert printed.count("\\x1b[31m") == 3
    assert "\\xe9.jpg" in printed


def test_ctrl_c_while_modules_are_loading_shows_no_traceback():
    code = """
import sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == "jaxcolor.cli.command_line":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
from jaxcolor import __main__
sys.exit(__main__.main())
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert ended.returncode == cli.INTERRUPTED
    assert ended.stderr == "jaxcolor: interrupted\n"


@pytest.mark.slow
def test_a_name_that_is_not_utf_8_is_evaluated_to_the_end(
    model, photographs, tmp_path, capsys
):
    album = tmp_path / "album"
    album.mkdir()
    for name in (b"a.png", b"caf\xe9.png"):
        picture = Image.fromarray(photographs["chelsea"][:64, :64])
        picture.save(album / os.fsdecode(name))
    output = tmp_path / "results"
    command = ("evaluate", album, "--model", model, "-o", output)
    assert run(*command, "--size", "32", "--resamples", "2", "--quiet") == 0
    assert "caf\\xe9.png" in (output / "report.html").read_text("utf-8")
    assert "caf\\udce9.png" in (output / "results.json").read_text("utf-8")


def test_pictures_of_other_programs_are_evaluated(photo_folder, tmp_path, capsys):
    made = tmp_path / "made"
    made.mkdir()
    for path in photo_folder.iterdir():
        # Another program's format and size.
        Image.open(path).reduce(2).save(made / f"{path.stem}.png")
    command = ("evaluate", photo_folder, "--size", "32", "--resamples", "20", "--quiet")
    assert run(*command, "--pictures-of", f"theirs={made}", "-o", tmp_path / "out") == 0
    assert "| theirs |" in capsys.readouterr().out
    (made / "coffee.png").unlink()
    status = run(*command, "--pictures-of", f"theirs={made}", "-o", tmp_path / "no")
    assert status == cli.MISUSED
    assert "no picture of 1 of 7 photographs" in error_of(capsys)
    assert not (tmp_path / "no").exists()
