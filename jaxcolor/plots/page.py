"""What all figures have in common: paper, colors, and the way into a file."""

import io
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Of Okabe and Ito: told apart also by those who do not see red or green.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
STYLES = ("-", "--", ":", "-.")
DOTS_PER_INCH = 110
# Of JPEG: enough for photographs beside letters.
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
    # A third of a second to import, and few commands draw.
    from matplotlib.figure import Figure

    return Figure((width, height), layout=layout)


def look(n: int) -> dict[str, Any]:
    """Returns color and style of the nth line."""
    style = STYLES[n // len(COLORS) % len(STYLES)]
    return {"color": COLORS[n % len(COLORS)], "linestyle": style, "linewidth": 1.5}


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
