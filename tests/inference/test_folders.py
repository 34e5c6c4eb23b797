"""Many photographs: names stay, nothing is lost, one bad file spoils only itself."""

import os
import threading
import warnings
from concurrent import futures
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from jaxcolor import images
from jaxcolor.inference import folders, forms
from jaxcolor.inference.adjustments import Look
from jaxcolor.inference.colorizer import Colorizer
from tests import tiny

SETTINGS = {"requested": None, "existing": "refuse"}


@pytest.fixture(scope="module")
def colorizer():
    return Colorizer(tiny.model())


class _Immediately(futures.Executor):
    """Does the work when it is submitted."""

    def submit(self, function, *args):
        future = futures.Future()
        future.set_result(function(*args))
        return future


def _write(path, size=(9, 12), seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    photo = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(photo).save(path)
    return path


def _targets(jobs):
    return [job.folder / (job.name or job.source.name) for job in jobs]


def _run(colorizer, inputs, output, *, batch_size=1, **settings):
    settings = SETTINGS | settings
    jobs = folders.plan(inputs, output, **settings).jobs
    return list(
        folders.colorize_files(colorizer, jobs, batch_size=batch_size, **settings)
    )


def _files(folder):
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    )


def test_names_and_sub_folders_stay(colorizer, tmp_path):
    _write(tmp_path / "in" / "a.jpg")
    _write(tmp_path / "in" / "deep" / "er" / "b.PNG")
    _write(tmp_path / "c.png")
    outcomes = _run(colorizer, [tmp_path / "in", tmp_path / "c.png"], tmp_path / "out")
    assert [outcome.reason for outcome in outcomes] == [None] * 3
    assert _files(tmp_path / "out") == ["a.jpg", "c.png", "deep/er/b.PNG"]


def test_what_is_written_is_what_the_colorizer_gives(colorizer, tmp_path):
    source = _write(tmp_path / "a.png", (40, 31))
    _run(colorizer, [source], tmp_path / "out")
    with Image.open(tmp_path / "out" / "a.png") as written:
        np.testing.assert_array_equal(written, colorizer(source))


def test_one_photograph_may_go_to_a_file(colorizer, tmp_path):
    source = _write(tmp_path / "a.jpg")
    _run(colorizer, [source], tmp_path / "sub" / "b.png")
    with Image.open(tmp_path / "sub" / "b.png") as written:
        assert written.format == "PNG"


def test_a_file_that_is_not_named_as_the_format_is_refused(tmp_path):
    source = _write(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="is not named as JPEG"):
        folders.plan([source], tmp_path / "b.png", requested="jpeg", existing="refuse")


def test_a_format_can_be_asked_for(colorizer, tmp_path):
    _write(tmp_path / "in" / "a.jpg")
    _run(colorizer, [tmp_path / "in"], tmp_path / "out", requested="png")
    assert _files(tmp_path / "out") == ["a.png"]


def test_an_unknown_format_is_refused(tmp_path):
    source = _write(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="no format to write"):
        folders.plan([source], tmp_path / "out", requested="docx", existing="refuse")


def test_existing_files_are_refused_before_work_starts(colorizer, tmp_path):
    _write(tmp_path / "in" / "a.jpg")
    taken = _write(tmp_path / "out" / "a.jpg", seed=1).read_bytes()
    with pytest.raises(ValueError, match=r"out/a\.jpg: exists"):
        folders.plan([tmp_path / "in"], tmp_path / "out", **SETTINGS)
    assert (tmp_path / "out" / "a.jpg").read_bytes() == taken
    _run(colorizer, [tmp_path / "in"], tmp_path / "out", existing="replace")
    assert (tmp_path / "out" / "a.jpg").read_bytes() != taken


def test_two_inputs_of_one_name_are_refused_even_to_overwrite(tmp_path):
    inputs = [_write(tmp_path / "x" / "a.jpg"), _write(tmp_path / "y" / "a.jpg")]
    for existing in ("refuse", "skip", "replace"):
        with pytest.raises(ValueError, match="would both become"):
            folders.plan(inputs, tmp_path / "o", requested=None, existing=existing)


