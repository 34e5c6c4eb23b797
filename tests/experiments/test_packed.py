import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from flax import linen as nn
from PIL import Image
from skimage import color

from experiments.packed import pack, programs, snapshot, train
from experiments.packed import photographs as packed
from experiments.packed import recipe as recipes
from experiments.packed.pack import Packing, Source
from experiments.packed.snapshot import Snapshot
from experiments.packed.train import Options
from jaxcolor import models
from jaxcolor.color import gamut
from jaxcolor.data import splits
from jaxcolor.models import layers
from jaxcolor.models.interface import OuterLayers
from jaxcolor.pretrained import release
from jaxcolor.training import interruption
from jaxcolor.training.config import reading, schema
from tests import tiny

ROOT = Path(__file__).parents[2]
SIDE = 32
OWN_BYTES = Packing(part_bytes=60_000, quality=None, short_side=None, left_out={})
RECIPE = {
    "side": SIDE,
    "groups": {"few": 1.0},
    "power": 0.5,
    "phases": [
        {"until": 0.5, "batches": [{"crop": 16, "count": 8, "scales": [0.5, 1.0]}]},
        {"until": 1.0, "batches": [{"crop": 24, "count": 8, "scales": [0.8, 1.0]}]},
    ],
    "prior_batches": 2,
    "validation": {"crop": 32, "sets": {"all": ["few"]}},
}


resampling = jax.jit(packed.resampling, static_argnames=("crop", "length"))
random_crops = jax.jit(packed.random_crops, static_argnames=("crop", "scales"))
center_crops = jax.jit(packed.center_crops, static_argnames="crop")


class Small(nn.Module):
    """A network that compiles at once."""

    outputs: int
    momentum: float
    dtype: Any = jnp.float32
    axis_name: str | None = None

    input_multiple = 8
    output_stride = 4
    outer_layers = OuterLayers("conv1_1", "head")
    extra_inputs = ()
    extra_outputs = ()
    encoder = None
    has_features = False

    def flops(self, height, width):
        return 0

    @nn.compact
    def __call__(self, lightness, *, train):
        x = lightness[..., None] / 100
        x = nn.Conv(4, (4, 4), strides=4, name="conv1_1")(x)
        x = layers.BatchNorm(
            momentum=self.momentum, affine=True, axis_name=self.axis_name
        )(x, train=train)
        return nn.Conv(self.outputs, (1, 1), name="head")(nn.relu(x))


@pytest.fixture
def folder(photographs, tmp_path):
    """Photographs in two folders of a source, one of them a portrait; a broken file."""
    root = tmp_path / "few"
    for name, photograph in photographs.items():
        group = root / ("a" if name < "d" else "b")
        group.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(photograph).reduce(4)
        image.save(group / f"{name}.jpg", quality=95)
    Image.fromarray(photographs["china"]).reduce(4).transpose(
        Image.Transpose.ROTATE_90
    ).save(root / "b" / "portrait.png")
    (root / "b" / "broken.jpg").write_bytes(b"no photograph")
    return root


def _packed(folder, output, packing=OWN_BYTES):
    counts = pack.pack([Source("few", folder)], output, packing)
    return counts, sorted(output.iterdir())


def test_parts_hold_the_bytes_of_all_files_but_broken_ones(folder, tmp_path):
    counts, files = _packed(folder, tmp_path / "out")
    found = {}
    for index in (path for path in files if path.suffix == ".json"):
        fields = json.loads(index.read_text())
        content = index.with_suffix(".jpegs").read_bytes()
        bounds = zip(fields["offsets"], fields["offsets"][1:], strict=False)
        parts = [content[start:end] for start, end in bounds]
        found |= dict(zip(fields["names"], parts, strict=True))
        assert len(content) <= OWN_BYTES.part_bytes or len(parts) == 1
    paths = [p for p in folder.rglob("*.*") if p.stem != "broken"]
    assert len(files) > 2
    assert counts == {"few/a": 4, "few/b": 4, "broken": 1, "left out": 0}
    assert found == {f"few/{p.relative_to(folder)}": p.read_bytes() for p in paths}


def test_packing_twice_gives_the_same_files(folder, tmp_path):
    packing = OWN_BYTES._replace(quality=50, short_side=40)
    _, first = _packed(folder, tmp_path / "one", packing)
    _, second = _packed(folder, tmp_path / "two", packing)
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert sum(p.stat().st_size for p in first) < 30_000


