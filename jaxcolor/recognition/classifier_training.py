"""Training of a classifier on a labelled folder of color photographs."""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PyTree, UInt8

from jaxcolor.data import pipeline, splits
from jaxcolor.data.sources import Source
from jaxcolor.models.scene_classifier import SceneClassifier
from jaxcolor.recognition import classification
from jaxcolor.recognition.classifiers import Trained
from jaxcolor.runtime import progress, versions
from jaxcolor.training import optimizers, train_step
from jaxcolor.training.train_step import TrainState

# Share of the running statistics that a step keeps: a training has few hundred steps.
MOMENTUM = 0.9
# The moments are those of Adam's paper.
ADAM = {"b1": 0.9, "b2": 0.999, "eps": 1e-8, "clip_norm": 1.0}
# The learning rate rises over this share of the steps.
WARMUP = 0.05
# Photographs are resized to the size times a random number from this range.
SCALES = (1.0, 4 / 3)
# Steps from one loss on the progress bar to the next.
SHOWN_EVERY = 20


class Recipe(NamedTuple):
    """How a classifier is trained.

    Attributes:
        epochs: how often each photograph is seen.
        batch_size: photographs in a step.
        size: side of the crops, pixels.
        width: of the network.
        learning_rate: at the end of the warm-up.
        weight_decay: of AdamW.
        label_smoothing: share of the true class's probability that all classes share.
        held_out_fraction: of the photographs, for validation; by the hash of their
            names, so the same for every seed.
    """

    epochs: int
    batch_size: int
    size: int
    width: float
    learning_rate: float
    weight_decay: float
    label_smoothing: float
    held_out_fraction: float


# From a state, photographs and the numbers of their classes to a state and the loss.
Step = Callable[..., tuple[TrainState, Array]]


def train(
    source: Source, recipe: Recipe, *, seed: int, name: str, is_quiet: bool
) -> Trained:
    """Trains a classifier on true colors, cropped and mirrored but not recolored.

    The result is determined by the photographs, the recipe and the seed; on another
    machine up to rounding.

    Args:
        source: a labelled folder: each photograph lies in a folder named after its
            class.
        recipe: how it is trained.
        seed: of the first weights, of the order and of the crops.
        name: of the source, to keep with the classifier.
        is_quiet: no progress bar.

    Raises:
        ValueError: there are no two classes, one of them is set aside whole, or the
            recipe makes no sense.
    """
    _check(recipe)
    classes = classification.classes_of(source.names)
    split = splits.split(source, held_out_fraction=recipe.held_out_fraction)
    if set(classification.classes_of(split.training.names)) != set(classes):
        raise ValueError(f"{name}: all photographs of a class are set aside")
    network = SceneClassifier(
        width=recipe.width, outputs=len(classes), momentum=MOMENTUM
    )
    state = _fit(network, split.training, classes, recipe, seed=seed, is_quiet=is_quiet)
    trained = Trained(
        classes=classes,
        network=network,
        variables=jax.device_get(train_step.variables_of(state)),
        size=recipe.size,
        provenance={
            "source": name,
            "photographs": len(split.training),
            "seed": seed,
            "recipe": recipe._asdict(),
            "versions": versions.recorded(),
        },
    )
    trained.provenance["validation"] = _validate(trained, split.validation, recipe)
    return trained


def make_step(
    network: SceneClassifier,
    optimizer: optax.GradientTransformation,
    *,
    label_smoothing: float,
) -> Step:
    """Returns the function of state, photographs and classes that makes one update."""

    def step(
        state: TrainState, rgb: UInt8[Array, "b h w 3"], label: Int[Array, " b"]
    ) -> tuple[TrainState, Float[Array, ""]]:
        def loss(params: PyTree) -> tuple[Array, PyTree]:
            logits, updated = network.apply(
                {"params": params, "batch_stats": state.batch_stats},
                rgb.astype(jnp.float32) / 255,
                train=True,
                mutable=["batch_stats"],
            )
            sure = jax.nn.one_hot(label, network.outputs)
            wanted = optax.smooth_labels(sure, label_smoothing)
            each = optax.softmax_cross_entropy(logits, wanted)
            return each.mean(), updated["batch_stats"]

        (mean, batch_stats), gradients = jax.value_and_grad(loss, has_aux=True)(
            state.params
        )
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return TrainState(state.step + 1, params, batch_stats, opt_state, None), mean

    return step