def test_two_inputs_that_become_one_name_by_their_format_are_refused(tmp_path):
    inputs = [_write(tmp_path / "a.jpg"), _write(tmp_path / "a.tif")]
    assert len(folders.plan(inputs, tmp_path / "out", **SETTINGS).jobs) == 2
    with pytest.raises(ValueError, match="would both become"):
        folders.plan(inputs, tmp_path / "out", requested="png", existing="refuse")


def test_a_collision_that_only_pixels_tell_loses_nothing(colorizer, tmp_path):
    """A TIFF of 16 bits becomes a PNG."""
    _write(tmp_path / "in" / "a.png")
    deep = np.full((4, 4), 40_000, np.uint16)
    Image.fromarray(deep).save(tmp_path / "in" / "a.tif")
    outcomes = _run(colorizer, [tmp_path / "in"], tmp_path / "out")
    assert [outcome.target is None for outcome in outcomes] == [True, False] or [
        outcome.target is None for outcome in outcomes
    ] == [False, True]
    assert _files(tmp_path / "out") == ["a.png"]
    (bad,) = (outcome for outcome in outcomes if outcome.target is None)
    assert bad.source.suffix == ".tif"
    assert "the result of another" in bad.reason


@pytest.mark.parametrize("existing", ["refuse", "skip", "replace"])
def test_an_input_is_never_overwritten(tmp_path, existing):
    source = _write(tmp_path / "a.jpg")
    for output in (tmp_path, source):
        with pytest.raises(ValueError, match=r"one of the inputs"):
            folders.plan([source], output, requested=None, existing=existing)


def test_the_same_photograph_twice_is_done_once(tmp_path):
    source = _write(tmp_path / "in" / "a.jpg")
    plan = folders.plan([source, tmp_path / "in"], tmp_path / "out", **SETTINGS)
    assert _targets(plan.jobs) == [tmp_path / "out" / "a.jpg"]


def test_results_inside_the_input_folder_are_not_colorized_again(tmp_path):
    _write(tmp_path / "a.jpg")
    _write(tmp_path / "out" / "a.jpg")
    plan = folders.plan(
        [tmp_path], tmp_path / "out", requested=None, existing="replace"
    )
    assert [job.source for job in plan.jobs] == [tmp_path / "a.jpg"]


def test_missing_and_empty_inputs_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no such file or folder"):
        folders.plan([tmp_path / "nothing.jpg"], tmp_path / "out", **SETTINGS)
    with pytest.raises(ValueError, match="no photographs in"):
        folders.plan([tmp_path], tmp_path / "out", **SETTINGS)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_bad_files_spoil_only_themselves(colorizer, tmp_path, batch_size):
    good = [_write(tmp_path / "in" / f"{i}.png", (9 + i, 12), i) for i in range(5)]
    (tmp_path / "in" / "1a.jpg").write_bytes(b"no photograph")
    (tmp_path / "in" / "3a.png").write_bytes(good[0].read_bytes()[:60])
    outcomes = _run(
        colorizer, [tmp_path / "in"], tmp_path / "out", batch_size=batch_size
    )
    bad = {outcome.source.name for outcome in outcomes if outcome.reason}
    assert bad == {"1a.jpg", "3a.png"}
    assert _files(tmp_path / "out") == [path.name for path in good]
    for outcome in outcomes:
        if outcome.reason:
            assert str(outcome.source) in outcome.reason
            assert "\n" not in outcome.reason
    for path in good:
        with Image.open(tmp_path / "out" / path.name) as written:
            # Another batch size adds in another order.
            apart = np.int32(written) - np.int32(colorizer(path))
            assert np.abs(apart).max() <= 1


def test_a_batch_holds_one_shape_only(tmp_path):
    sizes = [(10, 100), (100, 10), (10, 100), (90, 100), (100, 10), (10, 100)]
    paths = [_write(tmp_path / f"{i}.png", size) for i, size in enumerate(sizes)]
    batches = []

    class Recorder(Colorizer):
        def colorize(self, photos, **_):
            batches.append([self.view_shape(photo) for photo in photos])
            return photos

    _run(Recorder(tiny.model(), size=64), paths, tmp_path / "out", batch_size=2)
    assert all(len(set(batch)) == 1 for batch in batches)
    assert sorted(map(len, batches)) == [1, 1, 2, 2]


