"""What the page is told about a model: the content of model.json."""

import re
from typing import Any

import numpy as np

import jaxcolor
from jaxcolor.color import coherence, hint_diffusion
from jaxcolor.color.affinity import Diffusion
from jaxcolor.color.heads import Bins
from jaxcolor.images import marking
from jaxcolor.pretrained.release import Pretrained

GAP = "{system}"
"""What the page replaces in the mark: model and decoding."""


def of_model(
    model: Pretrained, *, source: str, card: str, channels: int | None
) -> dict[str, Any]:
    """Returns the fields, as JSON values.

    Args:
        model: to tell about.
        source: its name for the mark, as `jaxcolor colorize` writes it.
        card: the text of its model card.
        channels: number of features of a cell; None for a network without them.
    """
    description = model.description
    head, decoding = description.head, description.decoding
    bins = head if isinstance(head, Bins) else None
    diffusion, spreading = coherence.DIFFUSION, hint_diffusion.SPREADING
    widest = max(channels or 0, head.outputs)
    return {
        "name": _name(card) or description.network,
        "license": _license(card),
        "source": source,
        "network": description.network,
        "version": jaxcolor.__version__,
        "size": description.size,
        "input_multiple": model.network.input_multiple,
        "output_stride": model.network.output_stride,
        "has_features": channels is not None,
        "settings": {**decoding._asdict(), "strength": 1.0},
        "centers": None if bins is None else bins.gamut.centers.tolist(),
        "neighbors": bins and bins.neighbors,
        "sigma": bins and bins.sigma,
        "training_lambda": bins and bins.training_lambda,
        "prior": None if model.prior is None else model.prior.tolist(),
        "diffusion": diffusion._asdict(),
        "guided": {
            "share": coherence.GUIDED_SHARE,
            "radius": coherence.RADIUS,
            "epsilon": coherence.EPSILON,
        },
        "spreading": spreading._asdict() | {"between": spreading.between._asdict()},
        "axes": {
            str(each.components): _axes(each, widest)
            for each in (diffusion, spreading.between)
        },
        "mark": marking.marked(None, system=GAP, version=jaxcolor.__version__).decode(),
        "gap": GAP,
    }


def _axes(settings: Diffusion, rows: int) -> list[float]:
    """Returns the axes that `affinity.principal_axes` starts from, row after row.

    Those of fewer features are the first rows.
    """
    drawn = np.random.default_rng(0).normal(size=(rows, settings.components))
    return drawn.astype(np.float32).ravel().tolist()


def _name(card: str) -> str | None:
    found = re.search(r"^# (.+)$", card, re.MULTILINE)
    return found and found[1].strip()


def _license(card: str) -> str:
    front = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
    found = front and re.search(r"^license: *(\S.*)$", front[1], re.MULTILINE)
    if found:
        return f"License of the model: {found[1].strip()}."
    if re.search(r"^## Terms$", card, re.MULTILINE):
        return "The model card tells the terms of the model; it names no license."
    return "The model names no license."
