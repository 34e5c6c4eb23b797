import collections
import io
import itertools
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from jaxcolor.data import pipeline, sources

CROP = pipeline.Crop(
    resize=32, squash=True, side=24, draft=False, scales=(1.0, 1.0), flip=True
)
TRAINING = {
    "crop": CROP,
    "seed": 7,
    "step": 0,
    "batch_size": 8,
    "share": pipeline.ALONE,
    "workers": pipeline.Workers(threads=2, prefetch=2),
}
VALIDATION = {
    "crop": CROP,
    "batch_size": 4,
    "share": pipeline.ALONE,
    "workers": pipeline.Workers(threads=2, prefetch=2),
}
PHOTOGRAPHS = 11


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> sources.Source:
    """Noisy photographs, each of its own brightness, so that it is known by its mean.

    Their brightnesses are 20 apart, from 25 to 225.
    """
    root = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for i in range(PHOTOGRAPHS):
        noise = rng.integers(-25, 26, (40, 56 + 3 * i, 3)) + 25 + 20 * i
        Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(root / f"{i:02}.png")
    return sources.folder(root)


def given(base: dict, **changes) -> dict:
    """Arguments with some of them changed, or some fields of their records."""
    changed = dict(base)
    for name, value in changes.items():
        if name in changed:
            changed[name] = value
            continue
        (record,) = (
            key for key, old in base.items() if name in getattr(old, "_fields", ())
        )
        changed[record] = changed[record]._replace(**{name: value})
    return changed


def first(count: int, source: sources.Source, **changes) -> np.ndarray:
    """The first training batches, stacked."""
    batches = pipeline.training_batches(source, **given(TRAINING, **changes))
    return np.stack([batch["rgb"] for batch in itertools.islice(batches, count)])


def identities(rgb: np.ndarray) -> np.ndarray:
    """Which photograph each crop is of."""
    return np.round((rgb.mean((-3, -2, -1)) - 25) / 20).astype(int)


def test_batches_are_8_bit_rgb_of_the_wanted_size(source):
    batch = next(pipeline.training_batches(source, **TRAINING))
    assert list(batch) == ["rgb"]
    assert batch["rgb"].dtype == np.uint8
    assert batch["rgb"].shape == (8, 24, 24, 3)


@pytest.mark.parametrize("process_count", [1, 2, 4])
def test_processes_share_the_rows_of_the_same_batches(source, process_count):
    whole = first(5, source)
    for process_index in range(process_count):
        share = first(5, source, share=pipeline.Share(process_index, process_count))
        np.testing.assert_array_equal(share, whole[:, process_index::process_count])


@pytest.mark.parametrize("step", [1, 2, 5])
@pytest.mark.parametrize("process_count", [1, 4])
def test_a_start_at_a_later_step_continues_the_same_stream(source, step, process_count):
    whole = first(7, source)
    rest = first(7 - step, source, step=step, share=pipeline.Share(0, process_count))
    np.testing.assert_array_equal(rest, whole[step:, ::process_count])


def test_threads_change_nothing(source):
    expected = first(6, source, threads=0, prefetch=0)
    np.testing.assert_array_equal(first(6, source, threads=4, prefetch=8), expected)


def test_the_seed_decides_order_and_crops(source):
    again = first(3, source)
    np.testing.assert_array_equal(again, first(3, source))
    other = first(3, source, seed=8)
    assert (identities(again) != identities(other)).any()
    # Of one photograph, the order is always the same.
    alone = sources.Part(source, np.array([4]))
    assert (first(1, alone) != first(1, alone, seed=8)).any()


@pytest.mark.parametrize("batch_size", [1, 4, 11, 16])
def test_every_epoch_visits_each_photograph_once_in_a_new_order(source, batch_size):
    steps = 4 * PHOTOGRAPHS
    stream = identities(first(steps, source, batch_size=batch_size)).ravel()
    epochs = stream[: 4 * PHOTOGRAPHS].reshape(4, PHOTOGRAPHS)
    for epoch in epochs:
        assert sorted(epoch) == list(range(PHOTOGRAPHS))
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_the_order_is_uniform():
    class Numbers:
        names = tuple("abcdef")

        def __len__(self):
            return 6

        def __getitem__(self, index):
            raise AssertionError("the order needs no photographs")

    positions = collections.Counter()
    for seed in range(1200):
        order = pipeline.training_names(Numbers(), seed=seed, step=0, batch_size=6)
        positions.update(enumerate(order))
    # 200 expected of each of the 36; five standard deviations of a binomial, 12.9.
    assert len(positions) == 36
    assert all(abs(count - 200) < 65 for count in positions.values())


def test_names_are_those_of_the_rows(source):
    batches = first(4, source, batch_size=6)
    for step, rgb in enumerate(batches):
        names = pipeline.training_names(source, seed=7, step=step, batch_size=6)
        assert names == [source.names[i] for i in identities(rgb)]


