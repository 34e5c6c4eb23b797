"""The trials of one participant, by chance."""

from typing import NamedTuple

import numpy as np

from jaxcolor.web.study import protocol
from jaxcolor.web.study.protocol import Protocol


class Plan(NamedTuple):
    """A trial of one participant, as positions in lists.

    Attributes:
        kind: PRACTICE, TEST or ATTENTION.
        truth: the photograph whose real picture is shown.
        fake: the photograph whose fake picture is shown.
        truth_position: FIRST or SECOND, which of the two is real.
    """

    kind: str
    truth: int
    fake: int
    truth_position: str


def plan(rules: Protocol, *, photographs: int, seed: int) -> list[Plan]:
    """Returns the trials of a session, in their order.

    Photographs are drawn without replacement. Each trial draws the position of its real
    picture independently, as in the paper: a balanced number would let participants
    count. Attention checks are at random places among the test trials.

    Args:
        rules: how many trials of which kind.
        photographs: in the study.
        seed: of the session.

    Raises:
        ValueError: there are fewer photographs than a session shows.
    """
    needed = protocol.photographs_needed(rules)
    if photographs < needed:
        raise ValueError(f"got {photographs} photographs; wanted {needed} or more")
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(photographs)[:needed].tolist()
    attention = set(
        rng.permutation(rules.test)[: protocol.attention_checks(rules)].tolist()
    )
    kinds = [protocol.PRACTICE] * rules.practice + [
        protocol.ATTENTION if n in attention else protocol.TEST
        for n in range(rules.test)
    ]
    is_second = rng.integers(0, 2, size=len(kinds)).tolist()
    truths, fakes = chosen[: len(kinds)], chosen[-len(kinds) :]
    return [
        Plan(kind, truth, fake, protocol.SECOND if second else protocol.FIRST)
        for kind, truth, fake, second in zip(
            kinds, truths, fakes, is_second, strict=True
        )
    ]
