"""ONNX Runtime computes from an exported model what JAX does from the model."""

import functools
import itertools
import json

import jax
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from jaxcolor.color import compose
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.pretrained import release
from jaxcolor.pretrained.exporters import onnx_file
from tests.pretrained.exporters import drawn

# Two sizes, with one photograph and with two.
SHAPES = ((1, 64, 32), (2, 32, 64))
SETTINGS = {"temperature": 0.3, "rebalancing_lambda": 0.7}
# Sums in float32 in another order, relative to the largest ab.
TOLERANCE = 1e-4

# What onnxruntime-web runs on WebGPU, or hands to the processor: it lacks others.
OPERATIONS = {
    *("Abs", "Add", "And", "Atan", "AveragePool", "Cast", "Clip", "Concat", "Conv"),
    *("ConvTranspose", "Cos", "CumSum", "DequantizeLinear", "Div", "Einsum", "Equal"),
    *("Exp", "Expand", "Gather", "Greater", "GreaterOrEqual", "Identity", "Less"),
    *("LessOrEqual", "Log", "MatMul", "Max", "MaxPool", "Min", "Mod", "Mul", "Neg"),
    *("Not", "Or", "Pad", "Pow", "Range", "Reciprocal", "ReduceMax", "ReduceSum"),
    *("Relu", "Reshape", "Resize", "Shape", "Sigmoid", "Sin", "Slice", "Sqrt"),
    *("Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze", "Where"),
}

enlarge = jax.jit(compose.enlarge)