def test_what_is_left_out_is_a_matter_of_the_path_below_the_source(folder, tmp_path):
    packing = OWN_BYTES._replace(left_out={"few": 0.5})
    _, files = _packed(folder, tmp_path / "out", packing)
    names = [
        n
        for p in files
        if p.suffix == ".json"
        for n in json.loads(p.read_text())["names"]
    ]
    below = {p.relative_to(folder).as_posix() for p in folder.rglob("*.*")}
    kept = {x for x in below if not splits.is_held_out(x, fraction=0.5)}
    assert 0 < len(kept) < len(below)
    assert set(names) == {f"few/{x}" for x in kept if "broken" not in x}


@pytest.mark.parametrize("window", [9.5, 31.0, 57.25])
def test_resampling_is_pillows_bilinear_filter(window):
    line = np.random.default_rng(0).uniform(0, 255, (1, 64)).astype(np.float32)
    start = 3.3
    box = (start, 0, start + window, 1)
    wanted = Image.fromarray(line).resize((24, 1), Image.Resampling.BILINEAR, box)
    weights = resampling(
        np.float32(start), np.float32(window), np.int32(64), crop=24, length=64
    )
    # Both in float32, of numbers up to 255.
    np.testing.assert_allclose(
        np.asarray(weights) @ line[0], np.asarray(wanted)[0], atol=1e-3
    )


def test_the_center_of_a_portrait_is_upright(folder, tmp_path):
    _packed(folder, tmp_path / "out")
    found, _ = packed.read(tmp_path / "out", side=SIDE, held_out_fraction=0.0)
    position = found.names.index("few/b/portrait.png")
    assert found.photographs.is_portrait[position]
    image = Image.open(folder / "b" / "portrait.png")
    size = SIDE, round(SIDE * image.height / image.width)
    small = image.resize(size, Image.Resampling.BICUBIC)
    top = (small.height - SIDE) / 2
    # Of 24 pixels many would lie halfway between two levels, and round to either.
    wanted = small.resize(
        (23, 23), Image.Resampling.BILINEAR, (0, top, SIDE, top + SIDE)
    )
    cut = np.int32(center_crops(found.photographs, np.array([position]), crop=23))
    # Rounded in Pillow after each of the axes, here once.
    assert np.abs(cut[0] - np.asarray(wanted)).max() <= 1


def test_random_crops_stay_inside_their_photographs():
    # What lies beyond the width of a photograph is white here.
    pixels = np.full((2, SIDE, 48, 3), 255, np.uint8)
    pixels[0, :, :40] = 10
    pixels[1, :, :32] = 20
    photographs = packed.Photographs(
        pixels, np.array([40, 32]), np.array([False, True])
    )
    found = np.asarray(
        random_crops(
            jax.random.key(0),
            photographs,
            np.arange(64) % 2,
            crop=16,
            scales=(0.4, 1.0),
        )
    )
    assert (found[::2] == 10).all()
    assert (found[1::2] == 20).all()


def test_random_crops_mirror_half_of_the_photographs():
    ramp = np.broadcast_to(np.arange(48, dtype=np.uint8)[:, None], (1, SIDE, 48, 3))
    photographs = packed.Photographs(ramp, np.array([48]), np.array([False]))
    found = random_crops(
        jax.random.key(0), photographs, np.zeros(400, int), crop=8, scales=(0.5, 1.0)
    )
    found = np.int32(found)
    falls = found[:, 0, -1, 0] < found[:, 0, 0, 0]
    # Four standard deviations of 400 coins.
    assert abs(falls.mean() - 0.5) < 0.1


def test_photographs_are_chosen_by_the_shares_of_their_groups():
    names = ["a/x"] * 16 + ["a/y"] * 4 + ["b"] * 5
    groups = packed.groups_of(names, {"a": 0.6, "b": 0.4}, power=0.5)
    np.testing.assert_allclose(groups.shares, [0.4, 0.2, 0.4], rtol=1e-6)
    choose = jax.jit(lambda key: packed.chosen(key, groups, count=20_000))
    found = np.asarray(choose(jax.random.key(0)))
    counts = np.bincount(found, minlength=25) / len(found)
    wanted = np.repeat([0.4 / 16, 0.2 / 4, 0.4 / 5], [16, 4, 5])
    # Five standard deviations of the most frequent one.
    np.testing.assert_allclose(counts, wanted, atol=5 * (0.08 / 20_000) ** 0.5)


