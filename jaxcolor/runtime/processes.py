"""Several processes as one program: JAX's multi-controller runtime.

Every process runs the same code on its own devices and meets the others in each
collective. Process 0 writes and decides, and sends the others its decisions.
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

# Seconds that the others have to report their own errors.
GRACE = 2
# Bytes of the message about an error that process 0 sends to the others: the first is
# the position of the error's type in KINDS, from 1, the others are its text.
MESSAGE = 1024
KINDS = (ValueError, OSError, Exception)
# The types that the others raise.
RAISED = (ValueError, OSError, RuntimeError)


@dataclasses.dataclass(frozen=True)
class Place:
    """The place of a process among all; None takes it from the cluster.

    Attributes:
        coordinator: HOST:PORT of process 0.
        count: number of processes.
        index: of this one.
    """

    coordinator: str | None
    count: int | None
    index: int | None


def join(place: Place, *, heartbeat_seconds: int, is_preemptible: bool) -> None:
    """Waits for the other processes; before anything asks JAX for its devices.

    Args:
        place: of this process.
        heartbeat_seconds: a process that is silent for so long is considered dead, and
            the others end.
        is_preemptible: SIGTERM ends no process, and `is_preempted` reports it.

    Raises:
        ValueError: the place is not known, or is not possible.
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
            f"no cluster is known ({error}); wanted SLURM, Open MPI, a TPU slice,"
            " Kubernetes, or --coordinator, --processes and --process"
        ) from error
    LOGGER.info(
        "process %d of %d, with %d of %d devices; where one dies, the others are"
        " aborted within about %d seconds: start all again to resume",
        jax.process_index(),
        jax.process_count(),
        jax.local_device_count(),
        jax.device_count(),
        heartbeat_seconds,
    )


def is_first() -> bool:
    """Returns whether this is process 0, which logs and writes."""
    return jax.process_index() == 0


def are_many() -> bool:
    """Returns whether there are other processes."""
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
    heard = np.asarray(multihost_utils.broadcast_one_to_all(_message(failure)))
    if failure is not None:
        raise failure
    if heard.any():
        kind, *text = heard.tobytes().rstrip(b"\0")
        raised = RAISED[kind - 1]
        raise raised(bytes(text).decode(errors="replace"))
    return result


def _message(failure: Exception | None) -> np.ndarray:
    message = np.zeros(MESSAGE, np.uint8)
    if failure is not None:
        kind = next(n for n, x in enumerate(KINDS, 1) if isinstance(failure, x))
        # Names of files need not be UTF-8.
        text = str(failure).encode(errors="backslashreplace")[: MESSAGE - 1]
        message[: len(text) + 1] = [kind, *text]
    return message


def first_then_all(act: Callable[[], T]) -> T:
    """Runs something in process 0, then in the others, and waits for all.

    For what is found in a folder, or made there by the first process.

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
    # As bytes, because JAX would convert float64 to float32.
    flat = np.frombuffer(np.ascontiguousarray(numbers).tobytes(), np.uint8)
    gathered = np.asarray(multihost_utils.process_allgather(flat))
    stacked = gathered.reshape(jax.process_count(), -1).tobytes()
    return np.frombuffer(stacked, numbers.dtype).reshape(-1, *numbers.shape)


def is_preempted(step: int) -> bool:
    """Returns, in all processes at the same step, whether one of them got SIGTERM.

    To be called at every step.
    """
    return are_many() and multihost_utils.reached_preemption_sync_point(step)


def leave(status: int) -> None:
    """Ends a process that failed, at once where there are others.

    The others end when they miss its heartbeat; an orderly end would wait for them.

    Args:
        status: of the process; also prints the exception that is being handled.
    """
    if not are_many():
        return
    if sys.exc_info()[0] is not None:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    # The others have often failed as well, and may report it.
    time.sleep(GRACE)
    os._exit(status)
