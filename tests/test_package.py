"""The package as installed: quick to start, whole, and what its metadata says."""

import subprocess
import sys
from importlib import metadata

import pytest

import jaxcolor

HEAVY = ("flax", "grain", "jax", "matplotlib", "numpy", "orbax", "PIL")


def _run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_help_loads_no_heavy_package():
    output = _run(f"""
import contextlib, io, sys
from jaxcolor import cli
text = io.StringIO()
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(text):
    cli.main(["--help"])
print(text.getvalue().split()[:2])
print([name for name in {HEAVY} if name in sys.modules])
""")
    assert output.splitlines() == ["['usage:', 'jaxcolor']", "[]"]


def test_importing_the_package_loads_no_sub_module():
    output = _run(
        "import sys, jaxcolor\n"
        "print([name for name in sys.modules if name.startswith('jaxcolor')])"
    )
    assert output.strip() == "['jaxcolor']"


def test_the_command_is_installed():
    (command,) = metadata.entry_points(group="console_scripts", name="jaxcolor")
    assert command.value == "jaxcolor.__main__:main"


def test_module_runs_as_the_command():
    output = subprocess.run(
        [sys.executable, "-m", "jaxcolor", "--version"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert output == f"jaxcolor {jaxcolor.__version__}\n"


def test_version_is_the_metadata_version():
    assert jaxcolor.__version__ == metadata.version("jaxcolor")


@pytest.mark.parametrize("name", jaxcolor.__all__)
def test_every_public_name_resolves(name):
    assert getattr(jaxcolor, name) is not None
    assert name in dir(jaxcolor)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        _ = jaxcolor.colour