def test_batches_run_at_once_when_one_of_their_kind_has_run(monkeypatch, tmp_path):
    """Before, each would compile the same programs."""
    monkeypatch.setattr(folders, "AT_ONCE", 2)
    sizes = [(20, 10)] * 5 + [(10, 20)] * 3
    paths = [_write(tmp_path / f"{i}.png", size) for i, size in enumerate(sizes)]
    # Two that wait for each other: alone, one of them would wait for ever.
    together = threading.Barrier(2, timeout=60)
    lock, alone = threading.Lock(), set()

    class Meeting(Colorizer):
        def colorize(self, photos, **_):
            shape = photos[0].shape
            with lock:
                is_first = shape not in alone
                alone.add(shape)
            if not is_first:
                together.wait()
            return photos

    outcomes = _run(Meeting(tiny.model()), paths, tmp_path / "out")
    assert [outcome.source for outcome in outcomes] == paths
    assert not [outcome.reason for outcome in outcomes if outcome.reason]


def test_what_runs_at_once_is_what_runs_alone(colorizer, monkeypatch, tmp_path):
    for i in range(6):
        _write(tmp_path / "in" / f"{i}.png", (40, 30), seed=i)
    for count in (1, 3):
        monkeypatch.setattr(folders, "AT_ONCE", count)
        _run(colorizer, [tmp_path / "in"], tmp_path / str(count))
    for i in range(6):
        one, three = (tmp_path / name / f"{i}.png" for name in ("1", "3"))
        assert one.read_bytes() == three.read_bytes()


def test_a_folder_that_cannot_be_made_is_reported(colorizer, tmp_path):
    source = _write(tmp_path / "a.jpg")
    (tmp_path / "out").write_text("a file")
    (outcome,) = folders.colorize_files(
        colorizer,
        [folders.Job(source, tmp_path / "out" / "sub", None)],
        batch_size=1,
        **SETTINGS,
    )
    assert outcome.target is None
    assert str(tmp_path / "out") in outcome.reason


def test_loading_stays_a_little_ahead(monkeypatch, tmp_path):
    """Else a folder of large photographs would fill the memory."""
    loads = []
    blank = images.Photo(np.zeros((1, 1, 3), np.uint8))
    monkeypatch.setattr(images, "load", lambda path: loads.append(path) or blank)
    jobs = [folders.Job(Path(str(i)), tmp_path, None) for i in range(10)]
    loaded = folders._loaded(_Immediately(), jobs, ahead=2, **SETTINGS)
    next(loaded)
    assert len(loads) == 3
    assert len(list(loaded)) == 9


def test_several_photographs_do_not_go_to_a_file(tmp_path):
    photos = [_write(tmp_path / "a.png"), _write(tmp_path / "b.png")]
    for inputs in (photos, [tmp_path]):
        with pytest.raises(ValueError, match=r"x\.png names a file; wanted a folder"):
            folders.plan(inputs, tmp_path / "out" / "x.png", **SETTINGS)


@pytest.mark.parametrize("output", ["note.txt", "note.txt/x.png", "note.txt/deep/er"])
def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path, output):
    photo = _write(tmp_path / "a.png")
    (tmp_path / "note.txt").touch()
    with pytest.raises(ValueError, match=r"note\.txt is a file; wanted a folder"):
        folders.plan([photo], tmp_path / output, **SETTINGS)


