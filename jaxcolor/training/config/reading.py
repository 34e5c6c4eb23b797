"""Reads a config from its file, with overrides from a command line.

A Python file needs ml_collections, a JSON file does not.
"""

import contextlib
import importlib.util
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jaxcolor
from jaxcolor.training.config import hyper, schema, values
from jaxcolor.training.config.schema import Config

FLAG = "config"
WANTED = "wanted overrides such as --config.SECTION.SETTING=VALUE"
# Where the configs of this project are: in an installed wheel, and in a clone.
PACKAGE = Path(str(jaxcolor.__file__)).parent
FOLDERS = (PACKAGE / "configs", PACKAGE.parent / "configs")

# Settings by section: a dictionary of dictionaries, or a ConfigDict.
Fields = Any


class Override(NamedTuple):
    """One setting of a command line.

    Attributes:
        given: argument as it was given, for errors.
        name: such as "training.steps".
        text: of the value; None for a flag without one.
        is_negated: whether it is --noconfig.NAME.
    """

    given: str
    name: str
    text: str | None
    is_negated: bool


def read(config: str | Path, overrides: Sequence[str]) -> Config:
    """Returns the config of a file, with its overrides, checked.

    Args:
        config: the path of a Python file with `get_config()`, which may import its
            siblings, as in `from . import base`, and the project's configs, as in
            `from jaxcolor.configs import zhang2016`; or of the JSON file of a whole
            config, in which no value follows another; or the name of one of `known()`.
        overrides: such as "--config.training.steps=100", "--noconfig.pipeline.flip".

    Raises:
        ValueError: there is no such file, it fails, an override does not fit, or the
            config has a value of no use: one line that names the setting.
    """
    path = find(config)
    given = _overrides_of(overrides)
    return schema.bind(_plain(_fields(path, given)))


def read_sweep(
    config: str | Path, overrides: Sequence[str]
) -> list[tuple[str, Config]]:
    """Returns the configs of a sweep, each with a name, from a file's `get_hyper`.

    Args:
        config: as in `read`; `get_hyper(hyper)` returns what `hyper`'s functions make.
        overrides: as in `read`; of all configs, before the sweep's own changes.

    Raises:
        ValueError: as `read`; the file has no `get_hyper`, it names no setting, or an
            override is of one that it sets.
    """
    read(config, overrides)
    path, given = find(config), _overrides_of(overrides)
    try:
        module = _module_of(path)
        if not hasattr(module, "get_hyper"):
            raise ValueError("it has no function get_hyper(hyper)")
        changes: list[hyper.Change] = module.get_hyper(hyper)
        _check_free(given, set().union(*changes))
        found = [
            (f"{n:03d}-{hyper.label(change)}", _changed(path, given, change))
            for n, change in enumerate(changes)
        ]
    # A config is code, which can raise anything.
    except Exception as error:
        raise ValueError(f"{path}: {_one_line(error)}") from error
    if not found:
        raise ValueError(f"{path}: get_hyper gives nothing to train")
    return found


def find(config: str | Path) -> Path:
    """Returns the path of a config, given by its path or its name.

    Raises:
        ValueError: there is none; the message lists the known names.
    """
    path = Path(config)
    if path.is_file():
        return path
    named = known()
    if str(config) in named:
        return named[str(config)]
    raise ValueError(
        f"there is no config at {config}; wanted a file, or one of {_listed(named)}"
    )


def known() -> dict[str, Path]:
    """Returns the paths of the project's own configs by name, such as "small/l2"."""
    folder = next((one for one in FOLDERS if one.is_dir()), None)
    if folder is None:
        return {}
    found = sorted([*folder.glob("[!_]*.py"), *folder.glob("[!_]*/[!_]*.py")])
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in found}


def _listed(names: Iterable[str]) -> str:
    """Lists names, those of one folder in braces: l2, small/{l2, zhang2016}."""
    folders: dict[str, list[str]] = {}
    for name in names:
        folder, _, stem = name.rpartition("/")
        folders.setdefault(folder, []).append(stem)
    own = folders.pop("", [])
    inner = [f"{one}/{{{', '.join(stems)}}}" for one, stems in folders.items()]
    return ", ".join([*own, *inner])


def _overrides_of(arguments: Sequence[str]) -> list[Override]:
    """Returns the overrides in arguments; a value may be an argument of its own."""
    found: list[Override] = []
    for one in arguments:
        name, equals, text = one.partition("=")
        dashes, flag, rest = name.partition(f"{FLAG}.")
        if flag and dashes in ("-", "--", "--no"):
            is_negated = dashes == "--no"
            value = text if equals else None
            found.append(Override(one, rest, value, is_negated))
        elif found and found[-1].text is None and not found[-1].is_negated:
            last = found.pop()
            found.append(last._replace(given=f"{last.given}={one}", text=one))
        elif name in (f"--{FLAG}", f"-{FLAG}"):
            raise ValueError(f"got {one}; {WANTED}")
        else:
            raise ValueError(f"unknown argument {one}; {WANTED}")
    return found


