"""A config from its file and from overrides on a command line."""

import contextlib
import importlib.util
import io
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from absl import flags
from ml_collections import ConfigDict, config_flags

from jaxcolor.training.config import hyper

FLAG = "config"


def read(path: Path, overrides: Sequence[str]) -> ConfigDict:
    """Returns the config of a file, with its overrides.

    Args:
        path: a Python file with `get_config()`. It may import its siblings by the name
            of their folder, as in `from configs import zhang2016`. Or the JSON file of
            a whole config, in which no value follows another any more.
        overrides: such as "--config.training.steps=100", in the ways that
            `ml_collections.config_flags` understands.

    Raises:
        ValueError: there is no such file, it fails, or an override does not fit: one
            line, with what was probably meant.
    """
    if not path.is_file():
        raise ValueError(f"there is no config at {path}")
    # A config is code, which can raise anything.
    try:
        config = _of_file(path)
    except Exception as error:
        raise ValueError(f"{path}: {_one_line(error)}") from error
    try:
        rest = _override(config, overrides)
    except Exception as error:
        told = _one_line(error)
        raise ValueError(f"{_culprit(path, overrides)}: {told}") from error
    if rest:
        raise ValueError(
            f"unknown argument {rest[0]}; wanted overrides such as --config.NAME=VALUE"
        )
    return config


def read_sweep(path: Path, overrides: Sequence[str]) -> list[tuple[str, ConfigDict]]:
    """Returns the configs of a sweep, each with a name, from a file's `get_hyper`.

    Args:
        path: as in `read`; `get_hyper(hyper)` returns what `hyper`'s functions make.
        overrides: as in `read`; of all configs, before the sweep's own changes.

    Raises:
        ValueError: as `read`; the file has no `get_hyper`, it names no setting, or an
            override is of one that it sets.
    """
    read(path, overrides)
    try:
        module = _module_of(path)
        if not hasattr(module, "get_hyper"):
            raise ValueError("it has no function get_hyper(hyper)")
        changes: list[hyper.Change] = module.get_hyper(hyper)
        _check_free(overrides, set().union(*changes))
        found = [
            (f"{n:03d}-{hyper.label(change)}", _changed(path, overrides, change))
            for n, change in enumerate(changes)
        ]
    except Exception as error:
        raise ValueError(f"{path}: {_one_line(error)}") from error
    if not found:
        raise ValueError(f"{path}: get_hyper gives nothing to train")
    return found


def _check_free(overrides: Sequence[str], swept: set[str]) -> None:
    """Refuses an override that the sweep would undo."""
    for one in overrides:
        name = one.partition("=")[0].removeprefix(f"--{FLAG}.")
        if name in swept:
            raise ValueError(f"get_hyper sets {name}; got {one}, wanted no override")


def _changed(path: Path, overrides: Sequence[str], change: hyper.Change) -> ConfigDict:
    config = read(path, overrides)
    config.update_from_flattened_dict(change)
    return config


def _override(config: ConfigDict, overrides: Sequence[str]) -> list[str]:
    """Changes a config in place and returns the arguments that are not for it."""
    command = ["jaxcolor", *overrides]
    values = flags.FlagValues()
    config_flags.DEFINE_config_dict(FLAG, config, flag_values=values, sys_argv=command)
    # The parser prints, too, what it raises.
    with contextlib.redirect_stderr(io.StringIO()):
        rest: list[str] = values(command)
    return rest[1:]


def _culprit(path: Path, overrides: Sequence[str]) -> str:
    """Returns the override that cannot be read, or the config's path."""
    for one in overrides:
        try:
            _override(_of_file(path), [one])
        except Exception:
            return one
    return str(path)


def _of_file(path: Path) -> ConfigDict:
    if path.suffix == ".json":
        return ConfigDict(json.loads(path.read_text()))
    module = _module_of(path)
    if not hasattr(module, "get_config"):
        raise ValueError("it has no function get_config()")
    config: ConfigDict = module.get_config()
    return config


def _module_of(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    # A file that ends otherwise has no loader.
    if spec is None or spec.loader is None:
        raise ValueError("it is not a Python file")
    module = importlib.util.module_from_spec(spec)
    with _importable(str(path.resolve().parent.parent)):
        spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def _importable(folder: str) -> Iterator[None]:
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _one_line(error: Exception) -> str:
    told = " ".join(str(error).split()) or type(error).__name__
    # Of what is no setting it says the name alone.
    if name := re.fullmatch(r"[\"']*(\w+)[\"']*", told):
        return f"there is no setting {name.group(1)}"
    if "SyntaxError" in told:
        return "what is before = is no name of a setting, or after it no value"
    # Of a misspelt name the library tells its whole story first.
    meant = re.search(r'(Did you mean "[^"]*" instead of "[^"]*"\?)', told)
    return meant.group(1) if meant else told
