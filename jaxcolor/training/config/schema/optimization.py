"""The sections that say how the weights move: optimizer, schedule, layers."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import optax

from jaxcolor.training import optimizers
from jaxcolor.training.config import values


class Adam(NamedTuple):
    """The section `optimizer` named "adam": arguments of `optimizers.adam`."""

    b1: float
    b2: float
    eps: float
    weight_decay: float

    def check(self) -> None:
        """Refuses numbers out of range.

        Raises:
            ValueError: naming the first of them.
        """
        fields = self._asdict()
        values.check_range(fields, ("b1", "b2"), low=0, high=1, is_below=True)
        values.check_range(fields, ("eps",), low=0, is_above=True)
        values.check_range(fields, ("weight_decay",), low=0)

    def make(self, schedule: optax.Schedule) -> optax.GradientTransformation:
        """Returns the optimizer for a learning rate by step."""
        return optimizers.adam(schedule, **self._asdict())


class AdamW(NamedTuple):
    """The section `optimizer` named "adamw": arguments of `optimizers.adamw`."""

    b1: float
    b2: float
    eps: float
    weight_decay: float
    clip_norm: float

    def check(self) -> None:
        """Refuses numbers out of range.

        Raises:
            ValueError: naming the first of them.
        """
        fields = self._asdict()
        values.check_range(fields, ("b1", "b2"), low=0, high=1, is_below=True)
        values.check_range(fields, ("eps", "clip_norm"), low=0, is_above=True)
        values.check_range(fields, ("weight_decay",), low=0)

    def make(self, schedule: optax.Schedule) -> optax.GradientTransformation:
        """Returns the optimizer for a learning rate by step."""
        return optimizers.adamw(schedule, **self._asdict())


class Muon(NamedTuple):
    """The section `optimizer` named "muon": arguments of `optimizers.muon`."""

    momentum: float
    adam_share: float
    b1: float
    b2: float
    weight_decay: float
    clip_norm: float

    def check(self) -> None:
        """Refuses numbers out of range.

        Raises:
            ValueError: naming the first of them.
        """
        fields = self._asdict()
        decays = ("momentum", "b1", "b2")
        values.check_range(fields, decays, low=0, high=1, is_below=True)
        values.check_range(fields, ("clip_norm",), low=0, is_above=True)
        values.check_range(fields, ("adam_share", "weight_decay"), low=0)

    def make(self, schedule: optax.Schedule) -> optax.GradientTransformation:
        """Returns the optimizer for a learning rate by step."""
        return optimizers.muon(schedule, **self._asdict())


class Sgd(NamedTuple):
    """The section `optimizer` named "sgd": arguments of `optimizers.sgd`."""

    momentum: float

    def check(self) -> None:
        """Refuses a momentum out of range.

        Raises:
            ValueError: naming it.
        """
        fields = self._asdict()
        values.check_range(fields, ("momentum",), low=0, high=1, is_below=True)

    def make(self, schedule: optax.Schedule) -> optax.GradientTransformation:
        """Returns the optimizer for a learning rate by step."""
        return optimizers.sgd(schedule, **self._asdict())


class Adadelta(NamedTuple):
    """The section `optimizer` named "adadelta": arguments of `optimizers.adadelta`."""

    rho: float
    eps: float

    def check(self) -> None:
        """Refuses numbers out of range.

        Raises:
            ValueError: naming the first of them.
        """
        fields = self._asdict()
        values.check_range(fields, ("rho",), low=0, high=1, is_below=True)
        values.check_range(fields, ("eps",), low=0, is_above=True)

    def make(self, schedule: optax.Schedule) -> optax.GradientTransformation:
        """Returns the optimizer for a learning rate by step."""
        return optimizers.adadelta(schedule, **self._asdict())


class CaffeSgd(NamedTuple):
    """The section `optimizer` named "caffe_sgd", see `optimizers.caffe_sgd`."""

    momentum: float
    weight_decay: float
    bias_rate: float

    def check(self) -> None:
        """Refuses numbers out of range.

        Raises:
            ValueError: naming the first of them.
        """
        fields = self._asdict()
        values.check_range(fields, ("momentum",), low=0, high=1, is_below=True)
        values.check_range(fields, ("weight_decay", "bias_rate"), low=0)

    def make(self, schedule: optax.Schedule) -> optax.GradientTransformation:
        """Returns the optimizer for a learning rate by step."""
        return optimizers.caffe_sgd(schedule, **self._asdict())


class Steps(NamedTuple):
    """The section `schedule` named "steps": arguments of `optimizers.steps`."""

    peak: float
    factor: float
    every: int

    def check(self) -> None:
        """Refuses numbers out of range.

        Raises:
            ValueError: naming the first of them.
        """
        fields = self._asdict()
        values.check_range(fields, ("peak",), low=0)
        values.check_range(fields, ("factor",), low=0, is_above=True)
        values.check_range(fields, ("every",), low=1)

    def make(self) -> optax.Schedule:
        """Returns the learning rate by step."""
        return optimizers.steps(**self._asdict())


class Piecewise(NamedTuple):
    """The section `schedule` named "piecewise": arguments of `optimizers.piecewise`."""

    rates: tuple[float, ...]
    starts: tuple[int, ...]

    def check(self) -> None:
        """Refuses rates below 0, and starts that do not belong to them.

        Raises:
            ValueError: naming the first of them.
        """
        rates = {f"rates[{n}]": rate for n, rate in enumerate(self.rates)}
        values.check_range(rates, tuple(rates), low=0)
        self.make()

    def make(self) -> optax.Schedule:
        """Returns the learning rate by step."""
        return optimizers.piecewise(**self._asdict())


class WarmupCosine(NamedTuple):
    """The section `schedule` named "warmup_cosine", see `optimizers.warmup_cosine`."""

    peak: float
    warmup: int
    length: int

    def check(self) -> None:
        """Refuses a rise that is not shorter than the whole.

        Raises:
            ValueError: naming the first number out of range.
        """
        values.check_range(self._asdict(), ("peak",), low=0)
        self.make()

    def make(self) -> optax.Schedule:
        """Returns the learning rate by step."""
        return optimizers.warmup_cosine(**self._asdict())


class Trapezoid(NamedTuple):
    """The section `schedule` named "trapezoid": arguments of `optimizers.trapezoid`."""

    peak: float
    warmup: int
    cooldown: int
    length: int

    def check(self) -> None:
        """Refuses a rise and a fall that are longer than the whole.

        Raises:
            ValueError: naming the first number out of range.
        """
        values.check_range(self._asdict(), ("peak",), low=0)
        self.make()

    def make(self) -> optax.Schedule:
        """Returns the learning rate by step."""
        return optimizers.trapezoid(**self._asdict())


OPTIMIZERS = {
    "adadelta": Adadelta,
    "adam": Adam,
    "adamw": AdamW,
    "caffe_sgd": CaffeSgd,
    "muon": Muon,
    "sgd": Sgd,
}
Optimizer = Adadelta | Adam | AdamW | CaffeSgd | Muon | Sgd
SCHEDULES = {
    "piecewise": Piecewise,
    "steps": Steps,
    "trapezoid": Trapezoid,
    "warmup_cosine": WarmupCosine,
}
Schedule = Piecewise | Steps | WarmupCosine | Trapezoid


class Layers(NamedTuple):
    """The section `layers`: settings by layer, see `optimizers.by_layer`.

    A prefix is compared with names such as "encoder/block_3/conv/kernel", and ends
    where a part of the name ends; the longest one that matches counts. "" matches all.

    Attributes:
        rates: factors on the learning rate, by prefix of parameter names; 1 where none
            matches. At 0 parameters are frozen: they have no gradient, their backward
            pass is not computed, and nothing changes them, weight decay included. Their
            running statistics still move, see `fixed_statistics`.
        warmup: number of updates, by prefix, during which parameters stay as they are.
            The optimizer's moments accumulate meanwhile.
        fixed_statistics: prefixes of modules whose batch normalization uses its
            running statistics, in training too, and keeps them as they are.
    """

    rates: Mapping[str, float]
    warmup: Mapping[str, int]
    fixed_statistics: tuple[str, ...]

    def check(self) -> None:
        """Refuses factors and numbers of updates that no layer can have.

        Raises:
            ValueError: naming the first of them.
        """
        for name, factor in self.rates.items():
            if not isinstance(factor, int | float) or not 0 <= factor < math.inf:
                raise ValueError(f"rates has {name!r}: {factor!r}; wanted 0 or more")
        for name, count in self.warmup.items():
            if not isinstance(count, int) or count < 0:
                raise ValueError(f"warmup has {name!r}: {count!r}; wanted an integer")

    def scale(
        self, inner: optax.GradientTransformation
    ) -> optax.GradientTransformation:
        """Returns an optimizer with these factors and warm-ups."""
        return optimizers.by_layer(inner, rates=self.rates, warmup=self.warmup)
