"""What the computing thread does: photographs in, previews and pictures out.

Only that thread may call it.
"""

import io
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt, UInt8
from PIL import Image

from jaxcolor import images
from jaxcolor.color.decode import Decoding
from jaxcolor.images import Photo, limits
from jaxcolor.inference import forms, passes, single, tiles
from jaxcolor.inference.adjustments import Look
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.inference.passes import Pass
from jaxcolor.inference.single import Picture
from jaxcolor.inference.suggestions import Suggestion
from jaxcolor.inference.user_hints import Hint
from jaxcolor.web.demo.albums import Photograph, Wishes
from jaxcolor.web.demo.limits import Limits
from jaxcolor.web.demo.recent import Recent

# Long sides of what the page shows, pixels.
PREVIEW, THUMBNAIL = 1024, 192
_SUGGESTIONS = 6
_QUALITY = 90
# Lambdas are rounded: a program is compiled for each one, and kept.
_LAMBDA_DIGITS = 2


class Examined(NamedTuple):
    """What a photograph turned out to be.

    Attributes:
        height: upright, pixels.
        width: upright, pixels.
        notes: what its reader warned of, a line each.
    """

    height: int
    width: int
    notes: tuple[str, ...]


class _Kept(NamedTuple):
    """What is kept of a photograph, so that the sliders answer at once.

    Attributes:
        passed: what the network predicts.
        small: as the page shows it.
        alpha: opacity of the small one; None where all is opaque.
    """

    passed: Pass
    small: UInt8[np.ndarray, "h w 3"]
    alpha: UInt8[np.ndarray, "h w"] | None


