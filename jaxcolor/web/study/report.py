"""The numbers of a study as one HTML file, with its best and worst pictures."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sqlalchemy
from jaxtyping import UInt8
from PIL import Image
from sqlalchemy import Connection

from jaxcolor import plots
from jaxcolor.web import pages
from jaxcolor.web.study import protocol, result_tables, schema
from jaxcolor.web.study.analysis import QUARTILES, Fooling, Rate, Results
from jaxcolor.web.study.studies import Study

HERE = Path(__file__).parent
FILE = "report.html"
# Pictures at either end, and the answers that each needs, as in the paper.
SHOWN, LEAST_ANSWERS = 6, 10
QUALITY = 88
# Pixels between the two pictures of a photograph.
GAP = 6

# A value, and the ends of its interval.
Dot = tuple[float, float | None, float | None]


class Figure(NamedTuple):
    """A figure of the report.

    Attributes:
        caption: what it shows.
        uri: of the picture.
    """

    caption: str
    uri: str


class Example(NamedTuple):
    """A photograph beside what an algorithm made of it.

    Attributes:
        caption: its name and numbers.
        uri: of a picture with both, the real one first.
    """

    caption: str
    uri: str


class Gallery(NamedTuple):
    """Pictures of an algorithm.

    Attributes:
        algorithm: its name.
        best: that were labeled real most often.
        worst: that were least often.
    """

    algorithm: str
    best: list[Example]
    worst: list[Example]


def page(connection: Connection, study: Study, results: Results) -> str:
    """Returns a page that needs no other file."""
    template = pages.environment([HERE / "templates"]).get_template("report.html")
    return template.render(
        study=study,
        rules=study.protocol,
        checks=protocol.attention_checks(study.protocol),
        results=results,
        tables=result_tables,
        figures=_figures(results, is_simulated=study.is_simulated),
        galleries=_galleries(connection, study, results),
        least_answers=LEAST_ANSWERS,
    )


def _figures(results: Results, *, is_simulated: bool) -> list[Figure]:
    """Returns rates with their intervals, and quartiles of the response times."""
    # A figure is copied without the page around it.
    mark = " (simulated)" if is_simulated else ""
    by = " by simulated participants" if is_simulated else ""
    if not results.rates:
        return []
    rates = [*results.rates, *([results.check] if results.check else [])]
    shares = [(one.labeled_real, one.low, one.high) for one in rates]
    names = [one.algorithm for one in results.rates]
    seconds = []
    for name in names:
        low, median, high = np.quantile(results.response_ms[name], QUARTILES) / 1000
        seconds.append((float(median), float(low), float(high)))
    return [
        Figure(
            f"How often pictures were labeled real{by}, with 95 % intervals.",
            _drawn(rates, {f"labeled real, %{mark}": shares}),
        ),
        Figure(
            f"Response times{by}, from the question on: medians and quartiles.",
            _drawn(results.rates, {f"response time, s{mark}": seconds}),
        ),
    ]


def _drawn(rates: Sequence[Rate], panels: Mapping[str, Sequence[Dot]]) -> str:
    figure = plots.dots([one.algorithm for one in rates], panels)
    return _uri(plots.png(figure), "png")


def _galleries(connection: Connection, study: Study, results: Results) -> list[Gallery]:
    found = []
    for rate in results.rates:
        listed = [
            one
            for one in results.photographs
            if one.algorithm == rate.algorithm and one.answers >= LEAST_ANSWERS
        ]
        shown = min(SHOWN, len(listed) // 2)
        best, worst = listed[:shown], listed[len(listed) - shown :][::-1]
        found.append(
            Gallery(
                rate.algorithm,
                [_example(connection, study, one) for one in best],
                [_example(connection, study, one) for one in worst],
            )
        )
    return found


def _example(connection: Connection, study: Study, one: Fooling) -> Example:
    pictures = [
        _picture(connection, study, one.photograph, kind=schema.TRUTH),
        _picture(connection, study, one.photograph, algorithm=one.algorithm),
    ]
    height = pictures[0].shape[0]
    gap = np.full((height, GAP, 3), plots.PAPER, np.uint8)
    out = io.BytesIO()
    both = Image.fromarray(np.concatenate([pictures[0], gap, pictures[1]], axis=1))
    both.save(out, "JPEG", quality=QUALITY, subsampling=0)
    share = 100 * one.fooled / one.answers
    caption = f"{one.photograph}: {share:.0f} % ({one.fooled} of {one.answers})"
    return Example(caption, _uri(out.getvalue(), "jpeg"))


def _picture(
    connection: Connection, study: Study, photograph: str, **wanted: str
) -> UInt8[np.ndarray, "h w 3"]:
    """Returns a picture by its photograph and the kind or name of its algorithm."""
    algorithms, photographs = schema.algorithms, schema.photographs
    query = (
        sqlalchemy.select(schema.pictures.c.png)
        .join(photographs, photographs.c.id == schema.pictures.c.photograph_id)
        .join(algorithms, algorithms.c.id == schema.pictures.c.algorithm_id)
        .where(photographs.c.study_id == study.id, photographs.c.name == photograph)
    )
    if "kind" in wanted:
        query = query.where(algorithms.c.kind == wanted["kind"])
    else:
        query = query.where(algorithms.c.name == wanted["algorithm"])
    png = connection.execute(query).scalar_one()
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def _uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
