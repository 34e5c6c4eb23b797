import base64
import collections
import os
import pickle
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
import safetensors.numpy

from jaxcolor.pretrained.importers import torch_pickle
from tests.pretrained.importers import authors_graphs

# Written by PyTorch 2.13, in its formats of today and of before 1.6, then compressed,
# for tests where there is none. With x the 3 x 4 float32 numbers 0, 1 ... they hold an
# OrderedDict of "weight", x.T; "bias", x[1, 1:]; and "count", an int64 of 7.
ZIPPED = """
eNqdVN9P01AUvv2xrhQU0IkDE+PjSGS0Y5v0AZHG9KUmjhGThpdaurI2lpXb3oGakJAoJP4DPhr/Ax/1yfgv4IMv
+mDig/HJf8F72zLbjoHxZmfNuvN95+s532lLY1gAeB4MHQGUgbnYMZFZ3X3iqUoJbJ5xDmnL8j3PtpDr90LhYdCx
A7tz37WQAMF8G1IVncNk+7bbdRCkLeQHllM1+sj1QsEI7K2+63UMZPdCPzD2agJkKhW9iBEhzjS7NmRjiKB6vok2
4psCLOgUzhEhpzP4au32YVGbQJBf14DGaswxHNMojT2GwiuHqBhHcKINL+n4UcGWa4bwsoPrOKxTcDgnQk6uawWN
OYJTGnUEp2PUFQSvtmFJL5ASfr+H4LUYlkh64Pe6A0UzkSIJXsd8FIJlrGR+PuaZRXCuDW/0qy2tyE+ufXy3gFNJ
tEY2fxqUcPOr236wYyJjzw5C3F5VmRqagUQ43//+9oJUJzGaswRWCGfSWMP03G5vx+4hVZHPHO0/nWadCFjdh79o
XII+V8A4KGABW8+Q7RObqAoFNj0XIc8mHEcrP2aJVbhzOXjAJq5cFFXl9O7hKv66hz84DnG8xfEJx3ccYA2AKRy3
cIhrpNLTg+27IrHPBZXmTitJqjIzokXFJJvw7n756fMR8jzeMSzIXByMdOX/e0/OkkAqn7zpPrq4/2WwTAwQPVJo
By52wHOT7K3hdlSl/l9CxEZTksTlRm2pKcnNO2KjJtelmtyQG8262FiSa+Sf5bpMVH54+bhTwToqkUqKjrqc6Eyv
hTCk/O97KI9LW386gzmgwPAK5eFp45Yy8JMYPrQteYa0bcczDG0apO2eB6ZdmB3WaxoMPJ5HpT2WGzEzQEl5VNof
YxmQHqFGdCc9sHIG9jmCnW2llsZxt5O8m8xCaqGy169U0gj2dIW4aJs2uPh3/DYrcDGGj/Lj3D/900zZ
"""
LEGACY = """
eNptUU1PGzEQ9X4kATfQQKEtbQ8cN5coCSEoJ0CquLhASS++VKuwsbKuVuvM7iwIpEi5BJX+hh448jP4KVz7Eyr1
0Nksoj3E8rPl8cx7z+Op/YNHf34e/d7+dv95qzG1j385tE6AebLGGBsnBk1gIv9CJak2MViUIFfoJtKIkfJVPNSD
GOzvklMQr8bKT/W1SsGZgOvJEgXT0CQIJWFLh046RigLV7o5h4lHUBFulpFmQDKRCpBUUn6aDFWihh91gBxYvQ+W
J8tUcan0KESwAzRJEDb8DHWUcj9R55mOhj6qODWJf9Hm4HierOTqlDkYKXCLEn4UmQF+KYIcSnKVcnqdbrO9u9Pq
tfbazSaU50aDcUbeqicIS2eCCVc4N7AsLOHeAL8Nc08vEKp9WJk/5VwPUlgNSTV0w4WsL8OCrXYmSsKZwZqwZrBe
ML1C2OjD5rxdgcmoRa8LqifTn6hRz57f/GPvdHZ7rW6n1YW3xG4R+xZ5rdcL1ncI7/vwIW/u1/xDF5RZi5zaqmGx
YlSe9ir7f0z3aTmgSZgS7ggPhEcCO2SsRtgmNA//AkzYl7Y=
"""


@pytest.fixture(params=[ZIPPED, LEGACY], ids=["zipped", "legacy"])
def content(request) -> bytes:
    return zlib.decompress(base64.b64decode(request.param.replace("\n", "")))


@pytest.fixture
def path(tmp_path, content):
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    return path


def test_views_of_one_storage_are_read(path):
    found = torch_pickle.read(path)
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert list(found) == ["weight", "bias", "count"]
    for name, expected in (("weight", x.T), ("bias", x[1, 1:]), ("count", 7)):
        np.testing.assert_array_equal(found[name], expected, strict=name != "count")
    assert found["count"].dtype == np.int64


