"""Exports trace networks with symbols in place of sizes."""

import jaxtyping
import pytest


@pytest.fixture(autouse=True, scope="package")
def unchecked_shapes():
    """Turns off the checks of shapes: a symbol is no int, as annotations want sizes.

    The same functions run checked, at numbers, in the tests of their packages.
    """
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)