def test_a_group_without_a_share_is_refused():
    with pytest.raises(ValueError, match="no share for"):
        packed.groups_of(["a", "b"], {"a": 1.0}, power=0.5)


def test_crops_are_counted_over_phases():
    recipe = recipes.from_json(RECIPE)
    assert recipes.ends(recipe, steps=10) == [5, 10]
    assert recipes.crops_until(recipe, 7, steps=10) == 56


SMALL, LARGE = (
    {"crop": 16, "count": 8, "scales": [0.5, 1.0]},
    {"crop": 24, "count": 6, "scales": [0.8, 1.0]},
)
ALTERNATING = RECIPE | {
    "phases": [
        {"until": 0.3, "batches": [SMALL]},
        {"until": 1.0, "batches": [LARGE, SMALL]},
    ]
}


def test_kinds_of_batches_take_turns(monkeypatch):
    monkeypatch.setattr(recipes, "TURN", 3)
    recipe = recipes.from_json(ALTERNATING)
    found = [recipes.turn(recipe, step, steps=10) for step in range(10)]
    crops = [batch.crop for batch, _ in found]
    assert crops == [16, 16, 16, 24, 24, 24, 16, 16, 16, 24]
    assert [end for _, end in found] == [3, 3, 3, 6, 6, 6, 9, 9, 9, 10]
    counts = [8, 8, 8, 6, 6, 6, 8, 8, 8, 6]
    for step in range(11):
        total = recipes.crops_until(recipe, step, steps=10)
        assert total == sum(counts[:step])
    # More steps than there are.
    assert recipes.crops_until(recipe, 99, steps=10) == sum(counts)


def test_recipes_survive_json():
    recipe = recipes.from_json(ALTERNATING)
    again = json.loads(json.dumps(recipes.to_json(recipe)))
    assert recipes.from_json(again) == recipe


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([], "no batches"),
        ([SMALL | {"crop": 12}], "8 crops of 12 pixels; wanted 1 or more of 8"),
        ([SMALL | {"count": 0}], "0 crops of 16 pixels"),
        ([SMALL | {"scales": [0.5, 1.5]}], "wanted 0 < low <= high <= 1"),
        ([{"crop": 16, "batch": 8, "scales": [0.5, 1.0]}], "a batch lacks fields"),
    ],
)
def test_wrong_batches_are_refused(batches, message):
    fields = RECIPE | {"phases": [{"until": 1.0, "batches": batches}]}
    with pytest.raises(ValueError, match=message):
        recipes.from_json(fields)


def test_a_resolved_config_is_the_config(photo_folder, tmp_path):
    config = tiny.training_config(photo_folder)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(schema.to_dict(config)))
    assert reading.read(path, []) == config
    changed = reading.read(path, ["--config.training.steps=7"])
    assert changed == schema.changed(config, {"training.steps": 7})


def test_a_resolved_config_needs_no_library_for_configs_input_or_checkpoints(tmp_path):
    path, again = tmp_path / "config.json", tmp_path / "again.json"
    path.write_text(json.dumps(schema.to_dict(reading.read("bundled", []))))
    script = (
        "import sys\n"
        "for name in ('ml_collections', 'grain', 'orbax', 'tensorboardX',"
        " 'array_record', 'tensorflow_datasets'):\n"
        "    sys.modules[name] = None\n"
        "from experiments.packed import train\n"
        "sys.exit(train.main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", script, f"--config={path}", f"--resolve={again}"]
    subprocess.run([*command, "--config.training.seed=3"], check=True, cwd=ROOT)
    wanted = schema.changed(reading.read("bundled", []), {"training.seed": 3})
    assert reading.read(again, []) == wanted


def _config(photo_folder):
    changes = {
        "training.steps": 8,
        "training.checkpoint_every": 100,
        "training.validation_images": 4,
        "data.held_out_fraction": 0.5,
        "initialization.method": "random",
        "degradation.share": 0.5,
        "degradation.contrast": 0.3,
        "average.decay": 0.9,
        "average.statistics_batches": 1,
    }
    return tiny.training_config(
        photo_folder, changes, model={"name": "small", "momentum": 0.9}
    )


def _options(workdir, at_once):
    return Options(
        seconds=600.0,
        log_every=1e-3,
        save_every=1e-3,
        at_once=at_once,
        resume=None,
        release=workdir / "model",
    )


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(models.BY_NAME, "small", Small)


