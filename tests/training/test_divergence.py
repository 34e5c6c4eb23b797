import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcolor.runtime import devices
from jaxcolor.training import divergence


def terms(*, skipped: bool) -> dict[str, jax.Array]:
    return {
        "skipped": jnp.float32(skipped),
        "loss": jnp.float32(np.nan if skipped else 1.0),
        "gradient_norm": jnp.float32(np.inf if skipped else 2.0),
    }


def test_ten_skipped_steps_in_a_row_stop_a_training():
    watch = divergence.Guard(lambda step: [f"photo{step}.jpg", "b.jpg"])

    def learn() -> None:
        for step in range(1, 100):
            watch.add(step, terms(skipped=step > 20))

    with pytest.raises(ArithmeticError) as caught:
        learn()
    message = str(caught.value)
    assert "at step 30 the loss is nan, the norm of the gradient inf" in message
    assert "photo30.jpg, b.jpg" in message


def test_nine_and_then_a_sound_one_do_not():
    watch = divergence.Guard(lambda _: [])
    for step in range(100):
        watch.add(step, terms(skipped=step % 10 != 0))
    watch.end()


def test_the_last_steps_are_looked_at_too():
    watch = divergence.Guard(lambda _: [])
    for step in range(10):
        watch.add(step, terms(skipped=True))
    with pytest.raises(ArithmeticError):
        watch.end()


def test_copies_that_differ_by_a_bit_are_found():
    state = {"a": np.arange(6.0, dtype=np.float32).reshape(2, 3), "b": np.int32(3)}
    lifted = devices.lift(lambda _: lambda s, b: (s, b), kind="pmap")
    divergence.check_replicas(devices.replicate(state), 5)
    copies = lifted.put(state)
    divergence.check_replicas(copies, 5)
    wrong = np.asarray(copies["a"]).copy()
    wrong[3, 1, 2] = np.nextafter(wrong[3, 1, 2], np.float32(9))
    differing = {**copies, "a": jax.device_put(wrong, copies["a"].sharding)}
    with pytest.raises(ArithmeticError, match="after step 5 the devices' copies"):
        divergence.check_replicas(differing, 5)


def test_numbers_that_changed_places_are_another_state():
    one = devices.replicate({"a": np.array([1.0, 2.0], np.float32)})
    other = devices.replicate({"a": np.array([2.0, 1.0], np.float32)})
    assert devices.checksums(one)[0] != devices.checksums(other)[0]
