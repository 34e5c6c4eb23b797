import io
import itertools
import json
import logging
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxcolor import images
from jaxcolor.data import imagenet, sources
from jaxcolor.data.prepare import archives
from jaxcolor.inference import folders


def write(path: Path, *, size: tuple[int, int] = (24, 16)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "teal").save(path)
    return path


@pytest.fixture
def mixed(tmp_path):
    """A folder of good, broken, hidden and other files."""
    root = tmp_path / "mixed"
    for name in ["b.jpg", "a/z.PNG", "a/deep/er.webp", "c.tiff", "d.gif", "e.bmp"]:
        write(root / name)
    whole = write(root / "a/cut.jpg", size=(400, 300)).read_bytes()
    (root / "a/cut.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "empty.png").touch()
    (root / "notes.jpeg").write_text("not an image")
    (root / "readme.txt").write_text("no image at all")
    write(root / ".hidden.jpg")
    write(root / ".thumbnails/b.jpg")
    return root


def test_a_folder_gives_every_image_sorted_by_path(mixed):
    found = sources.folder(mixed)
    expected = ["a/deep/er.webp", "a/z.PNG", "b.jpg", "c.tiff", "d.gif", "e.bmp"]
    assert list(found.names) == expected
    assert len(found) == len(expected)
    for index, name in enumerate(expected):
        assert found[index] == (name, (mixed / name).read_bytes())


def test_broken_files_are_listed_and_told_in_one_line(mixed, caplog):
    with caplog.at_level(logging.WARNING):
        found = sources.folder(mixed)
    reasons = dict(found.skipped)
    assert sorted(reasons) == ["a/cut.jpg", "empty.png", "notes.jpeg"]
    assert "truncated" in reasons["a/cut.jpg"]
    (record,) = caplog.records
    assert "3 of 9" in record.getMessage()
    assert "a/cut.jpg" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_nothing_is_told_where_nothing_is_broken(tmp_path, caplog):
    write(tmp_path / "a.jpg")
    with caplog.at_level(logging.WARNING):
        assert not sources.folder(tmp_path).skipped
    assert not caplog.records


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9])
def test_the_cheap_check_finds_a_jpeg_that_was_cut_anywhere(tmp_path, cut):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg", progressive=False)
    Image.fromarray(noise).save(tmp_path / "b.jpg", progressive=True)
    write(tmp_path / "good.jpg")
    for name in ["a.jpg", "b.jpg"]:
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: round(len(content) * cut)])
    assert sources.folder(tmp_path).names == ("good.jpg",)


