"""Photographs on the host: sources, splits, decoding, and batches for each process.

NumPy only, no jax. Imports `images` and what lies below it; training, evaluation and
recognition import it.
"""

from jaxcolor.data.sources import Source, open_source

__all__ = ["Source", "open_source"]
