"""Fetches what the page takes from npm: ONNX Runtime Web and the slider.

The two runtimes together have 41 MB, so that they are no part of jaxcolor. npm checks
them against the hashes of package-lock.json and runs no scripts of theirs.
"""

import contextlib
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jaxcolor.runtime import atomic, cache_folder

SOURCES = Path(__file__).parent

RUNTIME = "onnxruntime-web/dist"
FILES = {
    "img-comparison-slider.js": "img-comparison-slider/dist/index.js",
    **{
        name: f"{RUNTIME}/{name}"
        for name in (
            "ort.wasm.bundle.min.mjs",
            "ort-wasm-simd-threaded.wasm",
            "ort.webgpu.bundle.min.mjs",
            "ort-wasm-simd-threaded.asyncify.wasm",
        )
    },
}
"""Files of the page, by their names there: places in node_modules."""

_MANIFESTS = ("package.json", "package-lock.json")
_COMMAND = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
# Last lines of npm's report that an error shows.
_SHOWN = 3


@contextlib.contextmanager
def fetched() -> Iterator[Path]:
    """Yields a folder with `FILES`; they are fetched once and kept for the user.

    Raises:
        ValueError: there is no npm, or it cannot fetch the packages.
    """
    cache = cache_folder.named("site")
    if cache is None:
        with tempfile.TemporaryDirectory(prefix="jaxcolor-") as temporary:
            _fetch(Path(temporary) / "files")
            yield Path(temporary) / "files"
        return
    kept = cache / f"packages-{_version()}"
    if not kept.is_dir():
        _fetch(kept)
    yield kept


def _version() -> str:
    """Returns what differs where the packages, or the files of them, differ."""
    contents = [(SOURCES / name).read_bytes() for name in _MANIFESTS]
    return hashlib.sha256(b"".join([*contents, repr(FILES).encode()])).hexdigest()[:16]


def _fetch(folder: Path) -> None:
    """Makes a folder with `FILES`, whole or not at all."""
    npm = shutil.which("npm")
    if npm is None:
        raise ValueError(
            "--format web needs npm, to fetch ONNX Runtime Web; install Node.js from"
            " https://nodejs.org"
        )
    with tempfile.TemporaryDirectory(prefix="jaxcolor-npm-") as temporary:
        for name in _MANIFESTS:
            shutil.copy(SOURCES / name, temporary)
        run = subprocess.run(
            [npm, *_COMMAND], cwd=temporary, capture_output=True, text=True, check=False
        )
        if run.returncode:
            said = [line for line in run.stderr.splitlines() if "error" in line]
            reason = "; ".join(said[:_SHOWN]) or f"status {run.returncode}"
            raise ValueError(f"npm could not fetch the packages of the page: {reason}")
        with atomic.folder(folder) as partial:
            for name, place in FILES.items():
                shutil.copy(Path(temporary) / "node_modules" / place, partial / name)
