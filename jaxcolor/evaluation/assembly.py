"""A whole evaluation as one function: from models and photographs to a report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jaxcolor.data import sources
from jaxcolor.data.sources import Source
from jaxcolor.evaluation import (
    baselines,
    evaluate,
    pictures,
    protocols,
    registry,
    result_tables,
    systems,
)
from jaxcolor.evaluation.judges import Judge, Setting
from jaxcolor.evaluation.metric import Metric
from jaxcolor.evaluation.protocols import Protocol
from jaxcolor.evaluation.result_tables import Evaluation
from jaxcolor.evaluation.systems import System
from jaxcolor.inference import folders
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.runtime import progress


class References(NamedTuple):
    """Photographs that baselines take colors from; none should be evaluated on.

    Attributes:
        source: a folder, a list of files, or tfds:NAME:SPLIT; or the photographs.
        most: how many are used at most, chosen at random.
        name: of the source, for the manifest; a path names itself.
    """

    source: str | Path | Source
    most: int = 500
    name: str = ""


def assemble(
    models: Mapping[str, str | Path | Colorizer | System],
    source: str | Path | Source,
    *,
    protocol: Protocol = protocols.DEFAULT,
    pictures_of: Mapping[str, str | Path] = MappingProxyType({}),
    references: References | None = None,
    judges: Sequence[Judge] = (),
    metrics: Sequence[Metric] = registry.METRICS,
    prior: Float[np.ndarray, " q"] | None = None,
    output: Path | None = None,
    keeps_pictures: bool = False,
    data_dir: str | Path | None = None,
    is_quiet: bool = False,
) -> Evaluation:
    """Measures models, gray and baselines on photographs, and writes a report.

    In a notebook:

        from jaxcolor import evaluation

        found = evaluation.assemble(
            {"bundled": "bundled", "mine": "runs/mine"},
            "photos/",
            protocol=evaluation.Protocol(size=128),
        )
        print(evaluation.markdown(found))

    Args:
        models: by the names that the table shows: paths as for `Colorizer.load`, or
            what is loaded already.
        source: photographs in color: a folder, a .txt list of files, or
            tfds:NAME:SPLIT; or the photographs.
        protocol: how they are measured.
        pictures_of: folders of pictures that other programs made of the photographs, by
            the names that the table shows, see `systems.of_pictures`.
        references: adds the baselines of `baselines.BY_NAME`; None for gray alone.
        judges: what else measures the pictures, see `judges`.
        metrics: what is measured, in the order of the tables.
        prior: shares of the bins that the AuC is weighted by; None for none.
        output: folder for tables, results, manifest, plots and an HTML report; None to
            write nothing.
        keeps_pictures: whether the pictures that are measured are written as well.
        data_dir: where TensorFlow Datasets looks.
        is_quiet: no progress bar.

    Raises:
        ValueError: something of it cannot be measured; nothing is written then.
    """
    if output is not None:
        folders.check_folder(output)
    opened = _open(source, data_dir=data_dir)
    # Records have no names of files otherwise.
    if pictures_of or any(judge.needs_labels for judge in judges):
        opened = sources.by_class(opened)
    how = protocol if protocol.name else protocol._replace(name=_name(source))
    borrowed = [name for name in baselines.BY_NAME if name != systems.GRAY]
    others = borrowed if references is not None else []
    if twice := models.keys() & pictures_of.keys():
        raise ValueError(
            f"a model and a folder of pictures are both called {min(twice)!r};"
            " wanted two names"
        )
    names = [systems.TRUTH, systems.GRAY, *others, *models, *pictures_of]
    write = _writer(output, names, count=len(opened)) if keeps_pictures else None
    loaded = {name: _system(model) for name, model in models.items()}
    for name, folder in pictures_of.items():
        loaded[name] = systems.of_pictures(folder, opened, size=how.size)
    evaluate.check(loaded, opened, how, prior, metrics=metrics)
    setting = Setting(opened.names, names)
    judging = [judge.prepare(setting) for judge in judges]
    measured = _baselines(references, how, data_dir=data_dir) | loaded
    with progress.bar(2 * len(opened), unit="photo", is_hidden=is_quiet) as bar:
        found = evaluate.evaluate(
            measured,
            opened,
            how,
            metrics=metrics,
            judging=judging,
            prior=prior,
            on_pictures=write,
            on_done=bar.update,
        )
    found.manifest.update(_provenance(loaded, references))
    if pictures_of:
        notes = [*found.manifest.get("notes", ()), _note(pictures_of)]
        found.manifest["notes"] = notes
    if output is not None:
        # Pictures of the models before those of the baselines.
        _write(found, output, loaded | measured, opened, how)
    return found


def _open(source: str | Path | Source, *, data_dir: str | Path | None) -> Source:
    if isinstance(source, str | Path):
        return sources.open_source(source, data_dir=data_dir)
    return source


def _name(source: str | Path | Source) -> str:
    return str(source) if isinstance(source, str | Path) else "the photographs"


def _system(model: str | Path | Colorizer | System) -> System:
    if isinstance(model, Colorizer):
        return systems.of_colorizer(model)
    return model if isinstance(model, System) else systems.load(model)


def _note(pictures_of: Mapping[str, str | Path]) -> str:
    made = "; ".join(f"{name} in {folder}" for name, folder in pictures_of.items())
    return (
        f"Pictures of other programs: {made}. Of these the ab is measured, after the"
        " rounding of their files, under the lightness of the photographs."
    )


def _writer(
    output: Path | None, names: Sequence[str], *, count: int
) -> pictures.OnPictures:
    if output is None:
        raise ValueError("pictures need an output folder that they are written into")
    folder = output / pictures.FOLDER
    return pictures.make_writer(folder, pictures.folders(names), count=count)


def _baselines(
    references: References | None, protocol: Protocol, *, data_dir: str | Path | None
) -> dict[str, System]:
    if references is None:
        return {}
    source = _open(references.source, data_dir=data_dir)
    some = baselines.references(
        source,
        count=min(references.most, len(source)),
        size=protocol.size,
        seed=protocol.seed,
    )
    return {
        name: systems.of_baseline(make(some, protocol.seed))
        for name, make in baselines.BY_NAME.items()
        # Gray is always there.
        if name != systems.GRAY
    }


def _provenance(
    loaded: Mapping[str, System], references: References | None
) -> dict[str, Any]:
    name = None
    if references is not None:
        name = references.name or _name(references.source)
    models = {n: dict(one.provenance) for n, one in loaded.items() if one.provenance}
    return {"models": models, "references": name}


def _write(
    found: Evaluation,
    output: Path,
    measured: Mapping[str, System],
    source: Source,
    protocol: Protocol,
) -> None:
    # Imported here, because Matplotlib takes a second.
    from jaxcolor.evaluation.report import examples, figures

    result_tables.write(found, output)
    shown = examples.choose(found, measured, source, protocol)
    figures.write(found, output, examples=shown)
