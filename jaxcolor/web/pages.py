"""Pages from templates, and the static files that they load."""

from collections.abc import Sequence
from pathlib import Path

import jinja2
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from jaxcolor.web import headers

_SHARED = Path(__file__).parent


def environment(folders: Sequence[Path] = ()) -> jinja2.Environment:
    """Returns the templates of folders, and those that all servers share.

    What a template is given is escaped; a name that it is not given is an error.
    """
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, _SHARED / "templates"]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def add_static(app: FastAPI, *, folder: Path) -> None:
    """Lets an app serve a folder below /static, and the shared files below /shared."""
    for path, served in (("/static", folder), ("/shared", _SHARED / "static")):
        # A browser asks each time whether its copy is still right.
        files = headers.with_defaults(
            StaticFiles(directory=served), {"Cache-Control": "no-cache"}
        )
        app.mount(path, files)