def run(content, lightness, outputs=("ab",), **settings):
    """Returns what ONNX Runtime computes."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    scalars = {name: np.array(x, np.float32) for name, x in settings.items()}
    return session.run(list(outputs), {"L": lightness, **scalars})


def by_jax(model, lightness, **settings):
    """Returns ab, as large as the lightness, and the outputs of the network."""
    colorizer = Colorizer(model, coherence=0.0, **settings)
    seen = lightness[:, 0]
    outputs = colorizer.logits(seen)
    ab = colorizer.decode(outputs, seen)
    if model.network.output_stride > 1:
        ab = enlarge(ab, seen)
    return np.moveaxis(np.asarray(ab), -1, 1), np.moveaxis(np.asarray(outputs), -1, 1)


def settings_of(model):
    return SETTINGS if model.description.decoding.temperature is not None else {}


@pytest.mark.parametrize(
    "kind",
    [
        kind
        if kind in ("lite_fpn", "zhang2016")
        else pytest.param(kind, marks=pytest.mark.slow)
        for kind in drawn.KINDS
    ],
)
def test_every_network_and_head_computes_the_same(kind):
    model = drawn.model(drawn.description(kind))
    settings = settings_of(model)
    content = onnx_file.encode(model, has_logits=True)
    for shape in SHAPES:
        lightness = drawn.lightness(*shape)
        ab, outputs = by_jax(model, lightness, **settings)
        found = run(content, lightness, ("ab", "logits"), **settings)
        assert np.ptp(ab) > 1
        for mine, wanted in zip(found, (ab, outputs), strict=True):
            scale = np.abs(wanted).max()
            np.testing.assert_allclose(mine, wanted, rtol=0, atol=TOLERANCE * scale)


@pytest.mark.parametrize(
    "kind",
    [pytest.param("lite_fpn", marks=pytest.mark.slow), "siggraph17", "larsson2016"],
)
def test_cells_come_without_the_decoding_of_bins(kind):
    model = drawn.model(drawn.description(kind))
    lightness = drawn.lightness(2, 32, 64)
    colorizer = Colorizer(model)
    seen = lightness[:, 0]
    wanted = colorizer.outputs(seen)
    if model.description.head.gamut is None:
        wanted = colorizer.decode(wanted, seen)
    names = ("cells", "features")[: 1 + model.network.has_features]
    found = run(onnx_file.encode_cells(model), lightness, names)
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(found[0], wanted, rtol=0, atol=TOLERANCE * scale)
    if model.network.has_features:
        parts = {"train": False, "method": "outputs_and_features"}
        apply = jax.jit(functools.partial(model.network.apply, **parts))
        _, features = apply(model.variables, seen)
        scale = np.abs(features).max()
        np.testing.assert_allclose(found[1], features, rtol=0, atol=TOLERANCE * scale)


@pytest.mark.parametrize("kind", drawn.KINDS)
def test_files_hold_what_browsers_run(kind):
    model = drawn.model(drawn.description(kind))
    graph = onnx.load_from_string(onnx_file.encode(model, dtype="int8")).graph
    assert {node.op_type for node in graph.node} <= OPERATIONS
    convolutions = [node for node in graph.node if "Conv" in node.op_type]
    shapes = {x.name: x.dims for x in graph.initializer}
    stored = {n.output[0]: n.input[0] for n in graph.node if "Dequant" in n.op_type}
    name = convolutions[0].input[1]
    assert shapes[stored.get(name, name)][1] <= 3
    for node in convolutions:
        attributes = {attribute.name for attribute in node.attribute}
        assert "auto_pad" not in attributes


def test_levels_of_pointwise_kernels_are_kept_from_openvinos_rewriting():
    model = drawn.model(drawn.description("larsson2016"))
    graph = onnx.load_from_string(onnx_file.encode(model, dtype="int8")).graph
    made = {node.output[0]: node.op_type for node in graph.node}
    shapes = {n.output[0]: n.input[1] for n in graph.node if n.op_type == "Reshape"}
    constants = {x.name: numpy_helper.to_array(x) for x in graph.initializer}
    found = 0
    for node in graph.node:
        kernel = node.input[1] if node.op_type == "Conv" else ""
        if made.get(kernel) == "Reshape":
            assert constants[shapes[kernel]][2:].tolist() == [1, 1]
            found += 1
        elif made.get(kernel) == "DequantizeLinear":
            assert constants[f"{kernel}_int8"].shape[2:] != (1, 1)
    assert found > 3


@pytest.mark.parametrize("dtype", onnx_file.DTYPES)
@pytest.mark.parametrize("kind", drawn.KINDS)
def test_openvino_computes_what_onnx_runtime_does(kind, dtype):
    openvino = pytest.importorskip("openvino")
    model = drawn.model(drawn.description(kind))
    settings = settings_of(model)
    content = onnx_file.encode(model, dtype=dtype)
    lightness = drawn.lightness(1, 32, 64)
    (wanted,) = run(content, lightness, **settings)
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    read = openvino.Core().read_model(content)
    scalars = {name: np.array(x, np.float32) for name, x in settings.items()}
    found = openvino.compile_model(read, "CPU", exact)({"L": lightness, **scalars})
    atol = TOLERANCE * np.abs(wanted).max()
    np.testing.assert_allclose(found["ab"], wanted, rtol=0, atol=atol)


def test_odd_multiples_of_the_stride_are_pooled_alike():
    # 24 and 40 pixels become 6 and 10, which poolings of AlexNet round up.
    model = drawn.model(drawn.description("alexnet"))
    lightness = drawn.lightness(1, 24, 40)
    wanted, _ = by_jax(model, lightness, **SETTINGS)
    (found,) = run(onnx_file.encode(model), lightness, **SETTINGS)
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE * scale)


@pytest.fixture(scope="module")
def model():
    return drawn.model(drawn.description("zhang2016"))


@pytest.fixture(scope="module")
def exact(model):
    return onnx_file.encode(model)


# Of the largest ab: float16 has 11 bits, and 127 levels of a channel are coarser. The
# errors of 22 layers of random weights add up.
@pytest.mark.parametrize(("dtype", "largest"), [("float16", 0.005), ("int8", 0.1)])
def test_smaller_weights_are_nearly_as_exact(model, exact, dtype, largest):
    lightness = drawn.lightness(1, 64, 64)
    (wanted,) = run(exact, lightness, **SETTINGS)
    (found,) = run(onnx_file.encode(model, dtype=dtype), lightness, **SETTINGS)
    error = np.abs(found - wanted).max() / np.abs(wanted).max()
    assert 0 < error < largest


def test_smaller_weights_make_smaller_files(model, exact):
    sizes = [len(exact)]
    sizes += [len(onnx_file.encode(model, dtype=d)) for d in ("float16", "int8")]
    assert all(b < 0.6 * a for a, b in itertools.pairwise(sizes))


def test_levels_of_a_channel_are_within_half_a_step():
    kernel = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
    kernel[1] *= 100
    kernel[2] = 0
    levels, steps = onnx_file.quantized(kernel, axis=0)
    assert levels.dtype == np.int8
    error = np.abs(levels * steps.reshape(-1, 1, 1, 1) - kernel).max(axis=(1, 2, 3))
    assert (error <= 0.5001 * steps).all()
    assert error[0] < 0.02


def test_the_lambda_is_an_input_kept_within_its_range(exact):
    lightness = drawn.lightness(1, 32, 32)
    found = [
        run(exact, lightness, temperature=0.38, rebalancing_lambda=x)[0]
        for x in (0.0, 1.0, 5.0)
    ]
    assert np.abs(found[0] - found[1]).max() > 0.1
    np.testing.assert_array_equal(found[1], found[2])


def test_metadata_describes_the_model(exact):
    session = onnxruntime.InferenceSession(exact, providers=["CPUExecutionProvider"])
    found = session.get_modelmeta().custom_metadata_map
    assert found["network"] == "zhang2016"
    assert json.loads(found["arguments"])["width"] == 0.125
    assert float(found["temperature"]) == 0.38
    assert (found["input_multiple"], found["output_stride"]) == ("8", "4")
    assert "without coherence" in found["decoding"]


def test_metadata_hold_the_card_whole(model):
    card = "---\nlicense: mit\n---\n\n# Colors of 1900: blau, grün\n"
    content = onnx_file.encode(model, card=card)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map["card"] == card


def test_the_opset_is_one_that_all_runtimes_have(exact):
    found = onnx.load_from_string(exact)
    assert [each.version for each in found.opset_import] == [17]
    assert found.ir_version == 8


def test_biases_and_normalizations_are_in_the_convolutions():
    model = drawn.model(drawn.description("alexnet"))
    graph = onnx.load_from_string(onnx_file.encode(model)).graph
    kernels = {x.name: numpy_helper.to_array(x) for x in graph.initializer}
    first = next(node for node in graph.node if node.op_type == "Conv")
    layer = model.variables["params"]["conv1"]
    statistics = model.variables["batch_stats"]["conv1norm"]
    # By hand: (x - mean) / sqrt(variance + 1e-5).
    factor = 1 / np.sqrt(statistics["var"] + 1e-5)
    np.testing.assert_allclose(
        kernels[first.input[2]],
        (layer["bias"] - statistics["mean"]) * factor,
        rtol=1e-4,
        atol=1e-6,
    )


def test_an_unknown_dtype_is_refused(model):
    with pytest.raises(ValueError, match=r"dtype is 'int4'; wanted one of float32"):
        onnx_file.encode(model, dtype="int4")


@pytest.mark.slow
def test_the_bundled_model_computes_the_same():
    model = release.load("bundled")
    lightness = drawn.lightness(1, 96, 64)
    wanted, _ = by_jax(model, lightness, **SETTINGS)
    (found,) = run(onnx_file.encode(model), lightness, **SETTINGS)
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE * scale)
