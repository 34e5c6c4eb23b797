import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcolor.runtime import checkpoints
from jaxcolor.training.train_step import TrainState

RECORD = {"prior": None, "description": {"head": "ab"}}


def state_at(step: int, *, average: bool = True) -> TrainState:
    params = {"head": {"kernel": jnp.full((2, 3), float(step))}}
    stats = {"norm": {"mean": jnp.arange(3.0)}}
    averaged = {"params": jax.tree.map(lambda x: x + 0.5, params), "batch_stats": stats}
    return TrainState(
        step=jnp.int32(step),
        params=params,
        batch_stats=stats,
        opt_state=(jnp.int32(step), {"mu": jnp.ones(3)}),
        average=averaged if average else None,
    )


def save_all(workdir, losses: dict[int, float | None], *, keep: int, **state) -> None:
    manager = checkpoints.open_manager(workdir, keep=keep)
    for step, loss in losses.items():
        validation = None if loss is None else {"loss": loss}
        checkpoints.save(
            manager, state_at(step, **state), record=RECORD, validation=validation
        )
    manager.close()


def test_what_is_restored_is_what_was_saved(tmp_path):
    save_all(tmp_path, {4: 1.0}, keep=1)
    manager = checkpoints.open_manager(tmp_path, keep=1)
    state, record = checkpoints.restore_latest(manager, state_at(0))
    manager.close()
    wanted = state_at(4)
    assert jax.tree.structure(state) == jax.tree.structure(wanted)
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_array_equal(a, b)
    assert record == {**RECORD, "validation": {"loss": 1.0}}


def test_a_new_workdir_has_nothing_to_restore(tmp_path):
    manager = checkpoints.open_manager(tmp_path, keep=1)
    assert checkpoints.restore_latest(manager, state_at(0)) is None
    manager.close()


def test_the_latest_and_the_best_are_kept(tmp_path):
    save_all(tmp_path, {1: 3.0, 2: 1.0, 3: 2.0, 4: 2.5, 5: None}, keep=2)
    assert checkpoints.steps(tmp_path) == [2, 4, 5]


def test_the_best_on_validation_is_the_model(tmp_path):
    save_all(tmp_path, {1: 3.0, 2: 1.0, 3: 2.0}, keep=3)
    variables, _ = checkpoints.restore_model(tmp_path, step=None)
    # The averaged weights of step 2.
    np.testing.assert_array_equal(variables["params"]["head"]["kernel"], 2.5)
    assert isinstance(variables["params"]["head"]["kernel"], np.ndarray)


def test_without_validation_the_latest_is_the_model(tmp_path):
    save_all(tmp_path, {1: None, 2: None}, keep=3, average=False)
    variables, _ = checkpoints.restore_model(tmp_path, step=None)
    np.testing.assert_array_equal(variables["params"]["head"]["kernel"], 2.0)


def test_a_step_can_be_chosen_and_an_unknown_one_is_refused(tmp_path):
    save_all(tmp_path, {1: 3.0, 2: 1.0}, keep=3)
    variables, _ = checkpoints.restore_model(tmp_path, step=1)
    np.testing.assert_array_equal(variables["params"]["head"]["kernel"], 1.5)
    with pytest.raises(ValueError, match="has no checkpoint 7; it has 1, 2"):
        checkpoints.restore_model(tmp_path, step=7)


def test_a_training_without_a_checkpoint_has_no_model(tmp_path):
    checkpoints.open_manager(tmp_path, keep=1).close()
    with pytest.raises(ValueError, match="no complete checkpoint"):
        checkpoints.restore_model(tmp_path, step=None)


def test_a_step_is_written_once(tmp_path):
    manager = checkpoints.open_manager(tmp_path, keep=2)
    checkpoints.save(manager, state_at(1), record=RECORD, validation={"loss": 1.0})
    checkpoints.save(manager, state_at(1), record=RECORD, validation=None)
    manager.close()
    _, record = checkpoints.restore_model(tmp_path, step=1)
    assert record["validation"] == {"loss": 1.0}


def damage(workdir, step: int, item: str) -> None:
    for path in (workdir / checkpoints.FOLDER / str(step) / item).rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("item", ["state", "record"])
def test_a_damaged_latest_checkpoint_is_passed_over(tmp_path, caplog, item):
    save_all(tmp_path, {1: 3.0, 2: 2.0, 3: 1.0}, keep=3)
    damage(tmp_path, 3, item)
    checkpoints.set_aside_damaged(tmp_path)
    assert checkpoints.steps(tmp_path) == [1, 2]
    assert (tmp_path / checkpoints.DAMAGED / "3").is_dir()
    assert "checkpoint 3 cannot be read" in caplog.text
    # Its step can be written again.
    save_all(tmp_path, {3: 1.0}, keep=3)
    checkpoints.set_aside_damaged(tmp_path)
    assert checkpoints.steps(tmp_path) == [1, 2, 3]


def test_checkpoints_that_are_all_damaged_stay_where_they_are(tmp_path):
    save_all(tmp_path, {1: 3.0, 2: 2.0}, keep=3)
    for step in (1, 2):
        damage(tmp_path, step, "state")
    with pytest.raises(ValueError, match=r"none of the checkpoints \[2, 1\]"):
        checkpoints.set_aside_damaged(tmp_path)
    assert checkpoints.steps(tmp_path) == [1, 2]
