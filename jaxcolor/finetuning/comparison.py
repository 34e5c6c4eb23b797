"""Comparison of two models on photographs set aside: numbers and pictures."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from jaxcolor import plots
from jaxcolor.data import sources
from jaxcolor.data.sources import Source
from jaxcolor.evaluation import evaluate, result_tables, systems
from jaxcolor.evaluation.protocols import Progress, Protocol
from jaxcolor.evaluation.result_tables import Evaluation
from jaxcolor.evaluation.systems import Answer, System
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.metrics import bootstrap
from jaxcolor.metrics.bootstrap import Interval
from jaxcolor.pretrained.release import Pretrained
from jaxcolor.runtime import markdown_text

BEFORE, AFTER = "before", "after"
SHOWN = 8
"""Number of photographs of the contact sheet, one a row."""
SHEET_COLUMNS = (systems.GRAY, BEFORE, AFTER, systems.TRUTH)

# Columns of the table: their heads and formats.
COLUMNS = {
    "auc": ("AuC, %", ".2f"),
    "rebalanced_auc": ("rebalanced AuC, %", ".2f"),
    "colorfulness_share": ("colorfulness relative to the original", ".2f"),
    "nll": ("NLL, nats", ".3f"),
}
LARGEST_SIZE, SPACING, BATCH, RESAMPLES = 256, 10.0, 8, 1000


class Comparison(NamedTuple):
    """The results of a comparison.

    Attributes:
        table: Markdown.
        verdict: a sentence.
        sheet: rows of photographs, see `SHEET_COLUMNS`.
        difference: of the NLL, after minus before, nats.
        interval: its 95 percent interval.
    """

    table: str
    verdict: str
    sheet: UInt8[np.ndarray, "H W 3"]
    difference: float
    interval: Interval


def compare(
    before: Pretrained, after: Pretrained, source: Source, *, on_done: Progress
) -> Comparison:
    """Measures two models with the same bins on photographs.

    Args:
        before: the model before fine-tuning.
        after: the fine-tuned model.
        source: photographs that neither was trained on.
        on_done: as in `evaluate.evaluate`, which sees each photograph twice.
    """
    multiple = after.network.input_multiple
    size = min(after.description.size, LARGEST_SIZE) // multiple * multiple
    protocol = Protocol(
        name="the photographs set aside",
        size=max(size, multiple, evaluate.SMALLEST),
        spacing=SPACING,
        batch_size=BATCH,
        seed=0,
        resamples=RESAMPLES,
    )
    models = {BEFORE: before, AFTER: after}
    measured = {name: _system(model) for name, model in models.items()}
    found = evaluate.evaluate(measured, source, protocol, on_done=on_done)
    each = [np.asarray(found.photographs[name]["nll"]) for name in models]
    change = each[1] - each[0]
    interval = bootstrap.bootstrap(
        lambda sums: sums[:, 0] / len(change),
        change[:, None],
        seed=protocol.seed,
        resamples=RESAMPLES,
    )
    return Comparison(
        table=_table(found, protocol),
        verdict=verdict(each[0], each[1], interval),
        sheet=_sheet(measured, source, protocol),
        difference=float(change.mean()),
        interval=interval,
    )


def verdict(
    before: Float[np.ndarray, " n"], after: Float[np.ndarray, " n"], interval: Interval
) -> str:
    """Returns a sentence on whether the true colors became likelier.

    Args:
        before: NLL of each photograph, nats.
        after: likewise.
        interval: of the mean difference.
    """
    numbers = (
        f"NLL {before.mean():.3f} before, {after.mean():.3f} after, difference"
        f" {(after - before).mean():+.3f} [{interval.low:+.3f}, {interval.high:+.3f}];"
        f" lower on {int((after < before).sum())} of {len(before)} photographs"
    )
    if interval.high < 0:
        return f"Better: the true colors became likelier ({numbers})."
    if interval.low > 0:
        return (
            f"Worse: the true colors became less likely ({numbers}); keep the model"
            " that you had."
        )
    return f"No clear difference on so few photographs ({numbers})."


def _system(model: Pretrained) -> System:
    """Returns a model as `systems.of_colorizer`, but its logits at a lambda of 1.

    There they are the posterior itself, which has a likelihood; moved to the lambda of
    decoding, they overstate rare colors.
    """
    colorizer = Colorizer(model)
    posterior = Colorizer(model, rebalancing_lambda=1.0)

    def answer(lightness: Float[Array, "b h w"], _: Int[Array, " b"]) -> Answer:
        outputs, features = colorizer.predict(lightness, reweights=False)
        ab = colorizer.decode(colorizer.move(outputs), lightness)
        colors = colorizer.coherent(ab, features, lightness)
        return Answer(systems.enlarge(colors, lightness), posterior.move(outputs))

    assert colorizer.gamut is not None
    return systems.of_colorizer(colorizer)._replace(answer=answer)


def _table(found: Evaluation, protocol: Protocol) -> str:
    heads = ["system", *(head for head, _ in COLUMNS.values()), *result_tables.SETTING]
    rows = []
    for row in found.rows:
        cells = [
            result_tables.cell(row.numbers.get(key), form)
            for key, (_, form) in COLUMNS.items()
        ]
        rows.append([row.system, *cells, *result_tables.setting(row)])
    table = markdown_text.table(heads, rows)
    size = protocol.size
    return (
        f"{table}\n\nOn {len(found.names)} photographs set aside, their central"
        f" {size} × {size} pixels; in brackets 95 % intervals. NLL is that of the true"
        " colors at λ = 1, lower is better. These photographs also chose when to stop,"
        " so expect a little less of others."
    )


def _sheet(
    measured: dict[str, System], source: Source, protocol: Protocol
) -> UInt8[np.ndarray, "H W 3"]:
    """Returns rows of gray, before, after and truth, spread over the photographs."""
    count = min(SHOWN, len(source))
    few = sources.Part(source, np.arange(count) * len(source) // count)
    pictures: dict[str, list[np.ndarray]] = {name: [] for name in SHEET_COLUMNS}

    def collect(name: str, rgb: UInt8[np.ndarray, "b h w 3"], _: int) -> None:
        pictures[name].append(rgb)

    evaluate.evaluate(
        measured, few, protocol, on_pictures=collect, on_done=lambda _: None
    )
    columns = [np.concatenate(pictures[name]) for name in SHEET_COLUMNS]
    return plots.contact_sheet(np.stack(columns, axis=1))
