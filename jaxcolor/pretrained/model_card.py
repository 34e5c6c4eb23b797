"""The text that goes with a released model: its `README.md`."""

import json

from jaxcolor.pretrained.descriptions import Description

# Limits of every model of this kind, whatever it was trained on.
LIMITS = """\
- The colors are a plausible guess, not the truth: lightness does not tell whether a
  dress was red or green. Say so wherever a colorized photograph could be taken for a
  document.
- Objects that are rare in the training photographs get the colors of common ones.
- Color is predicted at a quarter of the network's resolution, so it can spill over
  the edges of small things. Lightness, and with it all detail, is the photograph's own.
"""

# Numbers of heads and of decodings: what they are called, and how they are written.
NUMBERS = {
    "spacing": ("spacing of the bins", "g"),
    "neighbors": ("bins of the soft code", "d"),
    "sigma": ("σ of the soft code", "g"),
    "training_lambda": ("λ of the training", "g"),
    "rebalancing_lambda": ("λ of decoding", "g"),
    "temperature": ("temperature", "g"),
    "coherence": ("coherence", "g"),
}


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
        data: a sentence on the photographs it was trained on.
        prior: a sentence on where its prior comes from; None for a head without bins.
        results: Markdown, such as the table of `jaxcolor evaluate`; None if unknown.
        license_name: as model hubs write it, such as "apache-2.0"; None if undecided.
        notes: Markdown with sections of its own, which follow the others: failure
            cases, what not to use it for, how it was trained ...
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
    return (
        f"The network `{description.network}` predicts {description.head.about}; after"
        " R. Zhang, P. Isola and A. Efros, *Colorful Image Colorization*, ECCV 2016"
        " (arXiv:1603.08511)."
    )


def _use(description: Description) -> str:
    options = ""
    if description.decoding.temperature is not None:
        options = (
            "\n`--temperature` 1 is the mean of the predicted distribution: smooth and"
            " often pale. Towards\n0 it is the likeliest color: vivid and often patchy."
            " A lower `--rebalancing-lambda` is\nmore vivid, a higher one more muted.\n"
        )
    return f"""\
```sh
jaxcolor colorize photograph.jpg --model FOLDER_OF_THIS_FILE -o colorized/
```

```python
from jaxcolor import Colorizer

colorizer = Colorizer.load("FOLDER_OF_THIS_FILE")
rgb = colorizer("photograph.jpg")  # an array of the photograph's own size
```
{options}"""


def _numbers(description: Description) -> str:
    rows = [
        ("network", f"`{description.network}`"),
        ("its arguments", f"`{json.dumps(description.arguments)}`"),
        ("network size, long side", f"{description.size} pixels"),
    ]
    numbers = description.head._asdict() | description.decoding._asdict()
    rows += [
        (told, f"{numbers[name]:{form}}")
        for name, (told, form) in NUMBERS.items()
        if numbers.get(name) is not None
    ]
    lines = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join(["| | |", "|---|---|", *lines, ""])
