"""An evaluation as one HTML file: tables, figures, and the best and worst pictures."""

import base64
import html
import io
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from jaxcolor.evaluation import metric, result_tables
from jaxcolor.evaluation.metric import Metric
from jaxcolor.evaluation.result_tables import Evaluation
from jaxcolor.runtime import printable

QUALITY = 90

# Tables scroll by themselves where they do not fit, with a shadow at the side on which
# there is more; the names of the systems stay. The shadows are painted behind, and
# covers that scroll along hide them at either end.
STYLE = """
:root { color-scheme: light dark; --line: #8884; --dim: #767676; --shadow: #0006; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 88rem;
  padding: 0 1rem 3rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin-top: 2.5rem; }
h3 { font-size: 1rem; margin-bottom: .3rem; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
p, li { max-width: 60rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; background:
  linear-gradient(to right, Canvas 30%, transparent) left / 3rem 100% local,
  linear-gradient(to left, Canvas 30%, transparent) right / 3rem 100% local,
  linear-gradient(to right, var(--shadow), transparent) left / .8rem 100%,
  linear-gradient(to left, var(--shadow), transparent) right / .8rem 100%;
  background-repeat: no-repeat; }
table { border-collapse: collapse; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .55rem; text-align: right; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { vertical-align: bottom; font-weight: 600; line-height: 1.25; }
td { white-space: nowrap; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0;
  background: Canvas; white-space: normal; overflow-wrap: anywhere;
  min-width: 5rem; max-width: 9rem; }
td small { display: block; color: var(--dim); font-size: .72rem; }
figure { margin: 1rem 0; } figure img { max-width: 100%; background: white; }
figcaption, .dim { color: var(--dim); font-size: .85rem; }
figcaption { overflow-wrap: anywhere; }
.pictures { display: grid; gap: .8rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
.pictures figure { margin: 0; }
.pictures img { width: 100%; image-rendering: auto; display: block; }
pre { overflow-x: auto; padding: .6rem; border: 1px solid var(--line); }
"""

# Titles of the parts, by what a link calls them.
PARTS = {
    "pictures": "Best, median and worst",
    "numbers": "Numbers",
    "figures": "Figures",
    "method": "How this was measured",
}


class Figure(NamedTuple):
    """A figure of the report.

    Attributes:
        caption: what it shows.
        png: content of a PNG file.
    """

    caption: str
    png: bytes


class Example(NamedTuple):
    """A photograph as a system colorized it.

    Attributes:
        rank: "best", "median" or "worst".
        name: of the photograph.
        numbers: its metrics, in one line.
        gray: its lightness alone.
        predicted: colorized.
        truth: as it is.
    """

    rank: str
    name: str
    numbers: str
    gray: UInt8[np.ndarray, "h w 3"]
    predicted: UInt8[np.ndarray, "h w 3"]
    truth: UInt8[np.ndarray, "h w 3"]


def page(
    evaluation: Evaluation,
    *,
    figures: Sequence[Figure],
    examples: Mapping[str, Sequence[Example]],
) -> str:
    """Returns a page that needs no other file, for a desk or a phone."""
    title = f"Colorization of {evaluation.manifest['source']}"
    drawn = [
        f'<figure><img src="{_uri(figure.png, "png")}" alt="{_text(figure.caption)}">'
        f"<figcaption>{_text(figure.caption)}</figcaption></figure>"
        for figure in figures
    ]
    tables = [
        f"<h3>{_text(name)}</h3>{_table(evaluation, found)}"
        f'<p class="dim">{_text(result_tables.meanings(found))}</p>'
        for name, found in result_tables.columns(evaluation)
    ]
    contents = {
        "pictures": [
            '<p class="dim">Each strip: lightness, colorization, original. Ranked by'
            " the photograph's mean CIEDE2000.</p>",
            *(_examples(system, some) for system, some in examples.items()),
        ],
        "numbers": [
            '<p class="dim">↑ higher is better, ↓ lower is better; without an arrow'
            " neither end is. The best value is bold.</p>",
            *tables,
        ],
        "figures": drawn,
        "method": _method(evaluation),
    }
    links = "".join(f'<a href="#{key}">{PARTS[key]}</a>' for key in contents)
    parts = [
        f'<section id="{key}"><h2>{PARTS[key]}</h2>\n{_lines(content)}</section>'
        for key, content in contents.items()
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{STYLE}</style></head>\n"
        f"<body>\n<h1>{_text(title)}</h1>\n<nav>{links}</nav>\n{_lines(parts)}\n"
        "</body></html>\n"
    )


def _table(evaluation: Evaluation, found: Sequence[Metric]) -> str:
    names = ["system", *map(metric.heading_of, found), *result_tables.SETTING]
    # An arrow alone on a line would have no meaning.
    heads = [re.sub(" (?=[↑↓])", "&nbsp;", _text(name)) for name in names]
    lines = ["".join(f"<th>{head}</th>" for head in heads)]
    leading = {one.key: result_tables.best(evaluation, one) for one in found}
    for row in evaluation.rows:
        cells = [_text(row.system)]
        for one in found:
            # The interval stands small below the number.
            value, bracket, ends = result_tables.cell(
                row.numbers.get(one.key), one.format
            ).partition(" [")
            value = f"<b>{value}</b>" if row.system in leading[one.key] else value
            small = f"<small>{bracket.strip()}{ends}</small>" if bracket else ""
            cells.append(value + small)
        cells += result_tables.setting(row)
        lines.append("".join(f"<td>{cell}</td>" for cell in cells))
    rows = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide" tabindex="0"><table>{rows}</table></div>'


def _method(evaluation: Evaluation) -> list[str]:
    paragraphs = result_tables.paragraphs(evaluation.manifest)
    found = [f"<p>{_text(part)}</p>" for part in paragraphs]
    if evaluation.empty:
        missing = evaluation.empty.items()
        items = [f"<li>{_text(what)}: {_text(why)}</li>" for what, why in missing]
        found += [f"<p>{result_tables.NOT_MEASURED}</p>", f"<ul>{''.join(items)}</ul>"]
    command = evaluation.manifest.get("command")
    if command:
        found.append(f"<pre>{_text(command)}</pre>")
    return found


def _examples(system: str, examples: Sequence[Example]) -> str:
    pictures = []
    for example in examples:
        gap = np.full((example.truth.shape[0], 2, 3), 255, np.uint8)
        strip = np.concatenate(
            [example.gray, gap, example.predicted, gap, example.truth], axis=1
        )
        caption = f"{example.rank}: {example.name}, {example.numbers}"
        pictures.append(
            f'<figure><img loading="lazy" src="{_uri(_jpeg(strip), "jpeg")}"'
            f' alt="{_text(caption)}"><figcaption>{_text(caption)}</figcaption>'
            "</figure>"
        )
    return f'<h3>{_text(system)}</h3><div class="pictures">{"".join(pictures)}</div>'


def _jpeg(picture: UInt8[np.ndarray, "h w 3"]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=QUALITY, subsampling=0)
    return out.getvalue()


def _uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _text(text: str) -> str:
    """Returns text as HTML shows it, whatever bytes a name has."""
    return html.escape(printable.escape(text))


def _lines(parts: Sequence[str]) -> str:
    return "\n".join(parts)
