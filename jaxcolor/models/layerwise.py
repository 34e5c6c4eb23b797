"""Training settings that differ from layer to layer, chosen by prefixes of names.

A name is a path in Flax's tree, joined by "/": "encoder/block_3/conv/kernel". A prefix
ends where a part of the name ends: "encoder/block_3" does not match "encoder/block_30".
The empty prefix matches every name.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
from jaxtyping import PyTree


def match(name: str, prefixes: Iterable[str]) -> str | None:
    """Returns the longest of the prefixes that match a name; None if none does."""
    found = [p for p in prefixes if not p or f"{name}/".startswith(f"{p}/")]
    return max(found, key=len, default=None)


def rate(name: str, rates: Mapping[str, float]) -> float:
    """Returns the factor on a parameter's learning rate: 1 where no prefix matches."""
    found = match(name, rates)
    return 1.0 if found is None else rates[found]


def names_of(tree: PyTree) -> list[str]:
    """Lists the names of a tree's leaves."""
    return [_name(path) for path, _ in jax.tree_util.tree_leaves_with_path(tree)]


def frozen(params: PyTree, is_frozen: Callable[[str], bool]) -> PyTree:
    """Returns parameters without a gradient where a predicate holds of their names."""

    def stop(name: str, x: jax.Array) -> jax.Array:
        return jax.lax.stop_gradient(x) if is_frozen(name) else x

    return map_named(stop, params)


def where_fixed(prefixes: Iterable[str], kept: PyTree, new: PyTree) -> PyTree:
    """Returns statistics: those kept of modules that a prefix matches, else new ones.

    Args:
        prefixes: prefixes of module names.
        kept: a tree of running statistics.
        new: a tree of the same structure.
    """
    prefixes = tuple(prefixes)

    def choose(name: str, old: Any, now: Any) -> Any:
        return now if match(module_of(name), prefixes) is None else old

    return map_named(choose, kept, new)


def module_of(name: str) -> str:
    """Returns the name of the module that has a parameter or statistic."""
    return name.rpartition("/")[0]


def map_named(function: Callable[..., Any], *trees: PyTree) -> PyTree:
    """Maps a function over the name and the leaves of trees of the same structure."""
    return jax.tree_util.tree_map_with_path(
        lambda path, *leaves: function(_name(path), *leaves), *trees
    )


def _name(path: tuple[Any, ...]) -> str:
    return "/".join(key.key for key in path)
