"""Modules that the extras install, and the message when one is missing."""

import importlib.util

MODULES = {
    "onnx": ("onnx",),
    "train": ("optax", "grain", "ml_collections", "tensorboardX"),
    "web": ("fastapi", "jinja2", "python_multipart", "sqlalchemy", "uvicorn"),
    "postgres": ("psycopg",),
    "tfds": ("tensorflow_datasets", "array_record", "importlib_resources"),
}
"""Modules that only commands with this extra import, by extra."""


def check(extra: str, *, command: str) -> None:
    """Refuses a command whose extra is not installed, before it starts.

    Raises:
        ValueError: a module of its extra is not installed.
    """
    for module in MODULES[extra]:
        if importlib.util.find_spec(module) is None:
            raise ValueError(_advice(module, extra, command))


def explained(error: ModuleNotFoundError, *, command: str) -> str | None:
    """Returns which extra installs a missing module; None if no extra does."""
    module = (error.name or "").partition(".")[0]
    for extra, modules in MODULES.items():
        if module in modules:
            return _advice(module, extra, command)
    return None


def _advice(module: str, extra: str, command: str) -> str:
    return f'jaxcolor {command} needs {module}; pip install "jaxcolor[{extra}]"'