# Shared by all seeds: compiling takes some seconds.
@functools.lru_cache(maxsize=1)
def compiled(
    network: SceneClassifier,
    *,
    length: int,
    learning_rate: float,
    weight_decay: float,
    label_smoothing: float,
) -> tuple[optax.GradientTransformation, Step]:
    """Returns the optimizer of a training, and its step as `make_step`, compiled.

    Args:
        network: to train.
        length: number of steps.
        learning_rate: at the end of the warm-up.
        weight_decay: of AdamW.
        label_smoothing: share of the true class's probability that all classes share.
    """
    schedule = optimizers.warmup_cosine(
        peak=learning_rate, warmup=int(WARMUP * length), length=length
    )
    optimizer = optimizers.adamw(schedule, weight_decay=weight_decay, **ADAM)
    step = make_step(network, optimizer, label_smoothing=label_smoothing)
    return optimizer, jax.jit(step, donate_argnums=0)


@functools.partial(jax.jit, static_argnums=0)
def initial(network: SceneClassifier, seed: Int[Array, ""]) -> PyTree:
    """Returns the random first variables of a network."""
    smallest = jnp.zeros((1, 8, 8, 3))
    return network.init(jax.random.key(seed), smallest, train=False)


def labelled_batches(
    source: Source, classes: tuple[str, ...], recipe: Recipe, *, seed: int
) -> Iterator[tuple[UInt8[np.ndarray, "b h w 3"], Int[np.ndarray, " b"]]]:
    """Yields batches of random crops and the numbers of their classes, without end."""
    crop = pipeline.Crop(
        resize=recipe.size,
        squash=False,
        side=recipe.size,
        draft=True,
        scales=SCALES,
        flip=True,
    )
    batches = pipeline.training_batches(
        source,
        crop,
        seed=seed,
        step=0,
        batch_size=recipe.batch_size,
        share=pipeline.ALONE,
        workers=pipeline.WORKERS,
    )
    for step, batch in enumerate(batches):
        names = pipeline.training_names(
            source, seed=seed, step=step, batch_size=recipe.batch_size
        )
        yield batch["rgb"], classification.labels(names, classes)


def _fit(
    network: SceneClassifier,
    source: Source,
    classes: tuple[str, ...],
    recipe: Recipe,
    *,
    seed: int,
    is_quiet: bool,
) -> TrainState:
    length = -(-recipe.epochs * len(source) // recipe.batch_size)
    optimizer, step = compiled(
        network,
        length=length,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        label_smoothing=recipe.label_smoothing,
    )
    state = train_step.init_state(initial(network, seed), optimizer, average=False)
    batches = labelled_batches(source, classes, recipe, seed=seed)
    title = f"classifier, seed {seed}"
    with progress.bar(length, unit="step", title=title, is_hidden=is_quiet) as bar:
        for number in range(1, length + 1):
            state, loss = step(state, *next(batches))
            bar.update()
            if number % SHOWN_EVERY == 0 and not bar.disable:
                bar.set_postfix_str(f"loss {float(loss):.4f}")
    return state


_gray = jax.jit(classification.gray)


def _validate(
    trained: Trained, held_out: Source, recipe: Recipe
) -> dict[str, Any] | None:
    """Returns top-1 accuracies on photographs set aside, in color and in gray."""
    if not len(held_out):
        return None
    recolors: dict[str, classification.Recolor] = {
        "color": lambda rgb: rgb,
        "gray": _gray,
    }
    accuracies = {
        name: classification.hits(
            trained,
            held_out,
            recolor=recolor,
            k=1,
            size=recipe.size,
            batch_size=recipe.batch_size,
            on_done=lambda count: None,
        ).mean()
        for name, recolor in recolors.items()
    }
    rounded = {name: float(mean) for name, mean in accuracies.items()}
    return {"photographs": len(held_out), **rounded}


def _check(recipe: Recipe) -> None:
    for name in ("epochs", "batch_size", "size", "width", "learning_rate"):
        value = getattr(recipe, name)
        if not value > 0:
            raise ValueError(f"{name} is {value}; wanted more than 0")
    if not 0 <= recipe.label_smoothing < 1:
        raise ValueError(f"label_smoothing is {recipe.label_smoothing}; wanted [0, 1)")
