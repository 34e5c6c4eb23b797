"""Puts photographs, and what systems made of them, into a database as a study.

All pictures of a study are encoded alike: PNG without compression and metadata. They
have the same number of bytes, so that no format, size or header tells a real picture
from a fake one.
"""

import io
import re
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import sqlalchemy
from jaxtyping import Array, UInt8
from PIL import Image
from sqlalchemy import Connection

from jaxcolor import images
from jaxcolor.color import cielab, compose
from jaxcolor.images import finding, limits, profiles
from jaxcolor.web.study import database, protocol, recruitment, schema, studies
from jaxcolor.web.study.protocol import Protocol
from jaxcolor.web.study.recruitment import Recruitment
from jaxcolor.web.study.studies import Study

# Names of the algorithms that every study has.
TRUTH, CHECK = "ground truth", "attention check"
# Bytes of the key that outside identifiers are hashed with.
SECRET_BYTES = 32
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
LONGEST = 100

Picture = UInt8[np.ndarray, "h w 3"]


class Folders(NamedTuple):
    """Where the pictures of a study are.

    Attributes:
        truth: the photographs themselves.
        systems: by name, what each made of them: files of the same names, whatever
            their endings.
        check: the fakes of attention checks; None makes them by giving each photograph
            the colors of another.
    """

    truth: Path
    systems: Mapping[str, Path]
    check: Path | None = None


class _Files(NamedTuple):
    """The files of a study.

    Attributes:
        names: of the photographs, without endings, sorted.
        paths: by algorithm, of the pictures, in the order of the names.
    """

    names: list[str]
    paths: dict[str, list[Path]]


def create(
    url: str,
    name: str,
    *,
    folders: Folders,
    rules: Protocol,
    texts: Recruitment,
    seed: int,
    on_done: Callable[[int], object] = lambda _: None,
) -> Study:
    """Makes a study in a database, which is made if it does not exist.

    Args:
        url: of the database.
        name: of the study.
        folders: of its pictures.
        rules: its numbers.
        texts: that participants read.
        seed: for the colors of attention checks.
        on_done: is called with the number of photographs that were read.

    Raises:
        ValueError: a setting, a name or a picture is wrong, or the study exists. Then
            the database is as before.
    """
    if not NAME.fullmatch(name):
        raise ValueError(
            f"the study is called {name!r}; wanted up to 100 letters, digits, . _ or -"
        )
    protocol.check(rules)
    recruitment.check(texts)
    files = _matched(folders, rules)
    with database.created(url) as engine, database.writing(engine) as connection:
        table = schema.studies
        same = table.select().where(table.c.name == name)
        if connection.execute(same).first() is not None:
            raise ValueError(f"{database.shown(url)} has a study {name} already")
        values = {
            "name": name,
            "created_at": int(time.time()),
            "is_simulated": False,
            "settings": studies.settings(rules, texts),
            "open_token": secrets.token_urlsafe(studies.TOKEN_BYTES),
            "secret": secrets.token_hex(SECRET_BYTES),
        }
        connection.execute(table.insert(), values)
        study = studies.find(connection, name)
        _add_pictures(connection, study, files, seed=seed, on_done=on_done)
    return study


def encode(rgb: Picture) -> bytes:
    """Returns a PNG whose number of bytes follows from the size of the picture."""
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "PNG", compress_level=0)
    return out.getvalue()


def with_colors_of(rgb: Picture, other: Picture) -> Picture:
    """Returns the lightness of a picture under the colors (ab) of another."""
    return np.asarray(_with_colors_of(jnp.asarray(rgb), jnp.asarray(other)))


@jax.jit
def _with_colors_of(
    rgb: UInt8[Array, "h w 3"], other: UInt8[Array, "h w 3"]
) -> UInt8[Array, "h w 3"]:
    lightness = cielab.rgb8_to_lab(rgb)[..., 0]
    ab = cielab.rgb8_to_lab(other)[..., 1:]
    return compose.levels(compose.rgb(lightness, ab), dtype=jnp.uint8)


