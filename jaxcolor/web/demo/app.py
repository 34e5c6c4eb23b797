"""Puts the page and the API together."""

import contextlib
from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp

import jaxcolor
from jaxcolor.inference import adjustments
from jaxcolor.inference.adjustments import STRONGEST
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.web import errors, pages, serving
from jaxcolor.web.demo import api, routes, service
from jaxcolor.web.demo.coloring import Coloring
from jaxcolor.web.demo.limits import DEFAULT, MEGABYTE, MEGAPIXEL, Limits

_HERE = Path(__file__).parent
# What a multipart form has beside the photograph: separators and short fields.
_FORM_BYTES = 100_000
# Samples of the distribution that the page offers beside the prediction.
_VARIANTS = 4


def make(
    colorizer: Colorizer,
    *,
    model: str | None = None,
    host: str = "127.0.0.1",
    allowed_hosts: Collection[str] = (),
    limits: Limits = DEFAULT,
) -> ASGIApp:
    """Returns the page and the API as an app.

    Args:
        colorizer: the model.
        model: its name, for the mark in files; None for the bundled one.
        host: address that the server is bound to.
        allowed_hosts: see `visitors.names`.
        limits: that it keeps to.
    """
    coloring = Coloring(colorizer, model=model, limits=limits)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with service.running(coloring, limits) as served:
            yield {"service": served}

    app = FastAPI(
        title="jaxcolor",
        summary="Colorizes black-and-white photographs.",
        version=jaxcolor.__version__,
        openapi_url="/api/openapi.json",
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    errors.install(app)
    pages.add_static(app, folder=_HERE / "static")
    app.include_router(api.router)
    app.include_router(routes.router)
    app.get("/photographs.zip", include_in_schema=False)(routes.zipped)
    _add_pages(app, colorizer, limits)
    return serving.protected(
        app,
        host=host,
        allowed_hosts=allowed_hosts,
        most_bytes=limits.upload_bytes + _FORM_BYTES,
        body_seconds=limits.upload_seconds,
        most_uploads=limits.waiting + 1,
    )


def _add_pages(app: FastAPI, colorizer: Colorizer, limits: Limits) -> None:
    """Adds the page, and the one that describes the API."""
    templates = pages.environment([_HERE / "templates"])
    description, network = colorizer.description, colorizer.network
    has_bins = adjustments.bins_of(description) is not None
    shown = {
        "decoding": colorizer.decoding,
        "strongest": STRONGEST,
        "has_features": network.has_features,
        "has_bins": has_bins,
        "has_hints": has_bins or "hints" in network.extra_inputs,
        "variants": range(-1, _VARIANTS),
        "network": description.network,
        "version": jaxcolor.__version__,
        "megabytes": limits.upload_bytes / MEGABYTE,
        "megapixels": limits.pixels / MEGAPIXEL,
        "limits": limits,
    }
    _add_page(app, ["/"], templates.get_template("index.html").render(shown))
    _add_page(app, ["/api", "/api/"], templates.get_template("api.html").render(shown))


def _add_page(app: FastAPI, paths: Sequence[str], text: str) -> None:
    def page() -> HTMLResponse:
        return HTMLResponse(text)

    for path in paths:
        app.get(path, include_in_schema=False)(page)
