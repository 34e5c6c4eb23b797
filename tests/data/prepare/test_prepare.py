import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxcolor.data import imagenet, sources
from jaxcolor.data.prepare import archives, prepare
from jaxcolor.data.prepare.recode import Recipe

KEEP = Recipe("keep", 256, 95)


def jpeg(color, *, size=(24, 16), kind="JPEG") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, color).save(content, kind)
    return content.getvalue()


def run(source, data_dir, **changes) -> prepare.Outcome:
    arguments = {
        "name": "tiny",
        "recipe": KEEP,
        "division": prepare.Division("hash", 0.25, 0.25),
        "shard_photos": 4,
        "part": prepare.Part(0, 1),
        "workers": 1,
        "is_quiet": True,
    }
    return prepare.prepare(Path(source), Path(data_dir), **(arguments | changes))


def tree(folder) -> dict[str, bytes]:
    """All files, hidden ones too."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def records(folder, split) -> dict[str, dict]:
    """What TensorFlow Datasets reads, by its file name."""
    import tensorflow_datasets as tfds

    as_encoded = {"image": tfds.decode.SkipDecoding()}
    builder = tfds.builder_from_directory(folder)
    read = list(builder.as_data_source(split, decoders=as_encoded))
    assert len(read) == builder.info.splits[split].num_examples
    return {record["file_name"].decode(): record for record in read}


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    """A folder of two classes, 12 photographs each."""
    root = tmp_path_factory.mktemp("classes")
    for number in range(24):
        folder = root / ["sea", "sky"][number % 2]
        folder.mkdir(exist_ok=True)
        (folder / f"{number:02}.jpg").write_bytes(jpeg((9 * number, 80, 200)))
    return root


@pytest.fixture(scope="module")
def whole(classes, tmp_path_factory):
    """The data set of it, written at once."""
    data_dir = tmp_path_factory.mktemp("whole")
    run(classes, data_dir)
    return data_dir


def test_tfds_reads_the_bytes_of_the_files_with_their_labels(classes, whole):
    found = {}
    for split in ("train", "validation", "test"):
        for name, record in records(whole / "tiny" / "1.0.0", split).items():
            found[f"{['sea', 'sky'][record['label']]}/{name}"] = record["image"]
    assert found == tree(classes)


def test_our_sources_read_it_under_the_names_of_the_folder(classes, whole):
    found = {}
    for spec in (
        "tfds:tiny:train",
        f"tfds:{whole}/tiny/1.0.0:test",
        "tfds:tiny:validation",
    ):
        source = sources.by_class(sources.open_source(spec, data_dir=whole))
        found |= {source[i].name: source[i].image for i in range(len(source))}
    folder = sources.folder(classes)
    assert found == {folder[i].name: folder[i].image for i in range(len(folder))}


def test_names_that_are_not_utf_8_stay_as_they_are(tmp_path):
    root = tmp_path / "odd"
    (root / "sea").mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(root / "sea") + b"/caf\xe9.jpg")).write_bytes(
        jpeg("teal", kind="PNG")
    )
    outcome = run(root, tmp_path, division=prepare.Division("hash", 0.0, 0.0))
    source = sources.by_class(sources.open_source(f"tfds:{outcome.folder}"))
    assert (
        list(source.names) == list(sources.folder(root).names) == ["sea/caf\udce9.jpg"]
    )
    report = json.loads((outcome.folder / "report.json").read_text())["splits"]["train"]
    assert report["converted"] == {"sea/caf\udce9.jpg": "PNG RGB"}


def test_a_run_that_was_stopped_resumes_to_the_same_bytes(
    classes, whole, tmp_path, monkeypatch
):
    read, seen = archives.read, []

    def stopped(member):
        seen.append(member.name)
        if len(seen) == 11:
            raise KeyboardInterrupt
        return read(member)

    with monkeypatch.context() as patched:
        patched.setattr(archives, "read", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(classes, tmp_path)
    folder = tmp_path / "tiny" / "1.0.0"
    assert not (folder / "dataset_info.json").exists()
    assert not list(folder.rglob(".jaxcolor-*"))
    # Left by a process that was killed.
    (folder / ".jaxcolor-1.partial").write_text("half a shard")
    (folder / "shards" / ".jaxcolor-2.partial").write_text("{")
    (folder / ".jaxcolor-3.partial").mkdir()
    again = []
    monkeypatch.setattr(archives, "read", lambda m: (again.append(m.name), read(m))[1])
    run(classes, tmp_path)
    assert tree(tmp_path) == tree(whole)
    # Two shards of four were finished.
    assert sorted(again) == sorted({*tree(classes)} - {*seen[:8]})


def test_machines_that_share_the_work_write_the_same_bytes(classes, whole, tmp_path):
    first = run(classes, tmp_path, part=prepare.Part(1, 2))
    assert 0 < first.missing < first.shards
    assert not (tmp_path / "tiny/1.0.0/dataset_info.json").exists()
    assert run(classes, tmp_path, part=prepare.Part(0, 2)).missing == 0
    assert tree(tmp_path) == tree(whole)
    # Who comes later changes nothing.
    run(classes, tmp_path, part=prepare.Part(1, 2))
    assert tree(tmp_path) == tree(whole)


@pytest.mark.slow
def test_a_killed_run_of_several_processes_resumes_to_the_same_bytes(
    classes, whole, tmp_path
):
    command = [sys.executable, "-m", "jaxcolor", "prepare", classes, "-o", tmp_path]
    command += ["--name", "tiny", "--shard-photos", "4", "--workers", "2"]
    command += ["--validation", "0.25", "--test", "0.25", "--splits", "hash"]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    folder = tmp_path / "tiny" / "1.0.0"
    deadline = time.monotonic() + 60
    while not list(folder.glob("tiny-*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert tree(tmp_path) == tree(whole)


@pytest.mark.slow
def test_a_worker_ends_with_the_process_that_was_killed():
    import psutil

    # Its main module is what workers import.
    code = (
        "import multiprocessing, time\n"
        "from concurrent import futures\n"
        "from jaxcolor.data.prepare import prepare\n"
        "pool = futures.ProcessPoolExecutor(\n"
        "    1, multiprocessing.get_context('spawn'),"
        "    initializer=prepare._become_worker)\n"
        "pool.submit(int, 1).result()\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout.readline() == b"ready\n"
    workers = psutil.Process(parent.pid).children(recursive=True)
    assert workers
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs(workers, timeout=20)
    for process in alive:
        process.kill()
    assert not alive


def test_broken_gray_and_odd_photographs_are_counted_and_reported(
    photographs, tmp_path
):
    root = tmp_path / "odd"
    root.mkdir()
    photo = Image.fromarray(photographs["coffee"]).reduce(4)
    photo.save(root / "good.jpg")
    photo.convert("L").save(root / "gray.jpg")
    photo.convert("CMYK").save(root / "inks.JPEG", "JPEG", quality=98)
    photo.save(root / "mislabeled.JPEG", "PNG")
    content = (root / "good.jpg").read_bytes()
    (root / "cut.jpg").write_bytes(content[: len(content) // 2])
    (root / "empty.jpg").touch()
    outcome = run(root, tmp_path, division=prepare.Division("hash", 0.0, 0.0))
    report = json.loads((outcome.folder / "report.json").read_text())["splits"]["train"]
    assert report["gray"] == ["gray.jpg"]
    assert report["converted"] == {
        "inks.JPEG": "JPEG CMYK",
        "mislabeled.JPEG": "PNG RGB",
    }
    assert sorted(report["broken"]) == ["cut.jpg", "empty.jpg"]
    assert "truncated" in report["broken"]["cut.jpg"]
    assert (outcome.broken, outcome.gray, outcome.converted) == (2, 1, 2)
    assert report["photographs"] == outcome.photographs["train"] == 4
    found = records(outcome.folder, "train")
    assert sorted(found) == ["good.jpg", "gray.jpg", "inks.JPEG", "mislabeled.JPEG"]
    assert found["good.jpg"]["image"] == content
    for name in ("inks.JPEG", "mislabeled.JPEG"):
        stored = Image.open(io.BytesIO(found[name]["image"]))
        assert (stored.format, stored.mode, stored.size) == ("JPEG", "RGB", photo.size)
        # JPEGs of quality 95 and 98, one after the other; inverted inks would be off
        # by about 100.
        error = np.abs(np.asarray(stored, float) - np.asarray(photo, float))
        assert error.mean() < 3


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


@pytest.fixture
def imagenet_tars(tmp_path):
    """Two classes of three images, and eight of validation; their bytes by name."""
    root, content = tmp_path / "imagenet", {}
    root.mkdir()
    with tarfile.open(root / "ILSVRC2012_img_train.tar", "w") as outer:
        for wnid in ("n01751748", "n01440764"):
            inner = io.BytesIO()
            with tarfile.open(fileobj=inner, mode="w") as tar:
                for number in (7, 30, 4):
                    name = f"{wnid}_{number}.JPEG"
                    content[f"{wnid}/{name}"] = jpeg((number, int(wnid[-3:]) % 256, 9))
                    add(tar, name, content[f"{wnid}/{name}"])
            add(outer, f"{wnid}.tar", inner.getvalue())
    with tarfile.open(root / "ILSVRC2012_img_val.tar", "w") as tar:
        for number in (5, 3, 8, 1, 2, 7, 6, 4):
            name = f"ILSVRC2012_val_{number:08}.JPEG"
            content[name] = jpeg((200, number, 30))
            add(tar, name, content[name])
    return root, content


def test_tars_of_imagenet_have_the_papers_splits(
    imagenet_tars, tmp_path, monkeypatch, caplog
):
    import tensorflow_datasets as tfds

    parts = {imagenet.VALIDATION: np.array([1, 2, 3]), imagenet.TEST: np.array([5, 8])}
    monkeypatch.setattr(imagenet, "numbers", parts.get)
    root, content = imagenet_tars
    undivided = prepare.Division(None, None, None)
    outcome = run(root, tmp_path, division=undivided)
    assert outcome.photographs == {"train": 6, "validation": 3, "test": 2}
    assert outcome.left_out == 3
    assert not caplog.records
    found = records(outcome.folder, "train")
    names = tfds.builder_from_directory(outcome.folder).info.features["label"].names
    assert names == list(imagenet.wnids())
    assert {f"{names[r['label']]}/{name}": r["image"] for name, r in found.items()} == {
        name: image for name, image in content.items() if "/" in name
    }
    found = records(outcome.folder, "test")
    assert {name: record["image"] for name, record in found.items()} == {
        name: content[name]
        for name in ("ILSVRC2012_val_00000005.JPEG", "ILSVRC2012_val_00000008.JPEG")
    }
    found = records(outcome.folder, "validation")
    # Sea snake, alp, Shetland sheepdog: the first lines of the script valprep.sh, by
    # which PyTorch's users sort these images.
    assert [names[r["label"]] for _, r in sorted(found.items())] == [
        "n01751748",
        "n09193705",
        "n02105855",
    ]
    # The paper's part of it is found again by the names.
    source = sources.open_source("imagenet-test:tfds:tiny:test", data_dir=tmp_path)
    assert len(source) == 2


def test_photographs_of_imagenet_that_are_missing_are_reported(
    imagenet_tars, tmp_path, caplog
):
    root, _ = imagenet_tars
    with pytest.raises(ValueError, match=r"wanted none.*--splits hash"):
        run(root, tmp_path, division=prepare.Division(None, 0.1, None))
    run(root, tmp_path, division=prepare.Division(None, None, None))
    assert "8 of the paper's 10000 photographs for validation" in caplog.text
    assert "0 of the paper's 10000 photographs for test" in caplog.text


def test_other_options_or_photographs_are_refused(classes, tmp_path):
    root = tmp_path / "photos"
    for name, content in tree(classes).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    half = {"part": prepare.Part(0, 2), "division": prepare.Division("hash", 0.0, 0.0)}
    run(root, tmp_path, **half)
    before = tree(tmp_path / "tiny")
    with pytest.raises(ValueError, match=r"begun with other.*quality 95, now 90"):
        run(root, tmp_path, **half, recipe=Recipe("keep", 256, 90))
    with pytest.raises(ValueError, match=r"shard_photos 4, now 5"):
        run(root, tmp_path, **half, shard_photos=5)
    # As many of the same names, one of them in another class.
    (root / "sea" / "00.jpg").rename(root / "sky" / "00.jpg")
    with pytest.raises(ValueError, match=r"options: listing '\w+', now '\w+'; use"):
        run(root, tmp_path, **half)
    assert tree(tmp_path / "tiny") == before


def test_a_data_set_of_another_program_stays_as_it_is(classes, tmp_path):
    folder = tmp_path / "tiny" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text("{}")
    with pytest.raises(ValueError, match="holds a data set of another program"):
        run(classes, tmp_path)
    assert tree(tmp_path) == {"tiny/1.0.0/dataset_info.json": b"{}"}


def test_broken_photographs_may_fill_a_shard_but_not_a_split(classes, tmp_path):
    for name in "abcdefgh":
        (tmp_path / "some").mkdir(exist_ok=True)
        (tmp_path / "some" / f"{name}.jpg").write_bytes(
            b"" if name < "e" else jpeg("teal")
        )
    alone = prepare.Division("hash", 0.0, 0.0)
    outcome = run(tmp_path / "some", tmp_path, division=alone)
    assert sorted(records(outcome.folder, "train")) == [f"{x}.jpg" for x in "efgh"]
    for name in "efgh":
        (tmp_path / "some" / f"{name}.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"all 8 photographs for train are broken: a"):
        run(tmp_path / "some", tmp_path, division=alone, name="none")
    assert not (tmp_path / "none/1.0.0/dataset_info.json").exists()
