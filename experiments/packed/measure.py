"""Measures the speed of each kind of batch, and how many steps fit a time."""

import time
from typing import Any

import jax

from experiments.packed import recipe as recipes
from jaxcolor.runtime import devices
from jaxcolor.training import train_step
from jaxcolor.training.train_step import TrainState

# The least time for which each kind of batch is timed.
SECONDS = 3.0


def batches(
    running: Any, state: TrainState, *, at_once: int, seconds: float
) -> dict[str, Any]:
    """Times the train step of every kind of batch of every phase.

    Args:
        running: a `train.Training`.
        state: its state, which stays valid.
        at_once: number of steps in one program.
        seconds: time that a whole training may take.

    Returns:
        The device; for each kind of batch the crops per second, the FLOP utilization
        relative to a matrix product, and the seconds to compile; and the number of
        steps that fit into the given seconds.
    """
    config, recipe = running.parts.config, running.parts.recipe
    rate = devices.matmul_rate(config.parallel.compute_dtype) / jax.device_count()
    found, per_step, start = [], 0.0, 0.0
    shares = []
    for phase in recipe.phases:
        share = (phase.until - start) / len(phase.batches)
        shares += [(batch, share) for batch in phase.batches]
        start = phase.until
    for batch, share in shares:
        before = time.monotonic()
        program = running.steps(batch, at_once, state)
        compiled = time.monotonic() - before
        step = _seconds(program, state, running.photographs) / at_once
        speed = batch.count / step
        operations = train_step.FORWARD_PASSES * running.parts.network.flops(
            batch.crop, batch.crop
        )
        found.append(
            {
                "crop": batch.crop,
                "count": batch.count,
                "images_per_second": speed,
                "flop_utilization": speed * operations / rate,
                "seconds_to_compile": compiled,
            }
        )
        per_step += share * step
    steps = int(seconds / per_step) if seconds < float("inf") else None
    return {
        "device": jax.devices()[0].device_kind,
        "matrix_product_teraflops": rate / 1e12,
        "compute_dtype": config.parallel.compute_dtype,
        "batches": found,
        "seconds_per_step": per_step,
        "steps": steps,
        "crops": steps and recipes.crops_until(recipe, steps, steps=steps),
    }


def _seconds(program: Any, state: TrainState, photographs: Any) -> float:
    """Returns the mean seconds of a call, without the first one."""
    # A copy, since the state is donated.
    state = jax.tree.map(jax.numpy.array, state)
    state, _ = jax.block_until_ready(program(state, photographs))
    start, calls = time.monotonic(), 0
    while time.monotonic() - start < SECONDS:
        state, _ = jax.block_until_ready(program(state, photographs))
        calls += 1
    return (time.monotonic() - start) / calls
