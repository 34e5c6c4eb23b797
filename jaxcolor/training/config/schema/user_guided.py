"""The section `objective` of a network that colorizes by hints."""

from typing import Any, NamedTuple

from jaxcolor.color import heads
from jaxcolor.color.heads import Head, Prior
from jaxcolor.color.hints import Simulation
from jaxcolor.training import user_guided
from jaxcolor.training.config import values
from jaxcolor.training.objectives import Objective

# The output that teaches the shared layers nothing, by stage.
DETACHED = {"classification": "outputs", "regression": "bins"}
# Below, images would have hundreds of points.
LEAST_STOP = 0.01


class UserGuided(NamedTuple):
    """The section `objective` named "user_guided", see `training.user_guided`.

    Attributes:
        stage: "classification": the layers that both share learn from the classes of
            color only; "regression": they learn from ab only.
        ab_weight: of the L1 distance in ab, in units of 110.
        class_weight: of the cross entropy of the classes.
        hint_stop: probability, before each hint, that there are no more: their mean
            number is (1 - hint_stop) / hint_stop; at 1 there are none.
        hint_side: of the largest patch that a hint shows, pixels.
        revealed_share: share of the photographs of which all ab is given.
    """

    stage: str
    ab_weight: float
    class_weight: float
    hint_stop: float
    hint_side: int
    revealed_share: float

    def check(self) -> None:
        """Refuses numbers out of range, and an unknown stage.

        Raises:
            ValueError: naming the first of them.
        """
        values.check_choice(self.stage, DETACHED, name="stage")
        fields: dict[str, Any] = self._asdict()
        values.check_range(fields, ("ab_weight", "class_weight"), low=0)
        values.check_range(fields, ("hint_stop",), low=LEAST_STOP, high=1)
        values.check_range(fields, ("hint_side",), low=1)
        values.check_range(fields, ("revealed_share",), low=0, high=1)

    def head(self, bins: Any) -> Head:
        """Returns the head of ab: the classes are for the training only."""
        return heads.Regression()

    def objective(self, head: Head, prior: Prior) -> Objective:
        """Returns the objective."""
        return user_guided.objective(
            Simulation(self.hint_stop, self.hint_side, self.revealed_share),
            ab_weight=self.ab_weight,
            class_weight=self.class_weight,
            detached=DETACHED[self.stage],
        )
