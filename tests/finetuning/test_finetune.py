import contextlib
import io
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxcolor import cli, plots
from jaxcolor.data import albums, splits
from jaxcolor.data.albums import Album
from jaxcolor.data.prepare.recode import Recipe
from jaxcolor.finetuning import comparison, initial_model, settings
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.pretrained import release
from jaxcolor.training import interruption, priors
from jaxcolor.training.config import build
from tests import tiny

CROPS, SIDE = 8, 64
IN_COLOR = 7 * CROPS


def run(*arguments) -> int:
    return cli.main([str(argument) for argument in arguments])


def error_of(capsys) -> str:
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def sepia(gray: np.ndarray) -> np.ndarray:
    """A print's tone: each channel its own curve of lightness."""
    x = gray[..., None] / 255
    toned = np.array([250, 225, 190]) * x ** np.array([0.8, 1.0, 1.25])
    return toned.astype(np.uint8)


@pytest.fixture(scope="module")
def own(photographs, tmp_path_factory):
    """56 photographs in color, and some that are to be left out."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "holidays").mkdir()
    for name, photograph in photographs.items():
        small = Image.fromarray(photograph).resize((CROPS * SIDE, SIDE))
        for n in range(CROPS):
            crop = np.array(small)[:, n * SIDE : (n + 1) * SIDE]
            # Some are of fur or sky only: give each two colors of one lightness.
            crop[: SIDE // 4, : SIDE // 2] = [200, 120, 60]
            crop[: SIDE // 4, SIDE // 2 :] = [60, 120, 200]
            Image.fromarray(crop).save(folder / "holidays" / f"{name}_{n}.png")
    gray = np.asarray(Image.fromarray(photographs["chelsea"]).convert("L"))
    Image.fromarray(gray).save(folder / "gray.png")
    Image.fromarray(sepia(gray)).save(folder / "sepia.png")
    shutil.copy(folder / "holidays" / "china_0.png", folder / "copy.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no photograph")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny"
    release.save(tiny.model(), folder, card="A card.")
    return folder


def gathered(source, folder, *, fewest=50) -> Album:
    folder.mkdir(parents=True)
    return albums.gather(
        source,
        folder,
        recipe=Recipe("short-side", size=128, quality=95),
        fewest=fewest,
        set_aside=settings.set_aside,
        progress=lambda names: names,
    )


def test_an_album_leaves_out_what_nothing_can_be_learnt_from(own, tmp_path, caplog):
    found = gathered(own, tmp_path / "a")
    assert found == Album(
        found=IN_COLOR + 4,
        broken=1,
        monochrome=2,
        copies=1,
        training=IN_COLOR - 8,
        validation=8,
    )
    assert "broken.jpg" in caplog.text
    kept = [
        p
        for part in ("training", "validation")
        for p in (tmp_path / "a" / part).iterdir()
    ]
    assert len(kept) == IN_COLOR
    for path in kept:
        with Image.open(path) as image:
            # Nothing is enlarged.
            assert min(image.size) == SIDE


def test_a_photograph_stays_on_its_side_whatever_it_is_called(own, tmp_path):
    gathered(own, tmp_path / "a")
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    for n, path in enumerate(sorted((own / "holidays").iterdir())):
        shutil.copy(path, renamed / f"{n}.png")
    gathered(renamed, tmp_path / "b")
    asides = [
        sorted(p.name for p in (tmp_path / which / "validation").iterdir())
        for which in "ab"
    ]
    assert asides[0] == asides[1]


def test_so_many_are_held_out_as_the_smallest_fraction_would():
    names = [f"{n}.jpg" for n in range(200)]
    few = splits.held_out(names, count=20)
    # At some fraction just these are held out.
    counts = {}
    for fraction in np.arange(0.05, 0.2, 2e-4):
        found = [n for n in names if splits.is_held_out(n, fraction=float(fraction))]
        counts[len(found)] = set(found)
    assert counts[20] == set(few)


def test_a_toned_print_is_monochrome_and_a_photograph_is_not(photographs):
    for photograph in photographs.values():
        image = Image.fromarray(photograph)
        assert not albums.is_monochrome(image)
        gray = np.asarray(image.convert("L"))
        assert albums.is_monochrome(Image.fromarray(sepia(gray)))
        # As a JPEG, whose colors are a little off.
        content = io.BytesIO()
        Image.fromarray(sepia(gray)).save(content, "JPEG", quality=60)
        assert albums.is_monochrome(Image.open(content))


def test_too_few_photographs_are_counted_in_the_error(own, model, tmp_path, capsys):
    folder = tmp_path / "few"
    folder.mkdir()
    for path in sorted((own / "holidays").iterdir())[:12]:
        shutil.copy(path, folder)
    shutil.copy(own / "gray.png", folder)
    command = ("finetune", folder, "--model", model, "-o", tmp_path / "new")
    assert run(*command, "--workdir", tmp_path / "work") == cli.MISUSED
    message = error_of(capsys)
    assert "12 photographs in color (left out: 1 black-and-white)" in message
    assert "wanted 50 or more" in message
    assert sorted(p.name for p in tmp_path.iterdir()) == ["few"]


def test_photographs_without_color_are_refused(own, model, tmp_path, capsys):
    folder = tmp_path / "gray"
    folder.mkdir()
    for n, path in enumerate(sorted((own / "holidays").iterdir())[:52]):
        gray = np.asarray(Image.open(path).convert("L"))
        Image.fromarray(sepia(gray) if n % 2 else gray).save(folder / path.name)
    command = ("finetune", folder, "--model", model, "-o", tmp_path / "new")
    assert run(*command, "--workdir", tmp_path / "work") == cli.MISUSED
    assert "0 photographs in color (left out: 52 black-and-white" in error_of(capsys)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["gray"]


@pytest.mark.parametrize("name", ["new", "new.png"])
def test_nothing_is_overwritten(own, model, tmp_path, capsys, name):
    (tmp_path / name).mkdir()
    command = ("finetune", own, "--model", model, "-o", tmp_path / "new")
    assert run(*command) == cli.MISUSED
    assert f"{tmp_path / name} exists; not overwritten" in error_of(capsys)


def test_a_model_without_bins_is_refused(own, tmp_path, capsys):
    release.save(tiny.model(tiny.REGRESSION), tmp_path / "l2", card="A card.")
    command = ("finetune", own, "--model", tmp_path / "l2", "-o", tmp_path / "new")
    assert run(*command) == cli.MISUSED
    assert "wanted a model with bins" in error_of(capsys)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("trained", [0.5, 1.0])
def test_under_another_prior_a_model_has_the_same_posterior(trained):
    old = tiny.model(tiny.trained_under(trained))
    prior = np.random.default_rng(1).dirichlet(np.ones(313)).astype(np.float32)
    new = initial_model.under(old, prior)
    lightness = jnp.linspace(0, 100, 32 * 32).reshape(1, 32, 32)
    posteriors = [
        jax.nn.softmax(Colorizer(m, rebalancing_lambda=1.0).logits(lightness))
        for m in (old, new)
    ]
    # Two ways of rounding the logits, of about 10, in float32.
    np.testing.assert_allclose(*posteriors, rtol=1e-4, atol=1e-7)
    # Else nothing was made up for.
    bias = [m.variables["params"]["head"]["bias"] for m in (old, new)]
    assert (bias[0] == bias[1]).all() == (trained == 1.0)


def test_a_prior_of_few_photographs_leans_on_the_model():
    old = tiny.model()
    counts = np.zeros(313)
    counts[5] = 50 * 4.0
    counted = priors.Prior(
        counts, 10.0, 10, 5.0, "mine", 50, 200, 8, False, priors.LAB, ""
    )
    shares = priors.probabilities(initial_model.mixed(counted, old, name="tiny"))
    # Fifty photographs, and the model's prior as a hundred.
    expected = (2 / 3) * old.prior
    expected[5] += 1 / 3
    np.testing.assert_allclose(shares, expected, rtol=1e-5)


@pytest.mark.parametrize("description", [tiny.BINS, tiny.LITE])
@pytest.mark.parametrize("count", [45, 5000])
def test_every_model_with_bins_has_a_training(description, count, tmp_path):
    found = tiny.model(description)
    config = settings.config(
        found,
        Album(count, 0, 0, 0, count - count // 10, count // 10),
        photographs={part: tmp_path / part for part in ("training", "validation")},
        start=tmp_path,
        prior=tmp_path / "prior.json",
        most_steps=None,
        seed=0,
    )
    build.check(config)
    # What is trained is described as what it was.
    assert build.description(config) == found.description
    assert config.training.steps == (200 if count == 45 else 2000)
    has_encoder = description is tiny.LITE
    rates = config.layers.rates
    assert rates == ({"encoder": 0.0 if count == 45 else 0.1} if has_encoder else {})


def test_the_verdict_is_honest():
    before = np.linspace(2, 3, 10)
    for change, word in ((-0.1, "Better"), (0.1, "Worse"), (0.0, "No clear")):
        after = before + change
        interval = comparison.Interval(change - 0.05, change + 0.05)
        assert comparison.verdict(before, after, interval).startswith(word)


@pytest.fixture(scope="module")
def tuned(own, model, tmp_path_factory):
    """A stopped fine-tuning, and the same command again."""
    folder = tmp_path_factory.mktemp("tuned")
    command = (
        "finetune",
        own,
        f"--model={model}",
        f"--output={folder / 'mine'}",
        f"--workdir={folder / 'work'}",
        "--steps=4",
    )
    checks = iter([False, True])

    @contextlib.contextmanager
    def listen():
        yield lambda step: next(checks)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interruption, "listen", listen)
        stopped = io.StringIO()
        with contextlib.redirect_stderr(stopped):
            assert run(*command) == cli.INTERRUPTED
    assert "stopped after step 2; the same command resumes" in stopped.getvalue()
    assert not (folder / "mine").exists()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert run(*command) == 0
    return folder, command, printed.getvalue()


@pytest.mark.slow
def test_a_folder_becomes_a_model_that_colorizes(tuned, own, tmp_path):
    folder, _, _ = tuned
    made = release.load(folder / "mine")
    assert made.description == tiny.BINS
    old = tiny.model()
    assert np.abs(made.prior - old.prior).max() > 1e-3
    kernels = [m.variables["params"]["conv1_1"]["kernel"] for m in (old, made)]
    assert 0 < np.abs(kernels[0] - kernels[1]).max() < 0.1
    # The statistics stay the model's.
    jax.tree.map(
        # An average of equal numbers, in float32.
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5),
        old.variables["batch_stats"],
        made.variables["batch_stats"],
    )
    command = ("colorize", own / "gray.png", "--model", folder / "mine")
    assert run(*command, "-o", tmp_path / "colored.png", "--quiet") == 0


@pytest.mark.slow
def test_a_fine_tuning_tells_before_and_after(tuned):
    folder, _, printed = tuned
    assert f"{IN_COLOR - 8} photographs to train on, 8 set aside" in printed
    assert "left out: 2 black-and-white, 1 broken, 1 duplicate" in printed
    for system in ("ground truth", "gray", "before", "after"):
        assert f"| {system} |" in printed
    card = (folder / "mine" / "README.md").read_text()
    assert f"on {IN_COLOR - 8} photographs" in card
    assert "| after |" in card
    # Nothing that is passed on says where it was made.
    for path in (folder / "mine").iterdir():
        assert str(folder).encode() not in path.read_bytes(), path
    provenance = json.loads((folder / "mine" / "config.json").read_text())["provenance"]
    assert provenance["photographs"]["monochrome"] == 2


@pytest.mark.slow
def test_the_sheet_shows_gray_before_after_and_truth(tuned, own):
    folder, _, _ = tuned
    sheet = np.asarray(Image.open(folder / "mine.png")).astype(int)
    gap, side = plots.GAP, 32
    assert sheet.shape == (8 * (side + gap) + gap, 4 * (side + gap) + gap, 3)
    tiles = [sheet[gap:, gap + n * (side + gap) :][:side, :side] for n in range(4)]
    # Rounding leaves gray a level off.
    assert np.ptp(tiles[0], axis=-1).max() <= 1
    aside = sorted((folder / "work" / "photographs" / "validation").iterdir())
    with Image.open(aside[0]) as image:
        whole = image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(tiles[3], np.asarray(whole))
    # Few steps change little, and something.
    assert 0 < np.abs(tiles[1] - tiles[2]).mean() < 40
    assert np.ptp(tiles[1], axis=-1).max() > 10


@pytest.mark.slow
def test_a_workdir_of_other_photographs_is_refused(tuned, model, tmp_path, capsys):
    folder, _, _ = tuned
    command = ("finetune", tmp_path, "--model", model, "-o", tmp_path / "new")
    assert run(*command, "--workdir", folder / "work") == cli.MISUSED
    assert "was started with other photographs" in error_of(capsys)
