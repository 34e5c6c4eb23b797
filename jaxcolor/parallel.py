"""Devices: the only module that names them.

One pure step of a global batch is lifted over all devices in one of two ways. `jit`
splits the batch over a mesh and lets the compiler insert the sums. `pmap` runs the
step on each device's share, with means over a named axis.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

AXIS = "data"
KINDS = ("jit", "pmap")


class Lifted(NamedTuple):
    """A step over all devices.

    Attributes:
        step: from a state and a host batch (this process's share) to both results.
        put: from a state in host or single-device memory to the devices' form.
        fetch: from the devices' form back to one copy of the state.
    """

    step: Callable[..., Any]
    put: Callable[[PyTree], PyTree]
    fetch: Callable[[PyTree], PyTree]


def mesh() -> Mesh:
    """Returns the mesh of all devices along one axis."""
    return jax.make_mesh((jax.device_count(),), (AXIS,), axis_types=(AxisType.Auto,))


def check_batch(batch_size: int) -> None:
    """Refuses a global batch that the devices cannot share evenly.

    Raises:
        ValueError: naming the batch and the number of devices.
    """
    count = jax.device_count()
    if batch_size < 1 or batch_size % count:
        raise ValueError(
            f"batch_size is {batch_size}; wanted a multiple of the {count} devices"
        )


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


def lift_sums(step: Callable[..., PyTree]) -> Callable[..., PyTree]:
    """Lifts a function of variables and host batches that returns sums over a batch."""
    on = mesh()
    whole, split = _shardings(on)
    jitted = jax.jit(step, out_shardings=whole)

    def lifted(variables: PyTree, *batch: np.ndarray) -> PyTree:
        return jitted(variables, *(_share(x, split) for x in batch))

    return lifted


def _lift_by_jit(step: Callable[..., Any]) -> Lifted:
    whole, split = _shardings(mesh())
    jitted = jax.jit(
        step,
        in_shardings=(whole, split),
        out_shardings=(whole, whole),
        donate_argnums=0,
    )
    return Lifted(
        step=lambda state, batch: jitted(state, _share(batch, split)),
        # Fresh buffers: the state is donated to the step, the caller's must survive.
        put=lambda state: jax.tree.map(jnp.copy, jax.device_put(state, whole)),
        fetch=lambda state: state,
    )


def _lift_by_pmap(step: Callable[..., Any]) -> Lifted:
    mapped = jax.pmap(step, axis_name=AXIS, donate_argnums=0)
    count = jax.local_device_count()

    def first(x: jax.Array) -> jax.Array:
        # x[0] would gather over devices: one shard holds the whole value.
        return x.addressable_shards[0].data.reshape(x.shape[1:])

    def on_shares(state: PyTree, batch: np.ndarray) -> tuple[PyTree, PyTree]:
        shares = batch.reshape(count, -1, *batch.shape[1:])
        state, terms = mapped(state, shares)
        return state, jax.tree.map(first, terms)

    def put(state: PyTree) -> PyTree:
        copies = jax.tree.map(lambda x: jnp.stack([x] * count), state)
        split = NamedSharding(
            Mesh(np.array(jax.local_devices()), (AXIS,)), PartitionSpec(AXIS)
        )
        return jax.device_put(copies, split)

    # A copy, since the state is donated to the next step.
    return Lifted(
        step=on_shares,
        put=put,
        fetch=lambda state: jax.tree.map(lambda x: jnp.copy(first(x)), state),
    )


def _shardings(on: Mesh) -> tuple[NamedSharding, NamedSharding]:
    return NamedSharding(on, PartitionSpec()), NamedSharding(on, PartitionSpec(AXIS))


def _share(batch: np.ndarray, split: NamedSharding) -> jax.Array:
    return jax.make_array_from_process_local_data(split, batch)
