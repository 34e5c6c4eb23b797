"""The size, the colors and the file formats that all figures share."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The colors of Okabe and Ito, which people with color blindness can distinguish.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
# The name of the system that leaves everything gray, and how that is drawn.
GRAY, GRAY_COLOR = "gray", "0.55"
STYLES = ("-", "--", ":", "-.")
DOTS_PER_INCH = 110
# JPEG quality, high enough for photographs with text.
QUALITY = 82


def figure(
    width: int | float,
    height: int | float,
    *,
    layout: Literal["constrained", "compressed"] = "constrained",
) -> "Figure":
    """Returns an empty figure, its size in inches.

    Args:
        width: across.
        height: up.
        layout: "compressed" for panels of a fixed aspect.
    """
    # Imported here because it takes a third of a second, and few commands draw.
    from matplotlib.figure import Figure

    return Figure((width, height), layout=layout)


def look(n: int) -> dict[str, Any]:
    """Returns color and style of the nth line."""
    style = STYLES[n // len(COLORS) % len(STYLES)]
    return {"color": COLORS[n % len(COLORS)], "linestyle": style, "linewidth": 1.5}


def looks(names: Sequence[str]) -> list[dict[str, Any]]:
    """Returns color and style of the line of each system; gray's is gray."""
    others = [name for name in names if name != GRAY]
    return [
        look(0) | {"color": GRAY_COLOR} if name == GRAY else look(others.index(name))
        for name in names
    ]


def png(figure: "Figure") -> bytes:
    """Returns a figure as the content of a PNG file."""
    out = io.BytesIO()
    # Without the version of matplotlib and the time, the same figure is the same file.
    figure.savefig(out, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return out.getvalue()


def jpeg(figure: "Figure") -> bytes:
    """Returns a figure as the content of a JPEG file: small where it has pictures."""
    out = io.BytesIO()
    quality = {"quality": QUALITY}
    figure.savefig(out, format="jpeg", dpi=DOTS_PER_INCH, pil_kwargs=quality)
    return out.getvalue()
