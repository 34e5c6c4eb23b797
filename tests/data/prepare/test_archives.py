import io
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from jaxcolor.data.prepare import archives


def content_of(number: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (8, 8 + number)).save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "photos"
    names = ["b/z.jpg", "b/deep/er.PNG", "a.jpeg", "c/é ü.jpg", ".hidden/x.jpg"]
    for number, name in enumerate([*names, "readme.txt"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content_of(number))
    return root


def listed(source: Path) -> dict[str, bytes]:
    return {member.name: archives.read(member) for member in archives.listing(source)}


def test_a_folder_and_a_tar_of_it_list_the_same(folder, tmp_path):
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        tar.add(folder, ".")
    expected = {
        name: (folder / name).read_bytes()
        for name in ("a.jpeg", "b/deep/er.PNG", "b/z.jpg", "c/é ü.jpg")
    }
    assert listed(folder) == listed(tmp_path / "photos.tar") == expected
    assert list(listed(tmp_path / "photos.tar")) == sorted(expected)


def test_tars_in_tars_and_in_folders_are_folders(folder, tmp_path):
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as tar:
        tar.add(folder / "b", ".")
    root = tmp_path / "tars"
    (root / "train").mkdir(parents=True)
    (root / "train" / "sea.tar").write_bytes(inner.getvalue())
    with tarfile.open(root / "val.tar", "w") as outer:
        for name in ("sky.tar", "wood.tar"):
            info = tarfile.TarInfo(name)
            info.size = len(inner.getvalue())
            outer.addfile(info, io.BytesIO(inner.getvalue()))
    folders = ("train/sea", "val/sky", "val/wood")
    assert listed(root) == {
        f"{of}/{name}": (folder / "b" / name).read_bytes()
        for of in folders
        for name in ("deep/er.PNG", "z.jpg")
    }


REFUSED = r"photos\.tar is not a tar, or is broken or compressed"


def test_a_compressed_tar_is_refused(folder, tmp_path):
    with tarfile.open(tmp_path / "photos.tar", "w:gz") as tar:
        tar.add(folder, ".")
    with pytest.raises(ValueError, match=REFUSED):
        archives.listing(tmp_path / "photos.tar")


def test_a_tar_that_is_cut_or_broken_anywhere_is_refused(folder, tmp_path):
    path = tmp_path / "photos.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(folder / "b", ".")
        end = tar.offset
    whole = path.read_bytes()
    assert len(listed(path)) == 2
    for cut in range(1, end, 200):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=REFUSED):
            archives.listing(path)
    header = whole.index(b"./z.jpg")
    path.write_bytes(whole[:header] + b"broken" + whole[header + 6 :])
    with pytest.raises(ValueError, match=REFUSED):
        archives.listing(path)


def test_a_tar_without_an_end_does_not_take_in_what_follows(folder, tmp_path):
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as tar:
        tar.add(folder / "b", ".")
        end = tar.offset
    with tarfile.open(tmp_path / "two.tar", "w") as outer:
        for name, length in (("sea.tar", end), ("sky.tar", None)):
            info = tarfile.TarInfo(name)
            info.size = len(inner.getvalue()[:length])
            outer.addfile(info, io.BytesIO(inner.getvalue()[:length]))
    with pytest.raises(
        ValueError, match=r"broken or compressed: it ends within sky\.tar"
    ):
        archives.listing(tmp_path / "two.tar")


def test_two_photographs_of_one_name_are_refused(folder, tmp_path):
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        tar.add(folder / "a.jpeg", "a.jpeg")
        tar.add(folder / "b" / "z.jpg", "./a.jpeg")
    with pytest.raises(ValueError, match=r"a\.jpeg occurs twice in"):
        archives.listing(tmp_path / "photos.tar")


def test_a_tar_that_has_become_shorter_is_reported(folder, tmp_path):
    path = tmp_path / "photos.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(folder / "a.jpeg", "a.jpeg")
    (member,) = archives.listing(path)
    path.write_bytes(path.read_bytes()[: member.offset + 5])
    with pytest.raises(OSError, match=r"ends within a\.jpeg"):
        archives.read(member)
