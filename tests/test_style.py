"""The parts of the house style that no linter knows."""

import ast
import re
from pathlib import Path

import jaxcolor

ROOT = Path(jaxcolor.__file__).parents[1]
SOURCES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in sorted((ROOT / "jaxcolor").rglob("*.py"))
}


def _nodes(kind):
    for name, text in SOURCES.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, kind):
                yield f"{name}:{getattr(node, 'lineno', 0)}", node


def _is_module(name):
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").exists()


def test_modules_are_imported_and_not_their_functions():
    found = [
        f"{at} {alias.name}"
        for at, node in _nodes(ast.ImportFrom)
        if (node.module or "").startswith("jaxcolor.")
        # Excepted are what a package makes of its own modules, and classes (capitals):
        # NamedTuples and networks.
        and "/__init__.py" not in at
        and node.module != "jaxcolor.color.array_types"
        for alias in node.names
        if alias.name[0].islower() and not _is_module(f"{node.module}.{alias.name}")
    ]
    assert found == []


def test_the_number_of_bins_is_never_written_down():
    # It follows from the sRGB gamut and the spacing.
    found = [at for at, node in _nodes(ast.Constant) if node.value == 313]
    assert found == []


def test_every_suppression_gives_a_code_and_a_reason():
    suppression = re.compile(r"#\s*(?:noqa|type:\s*ignore)(.*)")
    explained = re.compile(r"(?:: ?[A-Z]+\d+[\w, ]*|\[[\w, -]+\])\s*#\s*\S.*")
    found = [
        f"{name}: {line.strip()}"
        for name, text in SOURCES.items()
        for line in text.splitlines()
        if (match := suppression.search(line)) and not explained.match(match[1].strip())
    ]
    assert found == []
