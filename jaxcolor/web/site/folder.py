"""Writes the page with a model: a folder that any web server serves as it is."""

import hashlib
import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp

from jaxcolor.pretrained.exporters import onnx_file, source_card
from jaxcolor.pretrained.release import Pretrained
from jaxcolor.runtime import atomic
from jaxcolor.web.site import fields, packages

PAGE = ("index.html", "style.css", "icon.svg", "sw.js")
"""Files of the page beside its scripts."""

MODEL = "model/model.json"
"""A folder that has this file is a site."""

LIST = "files.js"
"""Tells the service worker which files there are."""


def write(
    model: Pretrained, source: str, folder: Path, *, dtype: str = "float16"
) -> None:
    """Writes the site of a model, whole or not at all.

    Args:
        model: of the source, loaded.
        source: where the model is from, for its card and its name.
        folder: where to; replaced if it exists.
        dtype: of the stored weights, see `onnx_file.encode`.

    Raises:
        ValueError: what the page takes from npm cannot be fetched.
    """
    # First, as the encoding takes longer than to find out that there is no npm.
    with packages.fetched() as vendor:
        card = source_card.text(model, source)
        told = fields.of_model(
            model, source=Path(source).name, card=card, channels=_channels(model)
        )
        content = onnx_file.encode_cells(model, dtype=dtype)
        with atomic.folder(folder) as partial:
            for name in PAGE:
                shutil.copy(packages.SOURCES / name, partial / name)
            for name in ("src", "vendor", "model"):
                (partial / name).mkdir()
            for script in (packages.SOURCES / "src").glob("*.js"):
                shutil.copy(script, partial / "src")
            for name in packages.FILES:
                shutil.copy(vendor / name, partial / "vendor")
            shutil.copy(packages.SOURCES / "LICENSES.txt", partial / "vendor")
            (partial / "model/model.onnx").write_bytes(content)
            (partial / "model/card.txt").write_text(card, encoding="utf-8")
            (partial / MODEL).write_text(json.dumps(told) + "\n", encoding="utf-8")
            (partial / LIST).write_text(_list(partial), encoding="utf-8")


def _channels(model: Pretrained) -> int | None:
    """Returns the number of features of a cell; None for a network without them."""
    network = model.network
    if not network.has_features:
        return None
    side = network.input_multiple
    _, features = jax.eval_shape(
        lambda lightness: network.apply(
            model.variables, lightness, train=False, method="outputs_and_features"
        ),
        jax.ShapeDtypeStruct((1, side, side), jnp.float32),
    )
    return int(features.shape[-1])


def _list(folder: Path) -> str:
    """Returns the script that tells the service worker the files and their version."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    hashed = hashlib.sha256()
    for path in paths:
        hashed.update(hashlib.sha256(path.read_bytes()).digest())
    names = [path.relative_to(folder).as_posix() for path in paths]
    version = json.dumps(hashed.hexdigest()[:16])
    return f"self.VERSION = {version};\nself.FILES = {json.dumps(names)};\n"