class Coloring:
    """A model at work for visitors."""

    def __init__(self, colorizer: Colorizer, *, model: str | None, limits: Limits):
        """Makes it ready.

        Args:
            colorizer: the model.
            model: its name, for the mark in files; None for the bundled one.
            limits: of pixels and memory.
        """
        self.colorizer = colorizer
        self._model = model
        self._limits = limits
        self._kept: Recent[_Kept] = Recent(
            most_bytes=limits.kept_bytes, bytes_of=_bytes_of
        )

    @property
    def kept_bytes(self) -> int:
        """Size of what is kept in memory."""
        return self._kept.size

    def examine(self, photograph_id: str, content: bytes, name: str) -> Examined:
        """Reads a photograph, and lets the network look at it.

        Raises:
            ValueError: it cannot be read, or is too large. One line, as the command
                line has it.
        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            photo = self._loaded(content, name)
        # Warnings of other kinds are for programmers.
        notes = [str(each.message) for each in caught if each.category is UserWarning]
        self._keep(photograph_id, photo, ())
        height, width = photo.rgb.shape[:2]
        told = tuple(note.removeprefix(f"{name}: ") for note in notes)
        return Examined(height, width, told)

    def before(self, photograph: Photograph, *, side: int = PREVIEW) -> bytes:
        """Returns a photograph as it is, small, as a JPEG."""
        kept = self._of(photograph, ())
        return _jpeg(_shrunk(kept.small, side), kept.alpha)

    def preview(
        self, photograph: Photograph, wishes: Wishes, *, side: int = PREVIEW
    ) -> bytes:
        """Returns a photograph in color, small, as a JPEG.

        Raises:
            ValueError: a wish is out of range, or means nothing to the model.
        """
        # Before the work: a wish that cannot be met.
        decoding = self._decoding(wishes)
        kept = self._of(photograph, wishes.hints)
        grid = passes.grid(
            self.colorizer,
            kept.passed,
            decoding=decoding,
            hints=wishes.hints,
            look=_look(wishes),
        )
        small = _shrunk(kept.small, side)
        return _jpeg(tiles.paint(small, grid, kept.passed.view), kept.alpha)

    def suggest(
        self, photograph: Photograph, x: float, y: float, *, temperature: float | None
    ) -> list[Suggestion]:
        """Returns likely colors of a point of a photograph.

        Raises:
            ValueError: the point is outside, or the model has no bins.
        """
        kept = self._of(photograph, ())
        return passes.suggest(
            self.colorizer,
            kept.passed,
            x,
            y,
            count=_SUGGESTIONS,
            temperature=temperature,
        )

    def picture(self, photograph: Photograph, wishes: Wishes) -> Picture:
        """Returns a photograph in color, at full size, as `jaxcolor colorize` does.

        Raises:
            ValueError: a wish cannot be met, or the picture cannot be written.
        """
        content = photograph.path.read_bytes()
        return self.colorize(content, photograph.name, wishes)

    def colorize(self, content: bytes, name: str, wishes: Wishes) -> Picture:
        """Returns the photograph of a file in color, at full size.

        Raises:
            ValueError: as `examine` and `picture` do.
        """
        decoding = self._decoding(wishes)
        mark = forms.mark(
            self.colorizer.description,
            model=self._model,
            decoding=decoding,
            strength=wishes.strength,
        )
        return single.colorize(
            self.colorizer,
            self._loaded(content, name),
            name=name,
            decoding=decoding,
            hints=wishes.hints,
            looks=[_look(wishes)],
            mark=mark,
        )

    def forget(self, photograph_id: str) -> None:
        """Keeps nothing of a photograph any longer."""
        self._kept.drop_where(
            lambda key: isinstance(key, tuple) and key[0] == photograph_id
        )

    def _loaded(self, content: bytes, name: str) -> Photo:
        _check_pixels(content, name, most=self._limits.pixels)
        return images.load(Path(name), content=content)

    def _of(self, photograph: Photograph, hints: tuple[Hint, ...]) -> _Kept:
        kept = self._kept.find(self._key(photograph.id, hints))
        if kept is not None:
            return kept
        photo = self._loaded(photograph.path.read_bytes(), photograph.name)
        return self._keep(photograph.id, photo, hints)

    def _keep(self, photograph_id: str, photo: Photo, hints: tuple[Hint, ...]) -> _Kept:
        passed = passes.make(self.colorizer, photo.rgb, hints=hints)
        alpha = None if photo.alpha is None else _small(photo.alpha)
        kept = _Kept(passed, _small(photo.rgb), alpha)
        self._kept.keep(self._key(photograph_id, hints), kept)
        return kept

    def _key(self, photograph_id: str, hints: tuple[Hint, ...]) -> tuple[object, ...]:
        # Other networks have the same pass whatever the hints are.
        return (photograph_id, hints if passes.takes_hints(self.colorizer) else ())

    def _decoding(self, wishes: Wishes) -> Decoding:
        wanted = wishes.rebalancing_lambda
        return self.colorizer.decoding_with(
            wishes.temperature,
            None if wanted is None else round(wanted, _LAMBDA_DIGITS),
            wishes.coherence,
        )


def _look(wishes: Wishes) -> Look:
    return Look(wishes.strength, wishes.variant)


def _check_pixels(content: bytes, name: str, *, most: int) -> None:
    """Refuses a photograph by the size that its file tells, before it is decoded."""
    try:
        with limits.open_image(io.BytesIO(content)) as image:
            width, height = image.size
    # The reader says what is wrong.
    except Exception:
        return
    if width * height > most:
        raise ValueError(f"{name}: {width} x {height} pixels, wanted at most {most:,}")


def _small(pixels: UInt[np.ndarray, "h w *c"]) -> UInt8[np.ndarray, "_ _ *c"]:
    """Returns pixels as the page shows them, in 8 bits."""
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    return _shrunk(pixels, PREVIEW)


def _shrunk(
    pixels: UInt8[np.ndarray, "h w *c"], side: int
) -> UInt8[np.ndarray, "_ _ *c"]:
    """Returns an image whose long side is not longer than a number of pixels."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(pixels)
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))


def _jpeg(
    rgb: UInt8[np.ndarray, "h w 3"], alpha: UInt8[np.ndarray, "_ _"] | None
) -> bytes:
    """Returns a JPEG; what is transparent is white."""
    image = Image.fromarray(rgb)
    if alpha is not None:
        opacity = Image.fromarray(alpha).resize(image.size)
        image = Image.composite(image, Image.new("RGB", image.size, "white"), opacity)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY, subsampling="4:4:4")
    return file.getvalue()


def _bytes_of(kept: _Kept) -> int:
    alpha = 0 if kept.alpha is None else kept.alpha.nbytes
    return passes.bytes_of(kept.passed) + kept.small.nbytes + alpha
