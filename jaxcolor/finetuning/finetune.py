"""Fine-tunes a model on a folder of photographs, and releases it."""

import contextlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from jaxcolor import plots
from jaxcolor.color.heads import Bins
from jaxcolor.data import albums, sources
from jaxcolor.data.albums import Album
from jaxcolor.evaluation import manifests
from jaxcolor.finetuning import comparison, initial_model, settings
from jaxcolor.finetuning.comparison import Comparison
from jaxcolor.pretrained import model_card, release
from jaxcolor.pretrained.release import Pretrained
from jaxcolor.runtime import atomic, progress
from jaxcolor.training import loop, priors, workdirs

# Names in the workdir, beside those of a training.
PHOTOGRAPHS, START, PRIOR, RECORD = (
    "photographs",
    "start",
    "start_prior.json",
    "finetune.json",
)


class Request(NamedTuple):
    """A fine-tuning, as it is requested.

    Attributes:
        photographs: a folder of them.
        model: to start from, see `release.load`.
        name: of that model, for people.
        output: a new folder for the released model.
        workdir: of the training, which is resumed if it was stopped.
        most_steps: largest number of steps; None to choose it by the number of
            photographs.
        seed: of the training.
        is_quiet: no progress bars.
    """

    photographs: Path
    model: str
    name: str
    output: Path
    workdir: Path
    most_steps: int | None
    seed: int
    is_quiet: bool


class Outcome(NamedTuple):
    """How a fine-tuning ended.

    Attributes:
        step: of the released weights, or the last one of a training that was stopped.
        album: the photographs.
        comparison: None where the training was stopped: then nothing is released.
    """

    step: int
    album: Album
    comparison: Comparison | None


def sheet_of(output: Path) -> Path:
    """Returns the path of the contact sheet: beside the model, which may be shared."""
    return output.with_name(f"{output.name}.png")


def tune(request: Request, *, tell: Callable[[str], object]) -> Outcome:
    """Trains, measures before and after, and releases the best of the training.

    Args:
        request: the fine-tuning.
        tell: gets a line on the photographs, before the training.

    Raises:
        ValueError: the output exists, the model has no bins, the photographs are too
            few, or the workdir is that of another request.
    """
    for path in (request.output, sheet_of(request.output)):
        if path.exists():
            raise ValueError(f"{path} exists; not overwritten")
    model = release.load(request.model)
    if not isinstance(model.description.head, Bins):
        raise ValueError(
            f"{request.model} predicts {model.description.head.about}; wanted a model"
            " with bins"
        )
    if model.prior is None:
        raise ValueError(
            f"the prior of {request.model} is unknown; wanted a model with one"
            " (jaxcolor import --prior adds it)"
        )
    album = _album(request)
    tell(albums.summary(album))
    folder = request.workdir.absolute()
    _begin(request, model, folder)
    config = settings.config(
        model,
        album,
        photographs={
            part: folder / PHOTOGRAPHS / part
            for part in (albums.TRAINING, albums.VALIDATION)
        },
        start=folder / START,
        prior=folder / PRIOR,
        most_steps=request.most_steps,
        seed=request.seed,
    )
    ended = loop.train(config, folder, is_quiet=request.is_quiet)
    if not ended.is_finished:
        return Outcome(ended.step, album, None)
    tuned = release.load(folder)
    aside = sources.folder(folder / PHOTOGRAPHS / albums.VALIDATION)
    hidden = request.is_quiet
    with progress.bar(
        2 * len(aside), unit="photo", title="comparing", is_hidden=hidden
    ) as bar:
        found = comparison.compare(model, tuned, aside, on_done=bar.update)
    _release(request, tuned, album, found)
    return Outcome(tuned.provenance["step"], album, found)


def _album(request: Request) -> Album:
    """Returns the photographs: copied at the first start, then the same."""
    asked = {
        "photographs": str(request.photographs.absolute()),
        "model": manifests.hash_of(request.model),
    }
    path, folder = request.workdir / RECORD, request.workdir / PHOTOGRAPHS
    if path.exists():
        record = json.loads(path.read_text())
        if wrong := [name for name, value in asked.items() if record[name] != value]:
            raise ValueError(
                f"{request.workdir} was started with other {' and '.join(wrong)};"
                " wanted the same, or another workdir"
            )
        return Album(**record["album"])
    if (request.workdir / workdirs.CONFIG).exists():
        raise ValueError(f"{request.workdir} has another training; wanted a new folder")

    def shown(names: Iterable[str]) -> Iterable[str]:
        hidden = request.is_quiet
        return progress.over(names, unit="photo", title="photographs", is_hidden=hidden)

    try:
        with atomic.folder(folder) as partial:
            album = albums.gather(
                request.photographs,
                partial,
                recipe=settings.COPIES,
                fewest=settings.FEWEST,
                set_aside=settings.set_aside,
                progress=shown,
            )
    except ValueError:
        # Photographs that are refused leave no files.
        with contextlib.suppress(OSError):
            request.workdir.rmdir()
        raise
    atomic.write_json(path, {**asked, "album": album._asdict()})
    return album


def _begin(request: Request, model: Pretrained, folder: Path) -> None:
    """Writes the prior and the weights to start from, where they are not there yet."""
    if (folder / START).exists():
        return
    head = initial_model.bins_of(model)
    learned = sources.folder(folder / PHOTOGRAPHS / albums.TRAINING)
    counted = priors.estimate(
        learned,
        head.gamut,
        neighbors=head.neighbors,
        sigma=head.sigma,
        stride=model.network.output_stride,
        resize=settings.side(model.description, multiple=model.network.input_multiple),
        squash=False,
        name="the photographs",
        is_quiet=request.is_quiet,
    )
    prior = initial_model.mixed(counted, model, name=request.name)
    priors.write(prior, folder / PRIOR)
    start = initial_model.under(model, priors.probabilities(prior))
    release.save(start, folder / START, card="Where the fine-tuning starts.\n")


def _release(
    request: Request, tuned: Pretrained, album: Album, found: Comparison
) -> None:
    provenance = _without(tuned.provenance, f"{request.workdir.absolute()}/")
    # Replaces the record of the photographs.
    provenance |= {
        "finetuned_from": {
            "name": request.name,
            "sha256": manifests.hash_of(request.model),
        },
        "photographs": album._asdict(),
    }
    card = model_card.text(
        tuned.description,
        name=request.output.name,
        data=(
            f"Fine-tuned from {request.name} on {album.training} photographs; the"
            f" weights are those of step {tuned.provenance['step']}, the best of the"
            f" training on {album.validation} photographs set aside."
        ),
        prior=(
            "Its prior was counted on the photographs, where that of the model before"
            f" counts as {initial_model.MODEL_COUNTS_AS} more."
        ),
        results=f"{found.table}\n\n{found.verdict}",
        notes=(
            "## License\n\nThe terms of the model that this one was fine-tuned from"
            " apply to it, too.\n"
        ),
    )
    model = tuned._replace(provenance=provenance)
    release.save(model, request.output, card=card)
    plots.write_png(found.sheet, sheet_of(request.output))


def _without(value: Any, prefix: str) -> Any:
    """Returns JSON whose strings lack a prefix: a path, which is private."""
    if isinstance(value, dict):
        return {name: _without(x, prefix) for name, x in value.items()}
    return value.removeprefix(prefix) if isinstance(value, str) else value
