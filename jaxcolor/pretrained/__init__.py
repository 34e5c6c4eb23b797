"""Models as folders: what is stored with the weights, release, card, importers.

A folder holds config.json, model.safetensors, README.md: all that decoding needs.
Imports `models` and what lies below it; names no ml_collections, Orbax or Optax.
"""

from jaxcolor.pretrained.release import Pretrained, load, save

__all__ = ["Pretrained", "load", "save"]
