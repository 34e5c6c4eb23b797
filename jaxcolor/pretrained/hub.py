"""Models of the Hugging Face Hub, downloaded once and then read from its cache."""

import re
from collections.abc import Sequence
from pathlib import Path

NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
"""Names of models there: OWNER/NAME."""


def download(name: str, *, files: Sequence[str]) -> Path:
    """Returns the folder of a model, downloaded if it is not in the cache.

    Args:
        name: OWNER/NAME.
        files: names of the files that are wanted.

    Raises:
        ValueError: the package huggingface_hub is not installed, there is no such
            model, or it is not in the cache and cannot be downloaded.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"the model is hf:{name}; wanted hf:OWNER/NAME")
    try:
        import huggingface_hub
    except ModuleNotFoundError as error:
        raise ValueError(
            f'hf:{name} needs huggingface_hub; pip install "jaxcolor[hub]"'
        ) from error
    try:
        folder = huggingface_hub.snapshot_download(name, allow_patterns=list(files))
    # Of the network, or of the Hub, whose errors derive from both of these.
    except (OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ValueError(f"hf:{name} cannot be downloaded: {reason}") from error
    return Path(folder)
