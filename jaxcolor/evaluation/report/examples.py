"""Colorizes the best, median and worst photographs of an evaluation again."""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxcolor.data import sources
from jaxcolor.data.sources import Source
from jaxcolor.evaluation import per_photograph, protocols
from jaxcolor.evaluation.protocols import Protocol
from jaxcolor.evaluation.report.html import Example
from jaxcolor.evaluation.result_tables import Evaluation
from jaxcolor.evaluation.systems import System

# Key of the metric that the photographs are ranked by.
RANKED_BY = "ciede2000"
# Number of pictures per rank.
SHOWN = {"best": 2, "median": 2, "worst": 4}


def choose(
    evaluation: Evaluation,
    systems: Mapping[str, System],
    source: Source,
    protocol: Protocol,
) -> dict[str, list[Example]]:
    """Returns the best, median and worst photographs of each system, by CIEDE2000.

    Systems without that metric have none.
    """
    found: dict[str, list[Example]] = {}
    for name, system in systems.items():
        if RANKED_BY not in evaluation.photographs[name]:
            continue
        errors = np.asarray(evaluation.photographs[name][RANKED_BY])
        found[name] = [
            _example(rank, int(position), name, system, evaluation, source, protocol)
            for rank, positions in _ranked(errors).items()
            for position in positions
        ]
    return found


def _ranked(errors: Float[np.ndarray, " n"]) -> dict[str, Sequence[int]]:
    """Returns positions of the best, the median and the worst, each at most once."""
    order = np.argsort(errors, kind="stable")
    best, median, worst = (min(SHOWN[rank], len(order)) for rank in SHOWN)
    middle = max(0, (len(order) - median) // 2)
    chosen = {
        "best": order[:best],
        "median": order[middle : middle + median],
        "worst": order[::-1][:worst],
    }
    taken: set[int] = set()
    found: dict[str, Sequence[int]] = {}
    for rank, positions in chosen.items():
        found[rank] = [int(p) for p in positions if int(p) not in taken]
        taken |= set(found[rank])
    return found


def _example(
    rank: str,
    position: int,
    name: str,
    system: System,
    evaluation: Evaluation,
    source: Source,
    protocol: Protocol,
) -> Example:
    only = sources.Part(source, np.array([position]))
    one = protocol._replace(batch_size=1)
    ((truth, _, _),) = protocols.batches(only, one)
    lightness = truth.lab[..., 0]
    answer = system.answer(lightness, jnp.array([position]))
    numbers = evaluation.photographs[name]
    shown = ", ".join(
        f"{head} {numbers[key][position]:.1f}"
        for key, head in ((RANKED_BY, "CIEDE2000"), ("auc", "AuC"))
        if key in numbers
    )
    return Example(
        rank,
        source.names[position],
        shown,
        gray=np.asarray(
            per_photograph.colored(lightness, jnp.zeros_like(answer.ab))[0]
        ),
        predicted=np.asarray(per_photograph.colored(lightness, answer.ab)[0]),
        truth=np.asarray(truth.rgb[0]),
    )
