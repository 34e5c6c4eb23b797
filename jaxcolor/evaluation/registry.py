"""The columns of an evaluation's tables."""

from typing import NamedTuple


class Column(NamedTuple):
    """A column of the tables.

    Attributes:
        key: of the number in `Row.numbers`.
        head: what the reader sees, with the unit.
        form: how the number is written.
        meaning: one sentence for the foot of the table.
    """

    key: str
    head: str
    form: str
    meaning: str


ACCURACY = (
    Column("auc", "AuC, %", ".2f", "area under the curve of ab accuracy up to 150"),
    Column(
        "rebalanced_auc",
        "rebalanced AuC, %",
        ".2f",
        "the same, each color of the set counting alike (1/p of its own histogram)",
    ),
    Column(
        "prior_auc",
        "AuC by the prior, %",
        ".2f",
        "the same, pixels weighted by 1/p of the prior that was given",
    ),
    Column(
        "image_auc",
        "AuC by image, %",
        ".2f",
        "the rebalanced one of each photograph by its own colors, then their mean",
    ),
    Column("psnr", "PSNR, dB", ".2f", "in RGB, mean over photographs, at most 58.92"),
    Column("ssim", "SSIM", ".4f", "in RGB, Gaussian window of 11 pixels"),
    Column("ciede2000", "CIEDE2000", ".2f", "mean color difference of the pixels"),
    Column("lpips", "LPIPS", ".4f", "by VGG-16, version 0.1; lower is better"),
    Column("fid", "FID", ".2f", "by the files of --fid; lower is better"),
)
COLOR = (
    Column(
        "colorfulness",
        "colorfulness",
        ".1f",
        "Hasler and Suesstrunk's, opponent channels signed as they define it",
    ),
    Column("colorfulness_share", "of the truth's", ".2f", "its mean over the truth's"),
    Column(
        "absolute_colorfulness",
        "absolute colorfulness",
        ".1f",
        "the same of absolute opponent channels, as DDColor and others report",
    ),
    Column(
        "absolute_delta",
        "off the truth's",
        ".1f",
        "its distance from the truth's mean",
    ),
    Column(
        "histogram_kl",
        "KL of colors, nats",
        ".3f",
        "divergence of the ab histogram from the truth's",
    ),
    Column("nll", "NLL, nats", ".3f", "-log p of the true bin"),
    Column(
        "ece",
        "calibration error",
        ".3f",
        "expected, of the likeliest bin's probability",
    ),
)
COHERENCE = (
    Column(
        "flat_gradient_share",
        "gradient on the flat",
        ".2f",
        "of color where lightness is flat, over the truth's; 1 is right, above are"
        " blotches",
    ),
    Column(
        "step_sharpness",
        "sharpness of steps",
        ".2f",
        "share of a color step at a strong edge of lightness that is within 2 pixels of"
        " it, over the truth's; 1 is right, below colors spill",
    ),
    Column(
        "false_contrast_mean",
        "false contrast",
        ".2f",
        "mean difference of ab between pixels 16 to 64 apart that truly differ by less"
        " than 4; the truth's is best",
    ),
    Column(
        "kept_contrast_share",
        "true contrast kept",
        ".3f",
        "of that between pixels 16 to 64 apart that truly differ by more than 20, along"
        " the true difference; 1 is right",
    ),
)


def recognition(classifiers: list[str]) -> tuple[Column, ...]:
    """Returns the columns of semantic interpretability, four for each classifier."""
    return tuple(
        column
        for name in classifiers
        for column in (
            Column(f"{name}.top1", f"{name} top-1, %", ".1f", "of the true class"),
            Column(
                f"{name}.spread",
                f"{name} spread",
                ".1f",
                "standard deviation of top-1 over its trainings",
            ),
            Column(f"{name}.top5", f"{name} top-5, %", ".1f", "of the true class"),
            Column(
                f"{name}.gap",
                f"{name} gap, %",
                ".0f",
                "share of the way from gray's top-1 to the truth's",
            ),
        )
    )
