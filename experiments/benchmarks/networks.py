"""The network and the input pipeline against PyTorch and Pillow."""

import io
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from experiments.benchmarks import inputs
from experiments.benchmarks.inputs import (
    CROP,
    NEIGHBORS,
    RESIZE,
    SIGMA,
    STRIDE,
    Arm,
    Setting,
)

# The paper sums its loss over the 44 x 44 outputs of a crop; ours is the mean.
EPS, WEIGHT_DECAY = 1e-8 / 1936, 1e-3 / 1936
# Batches of the input pipeline: their size, and the number per call.
BATCH, BATCHES = 8, 8


def train_ours(setting: Setting, *, crop: int = CROP, is_bundled: bool = False) -> Arm:
    """Prepares a train step, including color and targets.

    Args:
        setting: conditions of the comparison.
        crop: side of the crops, pixels.
        is_bundled: whether of the bundled model's network, on eight crops; else of the
            paper's, on four.
    """
    import jax
    import jax.numpy as jnp

    from jaxcolor.color.heads import Bins
    from jaxcolor.pretrained import release
    from jaxcolor.training import objectives, optimizers, train_step

    bins = inputs.bins()
    if is_bundled:
        bundled = release.load(release.BUNDLED)
        network, variables = bundled.network, jax.device_put(bundled.variables)
    else:
        network, variables = initial_network()
    optimizer = optimizers.adam(
        lambda _: 3.16e-5, b1=0.9, b2=0.99, eps=EPS, weight_decay=WEIGHT_DECAY
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
    batch = jnp.asarray(inputs.photographs(setting, crop)[: 8 if is_bundled else 4])
    states = [train_step.init_state(variables, optimizer, average=False)]

    def step() -> object:
        states[0], terms = update(states[0], {"rgb": batch})
        return jax.block_until_ready((states[0], terms))

    return Arm(step, {})


def train_peer(
    setting: Setting,
    *,
    crop: int = CROP,
    is_channels_last: bool = False,
    is_bundled: bool = False,
) -> Arm:
    """Prepares a train step in PyTorch, with targets and weights given; see ours."""
    import torch

    from experiments.benchmarks import torch_lite_fpn, torch_zhang2016

    torch.set_num_threads(setting.cores)
    bins = len(inputs.bins().centers)
    crops = 8 if is_bundled else 4
    if is_bundled:
        network = torch_lite_fpn.LiteFpn(outputs=bins).train()
    else:
        network = torch_zhang2016.zhang2016(outputs=bins, affine=False).train()
    optimizer = torch.optim.Adam(
        network.parameters(),
        lr=3.16e-5,
        betas=(0.9, 0.99),
        eps=EPS,
        weight_decay=WEIGHT_DECAY,
    )
    if is_channels_last:
        network = network.to(memory_format=torch.channels_last)
    side = crop // STRIDE
    lightness = 100 * torch.rand(crops, 1, crop, crop)
    target = torch.softmax(torch.randn(crops, bins, side, side), dim=1)
    weight = torch.rand(crops, side, side)

    def step() -> object:
        optimizer.zero_grad()
        log_probs = torch.log_softmax(network(lightness), dim=1)
        loss = -(weight * (target * log_probs).sum(dim=1)).mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    return Arm(step, {"version": torch.__version__})


def inference_ours(setting: Setting) -> Arm:
    """Prepares the prediction of logits from the lightness of one photograph."""
    import jax

    from jaxcolor.color import cielab

    network, variables = initial_network()
    lab = cielab.rgb8_to_lab(inputs.photographs(setting, RESIZE)[:1])
    lightness = lab[..., 0]
    apply = jax.jit(lambda v, x: network.apply(v, x, train=False))
    return Arm(lambda: apply(variables, lightness).block_until_ready(), {})


def inference_peer(setting: Setting) -> Arm:
    """Prepares the same prediction in PyTorch."""
    import torch

    from experiments.benchmarks import torch_zhang2016

    torch.set_num_threads(setting.cores)
    bins = len(inputs.bins().centers)
    network = torch_zhang2016.zhang2016(outputs=bins, affine=False).eval()
    lightness = 100 * torch.rand(1, 1, RESIZE, RESIZE)

    def infer() -> object:
        with torch.inference_mode():
            return network(lightness)

    return Arm(infer, {"version": torch.__version__})


def input_ours(setting: Setting) -> Arm:
    """Prepares the input pipeline: batches of random crops from files."""
    from jaxcolor.data import pipeline, sources

    source = sources.folder(setting.photos)
    threads = setting.cores if setting.cores > 1 else 0
    firsts = itertools.count(0, BATCHES)

    def draw() -> object:
        batches = pipeline.training_batches(
            source,
            pipeline.Crop(resize=RESIZE, squash=True, side=CROP, draft=True, flip=True),
            seed=0,
            step=next(firsts),
            batch_size=BATCH,
            share=pipeline.ALONE,
            workers=pipeline.Workers(threads, prefetch=threads),
        )
        return list(itertools.islice(batches, BATCHES))

    return Arm(draw, {"images": BATCH * BATCHES})


def input_peer(setting: Setting) -> Arm:
    """Prepares decoding and resizing of the same number of files with Pillow alone."""
    chosen = list(itertools.islice(inputs.paths(setting), BATCH * BATCHES))
    pool = ThreadPoolExecutor(setting.cores)

    def load(path: Path) -> np.ndarray:
        image = Image.open(io.BytesIO(path.read_bytes())).convert("RGB")
        return np.asarray(image.resize((RESIZE, RESIZE), Image.Resampling.BICUBIC))

    if setting.cores == 1:
        return Arm(lambda: [load(path) for path in chosen], {})
    return Arm(lambda: list(pool.map(load, chosen)), {})


decoding_ours = input_ours


def decoding_peer(setting: Setting) -> Arm:
    """Prepares decoding of the same number of files at the size of the pipeline."""
    from jaxcolor.data import decoding

    chosen = list(itertools.islice(inputs.paths(setting), BATCH * BATCHES))
    pool = ThreadPoolExecutor(setting.cores)

    def load(path: Path) -> np.ndarray:
        return np.asarray(decoding.decode(path.read_bytes(), at_least=2 * RESIZE))

    if setting.cores == 1:
        return Arm(lambda: [load(path) for path in chosen], {})
    return Arm(lambda: list(pool.map(load, chosen)), {})


def initial_network() -> tuple[Any, Any]:
    """Returns the network of jaxcolor at full width, and initial variables."""
    import jax

    network, init = _network()
    return network, jax.jit(init)(jax.random.key(0))


def network_and_shapes() -> tuple[Any, Any]:
    """Returns the network of jaxcolor at full width, and shapes of its variables."""
    import jax

    network, init = _network()
    return network, jax.eval_shape(init, jax.random.key(0))


def _network() -> tuple[Any, Callable[[Any], Any]]:
    import jax.numpy as jnp

    from jaxcolor.models import zhang2016

    outputs = len(inputs.bins().centers)
    network = zhang2016.Zhang2016(
        width=1.0, outputs=outputs, affine=False, momentum=0.999
    )
    return network, lambda key: network.init(key, jnp.zeros((1, 8, 8)), train=False)
