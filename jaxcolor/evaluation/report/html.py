"""An evaluation as one HTML file: tables, figures, and the best and worst pictures."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from jaxcolor.evaluation import result_tables
from jaxcolor.evaluation.registry import Column
from jaxcolor.evaluation.result_tables import Evaluation

QUALITY = 90

STYLE = """
:root { color-scheme: light dark; --line: #8884; --dim: #888; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem;
  padding: 0 1rem 3rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
h3 { font-size: 1rem; margin-bottom: .3rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; vertical-align: top; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0;
  background: Canvas; }
td small { display: block; color: var(--dim); font-size: .72rem; }
figure { margin: 1rem 0; } figure img { max-width: 100%; background: white; }
figcaption, .dim { color: var(--dim); font-size: .85rem; }
.pictures { display: grid; gap: .8rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
.pictures figure { margin: 0; }
.pictures img { width: 100%; image-rendering: auto; display: block; }
dt { font-weight: 600; } dd { margin: 0 0 .6rem; }
pre { overflow-x: auto; padding: .6rem; border: 1px solid var(--line); }
"""


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
        told: its numbers, one line.
        gray: its lightness alone.
        predicted: colorized.
        truth: as it is.
    """

    rank: str
    name: str
    told: str
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
    tables = [
        f"<h2>{_text(name)}</h2>{_table(evaluation, found)}{_meanings(found)}"
        for name, found in result_tables.columns(evaluation)
    ]
    drawn = [
        f'<figure><img src="{_uri(figure.png, "png")}" alt="{_text(figure.caption)}">'
        f"<figcaption>{_text(figure.caption)}</figcaption></figure>"
        for figure in figures
    ]
    shown = [_examples(system, some) for system, some in examples.items()]
    method = [f"<p>{_text(part)}</p>" for part in _paragraphs(evaluation)]
    command = evaluation.manifest.get("command")
    if command:
        method.append(f"<pre>{_text(command)}</pre>")
    body = "\n".join(
        [
            f"<h1>{_text(title)}</h1>",
            *tables,
            "<h2>How this was measured</h2>",
            *method,
            "<h2>Figures</h2>",
            *drawn,
            "<h2>Best, median and worst</h2>",
            '<p class="dim">Lightness, colorization and truth, by the photograph\'s'
            " mean CIEDE2000.</p>",
            *shown,
        ]
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _table(evaluation: Evaluation, found: Sequence[Column]) -> str:
    heads = ["system", *(c.head for c in found), *result_tables.SETTING]
    lines = ["".join(f"<th>{_text(head)}</th>" for head in heads)]
    for row in evaluation.rows:
        cells = [_text(row.system)]
        for column in found:
            # The interval stands small below the number.
            value, bracket, ends = result_tables.cell(
                row.numbers.get(column.key), column.form
            ).partition(" [")
            small = f"<small>{bracket.strip()}{ends}</small>" if bracket else ""
            cells.append(value + small)
        cells += result_tables.setting(row)
        lines.append("".join(f"<td>{cell}</td>" for cell in cells))
    rows = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide"><table>{rows}</table></div>'


def _meanings(found: Sequence[Column]) -> str:
    told = "; ".join(f"{c.head.partition(',')[0]}: {c.meaning}" for c in found)
    return f'<p class="dim">{_text(told)}.</p>'


def _paragraphs(evaluation: Evaluation) -> list[str]:
    told = result_tables.method(evaluation.manifest, evaluation.empty)
    return [part for part in told.split("\n") if part.strip()]


def _examples(system: str, examples: Sequence[Example]) -> str:
    pictures = []
    for example in examples:
        gap = np.full((example.truth.shape[0], 2, 3), 255, np.uint8)
        strip = np.concatenate(
            [example.gray, gap, example.predicted, gap, example.truth], axis=1
        )
        caption = f"{example.rank}: {example.name}, {example.told}"
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
    return html.escape(text)