def test_a_folder_of_broken_images_alone_is_refused(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(ValueError, match=r"1 of 1 images in .* are broken: a\.jpg"):
        sources.folder(tmp_path)


def test_a_folder_without_images_is_refused_by_its_path(tmp_path):
    (tmp_path / "readme.txt").touch()
    with pytest.raises(ValueError, match=f"no images in {tmp_path}; looked for .jpg"):
        sources.folder(tmp_path)
    with pytest.raises(ValueError, match="no folder"):
        sources.folder(tmp_path / "nowhere")


def test_links_are_followed_but_not_in_rings(tmp_path):
    write(tmp_path / "elsewhere/b.jpg")
    write(tmp_path / "root/a.jpg")
    (tmp_path / "root/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root/ring").symlink_to(tmp_path / "root")
    assert sources.folder(tmp_path / "root").names == ("a.jpg", "link/b.jpg")


def test_a_listing_opens_the_same_images_without_a_look_at_the_folder(mixed):
    first = sources.folder(mixed)
    names = json.loads(json.dumps(sources.listing(first)))
    write(mixed / "a/new.jpg")
    (mixed / "b.jpg").write_text("broken since")
    again = sources.folder(mixed, names=names)
    assert again.names == first.names
    assert not again.skipped
    assert again[0] == first[0]


def test_a_file_that_has_vanished_is_named(mixed):
    found = sources.folder(mixed)
    (mixed / "b.jpg").unlink()
    with pytest.raises(OSError, match=r"cannot read .*mixed/b\.jpg: No such file"):
        found[2]


def test_progress_sees_every_file(mixed):
    seen = []

    def progress(names):
        for name in names:
            yield name
            seen.append(name)

    sources.folder(mixed, progress=progress)
    assert len(seen) == 9


def test_a_list_keeps_its_order_and_is_relative_to_its_own_folder(tmp_path, caplog):
    for name in ["x/b.jpg", "x/a.jpg", "not listed.jpg"]:
        write(tmp_path / name)
    outside = write(tmp_path / "elsewhere" / "c d.png")
    lines = ["# photographs", "", "x/b.jpg", "  x/a.jpg  ", str(outside), "gone.jpg"]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    found = sources.list_file(tmp_path / "list.txt")
    assert found.names == ("x/b.jpg", "x/a.jpg", str(outside))
    assert found[2].image == outside.read_bytes()
    assert found.skipped == (("gone.jpg", "No such file or directory"),)
    assert "gone.jpg" in caplog.text


def test_a_list_of_nothing_is_refused(tmp_path):
    (tmp_path / "list.txt").write_text("# nothing\n\n")
    with pytest.raises(ValueError, match=r"no images in .*list\.txt"):
        sources.list_file(tmp_path / "list.txt")
    with pytest.raises(ValueError, match="no list of files"):
        sources.list_file(tmp_path / "other.txt")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The folder of a small data set of TensorFlow Datasets; its records, by name."""
    import tensorflow_datasets as tfds

    records = {}
    for split, index in itertools.product(["train", "test"], range(5)):
        content = io.BytesIO()
        Image.new("RGB", (20, 10 + index), "tan").save(content, "JPEG", quality=60)
        records[f"{split}{index}"] = content.getvalue()

    class TinyPhotographs(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")
        # It is in no package, whose files would be looked for.
        pkg_dir_path = Path(__file__).parent

        def _info(self):
            features = {
                "image": tfds.features.Image(encoding_format="jpeg"),
                "label": tfds.features.ClassLabel(names=["sea", "sky"]),
                "file_name": tfds.features.Text(),
            }
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features)
            )

        def _split_generators(self, dl_manager):
            return {name: self._generate_examples(name) for name in ["train", "test"]}

        def _generate_examples(self, split):
            for name, content in records.items():
                if name.startswith(split):
                    number = int(name[-1]) + 1
                    yield (
                        name,
                        {
                            "image": io.BytesIO(content),
                            "label": number % 2,
                            "file_name": f"ILSVRC2012_val_{number:08}.JPEG",
                        },
                    )

    root = tmp_path_factory.mktemp("tfds")
    TinyPhotographs(data_dir=root, file_format="array_record").download_and_prepare()
    return root, records


def test_tfds_gives_the_encoded_bytes_of_every_record(prepared):
    root, records = prepared
    source = sources.records("tiny_photographs", split="train", data_dir=root)
    assert len(source) == 5
    expected = {content for name, content in records.items() if "train" in name}
    assert {source[i].image for i in range(5)} == expected
    assert [source[i].name for i in range(5)] == list(source.names)
    assert source.names[3] == "tiny_photographs/1.0.0/train/00000003"


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        ("tfds:tiny_photographs", 5),
        ("tfds:tiny_photographs:test", 5),
        ("tfds:tiny_photographs:1.0.0", 5),
        ("tfds:tiny_photographs:1.0.0:test[:40%]", 2),
        ("tfds:{root}/tiny_photographs/1.0.0:train[1:4]", 3),
    ],
)
def test_a_spec_names_data_set_version_and_split(prepared, spec, count):
    root, _ = prepared
    source = sources.open_source(spec.format(root=root), data_dir=root)
    assert len(source) == count


def test_a_listing_chooses_records_of_tfds_in_its_order(prepared):
    root, _ = prepared
    whole = sources.open_source("tfds:tiny_photographs", data_dir=root)
    names = [whole.names[i] for i in [4, 0, 2]]
    again = sources.open_source("tfds:tiny_photographs", names=names, data_dir=root)
    assert sources.listing(again) == names
    assert [again[i] for i in range(3)] == [whole[i] for i in [4, 0, 2]]
    with pytest.raises(ValueError, match="1 of 1 images are missing: other"):
        sources.open_source("tfds:tiny_photographs", names=["other"], data_dir=root)


def test_records_are_named_as_in_a_labelled_folder(prepared):
    root, records = prepared
    source = sources.by_class(
        sources.records("tiny_photographs", split="test", data_dir=root)
    )
    found = {source[i].name: source[i].image for i in range(5)}
    assert found == {
        f"{['sea', 'sky'][n % 2]}/ILSVRC2012_val_{n:08}.JPEG": records[f"test{n - 1}"]
        for n in range(1, 6)
    }
    assert list(found) == list(source.names)


def test_records_of_an_unknown_class_are_named_by_their_files():
    records = [
        {"image": b"", "label": label, "file_name": b"a.jpg"} for label in (1, -1)
    ]
    source = sources.Records("tiny", records, "image", "label", ("sea", "sky"))
    assert list(sources.by_class(source).names) == ["sky/a.jpg", "a.jpg"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            "tfds:gs://bucket/tiny/1.0.0:train[:9%]",
            ("gs://bucket/tiny/1.0.0", "train[:9%]"),
        ),
        ("tfds:gs://bucket/tiny/1.0.0", ("gs://bucket/tiny/1.0.0", "train")),
        ("tfds:tiny/config:1.0.0:test", ("tiny/config:1.0.0", "test")),
    ],
)
def test_a_spec_may_name_a_folder_in_a_bucket(spec, expected):
    match = sources.TFDS_SPEC.fullmatch(spec.removeprefix("tfds:"))
    assert (match["name"], match["split"] or "train") == expected


def test_a_bucket_that_nothing_reads_is_refused_with_what_to_install(monkeypatch):
    from etils import epath

    def refuse(*_):
        raise ImportError("Please install gcsfs to access Google Storage")

    monkeypatch.setattr(epath.gpath.PosixGPath, "is_file", refuse)
    with pytest.raises(ValueError, match=r"gs://b/t/1\.0\.0: .*jaxcolor\[gcs\]"):
        sources.records("gs://b/t/1.0.0", split="train", data_dir=None)


def test_a_part_of_imagenet_is_that_of_the_files_numbers(prepared, monkeypatch):
    # Records lie in an order of their own.
    monkeypatch.setattr(imagenet, "numbers", lambda subset: np.array([1, 2, 3, 4]))
    root, records = prepared
    spec = "imagenet-validation:tfds:tiny_photographs:test"
    source = sources.open_source(spec, data_dir=root)
    assert [source[i].image for i in range(4)] == [
        records[f"test{i}"] for i in range(4)
    ]
    names = sources.listing(source)[1:3]
    again = sources.open_source(spec, data_dir=root, names=names)
    assert [again[i].image for i in range(2)] == [records["test1"], records["test2"]]


def test_an_unprepared_data_set_is_refused_with_how_to_prepare_it(tmp_path):
    with pytest.raises(ValueError, match=r"cifar10 is not prepared.*array_record") as e:
        sources.records("cifar10", split="train", data_dir=tmp_path)
    assert "\n" not in str(e.value)


def test_an_unknown_split_is_refused_with_the_known_ones(prepared):
    root, _ = prepared
    with pytest.raises(ValueError, match=r"'train', 'test'|'test', 'train'"):
        sources.records("tiny_photographs", split="validation", data_dir=root)


def test_a_data_set_in_tfrecords_is_refused_with_how_to_prepare_it(prepared, tmp_path):
    # TensorFlow would have to write real ones; only their names are looked at.
    root, _ = prepared
    version = tmp_path / "tiny_photographs" / "1.0.0"
    version.mkdir(parents=True)
    for file in (root / "tiny_photographs" / "1.0.0").iterdir():
        content = file.read_bytes()
        if file.suffix == ".json":
            content = content.replace(b"array_record", b"tfrecord")
        (version / file.name.replace("array_record", "tfrecord")).write_bytes(content)
    with pytest.raises(
        ValueError, match=r"as tfrecord.*random access.*prepare it"
    ) as e:
        sources.records("tiny_photographs", split="train", data_dir=tmp_path)
    assert "\n" not in str(e.value)


def test_a_spec_opens_a_folder_or_a_list(mixed):
    (mixed / "list.txt").write_text("b.jpg\n")
    assert len(sources.open_source(str(mixed))) == 6
    assert sources.open_source(mixed, names=["e.bmp"]).names == ("e.bmp",)
    assert sources.open_source(mixed / "list.txt").names == ("b.jpg",)
    with pytest.raises(ValueError, match="no folder"):
        sources.open_source("nowhere")
    with pytest.raises(ValueError, match="wanted 'tfds:NAME'"):
        sources.open_source("tfds:")


@pytest.mark.parametrize("kind", ["folder", "tfds", "part"])
def test_sources_survive_pickling(mixed, prepared, kind):
    source = {
        "folder": lambda: sources.folder(mixed),
        "tfds": lambda: sources.records(
            "tiny_photographs", split="train", data_dir=prepared[0]
        ),
        "part": lambda: sources.Part(sources.folder(mixed), np.array([3, 1])),
    }[kind]()
    again = pickle.loads(pickle.dumps(source))
    assert sources.listing(again) == sources.listing(source)
    assert [again[i] for i in range(len(again))] == [
        source[i] for i in range(len(source))
    ]


def test_what_is_found_but_not_read_is_named_and_never_opened(tmp_path, caplog):
    write(tmp_path / "a.jpg")
    os.mkfifo(tmp_path / "b.jpg")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "c.nef").touch()
    with caplog.at_level(logging.WARNING):
        assert sources.folder(tmp_path).names == ("a.jpg",)
    text = " ".join(record.getMessage() for record in caplog.records)
    for name in ("b.jpg", "loop", "c.nef"):
        assert name in text


def test_a_fifo_in_a_list_is_a_broken_file(tmp_path):
    write(tmp_path / "a.jpg")
    os.mkfifo(tmp_path / "b.jpg")
    (tmp_path / "list.txt").write_text("a.jpg\nb.jpg\n")
    found = sources.list_file(tmp_path / "list.txt")
    assert found.skipped == (("b.jpg", "not a regular file"),)


def test_every_command_finds_the_same_photographs(tmp_path):
    root = tmp_path / "root"
    write(tmp_path / "elsewhere/b.jpg")
    for name in ["a.jpg", "sub/c.PNG", ".hidden.jpg"]:
        write(root / name)
    (root / "link").symlink_to(tmp_path / "elsewhere")
    names = ("a.jpg", "link/b.jpg", "sub/c.PNG")
    assert images.find(root).names == names
    assert sources.folder(root).names == names
    assert tuple(member.name for member in archives.listing(root)) == names
    jobs = folders.plan([root], tmp_path / "o", requested=None, existing="refuse").jobs
    assert tuple(str(job.source.relative_to(root)) for job in jobs) == names
