"""The model card that goes with an export."""

from pathlib import Path

from jaxcolor.pretrained import model_card, release
from jaxcolor.pretrained.release import Pretrained


def text(model: Pretrained, source: str | Path) -> str:
    """Returns the card of the source, or a new one where it has none.

    Args:
        model: of the source, loaded.
        source: a released model, a training, or a file of the authors.
    """
    path = release.locate(source) / release.CARD
    if path.is_file():
        return path.read_text(encoding="utf-8")
    origin = model_card.origin(model.description, model.provenance)
    parts = {"name": Path(source).name, "results": None, **origin._asdict()}
    return model_card.text(model.description, **parts)
