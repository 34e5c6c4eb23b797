"""The sections that say which photographs there are, and how they become batches."""

from typing import Any, NamedTuple

from jaxcolor.data import sources, splits
from jaxcolor.training.config import values


class Data(NamedTuple):
    """The section `data`: which photographs.

    Attributes:
        source: a folder, a .txt list of files, or tfds:NAME:SPLIT.
        validation: the same; None to set aside a fraction of the source.
        held_out_fraction: of the source, by hash of the name; only without
            `validation`.
        data_dir: where TFDS looks; None for its default.
    """

    source: str
    validation: str | None
    held_out_fraction: float
    data_dir: str | None

    def check(self) -> None:
        """Refuses a fraction out of range.

        Raises:
            ValueError: naming it.
        """
        values.check_range(
            self._asdict(), ("held_out_fraction",), low=0, high=1, is_below=True
        )

    def open(self, listing: dict[str, list[str]] | None) -> splits.Split:
        """Returns the training and the validation photographs.

        Args:
            listing: the names of both, from an earlier start, which are then neither
                searched for nor verified again. None at the first start.
        """

        def opened(spec: str, names: list[str] | None) -> sources.Source:
            return sources.open_source(spec, names=names, data_dir=self.data_dir)

        names = listing or {}
        if self.validation is not None:
            return splits.Split(
                training=opened(self.source, names.get("training")),
                validation=opened(self.validation, names.get("validation")),
            )
        both = names["training"] + names["validation"] if names else None
        whole = opened(self.source, both)
        return splits.split(whole, held_out_fraction=self.held_out_fraction)


class Pipeline(NamedTuple):
    """The section `pipeline`: arguments of `data.pipeline.training_batches`.

    Attributes:
        resize: side to which photographs are resized, in pixels.
        squash: whether they become squares, whatever their aspect ratio.
        scales: range of random factors on `resize`.
        crop: side of the crops, in pixels.
        flip: whether half of the crops are mirrored.
        draft: whether JPEG files are decoded at a reduced size where possible.
        threads: number of threads that decode.
        prefetch: number of batches made ahead; 0 for none.
    """

    resize: int
    squash: bool
    scales: tuple[float, float]
    crop: int
    flip: bool
    draft: bool
    threads: int
    prefetch: int

    def check(self) -> None:
        """Refuses sizes that no crop can have.

        Raises:
            ValueError: naming the first of them.
        """
        fields: dict[str, Any] = self._asdict()
        values.check_range(fields, ("resize", "crop", "threads"), low=1)
        values.check_range(fields, ("prefetch",), low=0)
        low, high = self.scales
        if not 0 < low <= high:
            raise ValueError(
                f"scales are {self.scales}; wanted two numbers above 0, the smaller"
                " one first"
            )
        if self.crop > (smallest := round(self.resize * low)):
            raise ValueError(
                f"crop is {self.crop}; wanted at most {smallest}, the smallest side"
                " that config.pipeline.resize and scales give"
            )