def _run(folder, workdir, config, recipe, *, at_once):
    options = Options(
        seconds=600.0,
        log_every=1e-3,
        save_every=1e-3,
        at_once=at_once,
        resume=None,
        release=workdir / "model",
    )
    return train.train(config, recipe, folder, workdir, options)


class _after_three:  # noqa: N801 - stands for a function
    def __enter__(self):
        return lambda step: step >= 3

    def __exit__(self, *_):
        pass


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "crops"), [(RECIPE, 64), (ALTERNATING, 4 * 8 + 4 * 6)]
)
def test_an_interrupted_training_ends_as_one_that_was_not(
    folder, photo_folder, tmp_path, monkeypatch, small, fields, crops
):
    monkeypatch.setattr(recipes, "TURN", 2)
    config, recipe = _config(photo_folder), recipes.from_json(fields)
    _packed(folder, tmp_path / "packed")

    def run(name):
        return _run(tmp_path / "packed", tmp_path / name, config, recipe, at_once=2)

    assert run("whole") == 8
    with monkeypatch.context() as patched:
        patched.setattr(interruption, "listen", _after_three)
        assert 3 <= run("halved") <= 4
    assert run("halved") == 8
    whole, halved = (
        safetensors.numpy.load_file(tmp_path / name / "state.safetensors")
        for name in ("whole", "halved")
    )
    assert whole.keys() == halved.keys()
    for name, x in whole.items():
        np.testing.assert_array_equal(x, halved[name], err_msg=name)
    lines = (tmp_path / "halved" / "log.jsonl").read_text().splitlines()
    assert {json.loads(line)["step"] for line in lines} >= {8}
    model = release.load(tmp_path / "halved" / "model")
    assert model.provenance["crops"] == crops
    assert model.provenance["training_photographs"] == 6
    (sheet,) = (tmp_path / "whole" / "sheets").iterdir()
    assert sheet.name == "0000008.png"
    kernel = whole["average/params/head/kernel"]
    np.testing.assert_array_equal(model.variables["params"]["head"]["kernel"], kernel)


@pytest.mark.slow
def test_a_snapshot_of_another_network_is_refused(
    folder, photo_folder, tmp_path, small
):
    _packed(folder, tmp_path / "packed")
    training, _ = packed.read(tmp_path / "packed", side=SIDE, held_out_fraction=0.0)
    config = _config(photo_folder)
    parts = programs.parts(config, recipes.from_json(RECIPE), training)
    prior = programs.count_prior(parts, training.photographs, training)
    state = programs.first_state(parts, training.photographs, prior)
    path = tmp_path / "state.safetensors"
    snapshot.write(Snapshot(state, prior, 7, schema.to_dict(config), RECIPE), path)
    found = snapshot.read(path, state)
    same = jax.tree.map(np.array_equal, jax.device_get(state), found.state)
    assert all(jax.tree.leaves(same))
    np.testing.assert_array_equal(found.prior.counts, prior.counts)
    # Not those of the recipe, which may have been another before.
    assert found.crops == 7
    with pytest.raises(ValueError, match="lacks arrays or has unknown ones"):
        snapshot.read(path, state._replace(average=None))


def test_the_prior_counts_what_is_in_the_photographs(photo_folder, tmp_path, small):
    red = Image.new("RGB", (48, 32), (200, 30, 30))
    (tmp_path / "few" / "a").mkdir(parents=True)
    red.save(tmp_path / "few" / "a" / "red.png")
    _packed(tmp_path / "few", tmp_path / "packed")
    training, _ = packed.read(tmp_path / "packed", side=SIDE, held_out_fraction=0.0)
    recipe = recipes.from_json(ALTERNATING)
    parts = programs.parts(_config(photo_folder), recipe, training)
    prior = programs.count_prior(parts, training.photographs, training)
    # A batch of 6 crops with 6 x 6 outputs each, and one of 8 with 4 x 4.
    assert prior.counts.sum() == pytest.approx(6 * 36 + 8 * 16, rel=1e-5)
    assert (prior.images, prior.pixels) == (14, 6 * 36 + 8 * 16)
    bins = gamut.from_srgb(spacing=20.0)
    expected = color.rgb2lab(np.full((1, 1, 3), (200, 30, 30), np.uint8))[0, 0, 1:]
    nearest = np.linalg.norm(bins.centers - expected, axis=-1).argmin()
    assert prior.counts.argmax() == nearest
