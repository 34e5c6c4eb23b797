"""`jaxcolor colorize -`, from standard input to standard output."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxcolor import cli
from jaxcolor.pretrained import release
from tests import tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    release.save(tiny.model(), folder, card="A card.")
    return folder


@pytest.fixture
def photo(photographs, tmp_path) -> Path:
    path = tmp_path / "grandma.jpg"
    Image.fromarray(photographs["chelsea"][:60, :80]).convert("L").save(path)
    return path


@pytest.fixture
def pipe(monkeypatch, model):
    """Returns a function that colorizes bytes: its status and its standard output."""

    def run(content: bytes, *arguments: str) -> tuple[int, bytes]:
        output = io.BytesIO()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(output))
        status = cli.main(["colorize", "-", *arguments, "--model", str(model)])
        return status, output.getvalue()

    return run


def test_a_pipe_gives_the_bytes_of_the_file(pipe, photo, model, tmp_path):
    options = ["--strength", "0.8", "--temperature", "0.2", "--hint", "20,30=teal"]
    target = tmp_path / "colored.jpg"
    command = ["colorize", photo, "-o", target, "--model", model, *options]
    assert cli.main([str(argument) for argument in command]) == 0
    assert pipe(photo.read_bytes(), *options) == (0, target.read_bytes())


def test_another_format_may_be_asked_for(pipe, photo):
    status, content = pipe(photo.read_bytes(), "--format", "png", "--compare")
    assert status == 0
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size) == ("PNG", (160, 60))


def test_a_format_that_would_lose_much_is_replaced_and_reported(pipe, photo, capsys):
    gif = io.BytesIO()
    Image.open(photo).save(gif, "GIF")
    status, content = pipe(gif.getvalue())
    assert status == 0
    assert content.startswith(b"\x89PNG")
    assert "written as PNG, as GIF" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "empty"), (b"text", "not an image")]
)
def test_what_is_no_photograph_is_one_line_and_no_output(pipe, capsys, content, reason):
    assert pipe(content) == (1, b"")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"jaxcolor: not colorized: standard input: {reason}")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["other.jpg"], "got - among 2 photographs"),
        (["-o", "out.jpg"], "got --output for standard input; wanted no -o"),
        (["--hints", "hints.json"], "wanted --hint X,Y=COLOR"),
        (["--variants", "2"], "wanted --sheet"),
        (["--hint", "1,2"], "has no color"),
        (["--format", "gif"], "no format to write"),
        (["--temperature", "-1"], "temperature is -1"),
    ],
)
def test_flags_that_make_no_sense_for_a_pipe_are_one_line(
    pipe, photo, capsys, arguments, reason
):
    status, content = pipe(photo.read_bytes(), *arguments)
    # An unknown format is known to be so once the photograph is read.
    assert status == (1 if "--format" in arguments else cli.MISUSED)
    assert content == b""
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line


def test_the_file_of_the_same_name_is_a_file(model, photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo.rename("-")
    assert cli.main(["colorize", "./-", "--model", str(model)]) == 0
    assert np.asarray(Image.open("colored/-.jpg")).shape == (60, 80, 3)


@pytest.mark.slow
def test_the_program_itself_writes_nothing_but_the_picture(model, photo):
    done = subprocess.run(
        [sys.executable, "-m", "jaxcolor", "colorize", "-", "--model", str(model)],
        input=photo.read_bytes(),
        capture_output=True,
        check=True,
    )
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert (image.format, image.size) == ("JPEG", (80, 60))
    assert done.stderr == b""