def _check_free(overrides: Sequence[Override], swept: set[str]) -> None:
    """Refuses an override that the sweep would undo."""
    for one in overrides:
        if one.name in swept:
            raise ValueError(
                f"get_hyper sets {one.name}; got {one.given}, wanted no override"
            )


def _changed(path: Path, overrides: Sequence[Override], change: hyper.Change) -> Config:
    fields = _fields(path, overrides)
    for name, value in change.items():
        section, setting, _ = _setting(fields, name)
        _set(fields, section, setting, value)
    return schema.bind(_plain(fields))


def _fields(path: Path, overrides: Sequence[Override]) -> Fields:
    # A config is code, which can raise anything.
    try:
        fields = _of_file(path)
    except Exception as error:
        raise ValueError(f"{path}: {_one_line(error)}") from error
    for one in overrides:
        try:
            _override(fields, one)
        except ValueError as error:
            raise ValueError(f"{one.given}: {error}") from error
    return fields


def _override(fields: Fields, override: Override) -> None:
    section, setting, kind = _setting(fields, override.name)
    name = f"{FLAG}.{override.name}"
    if override.text is None and kind is bool:
        value = not override.is_negated
    elif override.is_negated:
        raise ValueError(f"{name} is no switch; {WANTED}")
    elif override.text is None:
        raise ValueError(f"{name} got no value; {WANTED}")
    else:
        value = values.parsed(override.text, kind, name=name)
    _set(fields, section, setting, value)


def _setting(fields: Fields, name: str) -> tuple[str, str, Any]:
    """Returns the section, the setting and its type that a dotted name stands for."""
    section, _, setting = name.partition(".")
    if section not in fields:
        hint = values.did_you_mean(section, fields)
        raise ValueError(f"there is no section {section}. {hint}")
    if not setting:
        raise ValueError(f"{section} is a section; {WANTED}")
    plain = _plain(fields)[section]
    if not isinstance(plain, Mapping):
        raise ValueError(f"config.{section} is {plain!r}; wanted a section")
    kinds = schema.kinds_of(section, plain)
    if setting not in kinds:
        hint = values.did_you_mean(setting, kinds)
        raise ValueError(f"there is no setting {section}.{setting}. {hint}")
    return section, setting, kinds[setting]


def _set(fields: Fields, section: str, setting: str, value: Any) -> None:
    if isinstance(fields, dict):
        fields[section][setting] = value
        return
    # What it may be is checked later, by the schema.
    with fields[section].unlocked(), fields[section].ignore_type():
        fields[section][setting] = value


def _plain(fields: Fields) -> Mapping[str, Any]:
    if isinstance(fields, dict):
        return fields
    plain: dict[str, Any] = fields.to_dict()
    return plain


def _of_file(path: Path) -> Fields:
    if path.suffix == ".json":
        found = json.loads(path.read_text())
        if not isinstance(found, dict):
            raise ValueError("it is no config; wanted a JSON object")
        return found
    module = _module_of(path)
    if not hasattr(module, "get_config"):
        raise ValueError("it has no function get_config()")
    # Here, so that JSON can be read without it.
    from ml_collections import ConfigDict

    config: Fields = module.get_config()
    if not isinstance(config, ConfigDict):
        raise ValueError(f"get_config() returned {config!r}; wanted a ConfigDict")
    return config


def _module_of(path: Path) -> ModuleType:
    path = path.resolve()
    folder = path.parent
    own = next((one.resolve() for one in FOLDERS if one.is_dir()), folder)
    # A folder inside the project's own is a package in that package.
    top = own if own in path.parents else folder
    name = ".".join(path.relative_to(top.parent).with_suffix("").parts)
    spec = importlib.util.spec_from_file_location(name, path)
    # A file with another ending has no loader.
    if spec is None or spec.loader is None:
        raise ValueError("it is not a Python file")
    module = importlib.util.module_from_spec(spec)
    with _package("jaxcolor.configs", own), _package(top.name, top):
        spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def _package(name: str, folder: Path) -> Iterator[None]:
    """Context in which a folder is a package, such as `configs`.

    Not by a path of modules: other folders beside it, such as the packages of an
    installed jaxcolor, must not become modules.
    """

    def taken() -> dict[str, ModuleType]:
        start = f"{name}."
        return {n: m for n, m in sys.modules.items() if f"{n}.".startswith(start)}

    before = taken()
    for one in before:
        del sys.modules[one]
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        yield
    finally:
        for one in taken():
            del sys.modules[one]
        sys.modules.update(before)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
