import json

import jax.numpy as jnp
import numpy as np

from jaxcolor.training import train_log
from jaxcolor.training.train_log import Interval, TrainLog


def test_means_are_over_the_steps_since_the_last_line():
    interval = Interval({}, 0)
    for value in (1.0, 2.0, 6.0):
        interval.add({"loss": jnp.float32(value), "code": jnp.full(2, value)})
    means = interval.means()
    assert means["loss"] == 3.0
    np.testing.assert_array_equal(means["code"], [3.0, 3.0])


def test_an_interval_resumes_exactly_from_its_json():
    rng = np.random.default_rng(0)
    terms = [
        {"loss": jnp.float32(x), "code": jnp.asarray(rng.random(3), jnp.float32)}
        for x in rng.random(7)
    ]
    whole, first = Interval({}, 0), Interval({}, 0)
    for x in terms:
        whole.add(x)
    for x in terms[:4]:
        first.add(x)
    second = Interval(**json.loads(json.dumps(first.to_json())))
    for x in terms[4:]:
        second.add(x)
    for name, value in whole.means().items():
        np.testing.assert_array_equal(second.means()[name], value)


def test_a_resumed_log_forgets_what_came_after_its_step(tmp_path):
    with TrainLog(tmp_path, step=0) as training:
        for step in (10, 20, 30):
            training.write(step, "train", {"loss": step / 10})
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"step": 40, "ki')
    with TrainLog(tmp_path, step=20) as training:
        training.write(30, "train", {"loss": 7.0})
    lines = map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines())
    assert [(line["step"], line["loss"]) for line in lines] == [
        (10, 1.0),
        (20, 2.0),
        (30, 7.0),
    ]
    assert list((tmp_path / "tensorboard").iterdir())


def test_skipped_steps_are_counted_and_in_no_mean():
    interval = Interval({}, 0)
    for value, skipped in ((1.0, 0), (np.nan, 1), (3.0, 0)):
        interval.add({"loss": jnp.float32(value), "skipped": jnp.float32(skipped)})
    again = Interval(**json.loads(json.dumps(interval.to_json())))
    for found in (interval.means(), again.means()):
        assert found["loss"] == 2.0
        assert found["skipped"] == 1
    none = Interval({}, 0)
    none.add({"loss": jnp.float32(np.nan), "skipped": jnp.float32(1)})
    assert none.means() == {"skipped": 1.0}


def test_what_is_no_training_does_not_count(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(train_log.time, "monotonic", lambda: clock[0])
    speed = train_log.Speed(8, ceiling=10.0)
    for _ in range(4):
        with speed.waiting():
            clock[0] += 1
        clock[0] += 3
        speed.add()
    with speed.paused():
        clock[0] += 50
    # 32 images in 16 seconds, 4 of which were waited.
    assert speed.numbers() == {
        "images_per_second": 2.0,
        "input_wait": 0.25,
        "flop_utilization": 0.2,
    }
