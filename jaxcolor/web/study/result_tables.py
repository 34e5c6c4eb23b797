"""The numbers of a study as rows of text, for the terminal and the report."""

from jaxcolor.runtime import markdown_text
from jaxcolor.web.study import published
from jaxcolor.web.study.analysis import Pair, Rate, Results

RATE_HEADS = (
    "algorithm",
    "participants",
    "trials",
    "labeled real, %",
    "95 % interval",
    "paper, %",
)
PAIR_HEADS = (
    "pair",
    "difference, points",
    "95 % interval",
    "p, two-sided",
    "p, Holm",
    "p, as the paper",
)
EXCLUDED_HEADS = ("rule", "sessions", "trials")
TIME_HEADS = ("time", "lower quartile, ms", "median, ms", "upper quartile, ms")

# What stands first wherever numbers of a simulated study are shown.
SIMULATED = "Simulated participants: programs, no people, gave these answers."


def markdown(results: Results, *, is_simulated: bool) -> str:
    """Returns the tables for a terminal."""
    parts = [SIMULATED] if is_simulated else []
    parts.append(markdown_text.table(RATE_HEADS, rates(results)))
    if results.pairs:
        parts.append(markdown_text.table(PAIR_HEADS, pairs(results)))
    parts.append(markdown_text.table(EXCLUDED_HEADS, excluded(results)))
    return "\n\n".join(parts)


def rates(results: Results) -> list[list[str]]:
    """Returns a row for each algorithm, then one for the attention checks."""
    rows = [_rate(one, published.cell(one.algorithm)) for one in results.rates]
    if results.check is not None:
        rows.append(_rate(results.check, published.cell(published.CHECK)))
    return rows


def pairs(results: Results) -> list[list[str]]:
    """Returns a row for each pair of algorithms."""
    return [_pair(one) for one in results.pairs]


def excluded(results: Results) -> list[list[str]]:
    """Returns a row for each rule of exclusion."""
    return [[x.rule, f"{x.sessions:,}", f"{x.trials:,}"] for x in results.excluded]


def times(results: Results) -> list[list[str]]:
    """Returns a row for each time."""
    return [
        [x.name, *(f"{value:,.0f}" for value in (x.low, x.median, x.high))]
        for x in results.times
    ]


def paper() -> list[list[str]]:
    """Returns the lines of the paper's table."""
    return [[x.title, published.cell(name)] for name, x in published.PAPER.items()]


def _rate(one: Rate, paper: str) -> list[str]:
    return [
        one.algorithm,
        f"{one.participants:,}",
        f"{one.trials:,}",
        f"{one.labeled_real:.1f} ± {one.error:.1f}",
        _interval(one.low, one.high),
        paper,
    ]


def _pair(one: Pair) -> list[str]:
    return [
        f"{one.first} > {one.second}",
        f"{one.difference:.1f}",
        _interval(one.low, one.high),
        _p(one.p),
        _p(one.holm_p),
        _p(one.paper_p),
    ]


def _interval(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{low:.1f} to {high:.1f}"


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< .001" if value < 0.001 else f"{value:.3f}"
