import pytest

from jaxcolor.training.config import hyper

RATES = hyper.sweep("schedule.peak", [0.1, 0.2])
SEEDS = hyper.sweep("training.seed", range(2))


def test_a_product_is_every_combination():
    assert hyper.product(RATES, SEEDS) == [
        {"schedule.peak": 0.1, "training.seed": 0},
        {"schedule.peak": 0.1, "training.seed": 1},
        {"schedule.peak": 0.2, "training.seed": 0},
        {"schedule.peak": 0.2, "training.seed": 1},
    ]
    assert len(hyper.product(RATES, SEEDS, hyper.fixed("model.width", 1.0))) == 4


def test_zipped_axes_go_together():
    assert hyper.zipped(RATES, SEEDS) == [
        {"schedule.peak": 0.1, "training.seed": 0},
        {"schedule.peak": 0.2, "training.seed": 1},
    ]
    with pytest.raises(ValueError, match="have 2, 1 values; wanted equal numbers"):
        hyper.zipped(RATES, SEEDS[:1])


def test_a_chain_is_one_after_the_other():
    assert hyper.chain(RATES, SEEDS) == [*RATES, *SEEDS]


def test_two_axes_must_not_change_the_same():
    with pytest.raises(ValueError, match=r"training\.seed is changed by two axes"):
        hyper.product(SEEDS, SEEDS)


def test_a_label_is_a_name_for_a_folder():
    change = {"training.seed": 3, "data.source": "a b/c", "schedule.peak": 1e-3}
    assert hyper.label(change) == "seed=3,source=a_b_c,peak=0.001"
