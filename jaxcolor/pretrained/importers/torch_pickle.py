"""Reads published weights from files, as arrays by name, without PyTorch.

A `.pth` file is a pickle, and unpickling may run what the file says. This reader knows
tensors and dictionaries of them only, and refuses everything else.
"""

import collections
import functools
import io
import math
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy

# First bytes of a zip archive, whose list of files stands at its end.
ZIP_START = b"PK\x03\x04"

# Marks the format of PyTorch before version 1.6; torchvision's VGG-16 has it.
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C

SUFFIXES = (".safetensors", ".npz", ".pth", ".pt")
"""Suffixes of the files that can be read."""

# Bytes of all arrays of a file: twice the largest published weights that are read here,
# those of VGG-16. A compressed file could hold a thousand times its size.
LARGEST = 2**30
# Bytes of the pickle that describes them; a thousand tensors take 0.2 MB.
LARGEST_PICKLE = 2**22

STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}


class _Storage(NamedTuple):
    """A run of numbers that tensors share; they stand elsewhere in the file."""

    key: str
    dtype: np.dtype
    length: int


class _Tensor(NamedTuple):
    """A view of a storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read(path: str | Path) -> dict[str, np.ndarray]:
    """Reads arrays by name.

    Args:
        path: of a file of PyTorch (.pth, .pt: a dictionary of tensors, such as
            `torch.save(model.state_dict(), path)` writes), .safetensors or .npz.

    Raises:
        ValueError: there is no such file, or it is none of them, or damaged.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{path} is not named as one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise ValueError(f"there are no weights at {path}")
    readers: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
        ".safetensors": safetensors.numpy.load_file,
        ".npz": _read_npz,
    }
    return _read(path, readers.get(suffix, _read_torch))


def read_state(path: str | Path) -> dict[str, np.ndarray]:
    """Reads the tensors of a file of PyTorch, whatever it is called.

    Args:
        path: of a dictionary of tensors, in the format of today or of before 1.6.

    Raises:
        ValueError: it is no such file, or damaged.
    """
    return _read(Path(path), _read_torch)


def _read(
    path: Path, reader: Callable[[Path], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    try:
        return reader(path)
    # A damaged pickle may lead anywhere.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path} cannot be read: {reason}") from error


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            _refuse_large(sum(info.file_size for info in archive.infolist()))
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    if zipfile.is_zipfile(path):
        return _read_zip(path)
    with path.open("rb") as file:
        if file.read(len(ZIP_START)) == ZIP_START:
            raise ValueError(
                f"it is a zip archive without its end, of {path.stat().st_size:,}"
                " bytes; wanted the whole file"
            )
        file.seek(0)
        return _read_legacy(file)


def _read_zip(path: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        (pickled,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = pickled.removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist():
            order = _inflated(archive, f"{folder}byteorder", largest=100)
            if order != b"little":
                raise ValueError(f"its numbers are {order.decode()}-endian")
        pickle_content = _inflated(archive, pickled, largest=LARGEST_PICKLE)
        found = _Unpickler(io.BytesIO(pickle_content)).load()

        # Tensors of one storage mostly follow each other.
        @functools.lru_cache(maxsize=1)
        def content(storage: _Storage) -> bytes:
            size = storage.length * storage.dtype.itemsize
            _refuse_large(size)
            return _inflated(archive, f"{folder}data/{storage.key}", largest=size)

        return _arrays(found, content)


def _inflated(archive: zipfile.ZipFile, name: str, *, largest: int) -> bytes:
    size = archive.getinfo(name).file_size
    if size > largest:
        raise ValueError(f"{name} has {size:,} bytes; wanted {largest:,} or less")
    with archive.open(name) as file:
        # Unlike `archive.read`, it inflates no more than this.
        return file.read(size)


def _refuse_large(size: int) -> None:
    if size > LARGEST:
        raise ValueError(f"its arrays take {size:,} bytes; wanted {LARGEST:,} or less")


def _read_legacy(file: io.BufferedIOBase) -> dict[str, np.ndarray]:
    magic, _version, system = (_Unpickler(file).load() for _ in range(3))
    if magic != LEGACY_MAGIC:
        raise ValueError("it is no file of PyTorch")
    if not system["little_endian"]:
        raise ValueError("its numbers are big-endian")
    unpickler = _Unpickler(file)
    found = unpickler.load()
    raw = {}
    for key in _Unpickler(file).load():
        storage = unpickler.storages[key]
        count = int.from_bytes(file.read(8), "little")
        if count != storage.length:
            raise ValueError(f"it has {count} numbers in place of {storage.length}")
        _refuse_large(count * storage.dtype.itemsize)
        raw[key] = file.read(count * storage.dtype.itemsize)
    return _arrays(found, lambda each: raw[each.key])


class _Unpickler(pickle.Unpickler):
    """Knows dictionaries of tensors, and the names of storages."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        known: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
        }
        if module == "torch" and name in STORAGES:
            return np.dtype(STORAGES[name])
        if (module, name) not in known:
            raise ValueError(f"it holds a {module}.{name}; wanted tensors only")
        return known[module, name]

    def persistent_load(self, reference: Any) -> _Storage:
        kind, dtype, key, _device, count, *view = reference
        if kind != "storage" or any(view):
            raise ValueError(f"it holds a {kind} that is no whole storage")
        storage = _Storage(str(key), dtype, int(count))
        self.storages[storage.key] = storage
        return storage


def _rebuild_tensor(
    storage: _Storage,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    *_: object,
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


def _arrays(found: Any, content: Callable[[_Storage], bytes]) -> dict[str, np.ndarray]:
    if not isinstance(found, dict):
        raise ValueError(f"it holds a {type(found).__name__}; wanted a dictionary")
    tensors = {name: x for name, x in found.items() if isinstance(x, _Tensor)}
    if not tensors:
        raise ValueError("it holds no tensors; wanted a state_dict, not a checkpoint")
    # A view may repeat the numbers of its storage.
    _refuse_large(
        sum(math.prod(x.shape) * x.storage.dtype.itemsize for x in tensors.values())
    )
    return {str(name): _array(tensor, content) for name, tensor in tensors.items()}


def _array(tensor: _Tensor, content: Callable[[_Storage], bytes]) -> np.ndarray:
    storage, offset, shape, strides = tensor
    whole = np.frombuffer(content(storage), storage.dtype)
    steps = ((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    last = offset + sum(steps)
    # Strides that lead outside of it would read other memory.
    is_inside = min((offset, *shape, *strides)) >= 0 and last < len(whole)
    if math.prod(shape) and not is_inside:
        raise ValueError(f"a tensor of shape {shape} lies beyond its numbers")
    view = np.lib.stride_tricks.as_strided(
        whole[offset:], shape, [stride * whole.itemsize for stride in strides]
    )
    return view.copy()
