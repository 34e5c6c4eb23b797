"""Several processes as one program: JAX's multi-controller runtime.

Every process runs the same code on its own devices and meets the others in each
collective. What writes or decides is process 0; the others hear of it.
"""

import dataclasses
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

LOGGER = logging.getLogger(__name__)
T = TypeVar("T")

# Seconds that the others have to fail in their own words.
GRACE = 2
# What process 0 tells the others of an error, in bytes: which of these it is, or else
# the last, and what it says.
MESSAGE = 1024
KINDS = (ValueError, OSError, Exception)
# What the others make of it.
RAISED = (ValueError, OSError, RuntimeError)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a process stands; all None for what the cluster says.

    Attributes:
        coordinator: HOST:PORT of process 0.
        count: how many processes there are.
        index: of this one.
    """

    coordinator: str | None
    count: int | None
    index: int | None


def join(place: Place, *, heartbeat_seconds: int, is_preemptible: bool) -> None:
    """Waits for the other processes; before anything asks JAX for its devices.

    Args:
        place: of this process.
        heartbeat_seconds: a process that is silent for so long is taken for dead, and
            the others end.
        is_preemptible: SIGTERM is for `is_preempted` to tell of, and ends no process.

    Raises:
        ValueError: the place is not known, or makes no sense.
    """
    # Before the others are joined: the service is started with them. Not all versions
    # of JAX declare the setting.
    jax.config.update("jax_enable_preemption_service", is_preemptible)
    try:
        jax.distributed.initialize(
            coordinator_address=place.coordinator,
            num_processes=place.count,
            process_id=place.index,
            heartbeat_timeout_seconds=heartbeat_seconds,
        )
    except ValueError as error:
        raise ValueError(
            f"no cluster is known of ({error}); wanted SLURM, Open MPI, a TPU slice,"
            " Kubernetes, or --coordinator, --processes and --process"
        ) from error
    LOGGER.info(
        "process %d of %d, with %d of %d devices; where one dies, the others are"
        " aborted within about %d seconds: start all again to go on",
        jax.process_index(),
        jax.process_count(),
        jax.local_device_count(),
        jax.device_count(),
        heartbeat_seconds,
    )


def is_first() -> bool:
    """Tells whether this is process 0, which logs and writes."""
    return jax.process_index() == 0


def are_many() -> bool:
    """Tells whether there are others."""
    return jax.process_count() > 1


def agree(number: int) -> int:
    """Returns process 0's number, in every process."""
    if not are_many():
        return number
    return int(multihost_utils.broadcast_one_to_all(np.int32(number)))


def by_first(act: Callable[[], T]) -> T | None:
    """Runs something in process 0 alone, while the others wait; None in those.

    Raises:
        ValueError: in every process, where process 0 had one.
        OSError: likewise.
        RuntimeError: in the others, where process 0 had any other error.
    """
    if not are_many():
        return act()
    result, failure = None, None
    if is_first():
        try:
            result = act()
        except Exception as error:
            failure = error
    heard = np.asarray(multihost_utils.broadcast_one_to_all(_told(failure)))
    if failure is not None:
        raise failure
    if heard.any():
        kind, *text = heard.tobytes().rstrip(b"\0")
        raised = RAISED[kind - 1]
        raise raised(bytes(text).decode(errors="replace"))
    return result


def _told(failure: Exception | None) -> np.ndarray:
    told = np.zeros(MESSAGE, np.uint8)
    if failure is not None:
        kind = next(n for n, x in enumerate(KINDS, 1) if isinstance(failure, x))
        # Names of files need not be UTF-8.
        text = str(failure).encode(errors="backslashreplace")[: MESSAGE - 1]
        told[: len(text) + 1] = [kind, *text]
    return told


def first_then_all(act: Callable[[], T]) -> T:
    """Runs something in process 0, then in the others, and waits for all.

    For what is found in a folder, or made there by who comes first.

    Raises:
        ValueError: in every process, where process 0 had one.
    """
    if not are_many():
        return act()
    found = by_first(lambda: (act(),))
    (result,) = (act(),) if found is None else found
    multihost_utils.sync_global_devices("first_then_all")
    return result


def gather(numbers: np.ndarray) -> np.ndarray:
    """Returns the numbers of every process, stacked, bit for bit."""
    if not are_many():
        return numbers[None]
    # JAX would make float32 of float64: what travels are bytes.
    flat = np.frombuffer(np.ascontiguousarray(numbers).tobytes(), np.uint8)
    gathered = np.asarray(multihost_utils.process_allgather(flat))
    stacked = gathered.reshape(jax.process_count(), -1).tobytes()
    return np.frombuffer(stacked, numbers.dtype).reshape(-1, *numbers.shape)


def is_preempted(step: int) -> bool:
    """Tells, in all processes at the same step, that one of them got SIGTERM.

    To be asked at every step.
    """
    return are_many() and multihost_utils.reached_preemption_sync_point(step)


def leave(status: int) -> None:
    """Ends a process that failed, at once where there are others.

    They wait for it in vain, and end when they miss its heartbeat; an orderly end
    would wait for them.

    Args:
        status: of the process; also prints the exception that is being handled.
    """
    if not are_many():
        return
    if sys.exc_info()[0] is not None:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    # What failed here has often failed there as well, and they may say so.
    time.sleep(GRACE)
    os._exit(status)
