"""Folders that can be uploaded to a model hub as they are."""

from pathlib import Path

from jaxcolor.pretrained import release
from jaxcolor.pretrained.exporters import onnx_file, program
from jaxcolor.pretrained.release import Pretrained
from jaxcolor.runtime import atomic

ONNX = "model.onnx"

# Tells how to use the other file; appended to the card of the model.
USE = """\

## ONNX

`{name}` is the same model for other programs.

- Inputs: `L` (b, 1, h, w), the lightness L* in [0, 100], with h and w multiples of
  {multiple}{settings}.
- Output: `ab` (b, 2, h, w) in CIELAB units.
- Weights: {dtype}.
- Decoding: {plain}.
"""


def write(
    model: Pretrained,
    source: str | Path,
    folder: Path,
    *,
    dtype: str = "float32",
    has_logits: bool = False,
) -> None:
    """Writes the files of a released model and its model.onnx, whole or not at all.

    Args:
        model: of the source, loaded.
        source: a released model: its files are copied.
        folder: where to; replaced if it exists.
        dtype: see `onnx_file.encode`.
        has_logits: see `onnx_file.encode`.

    Raises:
        ValueError: the source is not a released model.
    """
    located = release.locate(source)
    files = (release.CONFIG, release.WEIGHTS, release.CARD)
    if not all((located / name).is_file() for name in files):
        raise ValueError(
            f"{source} is not a released model with {', '.join(files)}; wanted one,"
            " as jaxcolor release and jaxcolor import make"
        )
    card = (located / release.CARD).read_text(encoding="utf-8")
    content = onnx_file.encode(model, dtype=dtype, has_logits=has_logits, card=card)
    inputs = tuple(program.of_model(model).arguments)[1:]
    use = USE.format(
        name=ONNX,
        multiple=model.network.input_multiple,
        settings="".join(f"; the scalar `{name}`" for name in inputs),
        dtype=dtype,
        plain=program.PLAIN,
    )
    with atomic.folder(folder) as partial:
        for name in files[:-1]:
            atomic.write_bytes(partial / name, (located / name).read_bytes())
        atomic.write_text(partial / release.CARD, card + use)
        atomic.write_bytes(partial / ONNX, content)