def test_crops_are_of_every_place_and_of_both_directions(tmp_path):
    ramp = np.zeros((16, 16, 3), np.uint8)
    ramp[..., 0] = 10 * np.arange(16)
    ramp[..., 1] = 10 * np.arange(16)[:, None]
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    alone = sources.folder(tmp_path)
    rgb = first(100, alone, resize=16, side=13).reshape(-1, 13, 13, 3)
    left = rgb[..., 0].min((1, 2)) // 10
    top = rgb[..., 1].min((1, 2)) // 10
    mirrored = rgb[:, 0, 0, 0] > rgb[:, 0, 12, 0]
    views = list(zip(left, top, mirrored, strict=True))
    counts = collections.Counter(views)
    # 800 crops over 4 x 4 places and 2 directions: 25 of each, with a standard
    # deviation of 5.
    assert len(counts) == 32
    assert max(counts.values()) < 50
    # Neighbors in a batch agree in one of 32 cases, by chance.
    assert np.mean([a == b for a, b in itertools.pairwise(views)]) < 0.08
    without = first(20, alone, resize=16, side=13, flip=False)
    assert (without[..., 0, 0, 0] < without[..., 0, 12, 0]).all()


def test_scales_zoom_in(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    alone = sources.folder(tmp_path)
    rgb = first(30, alone, scales=(1.0, 2.0), side=32, flip=False, squash=False)
    span = np.ptp(rgb[..., 0].astype(int), axis=-1).mean(-1).ravel()
    # All of the ramp at scale 1, half of it at scale 2.
    assert 120 < span.min() < 140
    assert 240 < span.max() <= 255


def test_a_kept_aspect_crops_along_the_longer_side(source):
    kept, squashed = first(2, source, squash=False), first(2, source)
    assert kept.shape == squashed.shape
    np.testing.assert_array_equal(identities(kept), identities(squashed))
    assert (kept != squashed).any()


def test_validation_is_the_centers_in_order_once(source):
    batches = list(pipeline.validation_batches(source, **VALIDATION))
    rgb = np.concatenate([batch["rgb"] for batch in batches])
    valid = np.concatenate([batch["valid"] for batch in batches])
    assert valid.dtype == np.float32
    assert valid.tolist() == [1] * 11 + [0]
    assert not rgb[11].any()
    for i in range(PHOTOGRAPHS):
        whole = Image.open(io.BytesIO(source[i].image))
        center = whole.resize((32, 32), Image.Resampling.BICUBIC).crop((4, 4, 28, 28))
        np.testing.assert_array_equal(rgb[i], np.asarray(center))


@pytest.mark.parametrize("process_count", [2, 4])
def test_processes_share_the_same_validation_batches(source, process_count):
    whole = list(pipeline.validation_batches(source, **VALIDATION))
    for process_index in range(process_count):
        shape = {"share": pipeline.Share(process_index, process_count)}
        share = list(pipeline.validation_batches(source, **given(VALIDATION, **shape)))
        assert len(share) == len(whole)
        for part, batch in zip(share, whole, strict=True):
            for key, rows in batch.items():
                np.testing.assert_array_equal(
                    part[key], rows[process_index::process_count]
                )


def test_validation_of_nothing_has_no_batches(source):
    nothing = sources.Part(source, np.array([], int))
    assert list(pipeline.validation_batches(nothing, **VALIDATION)) == []


@pytest.mark.parametrize("threads", [0, 2])
def test_a_file_that_broke_since_is_named(tmp_path, threads):
    for name in ["a.jpg", "b.jpg"]:
        Image.new("RGB", (32, 32)).save(tmp_path / name)
    found = sources.folder(tmp_path)
    (tmp_path / "b.jpg").write_bytes(b"\xff\xd8\xff broken")
    with pytest.raises(ValueError, match=r"cannot decode b\.jpg: "):
        first(1, found, threads=threads)
    with pytest.raises(ValueError, match=r"cannot decode b\.jpg: "):
        list(pipeline.validation_batches(found, **given(VALIDATION, threads=threads)))
    (tmp_path / "b.jpg").unlink()
    with pytest.raises(OSError, match=r"cannot read .*b\.jpg: No such file"):
        first(1, found, threads=threads)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"side": 33}, "crop 33 .* resized to 32"),
        ({"scales": (0.5, 1.0)}, "crop 24 .* resized to 16"),
        ({"share": pipeline.Share(0, 3)}, "process 0 of 3 for batches of 8"),
        ({"share": pipeline.Share(2, 2)}, "process 2 of 2"),
    ],
)
def test_impossible_wishes_are_refused_at_once(source, changes, message):
    with pytest.raises(ValueError, match=message):
        pipeline.training_batches(source, **given(TRAINING, **changes))


def test_no_photographs_are_refused(source):
    nothing = sources.Part(source, np.array([], int))
    with pytest.raises(ValueError, match="no photographs"):
        pipeline.training_batches(nothing, **TRAINING)


def test_closing_ends_the_threads(source):
    before = set(threading.enumerate())
    batches = pipeline.training_batches(source, **TRAINING)
    next(batches)
    started = set(threading.enumerate()) - before
    assert started
    batches.close()
    for thread in started:
        thread.join(10)
        assert not thread.is_alive()


def test_validation_photographs_are_read_without_grain(source, monkeypatch):
    # None makes an import of it fail.
    monkeypatch.setitem(sys.modules, "grain", None)
    batches = list(pipeline.validation_batches(source, **VALIDATION))
    assert len(batches) == 3
    with pytest.raises(ImportError):
        next(pipeline.training_batches(source, **TRAINING))


def test_neither_grain_nor_jax_is_loaded_before_the_first_batch():
    code = (
        "import sys; from jaxcolor.data import pipeline, sources; "
        "sys.exit(bool({'grain', 'jax', 'tensorflow_datasets'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
