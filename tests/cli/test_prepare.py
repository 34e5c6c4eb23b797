import pytest
from PIL import Image

from jaxcolor import cli


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(6):
        Image.new("RGB", (90, 60), (40 * number, 9, 9)).save(folder / f"{number}.png")
    (folder / "readme.txt").write_text("no photograph")
    (tmp_path / "empty").mkdir()
    (tmp_path / "photos.tar").write_text("no tar")
    return folder


def run(*arguments):
    return cli.main(["prepare", *map(str, arguments)])


def test_a_folder_becomes_a_data_set(photos, tmp_path, capsys):
    import tensorflow_datasets as tfds

    how = ["--reencode", "square", "--size", "32", "--validation", "0", "--test", "0"]
    command = [photos, "-o", tmp_path, "--name", "mine", "--workers", "1", *how]
    assert run(*command) == 0
    printed = capsys.readouterr()
    assert f"tfds:{tmp_path}/mine/1.0.0:train" in printed.out
    # No progress bar where there is no terminal.
    assert printed.err == ""
    builder = tfds.builder_from_directory(tmp_path / "mine" / "1.0.0")
    assert [r["image"].shape for r in builder.as_data_source("train")] == [
        (32, 32, 3)
    ] * 6
    assert run(*command, "--quiet") == 0
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


def test_a_part_of_the_work_says_what_is_left(photos, tmp_path, capsys):
    how = ["--name", "mine", "--workers", "1", "--validation", "0", "--test", "0"]
    how += ["--shard-photos", "2", "--index", "1", "--count", "2"]
    assert run(photos, "-o", tmp_path, *how) == 0
    assert "2 of 3 shards are left" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "flags", "message"),
    [
        ("nowhere", [], "nowhere, wanted a folder or a .tar"),
        ("empty", [], "no photographs in"),
        ("photos.tar", [], "photos.tar is not a tar"),
        ("photos", ["--name", "My photos"], "got the name 'My photos', wanted"),
        (
            "photos",
            ["--validation", "0.7", "--test", "0.3"],
            "0.7 and test 0.3, wanted",
        ),
        ("photos", ["--validation", "0.001"], "none of 6 photographs are for valid"),
        ("photos", ["--index", "2", "--count", "2"], "part 2 of 2, wanted 0 to 1"),
        ("photos", ["-o", "gs://bucket/data"], "wanted a folder of this machine"),
        ("photos", ["--splits", "folders"], "is in none of the folders"),
    ],
)
def test_mistakes_are_told_in_a_line_and_nothing_is_written(
    photos, tmp_path, capsys, source, flags, message
):
    output = ["-o", tmp_path / "data", "--name", "mine", "--workers", "1", *flags]
    assert run(tmp_path / source, *output) == cli.MISUSED
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("flag", ["--quality=101", "--shard-photos=0", "--reencode=x"])
def test_senseless_flags_are_refused(photos, tmp_path, flag):
    with pytest.raises(SystemExit) as exit:
        run(photos, "-o", tmp_path, "--name", "mine", flag)
    assert exit.value.code == cli.MISUSED
