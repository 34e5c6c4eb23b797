"""The sections of a config as records, each with its check and its factory."""

from jaxcolor.training.config.schema.binding import (
    Config,
    bind,
    changed,
    kinds_of,
    to_dict,
)

__all__ = ["Config", "bind", "changed", "kinds_of", "to_dict"]
