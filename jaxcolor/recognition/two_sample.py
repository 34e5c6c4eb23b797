"""Measures how well a network tells colorized photographs from true ones.

A classifier two-sample test: a small network is trained on one half of the photographs
to tell their true colors from a system's, and its error on the other half is the
result. At 50 percent it cannot tell the two apart. Lightness is the same in both, so
that only color can tell. Needs the extra `train`.

Source:
    Lopez-Paz and Oquab 2017 (arXiv:1610.06545), section 3.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, UInt8

from jaxcolor.models.scene_classifier import SceneClassifier
from jaxcolor.recognition import classifier_training
from jaxcolor.recognition.classifiers import Trained
from jaxcolor.training import train_step

FEWEST = 8
"""Photographs that a test needs at least; half of them train the network."""

# The classes, in the order of the logits.
CLASSES = ("true", "colorized")
# Photographs that the trained network sees at once, in either color.
BATCH_SIZE = 64
CHANCE = 0.5


class Recipe(NamedTuple):
    """How the network is trained.

    Attributes:
        steps: number of updates.
        pairs: photographs in a step, each in true colors and colorized.
        width: of the network.
        learning_rate: at the end of the warm-up.
        weight_decay: of AdamW.
    """

    steps: int
    pairs: int
    width: float
    learning_rate: float
    weight_decay: float


RECIPE = Recipe(steps=500, pairs=24, width=0.25, learning_rate=3e-3, weight_decay=0.05)
"""About 20 seconds of CPU time for pictures of 64 x 64 pixels."""


class Errors(NamedTuple):
    """Errors of one trained network, for each photograph.

    Attributes:
        is_tested: whether the photograph is in the half that was not trained on; the
            errors of the others are 0.
        single: share of a photograph's two pictures that are taken for the other kind:
            0, 0.5 or 1.
        pair: whether the true picture looks more colorized to the network than the
            colorized one: 0 or 1; 0.5 on a tie.
    """

    is_tested: Float[np.ndarray, " n"]
    single: Float[np.ndarray, " n"]
    pair: Float[np.ndarray, " n"]


def check(photographs: int) -> None:
    """Refuses too few photographs.

    Raises:
        ValueError: naming how many there are and how many are wanted.
    """
    if photographs < FEWEST:
        raise ValueError(
            f"got {photographs} photographs to tell true from colorized ones; wanted"
            f" {FEWEST} or more, half of them to train on"
        )


def errors(
    true: UInt8[np.ndarray, "n h w 3"],
    colorized: UInt8[np.ndarray, "n h w 3"],
    recipe: Recipe,
    *,
    seed: int,
) -> Errors:
    """Trains a network on one half of the photographs and tests it on the other.

    Both pictures of a photograph are in the same half. The result is determined by the
    pictures, the recipe and the seed; on another machine up to rounding.

    Args:
        true: photographs in their true colors.
        colorized: the same photographs, in the same order, as a system colors them.
        recipe: how the network is trained.
        seed: of the halves, the first weights and the order; the same halves for every
            system.

    Raises:
        ValueError: there are fewer than `FEWEST` photographs.
    """
    check(len(true))
    random = np.random.default_rng(seed)
    order = random.permutation(len(true))
    trained_on, tested = np.split(order, [len(true) // 2])
    is_tested = np.isin(np.arange(len(true)), tested).astype(np.float64)
    if np.array_equal(true, colorized):
        # Whatever a network says of a picture, it says of an identical one as well.
        return Errors(is_tested, CHANCE * is_tested, CHANCE * is_tested)
    trained = _train(true[trained_on], colorized[trained_on], recipe, seed, random)
    of_true, of_colorized = (
        _looks_colorized(trained, pictures[tested]) for pictures in (true, colorized)
    )
    single, pair = np.zeros(len(true)), np.zeros(len(true))
    single[tested] = (_is_above(of_true, 0) + _is_above(0, of_colorized)) / 2
    pair[tested] = _is_above(of_true, of_colorized)
    return Errors(is_tested, single, pair)


def _is_above(
    one: Float[np.ndarray, " n"] | int, other: Float[np.ndarray, " n"] | int
) -> Float[np.ndarray, " n"]:
    """Returns 1 where one number is above the other, and 0.5 where they are equal."""
    return np.heaviside(np.subtract(one, other, dtype=np.float64), CHANCE)


def _train(
    true: UInt8[np.ndarray, "n h w 3"],
    colorized: UInt8[np.ndarray, "n h w 3"],
    recipe: Recipe,
    seed: int,
    random: np.random.Generator,
) -> Trained:
    network = SceneClassifier(
        width=recipe.width,
        outputs=len(CLASSES),
        momentum=classifier_training.MOMENTUM,
    )
    optimizer, step = classifier_training.compiled(
        network,
        length=recipe.steps,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        label_smoothing=0.0,
    )
    first = classifier_training.initial(network, seed)
    state = train_step.init_state(first, optimizer, average=False)
    waiting = np.empty(0, np.int64)
    label = np.repeat(np.arange(len(CLASSES)), recipe.pairs)
    for _ in range(recipe.steps):
        while len(waiting) < recipe.pairs:
            waiting = np.concatenate([waiting, random.permutation(len(true))])
        chosen, waiting = np.split(waiting, [recipe.pairs])
        is_mirrored = random.integers(2, size=recipe.pairs)
        pairs = np.concatenate(
            [_mirrored(pictures[chosen], is_mirrored) for pictures in (true, colorized)]
        )
        state, _ = step(state, pairs, label)
    return Trained(
        classes=CLASSES,
        network=network,
        variables=jax.device_get(train_step.variables_of(state)),
        size=true.shape[1],
        provenance={},
    )


def _mirrored(
    rgb: UInt8[np.ndarray, "n h w 3"], is_mirrored: Int[np.ndarray, " n"]
) -> UInt8[np.ndarray, "n h w 3"]:
    return np.where(is_mirrored[:, None, None, None], rgb[:, :, ::-1], rgb)


def _looks_colorized(
    trained: Trained, rgb: UInt8[np.ndarray, "n h w 3"]
) -> Float[np.ndarray, " n"]:
    """Returns the logit of "colorized" minus that of "true"."""
    found = []
    for start in range(0, len(rgb), BATCH_SIZE):
        # The last batch is filled up, because each size would be compiled anew.
        place = np.minimum(np.arange(start, start + BATCH_SIZE), len(rgb) - 1)
        logits = trained(jnp.asarray(rgb[place], jnp.float32) / 255)
        found.append(np.asarray(logits[:, 1] - logits[:, 0], np.float64))
    return np.concatenate(found)[: len(rgb)]
