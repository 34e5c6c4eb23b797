"""The machine real-or-fake test within an evaluation."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxcolor import evaluation
from jaxcolor.evaluation import systems
from jaxcolor.evaluation.judges import real_or_fake
from jaxcolor.evaluation.systems import Answer, System
from jaxcolor.recognition import two_sample

SMALL = evaluation.Protocol(size=32, batch_size=8, resamples=50)
COUNT = 18


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch):
    recipe = two_sample.RECIPE._replace(steps=60, pairs=8)
    monkeypatch.setattr(two_sample, "RECIPE", recipe)


@pytest.fixture(scope="module")
def folder(photographs, tmp_path_factory):
    """Cut-outs of colorful photographs; their number is no multiple of the batch."""
    folder = tmp_path_factory.mktemp("cut-outs")
    random = np.random.default_rng(0)
    names = ("astronaut", "chelsea", "china", "coffee", "flower", "motorcycle")
    for n in range(COUNT):
        picture = photographs[names[n % len(names)]][::2, ::2]
        top, left = (random.integers(0, x - 64) for x in picture.shape[:2])
        cut = picture[top : top + 64, left : left + 64]
        Image.fromarray(cut).save(folder / f"{n:02}.png")
    return folder


def _tinted(true_ab_plus):
    """Returns a system that adds an amount of ab to gray."""
    return System(
        lambda lightness, index: Answer(
            jnp.full((*lightness.shape, 2), true_ab_plus), None
        )
    )


def _run(folder, models=None, *, seeds=2, **changes):
    judge = real_or_fake.judge(seeds=seeds, first_seed=0, is_quiet=True)
    given = {"protocol": SMALL, "is_quiet": True, "judges": [judge], **changes}
    return evaluation.assemble(models or {}, folder, **given)


def _numbers(found, system):
    (row,) = [row for row in found.rows if row.system == system]
    return row.numbers


@pytest.mark.slow
def test_gray_is_found_and_the_truth_is_at_chance(folder):
    found = _run(folder, {"brown": _tinted(30.0)})
    truth = _numbers(found, systems.TRUTH)
    assert truth["real_or_fake"] == truth["real_or_fake_pairs"] == (50, 50, 50)
    for system in ("gray", "brown"):
        numbers = _numbers(found, system)
        value, low, high = numbers["real_or_fake_pairs"]
        assert 0 <= low <= value <= high <= 20
        assert numbers["real_or_fake_spread"].value >= 0
    text = evaluation.markdown(found)
    assert "| machine real-or-fake error, % ↑ |" in text
    assert "no study with people" in text
    assert found.manifest["real_or_fake"]["seeds"] == [0, 1]


@pytest.mark.slow
def test_the_number_is_the_mean_over_tested_photographs_of_all_networks(folder):
    found = _run(folder)
    each = found.photographs["gray"]
    assert len(each["real_or_fake.tested"]) == COUNT
    # Nine of eighteen, for either network.
    assert sum(each["real_or_fake.tested"]) == COUNT
    errors = np.add(each["real_or_fake.errors0"], each["real_or_fake.errors1"])
    value = _numbers(found, "gray")["real_or_fake"].value
    assert value == pytest.approx(100 * errors.sum() / COUNT)
    halves = [100 * sum(each[f"real_or_fake.errors{n}"]) / 9 for n in range(2)]
    spread = _numbers(found, "gray")["real_or_fake_spread"].value
    assert spread == pytest.approx(np.std(halves, ddof=1))


def test_the_true_pictures_that_are_shown_are_composed_as_the_others(
    folder, monkeypatch
):
    """A system that predicts the true ab cannot be told from the truth."""
    shown = {}

    def errors(true, colorized, recipe, *, seed):
        shown[len(shown)] = (true, colorized)
        zeros = np.zeros(len(true))
        return two_sample.Errors(zeros + 1, zeros, zeros)

    truth = {}

    def keep(system, rgb, start):
        truth.setdefault(system, []).append(rgb)

    monkeypatch.setattr(two_sample, "errors", errors)
    found = _run(folder, {"truth again": _of_truth(folder)}, seeds=1)
    assert "real_or_fake_spread" not in _numbers(found, "gray")
    true, again = shown[2]
    assert true.shape == again.shape == (COUNT, 32, 32, 3)
    np.testing.assert_array_equal(true, again)


def _of_truth(folder):
    from jaxcolor.color import cielab
    from jaxcolor.data import pipeline, sources

    source = sources.open_source(folder)
    (batch,) = pipeline.center_squares(source, size=32, batch_size=COUNT)
    ab = np.asarray(jax.jit(cielab.rgb8_to_lab)(batch["rgb"]))[..., 1:]

    def answer(lightness, index):
        return Answer(jnp.asarray(ab[np.minimum(index, COUNT - 1)]), None)

    return System(answer)


def test_too_few_photographs_are_one_line_and_write_nothing(photo_folder, tmp_path):
    # It has seven.
    wanted = r"^got 7 photographs to tell true from colorized ones; wanted 8 or more"
    with pytest.raises(ValueError, match=wanted) as raised:
        _run(photo_folder, output=tmp_path / "out")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_eight_photographs_are_enough(folder, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    for path in sorted(folder.iterdir())[:8]:
        (small / path.name).symlink_to(path)
    found = _run(small, seeds=1)
    value = _numbers(found, "gray")["real_or_fake"].value
    assert 0 <= value <= 100
    json.dumps(found.photographs, allow_nan=False)
