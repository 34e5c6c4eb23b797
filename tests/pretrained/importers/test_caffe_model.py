"""Caffe's files: layers and their numbers from the wire format of protocol buffers."""

import numpy as np
import pytest

from jaxcolor.pretrained.importers import caffe_model
from tests.pretrained.importers import authors_graphs
from tests.pretrained.importers.authors_graphs import blob, field, varint


@pytest.fixture
def layers():
    random = np.random.default_rng(0)
    return {
        "conv1": [np.float32(random.normal(size=s)) for s in ((5, 2, 3, 3), (5,))],
        "norm1": [np.float32(random.normal(size=s)) for s in ((5,), (5,), (1,))],
    }


def _write(path, *layers):
    path.write_bytes(b"".join(field(100, layer) for layer in layers))
    return path


@pytest.mark.parametrize("is_old", [False, True])
def test_layers_of_both_formats_are_read(tmp_path, layers, is_old):
    path = tmp_path / "net.caffemodel"
    authors_graphs.write_caffe(path, layers, is_old=is_old)
    found = caffe_model.read(path)
    assert list(found) == list(layers)
    for name, blobs in layers.items():
        for x, wanted in zip(found[name], blobs, strict=True):
            shape = (1,) * (4 - wanted.ndim) + wanted.shape if is_old else wanted.shape
            np.testing.assert_array_equal(x, wanted.reshape(shape), strict=True)


def test_what_protobuf_writes_is_read(tmp_path, layers):
    descriptor_pb2 = pytest.importorskip("google.protobuf.descriptor_pb2")
    from google.protobuf import descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="caffe.proto", package="caffe")

    def message(name, *fields):
        made = file.message_type.add(name=name)
        for field_name, number, kind, label, options in fields:
            each = made.field.add(name=field_name, number=number, label=label)
            each.type = getattr(kinds, f"TYPE_{kind}")
            each.options.packed = options == "packed"
            if kind == "MESSAGE":
                each.ClearField("options")
                each.type_name = f".caffe.{options}"

    one, many = kinds.LABEL_OPTIONAL, kinds.LABEL_REPEATED
    # The parts of Caffe's caffe.proto that hold numbers.
    message("BlobShape", ("dim", 1, "INT64", many, "packed"))
    message(
        "BlobProto",
        ("data", 5, "FLOAT", many, "packed"),
        ("shape", 7, "MESSAGE", one, "BlobShape"),
        ("double_data", 8, "DOUBLE", many, "packed"),
    )
    message(
        "LayerParameter",
        ("name", 1, "STRING", one, None),
        ("blobs", 7, "MESSAGE", many, "BlobProto"),
    )
    message("NetParameter", ("layer", 100, "MESSAGE", many, "LayerParameter"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    net = message_factory.GetMessageClass(
        pool.FindMessageTypeByName("caffe.NetParameter")
    )()
    for name, blobs in layers.items():
        layer = net.layer.add(name=name)
        for n, x in enumerate(blobs):
            written = layer.blobs.add()
            written.shape.dim.extend(x.shape)
            # Caffe also writes networks of doubles.
            numbers = written.double_data if n else written.data
            numbers.extend(x.ravel().tolist())
    path = tmp_path / "net.caffemodel"
    path.write_bytes(net.SerializeToString())
    found = caffe_model.read(path)
    for name, blobs in layers.items():
        for x, wanted in zip(found[name], blobs, strict=True):
            np.testing.assert_array_equal(x, wanted, strict=True)


def test_numbers_in_several_runs_are_joined(tmp_path):
    runs = field(5, np.float32([1, 2]).tobytes()) + field(5, np.float32([3]).tobytes())
    layer = field(1, "a") + field(7, runs + field(7, field(1, varint(3))))
    found = caffe_model.read(_write(tmp_path / "net.caffemodel", layer))
    np.testing.assert_array_equal(found["a"][0], [1, 2, 3])


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            field(1, "a") + field(7, field(5, bytes(8)) + field(7, field(1, b"\x03"))),
            r"shape \(3,\) has 2 numbers",
        ),
        (field(1, "a") + field(7, field(5, bytes(7))), "7 bytes are no numbers of 4"),
        (
            field(1, "a") + field(7, field(7, field(1, b"\x01" * 40))),
            "more than 32 axes",
        ),
        (field(1, "a") + b"\x0b", "a field 1 of the unknown kind 3"),
        (b"\x02\x00", "a field 0 of the unknown kind 2"),
        (b"\x0a\xff\xff\xff\xff\x0f", "ends within a field"),
        (b"\x08" + b"\xff" * 12, "a number that is too long"),
        (b"\x08\xff", "ends within a number"),
        (field(1, "a"), "it has no layers"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path, layer, message):
    path = _write(tmp_path / "net.caffemodel", layer)
    with pytest.raises(
        ValueError, match=rf"net\.caffemodel cannot .*{message}"
    ) as raised:
        caffe_model.read(path)
    assert "\n" not in str(raised.value)


def test_two_layers_of_one_name_are_refused(tmp_path):
    layer = field(1, "a") + field(7, blob(np.ones(2)))
    with pytest.raises(ValueError, match="two of its layers are named a"):
        caffe_model.read(_write(tmp_path / "net.caffemodel", layer, layer))


def test_a_file_of_too_many_or_too_large_fields_is_refused(tmp_path, monkeypatch):
    path = _write(tmp_path / "net.caffemodel", field(10, 1) * 100)
    monkeypatch.setattr(caffe_model, "MOST_FIELDS", 50)
    with pytest.raises(ValueError, match="more than 50 fields"):
        caffe_model.read(path)
    monkeypatch.setattr(caffe_model, "LARGEST", 100)
    with pytest.raises(ValueError, match=r"it has \d+ bytes; wanted 100 or less"):
        caffe_model.read(path)


def test_random_damage_is_refused_or_read_but_never_crashes(tmp_path, layers):
    path = tmp_path / "net.caffemodel"
    authors_graphs.write_caffe(path, layers)
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    errors = []
    for _ in range(300):
        damaged = bytearray(whole)
        # Headers are at the start.
        damaged[random.integers(80)] = random.integers(256)
        path.write_bytes(damaged[: random.integers(len(whole) + 1)])
        try:
            caffe_model.read(path)
        except ValueError as error:
            errors.append(str(error))
    assert len(errors) > 150
    assert not any("\n" in error for error in errors)
