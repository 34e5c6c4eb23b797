"""The model card of a released model: the text of its `README.md`."""

import json

from jaxcolor.pretrained import descriptions
from jaxcolor.pretrained.descriptions import Description

# True of every model of this kind, whatever it was trained on.
LIMITS = """\
- The colors are a plausible guess, not the truth: lightness does not determine whether
  a dress was red or green. Say so wherever a colorized photograph could be mistaken for
  a document.
- Objects that are rare in the training photographs get the colors of common ones.
- Color is predicted at a quarter of the network's resolution, so it can spill over the
  edges of small objects. Lightness, and with it all detail, is that of the photograph.
"""


def text(
    description: Description,
    *,
    name: str,
    data: str,
    prior: str | None,
    results: str | None,
    license_name: str | None,
    notes: str | None = None,
) -> str:
    """Returns a model card in Markdown, with the front matter of model hubs.

    Args:
        description: of the model.
        name: of the model.
        data: a sentence on the training photographs.
        prior: a sentence on the source of the prior; None for an "ab" head.
        results: Markdown, such as the table of `jaxcolor evaluate`; None if unknown.
        license_name: as model hubs write it, such as "apache-2.0"; None if undecided.
        notes: Markdown with sections of its own, added at the end: failure cases,
            uses that are out of scope, how the model was trained ...
    """
    parts = [
        _front_matter(license_name),
        f"# {name}\n\nColorizes black-and-white photographs. {_method(description)}\n",
        f"## Use\n\n{_use(description)}",
        f"## Training\n\n{data}\n" + (f"\n{prior}\n" if prior else ""),
        f"## Numbers\n\n{_numbers(description)}",
    ]
    if results:
        parts.append(f"## Results\n\n{results.strip()}\n")
    parts.append(f"## Limits\n\n{LIMITS}")
    if notes:
        parts.append(f"{notes.strip()}\n")
    return "\n".join(parts)


def _front_matter(license_name: str | None) -> str:
    lines = [
        "---",
        *([f"license: {license_name}"] if license_name else []),
        "library_name: jaxcolor",
        "pipeline_tag: image-to-image",
        "tags:",
        *(f"- {tag}" for tag in ("colorization", "jax", "flax")),
        "---",
        "",
    ]
    return "\n".join(lines)


def _method(description: Description) -> str:
    if description.head == descriptions.AB:
        what = "ab of each cell directly"
    else:
        what = "a distribution over the bins of the ab plane for each cell"
    return (
        f"The network `{description.network}` predicts {what}. The method follows R."
        " Zhang, P. Isola and A. Efros, *Colorful Image Colorization*, ECCV 2016"
        " (arXiv:1603.08511)."
    )


def _use(description: Description) -> str:
    options = ""
    if description.head == descriptions.BINS:
        options = (
            "\n`--rebalancing-lambda`, from 0 to 1: lower is more vivid, higher more"
            " muted.\n`--temperature`: 1 gives the mean of the predicted distribution,"
            " smooth and often\npaler; values near 0 give the most likely color, patchy"
            " and often more vivid.\n"
        )
    return f"""\
```sh
jaxcolor colorize photograph.jpg --model FOLDER_OF_THIS_FILE -o colorized/
```

```python
from jaxcolor import Colorizer

colorizer = Colorizer.load("FOLDER_OF_THIS_FILE")
rgb = colorizer("photograph.jpg")  # an array of the same size
```
{options}"""


def _numbers(description: Description) -> str:
    rows = [
        ("network", f"`{description.network}`"),
        ("arguments of the network", f"`{json.dumps(description.arguments)}`"),
        ("long side that the network sees", f"{description.size} pixels"),
    ]
    if description.head == descriptions.BINS:
        rows += [
            ("spacing of the bins", f"{description.spacing:g}"),
            ("soft encoding", f"{description.neighbors} bins, σ {description.sigma:g}"),
            ("training λ", f"{description.rebalancing_lambda:g}"),
            ("rebalancing λ (decoding)", f"{description.decoding_lambda:g}"),
            ("temperature", f"{description.temperature:g}"),
        ]
    rows.append(("coherence", f"{description.coherence:g}"))
    lines = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join(["| | |", "|---|---|", *lines, ""])
