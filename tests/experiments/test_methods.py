"""The comparison of methods: trained alike, measured alike, one table."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from experiments import method_figure, method_results, method_training, methods
from jaxcolor import evaluation
from jaxcolor.evaluation import registry, systems
from jaxcolor.evaluation.result_tables import Number
from jaxcolor.recognition import two_sample
from jaxcolor.runtime import checkpoints

STEPS = 2
CONFIG = """
from jaxcolor.configs import smoke

def get_config():
    config = smoke.get_config()
    config.training.update(
        steps=%d, batch_size=8, log_every=1, validation_images=4, sheet_every=0
    )
    config.schedule.warmup = 0
    config.gamut.spacing = 20.0
    config.objective.update(neighbors=5, sigma=10.0)
    %s
    return config
"""
REGRESSION = """
    del config.gamut, config.prior
    config.objective = dict(name="regression")
    config.release.update(temperature=None, rebalancing_lambda=None)
"""
FINE_TUNED = f"{REGRESSION}    config.initialization.partial = True\n"


@pytest.fixture(scope="module")
def configs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("configs")
    for name, changes in (
        ("zhang2016", ""),
        ("l2", ""),
        ("l2_finetune", FINE_TUNED),
        ("larger", "    config.pipeline.crop = 24\n"),
    ):
        (folder / f"{name}.py").write_text(CONFIG % (STEPS, changes.strip()))
    return folder


@pytest.fixture(scope="module")
def photos(photographs, tmp_path_factory):
    """Nine photographs to measure on, cut from two."""
    folder = tmp_path_factory.mktemp("photos")
    for n in range(9):
        name = ("coffee", "chelsea")[n % 2]
        cut = photographs[name][30 * n :, 20 * n :][:60, :80]
        Image.fromarray(cut).save(folder / f"{n}.png")
    return folder


def _run(output, configs, train, *more):
    command = ["--train", str(train), "-o", str(output)]
    command += ["--config-folder", str(configs), "--quiet", *map(str, more)]
    return methods.main(command)


@pytest.fixture(scope="module")
def output(photo_folder, configs, photos, tmp_path_factory):
    """The comparison of two tiny methods."""
    output = tmp_path_factory.mktemp("comparison") / "output"
    patch = pytest.MonkeyPatch()
    patch.setattr(two_sample, "RECIPE", two_sample.RECIPE._replace(steps=5, pairs=4))
    # The report of an evaluation has its own tests, and is slow.
    for slow in ("figures.write", "examples.choose"):
        patch.setattr(f"jaxcolor.evaluation.report.{slow}", lambda *_, **__: None)
    with patch.context():
        assert _run(output, configs, photo_folder, *_measured(photos)) == 0
    patch.undo()
    return output


def _measured(photos):
    return (
        *("--only", "zhang2016", "l2_finetune"),
        *("--test", f"cuts={photos}@32", "--resamples", 20, "--real-or-fake", 1),
    )


@pytest.mark.slow
def test_every_method_is_trained_on_the_same_crops(output):
    for name in ("zhang2016", "l2_finetune"):
        assert checkpoints.steps(output / "trainings" / name)[-1] == STEPS
    text = (output / "comparison.md").read_text()
    costs = text[text.index("### Networks and trainings") :].splitlines()
    (full,) = (line for line in costs if line.startswith("| full |"))
    (tuned,) = (line for line in costs if line.startswith("| L2, fine-tuned |"))
    assert "| 16 |" in full
    assert "| 16 after those of full |" in tuned


@pytest.mark.slow
def test_a_fine_tuning_starts_from_the_training_here(output):
    path = output / "trainings" / "l2_finetune" / "training.json"
    start = json.loads(path.read_text())["initialization"]["checkpoint"]
    assert start == str(output / "trainings" / "zhang2016")


@pytest.mark.slow
def test_the_table_has_our_numbers_beside_the_papers(output):
    text = (output / "comparison.md").read_text()
    (full,) = (
        line
        for line in text.splitlines()
        if line.startswith("| full |") and "32.3" in line
    )
    results = json.loads((output / "tests" / "cuts" / "results.json").read_text())
    (row,) = (row for row in results["rows"] if row["system"] == "full")
    assert f"{row['numbers']['rebalanced_auc']['value']:.2f} [" in full
    assert f"{row['numbers']['real_or_fake']['value']:.1f} [" in full
    assert full.endswith("| 89.5 | 67.3 | 56.0 | 32.3 |")
    (gray,) = (
        line
        for line in text.splitlines()
        if line.startswith("| gray |") and "52.7" in line
    )
    assert gray.endswith("| 89.1† | 58.0† | 52.7 | – |")
    assert "machine real-or-fake error, % ↑" in text
    assert "full minus each other" in text


@pytest.mark.slow
def test_each_figure_has_a_column_for_each_method(output):
    with Image.open(output / "figures" / "cuts.jpg") as figure:
        wide, high = figure.size
    # Input, two methods and truth; six rows.
    assert wide < high


@pytest.mark.slow
def test_a_second_start_does_nothing_again(
    output, configs, photo_folder, photos, monkeypatch
):
    def refuse(*_, **__):
        raise AssertionError("done once already")

    before = (output / "comparison.md").read_text()
    monkeypatch.setattr("jaxcolor.training.loop.train", refuse)
    monkeypatch.setattr(evaluation, "assemble", refuse)
    monkeypatch.setattr(method_figure, "draw", lambda *_, **__: _figure())
    assert _run(output, configs, photo_folder, *_measured(photos)) == 0
    assert (output / "comparison.md").read_text() == before
    # Other settings are measured anew.
    with pytest.raises(AssertionError, match="done once already"):
        _run(output, configs, photo_folder, *_measured(photos), "--seed", 1)


def _figure():
    from matplotlib.figure import Figure

    return Figure((1, 1))


def test_methods_on_other_crops_are_refused(configs, photo_folder, tmp_path, capsys):
    command = (tmp_path / "out", configs, photo_folder, "--only", "zhang2016", "larger")
    assert _run(*command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        "pipeline.crop is 32 for zhang2016 and 24 for larger; wanted the same" in line
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--only", "l2_finetune"), "l2_finetune starts from zhang2016, which is not"),
        (("--only", "nothing"), "there is no config at"),
        (("--only", "l2", "--labelled", "x"), "--labelled x is no test set"),
        (("--only", "l2", "--test", "a={tmp}/none@32"), "no folder {tmp}/none"),
        (("--only", "l2", "--test", "a={photos}@36"), "a is 36; l2 wants a multiple"),
        (("--only", "l2", "--test", "a={train}@32"), "got 7 photographs to tell true"),
        (("--only", "l2", "--steps", "3"), "unknown argument --steps"),
        (("--train", "{tmp}"), "no photographs in {tmp}"),
    ],
)
def test_what_is_wrong_is_one_line_before_any_training(
    configs, photo_folder, photos, tmp_path, capsys, more, message
):
    folders = {"tmp": tmp_path, "photos": photos, "train": photo_folder}
    filled = [one.format(**folders) for one in more]
    assert _run(tmp_path / "out", configs, photo_folder, *filled) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message.format(tmp=tmp_path) in line
    assert not (tmp_path / "out").exists()


def test_a_test_set_is_a_name_a_source_and_a_size():
    found = methods.test_set("scenes=imagenet-test:tfds:a@b:validation@64")
    assert found == ("scenes", "imagenet-test:tfds:a@b:validation", 64)
    for text in ("scenes", "=x@64", "scenes=x", "scenes=x@y", "a/b=x@64"):
        with pytest.raises(methods.argparse.ArgumentTypeError, match="wanted NAME="):
            methods.test_set(text)


def test_several_folders_are_one_list(photo_folder, photos, tmp_path):
    path = method_training.train_source([str(photo_folder), str(photos)], tmp_path)
    lines = (tmp_path / "train.txt").read_text().splitlines()
    assert path == str(tmp_path / "train.txt")
    assert len(lines) == 7 + 9
    assert lines[0] == str(photo_folder / "astronaut.jpg")
    assert method_training.train_source(["anything"], tmp_path) == "anything"


def test_photographs_are_chosen_by_rank():
    scores = [5.0, 1.0, 4.0, 2.0, 3.0, 0.0, 6.0]
    found = method_figure.choose(scores, each=2)
    assert found == [
        ("best", 6),
        ("best", 0),
        ("median", 2),
        ("median", 4),
        ("worst", 1),
        ("worst", 5),
    ]
    assert method_figure.choose(scores[:4], each=2) == [
        ("best", 0),
        ("median", 2),
        ("worst", 1),
    ]
    assert method_figure.choose([1.0, 2.0], each=2) == [("best", 1), ("worst", 0)]
    assert method_figure.choose([1.0], each=2) == [("best", 0)]


PAIRED = ("auc", "rebalanced_auc")


def _blue(lightness, index):
    return jnp.zeros((*lightness.shape, 2)).at[..., 1].set(-20.0)


def _gray_minus_blue(found, one, *, resamples):
    return method_results.minus_each(
        found, one, "gray", others=["blue"], seed=0, resamples=resamples
    )["blue"]


def test_the_interval_of_a_difference_is_paired(photos):
    """Against a bootstrap that draws photographs one at a time."""
    measured = {"blue": systems.of_baseline(_blue)}
    found = evaluation.assemble(
        measured,
        photos,
        protocol=evaluation.Protocol(size=32, batch_size=9, resamples=20),
        metrics=[one for one in registry.METRICS if one.key in PAIRED],
        is_quiet=True,
    )
    (auc,) = (one for one in found.metrics if one.key == "auc")
    value, low, high = _gray_minus_blue(found, auc, resamples=4000)
    apart = np.subtract(*(found.photographs[x]["auc"] for x in ("gray", "blue")))
    random = np.random.default_rng(1)
    drawn = apart[random.integers(9, size=(4000, 9))].mean(axis=1)
    assert value == pytest.approx(apart.mean())
    # Two bootstraps of 4000 resamples.
    tolerance = apart.std() / 10
    assert (low, high) == pytest.approx(
        np.quantile(drawn, (0.025, 0.975)), abs=tolerance
    )
    (rebalanced,) = (one for one in found.metrics if one.key == "rebalanced_auc")
    value, *_ = _gray_minus_blue(found, rebalanced, resamples=10)
    numbers = {row.system: row.numbers["rebalanced_auc"].value for row in found.rows}
    assert value == pytest.approx(numbers["gray"] - numbers["blue"])


def test_a_result_is_read_as_it_was_written(tmp_path):
    result = method_results.Result(
        photographs=9,
        columns=[method_results.Column("auc", "AuC, % ↑", 2)],
        numbers={"gray": {"auc": Number(1.0)}, "full": {"auc": Number(2.0, 1.5, 2.5)}},
        differences={"gray": {"auc": (1.0, 0.5, 1.5)}},
        scores=[0.5],
    )
    path = tmp_path / "result.json"
    method_results.write(result, path, asked={"size": (1, 2)})
    assert method_results.read(path, asked={"size": (1, 2)}) == result
    assert method_results.read(path, asked={"size": (1, 3)}) is None
    assert method_results.read(tmp_path / "none.json", asked={}) is None


def test_the_time_of_a_training_is_that_of_its_log(tmp_path):
    lines = [
        {"step": 10, "kind": "train", "images_per_second": 20.0},
        {"step": 10, "kind": "validation", "loss": 1.0},
        {"step": 30, "kind": "train", "images_per_second": 10.0},
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    # 80 crops at 20 a second, then 160 at 10, then 24 of which nothing is known.
    found = method_results.seconds(tmp_path, steps=33, batch_size=8)
    assert found == pytest.approx((4 + 16) * 33 / 30)
    none = method_results.seconds(tmp_path / "none", steps=33, batch_size=8)
    assert none is None


def test_a_method_that_fails_is_left_out_and_named(
    configs, photo_folder, tmp_path, capsys, monkeypatch
):
    def fail(config, workdir, *, is_quiet):
        raise ArithmeticError("the loss of step 7 is nan")

    monkeypatch.setattr("jaxcolor.training.loop.train", fail)
    output = tmp_path / "out"
    assert _run(output, configs, photo_folder, "--only", "zhang2016") == 1
    wanted = "Left out: zhang2016: the loss of step 7 is nan"
    assert wanted in (output / "comparison.md").read_text()
    assert wanted in capsys.readouterr().out
