"""A train step at the paper's size in bfloat16, on a GPU, against PyTorch.

Both sides train the full network on the same number of crops. Ours starts from 8-bit
pixels and computes color, targets and class weights on the device. PyTorch's (channels
last, compiled, autocast to bfloat16, fused Adam) starts from lightness, targets and
weights that are already on the device.

Without a GPU both sides train on a few crops on the CPU, only to test the benchmark.
"""

import itertools
from typing import Any

import numpy as np

from experiments.benchmarks import inputs
from experiments.benchmarks.inputs import CROP, NEIGHBORS, SIGMA, STRIDE, Arm, Setting

BATCH, BATCH_ON_CPU = 256, 2
# Steps per call; the host may run ahead of the device, as in a training.
STEPS, STEPS_ON_CPU = 10, 1
RATE, WEIGHT_DECAY = 3.16e-5, 1e-3 / 1936


def _size(*, is_gpu: bool) -> tuple[int, int]:
    return (BATCH, STEPS) if is_gpu else (BATCH_ON_CPU, STEPS_ON_CPU)


def step_ours(setting: Setting) -> Arm:
    """Prepares train steps of jaxcolor; the facts have the device's peak rate."""
    import jax
    import jax.numpy as jnp

    from jaxcolor.color.heads import Bins
    from jaxcolor.models.zhang2016 import Zhang2016
    from jaxcolor.runtime import devices
    from jaxcolor.training import objectives, optimizers, train_step

    batch_size, count = _size(is_gpu=jax.default_backend() == "gpu")
    bins = inputs.bins()
    network = Zhang2016(
        width=1.0,
        outputs=len(bins.centers),
        affine=False,
        momentum=0.99,
        dtype=jnp.bfloat16,
    )
    variables = jax.jit(lambda key, x: network.init(key, x, train=False))(
        jax.random.key(0), jnp.zeros((1, CROP, CROP))
    )
    optimizer = optimizers.adam(
        lambda _: RATE, b1=0.9, b2=0.99, eps=1e-8, weight_decay=WEIGHT_DECAY
    )
    head = Bins(bins.spacing, neighbors=NEIGHBORS, sigma=SIGMA, training_lambda=1.0)
    prior = jnp.full(head.outputs, 1 / head.outputs)
    objective = objectives.of_head(head, prior, gray_threshold=5.0)
    update = jax.jit(
        train_step.make_train_step(
            network,
            optimizer,
            objective,
            average_decay=0.0,
            degrade=None,
            axis_name=None,
        ),
        donate_argnums=0,
    )
    few = inputs.photographs(setting, CROP)
    chosen = itertools.islice(itertools.cycle(few), batch_size)
    batch = jax.device_put(np.stack(list(chosen)))
    states = [train_step.init_state(variables, optimizer, average=False)]

    def call() -> object:
        for _ in range(count):
            states[0], terms = update(states[0], {"rgb": batch})
        return jax.block_until_ready((states[0], terms))

    facts = {
        "device": jax.devices()[0].device_kind,
        "images": batch_size * count,
        "batch": batch_size,
        "operations": 3 * network.flops(CROP, CROP),
        # The rate is that of all devices of the process; the step uses only one.
        "ceiling": devices.matmul_rate("bfloat16") / jax.device_count(),
    }
    return Arm(call, facts)


def step_peer(setting: Setting) -> Arm:
    """Prepares train steps in PyTorch."""
    import torch

    from experiments.benchmarks import torch_zhang2016

    is_gpu = torch.cuda.is_available()
    device = torch.device("cuda" if is_gpu else "cpu")
    if not is_gpu:
        torch.set_num_threads(setting.cores)
    batch_size, count = _size(is_gpu=is_gpu)
    bins = len(inputs.bins().centers)
    network: Any = torch_zhang2016.zhang2016(outputs=bins, affine=False)
    network = network.to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(
        network.parameters(),
        lr=RATE,
        betas=(0.9, 0.99),
        weight_decay=WEIGHT_DECAY,
        fused=True,
    )
    side = CROP // STRIDE
    lightness = 100 * torch.rand(batch_size, 1, CROP, CROP, device=device)
    lightness = lightness.contiguous(memory_format=torch.channels_last)
    logits = torch.randn(batch_size, bins, side, side, device=device)
    target = torch.softmax(logits, dim=1).contiguous(memory_format=torch.channels_last)
    weight = torch.rand(batch_size, side, side, device=device)

    @torch.compile
    def loss_of(lightness: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            outputs = network(lightness)
        log_probs = torch.log_softmax(outputs.float(), dim=1)
        return -(weight * (target * log_probs).sum(dim=1)).mean()

    def call() -> object:
        for _ in range(count):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(lightness)
            loss.backward()
            optimizer.step()
        return loss.item()

    return Arm(call, {"version": torch.__version__, "images": batch_size * count})
