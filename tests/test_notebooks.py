"""The notebooks, unexecuted: as their scripts say, small, and of public names only."""

import ast
import configparser
import json
from pathlib import Path

import pytest

import jaxcolor

ROOT = Path(jaxcolor.__file__).parents[1]
SCRIPTS = sorted((ROOT / "notebooks").glob("*.py"))
# `cli` runs what a terminal would.
PUBLIC = {*jaxcolor.__all__, "cli"}
# Bytes that a page may load for one notebook.
LARGEST = 400_000

each = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)


def _cells_of_script(script):
    """Returns type and source of the cells of a percent script."""
    _, *parts = script.read_text().split("\n# %%")
    for part in parts:
        kind, _, source = part.partition("\n")
        is_markdown = kind.strip() == "[markdown]"
        if is_markdown:
            source = "\n".join(x.removeprefix("#")[1:] for x in source.splitlines())
        yield "markdown" if is_markdown else "code", source.strip("\n")


def _notebook(script):
    return json.loads(script.with_suffix(".ipynb").read_text())


def _code(script):
    return [source for kind, source in _cells_of_script(script) if kind == "code"]


def test_there_are_notebooks():
    assert len(SCRIPTS) == len(list((ROOT / "notebooks").glob("*.ipynb"))) > 0


@each
def test_a_notebook_has_the_cells_of_its_script(script):
    found = [
        (cell["cell_type"], "".join(cell["source"]))
        for cell in _notebook(script)["cells"]
    ]
    assert found == list(_cells_of_script(script))


@each
def test_a_notebook_imports_public_names_only(script):
    tree = ast.parse(script.read_text())
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "jaxcolor"
        for alias in node.names
    }
    modules = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None), *(a.name for a in node.names)]
        if name and name.startswith("jaxcolor.")
    }
    private = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr.startswith("_")
    }
    # Of a package its face and its modules; no name of a module itself.
    inner = {name for name in modules if name.count(".") > 1}
    assert (imported - PUBLIC, inner, private) == (set(), set(), set())


@each
def test_a_notebook_is_run_from_top_to_bottom_and_small(script):
    cells = [x for x in _notebook(script)["cells"] if x["cell_type"] == "code"]
    counts = [cell["execution_count"] for cell in cells]
    assert counts == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert "error" not in {output["output_type"] for output in outputs}
    shown = {kind for output in outputs for kind in output.get("data", {})}
    assert shown & {"image/png", "image/jpeg"}
    assert script.with_suffix(".ipynb").stat().st_size < LARGEST


def test_every_notebook_installs_from_the_one_repository():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    first = {_code(script)[0] for script in SCRIPTS}
    assert len(first) == 1
    assert f'"{setup["metadata"]["url"]}"' in first.pop()
