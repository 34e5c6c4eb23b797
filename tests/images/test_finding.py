import os
from pathlib import Path

import pytest

from jaxcolor import images
from jaxcolor.images import finding


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def reasons(skipped) -> dict[str, str]:
    return dict(skipped)


def test_photographs_in_linked_folders_and_linked_files_are_found(tmp_path):
    touch(tmp_path / "elsewhere", "b.jpg", "c.png")
    touch(tmp_path / "album", "a.jpg")
    (tmp_path / "album" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "album" / "d.jpg").symlink_to(tmp_path / "elsewhere" / "b.jpg")
    found = images.find(tmp_path / "album")
    assert found.names == ("a.jpg", "d.jpg", "link/b.jpg", "link/c.png")
    assert not found.unreadable


def test_a_link_back_to_a_folder_above_is_not_followed(tmp_path):
    touch(tmp_path, "deep/a.jpg")
    (tmp_path / "deep" / "ring").symlink_to(tmp_path)
    assert images.find(tmp_path).names == ("deep/a.jpg",)


def test_links_that_lead_nowhere_or_to_themselves_are_named(tmp_path):
    touch(tmp_path, "a.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone.png").symlink_to("nothing.png")
    # A folder of a disk that is not mounted.
    (tmp_path / "disk").symlink_to("/nowhere/at/all")
    (tmp_path / "notes.txt").symlink_to("nothing.txt")
    found = images.find(tmp_path)
    assert found.names == ("a.jpg",)
    assert reasons(found.unreadable) == {
        "disk": "a link that leads nowhere",
        "gone.png": "a link that leads nowhere",
        "loop": "a link that leads to itself",
        "loop.jpg": "a link that leads to itself",
    }


def test_what_is_no_regular_file_is_named_and_not_opened(tmp_path):
    touch(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "b.jpg")
    (tmp_path / "c.jpg").symlink_to("/dev/null")
    found = images.find(tmp_path)
    assert found.names == ("a.jpg",)
    assert reasons(found.unreadable) == dict.fromkeys(
        ["b.jpg", "c.jpg"], "not a regular file"
    )


def test_a_fifo_is_refused_where_it_would_be_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    for read in (images.load, finding.read_file):
        with pytest.raises((ValueError, OSError), match="not a regular file"):
            read(tmp_path / "a.jpg")


def test_a_folder_that_cannot_be_opened_is_named_and_the_rest_is_found(
    tmp_path, monkeypatch
):
    touch(tmp_path, "a.jpg", "closed/b.jpg")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    # Not by chmod: root may open everything.
    monkeypatch.setattr(os, "scandir", refuse)
    found = images.find(tmp_path)
    assert found.names == ("a.jpg",)
    assert reasons(found.unreadable) == {
        "closed/": "no permission; change it with chmod"
    }
    with pytest.raises(ValueError, match="closed: Permission denied"):
        images.find(tmp_path / "closed")


def test_formats_that_are_not_read_are_named_with_a_remedy(tmp_path):
    touch(tmp_path, "a.jpg", "c.nef", "d.jxl", ".hidden.heic", "e.txt")
    found = images.find(tmp_path)
    assert found.names == ("a.jpg",)
    assert reasons(found.unsupported) == {
        "c.nef": "RAW; export as TIFF or JPEG",
        "d.jxl": "JPEG XL; export as PNG or JPEG",
    }


def test_a_message_counts_the_files_of_a_reason_and_names_the_first():
    skipped = [finding.Skipped(f"{i}.heic", "HEIC") for i in range(1200)]
    assert finding.messages(skipped, "album") == [
        "album: 1,200 not read (HEIC): 0.heic, 1.heic, 2.heic ..."
    ]
