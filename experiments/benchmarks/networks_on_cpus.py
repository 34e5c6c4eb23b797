"""The arms of `incumbents`: networks in each program."""

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from experiments.benchmarks import inputs, networks
from experiments.benchmarks.inputs import RESIZE, Arm, Setting

# Of the outputs that are compared.
COMPARED = 2000
CHANNELS_FIRST = (0, 2, 3, 1)


def _variables() -> tuple[Any, Any]:
    """Returns the network, and weights and statistics that look like trained ones."""
    import jax

    network, shapes = networks.network_and_shapes()
    draw = np.random.default_rng(0)

    def made(path: Any, shape: Any) -> np.ndarray:
        kind = path[-1].key
        if kind == "kernel":
            deviation = np.sqrt(2 / np.prod(shape.shape[:-1]))
            return np.float32(draw.normal(size=shape.shape) * deviation)
        if kind == "var":
            return draw.uniform(0.5, 2, shape.shape).astype(np.float32)
        return np.float32(0.1 * draw.normal(size=shape.shape))

    return network, jax.tree_util.tree_map_with_path(made, shapes)


def _lightness(setting: Setting, batch: int) -> np.ndarray:
    from skimage import color

    pixels = inputs.photographs(setting, RESIZE)[:batch]
    return np.float32(color.rgb2lab(pixels)[..., 0])


def _arm(call: Callable[[], np.ndarray], *, axes: tuple[int, ...] | None = None) -> Arm:
    """Returns an arm, with some of the outputs of its call.

    Args:
        call: whose outputs are "b h w c", or have these axes at other places.
        axes: their places.
    """
    outputs = np.asarray(call())
    flat = outputs.transpose(axes or (0, 1, 2, 3)).reshape(-1)
    chosen = np.linspace(0, flat.size - 1, COMPARED).astype(int)
    return Arm(call, {"outputs": np.float64(flat[chosen]).tolist()})


def logits_ours(setting: Setting, *, batch: int, dtype: str = "float32") -> Arm:
    """Prepares inference by jaxcolor."""
    import jax

    from jaxcolor.models import prepared

    network, variables = _variables()
    network = network.clone(dtype=dtype)
    ready = jax.device_put(prepared.for_inference(network, variables))
    lightness = jax.device_put(_lightness(setting, batch))
    apply = jax.jit(partial(network.apply, train=False))
    return _arm(lambda: apply(ready, lightness).block_until_ready())


def logits_bundled(setting: Setting) -> Arm:
    """Prepares inference of the bundled network by jaxcolor."""
    import jax

    from jaxcolor.pretrained import release

    bundled = release.load(release.BUNDLED)
    variables = jax.device_put(bundled.variables)
    lightness = jax.device_put(_lightness(setting, 1))
    apply = jax.jit(partial(bundled.network.apply, train=False))
    return _arm(lambda: apply(variables, lightness).block_until_ready())


def logits_bundled_torch(setting: Setting, *, is_channels_last: bool = False) -> Arm:
    """Prepares inference of the bundled network by PyTorch."""
    import torch

    from experiments.benchmarks import torch_lite_fpn
    from jaxcolor.pretrained import release

    torch.set_num_threads(setting.cores)
    bundled = release.load(release.BUNDLED)
    network = torch_lite_fpn.LiteFpn(outputs=len(inputs.bins().centers)).eval()
    torch_lite_fpn.copy_variables(network, bundled.variables)
    gray = torch_lite_fpn.normalized(_lightness(setting, 1))
    if is_channels_last:
        network = network.to(memory_format=torch.channels_last)

    def call() -> np.ndarray:
        with torch.inference_mode():
            return network(gray).numpy()

    return _arm(call, axes=CHANNELS_FIRST)


def _torch_network(setting: Setting) -> Any:
    import torch

    from experiments.benchmarks import torch_zhang2016

    torch.set_num_threads(setting.cores)
    network = torch_zhang2016.zhang2016(
        outputs=len(inputs.bins().centers), affine=False
    )
    torch_zhang2016.copy_variables(network, _variables()[1])
    return network


def logits_torch(
    setting: Setting,
    *,
    batch: int,
    is_channels_last: bool = False,
    is_compiled: bool = False,
    dtype: str = "float32",
) -> Arm:
    """Prepares inference by PyTorch."""
    import torch

    network = _torch_network(setting).eval()
    lightness = torch.from_numpy(_lightness(setting, batch))[:, None]
    network = network.to(getattr(torch, dtype))
    lightness = lightness.to(getattr(torch, dtype))
    if is_channels_last:
        network = network.to(memory_format=torch.channels_last)
    apply = torch.compile(network) if is_compiled else network

    def call() -> object:
        with torch.inference_mode():
            return apply(lightness).float().numpy()

    return _arm(call, axes=CHANNELS_FIRST)


def logits_onnxruntime(setting: Setting, *, batch: int) -> Arm:
    """Prepares inference by ONNX Runtime, of the graph that PyTorch exports."""
    import onnxruntime
    import torch

    lightness = _lightness(setting, batch)[:, None]
    graph = io.BytesIO()
    torch.onnx.export(
        _torch_network(setting).eval(),
        (torch.from_numpy(lightness),),
        graph,
        input_names=["lightness"],
        opset_version=17,
        dynamo=False,
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = setting.cores
    session = onnxruntime.InferenceSession(graph.getvalue(), options)
    return _arm(
        lambda: session.run(None, {"lightness": lightness})[0], axes=CHANNELS_FIRST
    )


def logits_openvino(setting: Setting, *, batch: int, dtype: str = "f32") -> Arm:
    """Prepares inference by OpenVINO."""
    import openvino
    import torch

    lightness = _lightness(setting, batch)[:, None]
    converted = openvino.convert_model(
        _torch_network(setting).eval(), example_input=torch.from_numpy(lightness)
    )
    converted.reshape(list(lightness.shape))
    compiled = openvino.compile_model(
        converted,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": dtype,
            "INFERENCE_NUM_THREADS": setting.cores,
            "PERFORMANCE_HINT": "LATENCY",
        },
    )
    return _arm(
        lambda: np.array(compiled([lightness])[0], np.float32), axes=CHANNELS_FIRST
    )