@pytest.mark.parametrize("is_zipped", [True, False])
@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "int64", "int32", "uint8", "bool"]
)
def test_what_pytorch_writes_is_read(tmp_path, is_zipped, dtype):
    torch = pytest.importorskip("torch")
    layer = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 5), torch.nn.BatchNorm2d(3))
    state = layer.state_dict() | {"empty": torch.zeros(0, 3)}
    state = {name: x.to(getattr(torch, dtype)) for name, x in state.items()}
    state["parameter"] = torch.nn.Parameter(torch.ones(2))
    path = tmp_path / "model.pt"
    torch.save(state, path, _use_new_zipfile_serialization=is_zipped)
    found = torch_pickle.read(path)
    assert set(found) == set(state)
    for name, x in state.items():
        np.testing.assert_array_equal(found[name], x.detach().numpy(), strict=True)


def test_other_formats_give_the_same(tmp_path):
    arrays = {"a": np.arange(6.0, dtype=np.float32).reshape(2, 3), "b": np.ones(2)}
    safetensors.numpy.save_file(arrays, tmp_path / "model.safetensors")
    np.savez(tmp_path / "model.npz", **arrays)
    for name in ("model.safetensors", "model.npz"):
        found = torch_pickle.read(tmp_path / name)
        assert set(found) == {"a", "b"}
        for key, x in arrays.items():
            np.testing.assert_array_equal(found[key], x, strict=True)


class _Harmful:
    def __reduce__(self):
        return os.mkdir, ("harm",)


@pytest.mark.parametrize("is_zipped", [True, False])
def test_a_pickle_that_runs_something_is_refused(tmp_path, monkeypatch, is_zipped):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pth"
    if is_zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("model/data.pkl", pickle.dumps({"a": _Harmful()}))
    else:
        parts = (torch_pickle.LEGACY_MAGIC, 1001, {"little_endian": True})
        whole = (*parts, {"a": _Harmful()}, [])
        path.write_bytes(b"".join(pickle.dumps(part, protocol=2) for part in whole))
    with pytest.raises(ValueError, match=r"model\.pth .*mkdir; wanted tensors only"):
        torch_pickle.read(path)
    assert not (tmp_path / "harm").exists()


def test_a_tensor_beyond_its_numbers_is_refused():
    storage = torch_pickle._Storage("0", np.dtype("<f4"), 4)
    for offset, shape, strides in (
        (0, (5,), (1,)),
        (1, (2, 2), (2, 1)),
        (-1, (2,), (1,)),
        (3, (2,), (-1,)),
    ):
        tensor = torch_pickle._Tensor(storage, offset, shape, strides)
        with pytest.raises(ValueError, match="lies beyond its numbers"):
            torch_pickle._array(tensor, lambda _: bytes(16))


def _bomb(path, name, size):
    """Writes an archive in which a small file stands for many zeros."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(name, "w", force_zip64=True) as file,
    ):
        for _ in range(size // 2**20):
            file.write(bytes(2**20))


@pytest.mark.parametrize("name", ["model.pth", "model.npz"])
def test_a_file_that_inflates_to_too_much_is_refused_unread(
    tmp_path, monkeypatch, name
):
    inside = "model/data.pkl" if name.endswith("pth") else "a.npy"
    # Instead of a gigabyte.
    monkeypatch.setattr(torch_pickle, "LARGEST", 2**25)
    _bomb(tmp_path / name, inside, 2**26)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"bytes; wanted [\d,]+ or less"):
        torch_pickle.read(tmp_path / name)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**24


def test_a_tensor_that_repeats_its_numbers_to_terabytes_is_refused():
    storage = torch_pickle._Storage("0", np.dtype("<f4"), 1)
    tensor = torch_pickle._Tensor(storage, 0, (2**20, 2**20), (0, 0))
    with pytest.raises(ValueError, match="its arrays take 4,398,046,511,104 bytes"):
        torch_pickle._arrays({"a": tensor}, lambda _: bytes(4))


def test_a_cut_file_is_one_line(path, content):
    for kept in (0, 10, len(content) // 2, len(content) - 4):
        path.write_bytes(content[:kept])
        with pytest.raises(ValueError, match=r"model\.pth cannot be read: .") as raised:
            torch_pickle.read(path)
        assert "\n" not in str(raised.value)


def test_an_interrupted_download_is_named_as_such(tmp_path):
    path = tmp_path / "model.pth"
    authors_graphs.write_torch(path, {"a": np.ones(1000, np.float32)})
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"without its end, of 2,000 bytes; wanted"):
        torch_pickle.read(path)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([1, 2], "it holds a list; wanted a dictionary"),
        (collections.OrderedDict(epoch=3), "it holds no tensors"),
    ],
)
def test_other_than_a_dictionary_of_tensors_is_refused(tmp_path, found, message):
    path = tmp_path / "model.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps(found))
    with pytest.raises(ValueError, match=message):
        torch_pickle.read(path)


def test_a_wrong_name_is_reported(tmp_path):
    with pytest.raises(ValueError, match=r"no weights at .*nowhere\.pth"):
        torch_pickle.read(tmp_path / "nowhere.pth")
    with pytest.raises(ValueError, match=r"model\.h5 is not named as one of \.safe"):
        torch_pickle.read(tmp_path / "model.h5")
