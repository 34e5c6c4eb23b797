"""The model card of a released model: the text of its `README.md`."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxcolor.color.heads import Bins
from jaxcolor.pretrained import descriptions
from jaxcolor.pretrained.descriptions import Description
from jaxcolor.pretrained.importers import released_files

# True of every model of this kind, whatever it was trained on.
LIMITS = """\
- The colors are a plausible guess, not the truth: lightness does not determine whether
  a dress was red or green. Say so wherever a colorized photograph could be mistaken for
  a document.
- Objects that are rare in the training photographs get the colors of common ones.
- Color is predicted at {resolution} network's resolution, so it can spill over the
  edges of small objects. Lightness, and with it all detail, is that of the photograph.
"""

# Of the network's resolution, by the stride of its outputs.
RESOLUTIONS = {1: "the", 2: "half the", 4: "a quarter of the", 8: "an eighth of the"}

# Whose method a network is; for the others the paper's.
SOURCES = {
    "dahl2016": "R. Dahl, *Automatic Colorization*, 2016 (tinyclouds.org/colorize)",
    "iizuka2016": (
        "S. Iizuka, E. Simo-Serra and H. Ishikawa, *Let there be Color!*, SIGGRAPH 2016"
    ),
    "larsson2016": (
        "G. Larsson, M. Maire and G. Shakhnarovich, *Learning Representations for"
        " Automatic Colorization*, ECCV 2016 (arXiv:1603.06668)"
    ),
    "siggraph17": (
        "R. Zhang et al., *Real-Time User-Guided Image Colorization with Learned Deep"
        " Priors*, SIGGRAPH 2017 (arXiv:1705.02999)"
    ),
}
PAPER = (
    "R. Zhang, P. Isola and A. Efros, *Colorful Image Colorization*, ECCV 2016"
    " (arXiv:1603.08511)"
)

# Rows of the table by the number that a head or a decoding has to have for it.
NUMBERS = {
    "spacing": ("spacing of the bins", "{spacing:g}"),
    "sigma": ("soft encoding", "{neighbors} bins, σ {sigma:g}"),
    "training_lambda": ("training λ", "{training_lambda:g}"),
    "rebalancing_lambda": ("rebalancing λ (decoding)", "{rebalancing_lambda:g}"),
    "temperature": ("temperature", "{temperature:g}"),
    "coherence": ("coherence", "{coherence:g}"),
}


# Sections of the card of an imported model.
IMPORTED = """\
## Origin

{about}

Imported from the {format} file `{file}` (SHA-256 `{sha256}`), of which no code was run.
Kernels and statistics are those of the file.
"""
RELEASED = """\
The weights are those of the authors' `{name}`: {about}. The authors host the file at
<{url}> and
license their repository, richzhang/colorization, under the BSD 2-Clause License
({copyright}).

What to expect: the result that the authors show, of Ansel Adams' photograph of Half
Dome, has a blue sky and green trees."""
UNKNOWN_FILE = """\
The file is not a released one whose SHA-256 is known: how it was trained, how well, and
under which license it may be used, is unknown."""
ASSUMED_LAMBDA = " It is assumed that the training λ was {:g}."
UNKNOWN_PRIOR = """\
The file does not hold the prior, the share of each bin in the training set. So the
posterior is decoded at the training λ, and `--rebalancing-lambda` is refused;
`jaxcolor import --prior FILE` adds a prior."""
TORCH_TEMPERATURE = """\
## Temperature

The authors' network for PyTorch has no temperature: it decodes at T = 1, and this model
does so by default. Whether its last layer already contains the factor 1/T of the Caffe
network, 2.606, is not documented. If the colors are dull, try `--temperature 0.38`, the
paper's.
"""


class Origin(NamedTuple):
    """What the provenance of a model says, as arguments of `text`.

    Attributes:
        data: a sentence on the training photographs.
        prior: a sentence on the source of the prior; None for a head without bins.
        license_name: of the weights; None if it does not say.
        notes: Markdown with sections; None if it has none.
    """

    data: str
    prior: str | None
    license_name: str | None
    notes: str | None


def origin(description: Description, provenance: Mapping[str, Any]) -> Origin:
    """Returns what the provenance of a trained or of an imported model says."""
    counted = provenance.get("prior")
    imported = provenance.get("imported")
    if imported is None:
        training = provenance.get("training_photographs")
        source = provenance.get("config", {}).get("data", {}).get("source")
        data = f"Trained on {training} photographs of `{source}`."
        return Origin(data, counted and _counted(counted), None, None)
    prior = None
    if description.head.gamut is not None:
        prior = _counted(counted) if counted else UNKNOWN_PRIOR
    known = released_files.BY_SHA256.get(imported["sha256"])
    if known:
        data = "Trained by the authors on the 1.3 million photographs of ImageNet."
        about = RELEASED.format_map(
            known._asdict() | {"copyright": released_files.COPYRIGHT}
        )
    else:
        data, about = "Trained on unknown photographs.", UNKNOWN_FILE
        if isinstance(description.head, Bins):
            about += ASSUMED_LAMBDA.format(description.head.training_lambda)
    notes = IMPORTED.format_map({**imported, "about": about})
    if imported["format"] == "PyTorch" and description.head.gamut is not None:
        notes += f"\n{TORCH_TEMPERATURE}"
    return Origin(data, prior, released_files.LICENSE if known else None, notes)


def _counted(prior: Mapping[str, Any]) -> str:
    """Returns a sentence on the source of a prior."""
    if "images" in prior:
        return f"Its prior was counted on {prior['images']} of `{prior['source']}`."
    sentence = f"Its prior is that of `{prior['source']}`"
    if prior.get("sha256") == released_files.PRIOR_SHA256:
        sentence += ", the authors' own"
    return f"{sentence} (SHA-256 `{prior.get('sha256')}`)."


def text(
    description: Description,
    *,
    name: str,
    data: str,
    prior: str | None = None,
    results: str | None = None,
    license_name: str | None = None,
    notes: str | None = None,
) -> str:
    """Returns a model card in Markdown, with the front matter of model hubs.

    Args:
        description: of the model.
        name: of the model.
        data: a sentence on the training photographs.
        prior: a sentence on the source of the prior; None for a head without bins.
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
    stride = descriptions.network(description).output_stride
    resolution = RESOLUTIONS.get(stride, f"1/{stride} of the")
    parts.append(f"## Limits\n\n{LIMITS.format(resolution=resolution)}")
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
    about = description.head.about
    return (
        f"The network `{description.network}` predicts {about}. The method follows"
        f" {SOURCES.get(description.network, PAPER)}."
    )


def _use(description: Description) -> str:
    options = ""
    if description.decoding.rebalancing_lambda is not None:
        options = (
            "\n`--rebalancing-lambda`, from 0 to 1: lower is more vivid, higher more"
            " muted."
        )
    if description.decoding.temperature is not None:
        options += (
            "\n`--temperature`: 1 gives the mean of the predicted distribution,"
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
    given = description.head._asdict() | description.decoding._asdict()
    numbers = {name: value for name, value in given.items() if value is not None}
    rows += [
        (label, form.format_map(numbers))
        for name, (label, form) in NUMBERS.items()
        if name in numbers
    ]
    lines = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join(["| | |", "|---|---|", *lines, ""])
