"""Runs steps on devices: meshes, sharding and transfers.

One pure step of a global batch is lifted over all devices in one of two ways. `jit`
splits the batch over a mesh and lets the compiler insert the sums. `pmap` runs the
step on each device's share, with means over a named axis.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

AXIS = "data"
KINDS = ("jit", "pmap")
# Sides of the matrices whose product measures the highest rate of a device, and number
# of trials.
SIDE, CPU_SIDE, TRIES = 8192, 1024, 5


class Lifted(NamedTuple):
    """A step over all devices.

    Attributes:
        share: from a host batch (this process's share), a tree of arrays with the same
            leading axis, to the devices' form.
        step: from a state and a shared batch to both results.
        put: from a state in host memory, or `replicate`d, to the devices' form.
        fetch: from the devices' form back to a state as of `replicate`.
    """

    share: Callable[[PyTree], PyTree]
    step: Callable[..., Any]
    put: Callable[[PyTree], PyTree]
    fetch: Callable[[PyTree], PyTree]


def mesh() -> Mesh:
    """Returns the mesh of all devices along one axis."""
    return jax.make_mesh((jax.device_count(),), (AXIS,), axis_types=(AxisType.Auto,))


def device_count() -> int:
    """Returns the number of devices of all processes."""
    return jax.device_count()


def matmul_rate(dtype: str) -> float:
    """Measures the operations a second of a large matrix product, on all devices.

    One device is measured alone, and counts for all: for devices that are simulated on
    the cores of a CPU the result is too high.

    Args:
        dtype: of the factors.
    """
    side = CPU_SIDE if jax.default_backend() == "cpu" else SIDE
    device = jax.local_devices()[0]
    factor = jax.device_put(np.ones((side, side), jnp.dtype(dtype)), device)
    product = jax.jit(lambda x: jnp.dot(x, x, preferred_element_type=jnp.float32))
    product(factor).block_until_ready()
    seconds = []
    for _ in range(TRIES):
        start = time.perf_counter()
        product(factor).block_until_ready()
        seconds.append(time.perf_counter() - start)
    return jax.device_count() * 2 * side**3 / min(seconds)


def lift(make_step: Callable[[str | None], Callable[..., Any]], *, kind: str) -> Lifted:
    """Lifts a train step over all devices.

    Args:
        make_step: from the name of the mapped axis, or None, to the step.
        kind: "jit" or "pmap".

    Raises:
        ValueError: another kind.
    """
    if kind == "jit":
        return _lift_by_jit(make_step(None))
    if kind == "pmap":
        return _lift_by_pmap(make_step(AXIS))
    raise ValueError(f"lift is {kind!r}; wanted one of {', '.join(KINDS)}")


def replicate(tree: PyTree) -> PyTree:
    """Returns a tree of arrays on all devices of all processes, whole on each.

    Args:
        tree: arrays, the same in every process.
    """
    whole, _ = _shardings(mesh())

    def put(x: Any) -> jax.Array:
        host = np.asarray(x)
        return jax.make_array_from_callback(host.shape, whole, lambda at: host[at])

    return jax.tree.map(put, tree)


def local(tree: PyTree) -> PyTree:
    """Returns a `replicate`d tree on one device of this process, for it alone."""
    return jax.tree.map(lambda x: x.addressable_shards[0].data, tree)


def ahead(
    batches: Iterator[PyTree], share: Callable[[PyTree], PyTree]
) -> Iterator[PyTree]:
    """Yields shared batches; the next one is transferred while a step runs."""
    waiting: list[PyTree] = []
    for batch in batches:
        waiting.append(share(batch))
        if len(waiting) > 1:
            yield waiting.pop(0)
    yield from waiting


def checksums(state: PyTree) -> np.ndarray:
    """Returns a number for each of this process's devices, equal where states are.

    Args:
        state: in either lift's form.
    """
    leaves = jax.tree.leaves(state)
    copies = len(leaves[0].addressable_shards)
    found = [
        _checksum([leaf.addressable_shards[i].data for leaf in leaves])
        for i in range(copies)
    ]
    return np.array(jax.device_get(found), np.uint32)


@jax.jit
def _checksum(leaves: list[jax.Array]) -> jax.Array:
    total = jnp.uint32(0)
    for leaf in leaves:
        bits = jax.lax.bitcast_convert_type(
            leaf.reshape(-1), jnp.dtype(f"uint{8 * leaf.dtype.itemsize}")
        ).astype(jnp.uint32)
        # Odd factors: numbers that changed places are another state.
        factors = 2 * jnp.arange(bits.size, dtype=jnp.uint32) + 1
        total = 31 * total + (bits * factors).sum(dtype=jnp.uint32)
    return total


def lift_sums(step: Callable[..., PyTree]) -> Callable[..., PyTree]:
    """Lifts a function of variables and a host batch that returns sums over it.

    Args:
        step: its batch is a tree of arrays with the same leading axis.
    """
    on = mesh()
    whole, split = _shardings(on)
    jitted = jax.jit(step, out_shardings=whole)

    def lifted(variables: PyTree, batch: PyTree) -> PyTree:
        return jitted(variables, _share(batch, split))

    return lifted


def on_local_devices(
    function: Callable[..., jax.Array],
) -> Callable[..., np.ndarray]:
    """Splits batches over this process's devices, without the other processes.

    Args:
        function: of arrays with the same leading axis, row by row.
    """
    count = jax.local_device_count()
    split = NamedSharding(
        Mesh(np.array(jax.local_devices()), (AXIS,)), PartitionSpec(AXIS)
    )
    jitted = jax.jit(function, in_shardings=split, out_shardings=split)

    def split_up(*batch: np.ndarray) -> np.ndarray:
        rows = len(batch[0])
        # Padding is removed again.
        filled = [
            np.concatenate([x, np.repeat(x[-1:], -rows % count, axis=0)]) for x in batch
        ]
        return np.asarray(jitted(*jax.device_put(filled, split)))[:rows]

    return split_up


def _lift_by_jit(step: Callable[..., Any]) -> Lifted:
    whole, split = _shardings(mesh())
    jitted = jax.jit(
        step,
        in_shardings=(whole, split),
        out_shardings=(whole, whole),
        donate_argnums=0,
    )
    return Lifted(
        share=lambda batch: _share(batch, split),
        step=jitted,
        # Fresh buffers: the state is donated to the step, the caller's must survive.
        put=lambda state: jax.tree.map(jnp.copy, replicate(state)),
        fetch=lambda state: state,
    )


def _lift_by_pmap(step: Callable[..., Any]) -> Lifted:
    mapped = jax.pmap(step, axis_name=AXIS, donate_argnums=0)
    count = jax.local_device_count()
    split = NamedSharding(
        Mesh(np.array(jax.local_devices()), (AXIS,)), PartitionSpec(AXIS)
    )

    def first(x: jax.Array) -> jax.Array:
        # x[0] would gather over devices: one shard holds the whole value.
        return x.addressable_shards[0].data.reshape(x.shape[1:])

    def share(batch: PyTree) -> PyTree:
        parts = jax.tree.map(lambda x: x.reshape(count, -1, *x.shape[1:]), batch)
        return jax.device_put(parts, split)

    def on_shares(state: PyTree, shares: PyTree) -> tuple[PyTree, PyTree]:
        state, terms = mapped(state, shares)
        return state, jax.tree.map(first, terms)

    def put(state: PyTree) -> PyTree:
        return jax.device_put(
            jax.tree.map(lambda x: np.stack([np.asarray(x)] * count), state), split
        )

    # Copies, since the state is donated to the next step.
    return Lifted(
        share=share,
        step=on_shares,
        put=put,
        fetch=lambda state: replicate(jax.tree.map(first, state)),
    )


def _shardings(on: Mesh) -> tuple[NamedSharding, NamedSharding]:
    return NamedSharding(on, PartitionSpec()), NamedSharding(on, PartitionSpec(AXIS))


def _share(batch: PyTree, split: NamedSharding) -> PyTree:
    put = jax.make_array_from_process_local_data
    return jax.tree.map(lambda x: put(split, x), batch)
