"""Systems against the ground truth and against gray, over a set of photographs.

Two passes: the first counts the colors of the set, which weigh the pixels of the
rebalanced AuC; the second measures, a batch at a time, and keeps some numbers of each
photograph. Pictures are made again for the report, so that none has to be kept.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from jaxcolor import recognition
from jaxcolor.color import gamut
from jaxcolor.data.sources import Source
from jaxcolor.evaluation import manifests, per_photograph, protocols, summary, systems
from jaxcolor.evaluation.per_photograph import Likelihood, Measures, Truth, Weights
from jaxcolor.evaluation.pictures import OnPictures
from jaxcolor.evaluation.protocols import Progress, Protocol
from jaxcolor.evaluation.result_tables import Evaluation, Number, Row
from jaxcolor.evaluation.summary import Tally
from jaxcolor.evaluation.systems import Answer, System
from jaxcolor.metrics import accuracy

TRUTH, GRAY = "ground truth", "gray"
# Numbers of the ground truth that would tell of rounding only.
OF_ROUNDING = ("psnr", "ssim", "ciede2000", "histogram_kl", "absolute_delta")
# No default that a caller could change.
NOTHING: Mapping[str, Any] = MappingProxyType({})
# Smaller ones have no window of SSIM.
SMALLEST = 16

# Of pictures from others, RGB in [0, 1].
Distance = Callable[
    [Float[Array, "b h w 3"], Float[Array, "b h w 3"]], Float[Array, " b"]
]


def evaluate(
    measured: Mapping[str, System],
    source: Source,
    protocol: Protocol,
    *,
    prior: Float[np.ndarray, " q"] | None = None,
    classifiers: Mapping[str, Sequence[Any]] = NOTHING,
    labels: Mapping[str, Int[np.ndarray, " n"]] = NOTHING,
    lpips: Distance | None = None,
    fid: Mapping[str, float] | None = None,
    on_pictures: OnPictures | None = None,
    on_done: Progress,
) -> Evaluation:
    """Measures the ground truth, gray, and systems on the centers of photographs.

    Args:
        measured: systems by the names that the table shows.
        source: the photographs.
        protocol: how.
        prior: shares of the bins that `prior_auc` weighs by; None for none.
        classifiers: by name, one or several trainings of a classifier, whose mean
            counts: each from sRGB in [0, 1] to logits, see `recognize`.
        labels: by name of a classifier, the true class of each photograph; -1 for
            one that this classifier does not judge.
        lpips: the perceptual distance, see `lpips.distance`; None for none.
        fid: by system, what was found elsewhere, see `fid`; None for nothing.
        on_pictures: called with a system's name, its pictures as they are measured,
            and the position of their first; None to make none.
        on_done: called with the number of photographs that were done, in either pass.

    Raises:
        ValueError: no photographs, a wrong size, a name of ours for a system, a
            prior of other bins, or a classifier without labels.
    """
    check(measured, source, protocol, prior)
    for name in classifiers:
        if name not in labels or np.max(labels[name]) < 0:
            raise ValueError(f"the classifier {name!r} has no labels")
    survey = protocols.survey(source, protocol, on_done)
    weights = Weights(
        accuracy.bin_weights(jnp.float32(survey.pixels)),
        None if prior is None else accuracy.bin_weights(jnp.float32(prior)),
    )
    everything = {TRUTH: System(_unused), GRAY: systems.gray(), **measured}
    tallies = {name: Tally() for name in everything}
    for truth, index, count in protocols.batches(source, protocol):
        for name, system in everything.items():
            found = _measure(name, system, truth, index, weights, protocol)
            more = _recognized(found.rgb / 255, classifiers, labels, index)
            if lpips is not None and name != TRUTH:
                more["lpips"] = lpips(found.rgb / 255, truth.rgb / 255)
            cut = partial(jax.tree.map, lambda x, n=count: np.asarray(x)[:n])
            tallies[name].add(cut(found.measures), cut(found.likelihood), cut(more))
            if on_pictures is not None:
                on_pictures(name, cut(found.rgb), int(index[0]))
        on_done(count)
    rows = [_row(name, everything[name], tallies, protocol, fid) for name in everything]
    diagrams = {name: summary.reliability(part) for name, part in tallies.items()}
    return Evaluation(
        manifest=manifests.manifest(source, survey, protocol, prior, list(classifiers)),
        rows=rows,
        names=list(source.names),
        photographs={name: part.photographs for name, part in tallies.items()},
        curves={name: part.curves() for name, part in tallies.items()},
        histograms={n: part.share_of_bins().tolist() for n, part in tallies.items()},
        centers=gamut.from_srgb(spacing=protocol.spacing).centers.tolist(),
        reliability={name: found for name, found in diagrams.items() if found},
        empty=manifests.empty(
            [name for name in everything if name != TRUTH],
            prior=prior,
            classifiers=classifiers,
            has_lpips=lpips is not None,
            fid=fid,
        ),
    )


def check(
    measured: Mapping[str, System],
    source: Source,
    protocol: Protocol,
    prior: Float[np.ndarray, " q"] | None,
) -> None:
    """Refuses what `evaluate` would refuse, before any long work.

    Raises:
        ValueError: no photographs, a wrong size, a name of ours for a system, or a
            prior of other bins.
    """
    size = protocol.size
    if size < SMALLEST:
        raise ValueError(f"size is {size}; wanted {SMALLEST} or more")
    for name, system in measured.items():
        if size % system.multiple:
            raise ValueError(
                f"size is {size}; {name} wants a multiple of {system.multiple}"
            )
    if taken := {TRUTH, GRAY} & set(measured):
        raise ValueError(f"a model may not be called {taken.pop()!r}")
    if not len(source):
        raise ValueError(f"{protocol.name} has no photographs")
    bins = len(gamut.from_srgb(spacing=protocol.spacing).centers)
    if prior is not None and len(prior) != bins:
        raise ValueError(f"the prior has {len(prior)} bins; wanted {bins}")


class _Found(NamedTuple):
    rgb: UInt8[Array, "b h w 3"]
    measures: Measures
    likelihood: Likelihood | None


def _unused(lightness: Float[Array, "b h w"], index: Int[Array, " b"]) -> Answer:
    raise AssertionError("the ground truth is not predicted")


def _measure(
    name: str,
    system: System,
    truth: Truth,
    index: Int[Array, " b"],
    weights: Weights,
    protocol: Protocol,
) -> _Found:
    lightness, true_ab = truth.lab[..., 0], truth.lab[..., 1:]
    # The truth's own pixels, without the rounding of a way to CIELAB and back.
    answer, rgb = Answer(true_ab, None), truth.rgb
    if name != TRUTH:
        answer = system.answer(lightness, index)
        rgb = per_photograph.colored(lightness, answer.ab)
    likely = None
    if answer.logits is not None and system.spacing is not None:
        likely = per_photograph.likelihood(
            answer.logits, true_ab, spacing=system.spacing
        )
    found = per_photograph.measure(
        truth, answer.ab, rgb, weights, spacing=protocol.spacing
    )
    return _Found(rgb, found, likely)


def _recognized(
    rgb: Float[Array, "b h w 3"],
    classifiers: Mapping[str, Sequence[Any]],
    labels: Mapping[str, Int[np.ndarray, " n"]],
    index: Int[Array, " b"],
) -> dict[str, Array]:
    """Returns which photographs each classifier recognizes, at once or among five."""
    found: dict[str, Array] = {}
    for name, members in classifiers.items():
        # The filling of the last batch has no label; what is found of it is cut off.
        known = labels[name]
        label = jnp.asarray(known[np.minimum(np.asarray(index), len(known) - 1)])
        is_known = label >= 0
        found[summary.labelled(name)] = is_known
        few = recognition.top(members[0].classes)
        hits: dict[str, list[Array]] = {"top1": [], "top5": []}
        for n, classifier in enumerate(members):
            logits = classifier(rgb)
            for key, k in (("top1", 1), ("top5", few)):
                is_hit = recognition.is_among_top(logits, jnp.maximum(label, 0), k=k)
                hits[key].append(is_hit & is_known)
            found[summary.member(name, n)] = hits["top1"][-1]
        for key, of_members in hits.items():
            found[f"{name}.{key}"] = jnp.stack(of_members).mean(axis=0)
    return found


def _row(
    name: str,
    system: System,
    tallies: Mapping[str, Tally],
    protocol: Protocol,
    fid: Mapping[str, float] | None,
) -> Row:
    found = summary.numbers(
        tallies[name],
        tallies[TRUTH],
        tallies[GRAY],
        seed=protocol.seed,
        resamples=protocol.resamples,
    )
    if fid is not None and name in fid:
        found["fid"] = Number(fid[name])
    if name == TRUTH:
        found = {key: x for key, x in found.items() if key not in OF_ROUNDING}
    return Row(name, found, system.decoding)
