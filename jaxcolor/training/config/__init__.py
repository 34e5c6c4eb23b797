"""The config of a training: its sections as records, their checks and factories."""

from jaxcolor.training.config import build, reading

__all__ = ["build", "reading"]
