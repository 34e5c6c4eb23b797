"""Makes each notebook of notebooks/ from the script beside it, and runs it.

Run:    python -m experiments.notebooks [NAME ...]
Expect: notebooks/NAME.ipynb with its figures, and the time that each took. Without a
    NAME it makes all notebooks. It needs `pip install -e ".[notebooks]"`.
"""

import argparse
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"


def make(script: Path) -> nbformat.NotebookNode:
    """Returns the notebook of a script, with its outputs."""
    notebook = jupytext.read(script)
    # The same names in every run, so that a diff shows only what has changed.
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    # The metadata describes the format of the script, which a notebook does not need.
    notebook.metadata.pop("jupytext", None)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
        record_timing=False,
        # Seconds: a busy machine may take more than the default minute.
        startup_timeout=300,
    )
    client.execute()
    # Widgets work only while the notebook runs; elsewhere their state is useless.
    notebook.metadata.pop("widgets", None)
    return notebook


def main(argv: Sequence[str] | None = None) -> int:
    """Makes the notebooks and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = [path.stem for path in sorted(FOLDER.glob("*.py"))]
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        default=every,
        help="notebooks to make (default: all)",
    )
    for name in parser.parse_args(argv).names:
        before, start = _processor_seconds(), time.monotonic()
        path = FOLDER / f"{name}.ipynb"
        nbformat.write(make(path.with_suffix(".py")), path)
        wall, processor = time.monotonic() - start, _processor_seconds() - before
        size = path.stat().st_size / 1000
        print(f"{name}: {wall:.0f} s, {processor:.0f} s of CPU time, {size:.0f} kB")
    return 0


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