def test_what_exists_is_skipped_if_asked_and_the_rest_is_done(colorizer, tmp_path):
    for i in range(3):
        _write(tmp_path / "in" / f"{i}.jpg", seed=i)
    kept = _write(tmp_path / "out" / "1.jpg", seed=9).read_bytes()
    settings = SETTINGS | {"existing": "skip"}
    plan = folders.plan([tmp_path / "in"], tmp_path / "out", **settings)
    assert plan.existing == (tmp_path / "in" / "1.jpg",)
    outcomes = _run(colorizer, [tmp_path / "in"], tmp_path / "out", existing="skip")
    assert [outcome.source.name for outcome in outcomes] == ["0.jpg", "2.jpg"]
    assert (tmp_path / "out" / "1.jpg").read_bytes() == kept
    assert _files(tmp_path / "out") == ["0.jpg", "1.jpg", "2.jpg"]
    done = folders.plan([tmp_path / "in"], tmp_path / "out", **settings)
    assert done.jobs == ()


def test_a_result_whose_format_only_pixels_tell_is_skipped(colorizer, tmp_path):
    """A TIFF of 16 bits becomes a PNG."""
    (tmp_path / "in").mkdir()
    deep = np.full((4, 4), 40_000, np.uint16)
    Image.fromarray(deep).save(tmp_path / "in" / "a.tif")
    kept = _write(tmp_path / "out" / "a.png").read_bytes()
    (outcome,) = _run(colorizer, [tmp_path / "in"], tmp_path / "out", existing="skip")
    assert outcome.is_skipped
    assert outcome.reason is None
    assert (tmp_path / "out" / "a.png").read_bytes() == kept


@pytest.mark.parametrize("existing", ["refuse", "skip"])
def test_of_two_runs_at_once_each_file_is_written_by_one(tmp_path, existing):
    source = _write(tmp_path / "in" / "a.jpg")

    class Slower(Colorizer):
        """While it works, another run writes the result."""

        def colorize(self, photos, **_):
            _write(tmp_path / "out" / "a.jpg", seed=5)
            return photos

    (outcome,) = _run(
        Slower(tiny.model()), [tmp_path / "in"], tmp_path / "out", existing=existing
    )
    theirs = _write(tmp_path / "theirs.jpg", seed=5).read_bytes()
    assert (tmp_path / "out" / "a.jpg").read_bytes() == theirs
    assert outcome.source == source
    assert outcome.target is None
    assert outcome.is_skipped == (existing == "skip")
    assert (outcome.reason is None) == outcome.is_skipped


def test_temporary_files_of_a_killed_run_are_removed(colorizer, tmp_path):
    _write(tmp_path / "in" / "deep" / "a.jpg")
    left = _write(tmp_path / "out" / "deep" / "a.png")
    left.rename(left.with_name(".jaxcolor-0123456789abcdef.partial"))
    _run(colorizer, [tmp_path / "in"], tmp_path / "out")
    assert _files(tmp_path / "out") == ["deep/a.jpg"]


@pytest.mark.parametrize("error", [RuntimeError("out of\nmemory"), MemoryError()])
def test_whatever_the_network_raises_fails_that_photograph_only(tmp_path, error):
    for i in range(4):
        _write(tmp_path / "in" / f"{i}.png", seed=i)
    bad = images.load(tmp_path / "in" / "2.png").rgb

    class Fragile(Colorizer):
        def colorize(self, photos, **_):
            if any(np.array_equal(photo, bad) for photo in photos):
                raise error
            return photos

    outcomes = _run(
        Fragile(tiny.model()), [tmp_path / "in"], tmp_path / "out", batch_size=4
    )
    assert _files(tmp_path / "out") == ["0.png", "1.png", "3.png"]
    (failed,) = (outcome for outcome in outcomes if outcome.reason)
    assert failed.reason.startswith(f"{tmp_path / 'in' / '2.png'}: ")
    assert "\n" not in failed.reason


def test_a_tag_of_one_photograph_does_not_end_the_run(colorizer, tmp_path):
    """Sizes and resolutions that a format of output cannot hold."""
    _write(tmp_path / "in" / "a.png")
    Image.new("RGB", (70_000, 1)).save(tmp_path / "in" / "wide.png")
    exif = Image.Exif()
    # Dots per inch across and down, in inches.
    exif[0x011A], exif[0x011B], exif[0x0128] = 4294967295, 4294967295, 2
    Image.new("RGB", (9, 9)).save(tmp_path / "in" / "fine.jpg", exif=exif)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcomes = _run(
            colorizer, [tmp_path / "in"], tmp_path / "avif", requested="avif"
        )
        bad = {outcome.source.name for outcome in outcomes if outcome.reason}
        assert bad == {"wide.png"}
        outcomes = _run(
            colorizer, [tmp_path / "in" / "fine.jpg"], tmp_path / "png", requested="png"
        )
    assert outcomes[0].reason is None


