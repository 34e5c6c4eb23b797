"""The sections that say how a training runs: its length, its devices, its records."""

from typing import NamedTuple

from jaxcolor.training.config import values

LIFTS = ("jit", "pmap")
DTYPES = ("float32", "bfloat16")


class Training(NamedTuple):
    """The section `training`: length, batch, and what is kept.

    Attributes:
        seed: of initialization, order and augmentation.
        steps: number of updates.
        batch_size: photographs per update, over all devices.
        log_every: steps between two lines of the log.
        checkpoint_every: steps between two validations, each with a checkpoint.
        validation_images: the most photographs that a validation uses.
        sheet_every: steps between two contact sheets; 0 for none.
        keep: number of latest checkpoints to keep; the best one is always kept.
        patience: validations in a row without a smaller loss after which the training
            ends early; 0 to make all steps.
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

    def check(self) -> None:
        """Refuses counts that no training can have.

        Raises:
            ValueError: naming the first of them.
        """
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"seed is {self.seed}; wanted from 0 to 2^31 - 1")
        fields = self._asdict()
        counts = ("steps", "batch_size", "log_every", "checkpoint_every", "keep")
        values.check_range(fields, counts, low=1)
        others = ("validation_images", "sheet_every", "patience")
        values.check_range(fields, others, low=0)
        if self.patience and not self.validation_images:
            raise ValueError(
                f"patience is {self.patience}, but nothing is validated;"
                " wanted 0, or config.training.validation_images above 0"
            )


class Parallel(NamedTuple):
    """The section `parallel`: how the devices share the work.

    Attributes:
        lift: "jit" or "pmap", see `runtime.devices.lift`.
        compute_dtype: of the network during training, "float32" or "bfloat16";
            parameters, statistics, outputs and losses are always float32.
        accumulation: number of parts that a batch is split into, see
            `train_step.make_train_step`.
        remat: whether activations are recomputed, see `train_step.make_train_step`.
        heartbeat_seconds: after which a silent process is considered dead.
        replicas_every: steps between two comparisons of the devices' copies of the
            state; 0 for none.
    """

    lift: str
    compute_dtype: str
    accumulation: int
    remat: bool
    heartbeat_seconds: int
    replicas_every: int

    def check(self) -> None:
        """Refuses what no device can do.

        Raises:
            ValueError: naming the first setting.
        """
        values.check_choice(self.lift, LIFTS, name="lift")
        values.check_choice(self.compute_dtype, DTYPES, name="compute_dtype")
        fields = self._asdict()
        values.check_range(fields, ("accumulation", "heartbeat_seconds"), low=1)
        values.check_range(fields, ("replicas_every",), low=0)

    def check_share(self, training: Training, *, devices: int) -> None:
        """Refuses a batch that the devices cannot split into equal parts.

        Args:
            training: the section with the size of the batch.
            devices: their number, over all processes.

        Raises:
            ValueError: naming the size of the batch.
        """
        at_once, rest = divmod(training.batch_size, self.accumulation)
        if rest or at_once < 1 or at_once % devices:
            parts = f" in {self.accumulation} parts" if self.accumulation > 1 else ""
            raise ValueError(
                f"config.training.batch_size is {training.batch_size}{parts};"
                f" wanted a multiple of the {devices} devices"
            )


class Average(NamedTuple):
    """The section `average`: exponential averages of the weights.

    Attributes:
        decay: share of the averaged weights kept each step; 0 for no average.
        statistics_batches: number of batches of training photographs that give the
            averaged weights batch statistics of their own before each use: those of
            other weights fit badly while the rate is high. 0 to average the
            statistics instead.
    """

    decay: float
    statistics_batches: int

    def check(self) -> None:
        """Refuses numbers out of range.

        Raises:
            ValueError: naming the first of them.
        """
        fields = self._asdict()
        values.check_range(fields, ("decay",), low=0, high=1, is_below=True)
        values.check_range(fields, ("statistics_batches",), low=0)
