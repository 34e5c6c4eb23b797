"""A server with a tiny model, and the command line to compare it with."""

import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from jaxcolor import cli
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.pretrained import release
from jaxcolor.web.demo import app
from tests import tiny
from tests.web import servers

# The network of the tests has features, so that the page has all sliders.
MODEL = tiny.decoded_by(coherence=0.5)


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    release.save(tiny.model(MODEL), folder, card="A card.")
    return folder


@pytest.fixture(scope="session")
def colorizer(model) -> Colorizer:
    return Colorizer(release.load(model))


@pytest.fixture(scope="session")
def server(model, colorizer) -> str:
    with servers.running(app.make(colorizer, model=str(model))) as address:
        yield address


@pytest.fixture
def visitor(server):
    """Returns a client with cookies of its own."""
    with httpx.Client(base_url=server, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def files(photographs) -> dict[str, bytes]:
    """Returns photographs as files, by name: of several formats, 8 and 16 bits."""
    gray = Image.fromarray(photographs["chelsea"][:120:2, :160:2]).convert("L")
    color = Image.fromarray(photographs["coffee"][:100, :60])
    deep = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[274] = 6  # Lies on its side.
    made = {}
    for name, image, options in [
        ("grandma.jpg", gray, {"exif": exif, "dpi": (300, 300), "quality": 92}),
        ("scan.png", deep, {}),
        ("wedding.tif", color, {"compression": "tiff_lzw"}),
        ("ship.webp", color, {"lossless": True}),
    ]:
        file = io.BytesIO()
        image.save(file, Image.registered_extensions()[Path(name).suffix], **options)
        made[name] = file.getvalue()
    return made


@pytest.fixture
def by_command(model, tmp_path):
    """Returns a function: the bytes that `jaxcolor colorize` writes for a file."""

    def colorize(name: str, content: bytes, *flags: str) -> bytes:
        (tmp_path / name).write_bytes(content)
        folder = tmp_path / "colored"
        command = ["colorize", tmp_path / name, "-o", folder, "--model", model]
        arguments = [str(each) for each in [*command, "--overwrite", "--quiet", *flags]]
        assert cli.main(arguments) == 0
        (written,) = folder.iterdir()
        return written.read_bytes()

    return colorize


def sent(name: str, content: bytes) -> dict:
    """Returns a file as httpx sends it."""
    return {"photo": (name, content)}
