"""The config of a fine-tuning, for a model and a number of photographs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxcolor.data.albums import Album
from jaxcolor.data.prepare.recode import Recipe
from jaxcolor.finetuning import initial_model
from jaxcolor.pretrained.descriptions import Description
from jaxcolor.pretrained.release import Pretrained
from jaxcolor.runtime import devices
from jaxcolor.training.config import schema
from jaxcolor.training.config.schema import Config

FEWEST = 50
"""Least number of photographs in color: of fewer, too few can be set aside."""

COPIES = Recipe("short-side", size=256, quality=95)
"""How the photographs are copied: no model uses more pixels."""

# Share of the photographs set aside for validation, and their least number.
SET_ASIDE, LEAST_SET_ASIDE = 0.1, 8
MOST_VALIDATED = 512

BATCH = 16
# Passes over the photographs, within bounds of the steps.
EPOCHS, FEWEST_STEPS, MOST_STEPS = 10, 200, 2000
# Number of validations in a training, and how many in a row may be no better.
VALIDATIONS, PATIENCE = 10, 3

# Largest side of the crops in pixels, as for the bundled model, and the largest
# enlargement of photographs.
CROP, LARGEST_SCALE = 96, 2.0
# A tenth of the bundled model's learning rate, and the steps of its rise.
PEAK, WARMUP = 1.5e-4, 20

# A pretrained encoder is frozen where there are fewer photographs, and otherwise learns
# at this factor of the rate.
ENCODER, FREEZE_BELOW, ENCODER_RATE = "encoder", 500, 0.1

FIXED: dict[str, dict[str, Any]] = {
    # Without effect: all weights come from a checkpoint.
    "initialization": {
        "method": "random",
        "images": 0,
        "head_deviation": 0.0,
        "partial": False,
        "encoder": None,
    },
    "optimizer": {
        "name": "adamw",
        "b1": 0.9,
        "b2": 0.98,
        "eps": 1e-8,
        "weight_decay": 0.02,
        "clip_norm": 2.0,
    },
    # The statistics are fixed, so averaged weights need none of their own.
    "average": {"decay": 0.99, "statistics_batches": 0},
    # As for the bundled model: half of the inputs look like old photographs.
    "degradation": {
        "share": 0.5,
        "contrast": 0.4,
        "fading": 0.15,
        "softness": 0.2,
        "grain": 3.0,
        "scratches": 25.0,
    },
    "parallel": {
        "lift": "jit",
        "compute_dtype": "float32",
        "accumulation": 1,
        "remat": False,
        "heartbeat_seconds": 100,
        "replicas_every": 0,
    },
}
"""Sections that are the same for every model and number of photographs."""


def set_aside(photographs: int) -> int:
    """Returns how many of the photographs are set aside."""
    return max(LEAST_SET_ASIDE, round(SET_ASIDE * photographs))


def steps(photographs: int) -> int:
    """Returns the most steps of a training on so many photographs."""
    return min(max(EPOCHS * photographs // BATCH, FEWEST_STEPS), MOST_STEPS)


def side(description: Description, *, multiple: int) -> int:
    """Returns the side of the crops: the size of the model's input, or less.

    Args:
        description: of the model.
        multiple: of the network.
    """
    return max(multiple, min(CROP, description.size) // multiple * multiple)


def config(
    model: Pretrained,
    album: Album,
    *,
    photographs: Mapping[str, Path],
    start: Path,
    prior: Path,
    most_steps: int | None,
    seed: int,
) -> Config:
    """Returns the training: the model's own objective, gently, on aged photographs.

    Args:
        model: to start from.
        album: how many photographs there are.
        photographs: "training" and "validation" folders.
        start: the released model with the initial weights.
        prior: the file with its prior.
        most_steps: upper limit of the steps; None for one by the number of photographs.
        seed: of the training.
    """
    about, head = model.description, initial_model.bins_of(model)
    length = min(steps(album.training), most_steps or MOST_STEPS)
    arguments = {name: x for name, x in about.arguments.items() if name != "outputs"}
    return schema.bind(
        {
            **FIXED,
            "training": _training(album, length=length, seed=seed),
            "data": {
                "source": str(photographs["training"]),
                "validation": str(photographs["validation"]),
                "held_out_fraction": 0.0,
                "data_dir": None,
            },
            "pipeline": _pipeline(about, multiple=model.network.input_multiple),
            "gamut": {"spacing": head.spacing},
            "objective": {
                "name": "classification",
                "neighbors": head.neighbors,
                "sigma": head.sigma,
                "training_lambda": head.training_lambda,
                "gray_threshold": 5.0,
            },
            "prior": {"path": str(prior)},
            "model": {"name": about.network, **arguments},
            "initialization": {**FIXED["initialization"], "checkpoint": str(start)},
            "schedule": {
                "name": "warmup_cosine",
                "peak": PEAK,
                "warmup": min(WARMUP, length // 2),
                "length": length,
            },
            "layers": _layers(model, album.training),
            "release": {
                "size": about.size,
                "temperature": about.decoding.temperature,
                "rebalancing_lambda": about.decoding.rebalancing_lambda,
                "coherence": about.decoding.coherence,
            },
        }
    )


def _training(album: Album, *, length: int, seed: int) -> dict[str, Any]:
    every = max(1, length // VALIDATIONS)
    # The next number that the devices can share.
    batch = -(-BATCH // devices.device_count()) * devices.device_count()
    return {
        "seed": seed,
        "steps": length,
        "batch_size": batch,
        "log_every": every,
        "checkpoint_every": every,
        "validation_images": min(album.validation, MOST_VALIDATED),
        "sheet_every": 0,
        "keep": 1,
        "patience": PATIENCE,
    }


def _pipeline(about: Description, *, multiple: int) -> dict[str, Any]:
    crop = side(about, multiple=multiple)
    return {
        "resize": crop,
        "squash": False,
        # Up to the size at which photographs are colorized.
        "scales": (1.0, min(max(about.size / crop, 1.0), LARGEST_SCALE)),
        "crop": crop,
        "flip": True,
        # The copies are small.
        "draft": False,
        "threads": 2,
        "prefetch": 4,
    }


def _layers(model: Pretrained, photographs: int) -> dict[str, Any]:
    rates = {}
    if ENCODER in model.variables["params"]:
        rates[ENCODER] = 0.0 if photographs < FREEZE_BELOW else ENCODER_RATE
    # The statistics of few photographs are noisy: the model's own are kept.
    fixed = ("",) if model.variables["batch_stats"] else ()
    return {"rates": rates, "warmup": {}, "fixed_statistics": fixed}