def _matched(folders: Folders, rules: Protocol) -> _Files:
    """Returns the files, once names, sizes and their number are right."""
    if not folders.systems:
        raise ValueError("got no system; wanted one or more, --system NAME=DIR")
    for system in folders.systems:
        if system in (TRUTH, CHECK) or not 1 <= len(system) <= LONGEST:
            raise ValueError(
                f"a system is called {system!r}; wanted up to {LONGEST} letters, and"
                f" neither {TRUTH!r} nor {CHECK!r}"
            )
    by_name = _by_name(folders.truth)
    names = sorted(by_name)
    needed = protocol.photographs_needed(rules)
    # A photograph cannot have its own colors at random.
    needed = max(needed, 2)
    if len(names) < needed:
        raise ValueError(
            f"{folders.truth} has {len(names)} photographs; wanted {needed} or more for"
            f" {rules.practice} practice and {rules.test} test trials"
        )
    paths = {TRUTH: [by_name[name] for name in names]}
    others = dict(folders.systems)
    if folders.check is not None:
        others[CHECK] = folders.check
    for system, folder in others.items():
        found = _by_name(folder)
        for name in names:
            if name not in found:
                raise ValueError(f"{folder} has no picture {name}; wanted one of each")
        paths[system] = [found[name] for name in names]
    for listed in paths.values():
        for path in listed:
            _check_size(path, side=rules.size)
    return _Files(names, paths)


def _by_name(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for listed in finding.find(folder).names:
        name = str(PurePosixPath(listed).with_suffix(""))
        if name in found:
            raise ValueError(f"{folder} has two pictures {name}; wanted one")
        found[name] = folder / listed
    return found


def _check_size(path: Path, *, side: int) -> None:
    """Refuses a picture of another size, without decoding it."""
    try:
        with finding.open_file(path) as file, limits.open_image(file) as image:
            width, height = image.size
    # Whatever damage leads Pillow's readers to.
    except Exception as error:
        raise ValueError(f"{path}: not readable as a picture") from error
    if (width, height) != (side, side):
        raise ValueError(f"{path}: {width} x {height} pixels; wanted {side} x {side}")


def _read(path: Path) -> Picture:
    rgb = images.load(path).rgb
    return rgb if rgb.dtype == np.uint8 else profiles.to_8_bits(rgb)


def _add_pictures(
    connection: Connection,
    study: Study,
    files: _Files,
    *,
    seed: int,
    on_done: Callable[[int], object],
) -> None:
    kinds = dict.fromkeys(files.paths, schema.COMPARED) | {TRUTH: schema.TRUTH}
    if protocol.attention_checks(study.protocol):
        kinds[CHECK] = schema.CHECK
    else:
        kinds.pop(CHECK, None)
    keys = {
        name: _added(connection, schema.algorithms, study, name=name, kind=kind)
        for name, kind in kinds.items()
    }
    # The next one in a random order is never the photograph itself.
    order = np.random.default_rng(seed).permutation(len(files.names))
    after = dict(zip(order.tolist(), np.roll(order, -1).tolist(), strict=True))
    for n, name in enumerate(files.names):
        photograph = _added(connection, schema.photographs, study, name=name)
        pictures = {x: _read(paths[n]) for x, paths in files.paths.items() if x in keys}
        if CHECK in keys and CHECK not in pictures:
            other = _read(files.paths[TRUTH][after[n]])
            pictures[CHECK] = with_colors_of(pictures[TRUTH], other)
        rows = [
            {
                "photograph_id": photograph,
                "algorithm_id": keys[x],
                "png": encode(picture),
            }
            for x, picture in pictures.items()
        ]
        connection.execute(schema.pictures.insert(), rows)
        on_done(1)


def _added(
    connection: Connection, table: sqlalchemy.Table, study: Study, **values: str
) -> int:
    added = connection.execute(table.insert(), {"study_id": study.id, **values})
    (key,) = added.inserted_primary_key or (0,)
    return int(key)