def test_a_deep_tiff_with_an_absurd_resolution_is_colorized(colorizer, tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        np.full((8, 8, 3), 40_000, np.uint16),
        photometric="rgb",
        resolution=(4294967295, 4294967295),
        resolutionunit="INCH",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (outcome,) = _run(colorizer, [path], tmp_path / "out")
    assert outcome.reason is None
    assert _files(tmp_path / "out") == ["a.png"]


def test_what_is_found_but_not_read_is_in_the_plan(tmp_path):
    _write(tmp_path / "in" / "a.jpg")
    os.mkfifo(tmp_path / "in" / "b.jpg")
    (tmp_path / "in" / "c.nef").touch()
    plan = folders.plan([tmp_path / "in"], tmp_path / "out", **SETTINGS)
    assert [job.source.name for job in plan.jobs] == ["a.jpg"]
    (unreadable,), (unsupported,) = plan.unreadable, plan.unsupported
    assert unreadable.endswith("1 not read (not a regular file): b.jpg")
    assert unsupported.endswith("1 not read (RAW; export as TIFF or JPEG): c.nef")


def test_a_folder_of_unsupported_photographs_says_what_to_do(tmp_path):
    (tmp_path / "c.nef").touch()
    with pytest.raises(ValueError, match=r"no photographs in .*RAW; export as TIFF"):
        folders.plan([tmp_path], tmp_path / "out", **SETTINGS)


def test_a_fifo_that_is_given_is_refused_at_once(colorizer, tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    (outcome,) = _run(colorizer, [tmp_path / "a.jpg"], tmp_path / "out")
    assert outcome.reason.endswith("a.jpg: not a regular file")


def test_variants_are_files_with_a_number(colorizer, tmp_path):
    source = _write(tmp_path / "a.png", (40, 31))
    form = forms.Form(variants=2)
    jobs = folders.plan([source], tmp_path / "out", **SETTINGS, form=form).jobs
    outcomes = folders.colorize_files(colorizer, jobs, batch_size=2, **SETTINGS)
    assert [outcome.reason for outcome in outcomes] == [None, None]
    assert _files(tmp_path / "out") == ["a_1.png", "a_2.png"]
    pictures = [np.asarray(Image.open(tmp_path / "out" / f"a_{n}.png")) for n in (1, 2)]
    assert np.any(pictures[0] != pictures[1])
    for n, picture in enumerate(pictures):
        expected = colorizer(source, look=Look(variant=n))
        np.testing.assert_array_equal(picture, expected)


def test_a_sheet_shows_the_photograph_and_its_variants(colorizer, tmp_path):
    source = _write(tmp_path / "a.png", (40, 31))
    form = forms.Form(variants=2, on_sheet=True, compares=True)
    jobs = folders.plan([source], tmp_path / "out", **SETTINGS, form=form).jobs
    list(folders.colorize_files(colorizer, jobs, batch_size=1, **SETTINGS))
    sheet = np.asarray(Image.open(tmp_path / "out" / "a.png"))
    looks = [Look(variant=n) for n in (0, 1)]
    parts = [np.asarray(Image.open(source))]
    parts += [colorizer(source, look=look) for look in looks]
    np.testing.assert_array_equal(sheet, np.concatenate(parts, axis=1))


def test_a_result_says_what_made_its_colors(colorizer, tmp_path):
    source = _write(tmp_path / "a.jpg")
    jobs = folders.plan([source], tmp_path / "out", **SETTINGS).jobs
    list(
        folders.colorize_files(
            colorizer, jobs, batch_size=1, mark="jaxcolor, model mine", **SETTINGS
        )
    )
    xmp = images.load(tmp_path / "out" / "a.jpg").xmp
    assert b'AISystemUsed="jaxcolor, model mine"' in xmp
