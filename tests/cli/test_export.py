"""`jaxcolor export` writes whole files, and says in one line what it cannot."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from skimage.color import rgb2lab

from jaxcolor.cli.command_line import main
from jaxcolor.pretrained import release
from tests import tiny
from tests.pretrained.exporters import drawn
from tests.pretrained.exporters.conftest import unchecked_shapes  # noqa: F401 # a fixture

DOCS = Path(__file__).parents[2] / "docs" / "export.md"


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny"
    release.save(tiny.model(), folder, card="# Tiny\n")
    return folder


@pytest.fixture(scope="module")
def exported(released):
    path = released.parent / "model.onnx"
    assert main(["export", str(released), "-o", str(path), "--quiet"]) == 0
    return path


def test_the_guide_to_onnx_runtime_colorizes_a_photograph(
    exported, photographs, tmp_path, monkeypatch
):
    (tmp_path / "model.onnx").write_bytes(exported.read_bytes())
    photograph = Image.fromarray(photographs["astronaut"]).reduce(4)
    photograph.save(tmp_path / "grandma.png")
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    (snippet,) = (block for block in blocks if "onnxruntime" in block)
    monkeypatch.chdir(tmp_path)
    exec(snippet, {})
    painted = Image.open(tmp_path / "colorized.png")
    assert painted.size == photograph.size
    found, seen = (rgb2lab(np.asarray(image)) for image in (painted, photograph))
    # Colors outside sRGB were clipped, which moves their lightness.
    assert np.median(np.abs(found[..., 0] - seen[..., 0])) < 1
    assert np.abs(found[..., 1:] - seen[..., 1:]).max() > 10


def test_a_folder_for_a_hub_is_a_model_with_a_card(released, tmp_path):
    output = tmp_path / "upload"
    command = ["export", str(released), "-o", str(output), "--format", "hub"]
    assert main([*command, "--dtype", "int8", "--quiet"]) == 0
    names = sorted(path.name for path in output.iterdir())
    assert names == ["README.md", "config.json", "model.onnx", "model.safetensors"]
    assert release.load(output).description == tiny.BINS
    card = (output / "README.md").read_text()
    assert card.startswith("# Tiny\n")
    assert "int8" in card
    assert "multiples of\n  8; the scalar `temperature`" in card


def test_a_hub_wants_a_released_model(released, tmp_path, capsys):
    (tmp_path / "model").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "model" / name).write_bytes((released / name).read_bytes())
    command = ["export", str(tmp_path / "model"), "-o", str(tmp_path / "upload")]
    assert main([*command, "--format", "hub"]) == 2
    assert "is not a released model with" in capsys.readouterr().err
    assert not (tmp_path / "upload").exists()


def test_what_exists_stays_unless_it_is_to_be_replaced(exported, released, capsys):
    before = exported.read_bytes()
    assert main(["export", str(released), "-o", str(exported)]) == 2
    assert "exists; not overwritten" in capsys.readouterr().err
    assert exported.read_bytes() == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--format", "torch", "--dtype", "int8"), "got --dtype int8 with"),
        (("--format", "torch", "--logits"), "got --logits with --format torch"),
        (("--format", "stablehlo", "--dtype", "float16"), "got --dtype float16 with"),
    ],
)
def test_flags_that_do_not_fit_are_refused(released, tmp_path, capsys, flags, words):
    output = tmp_path / "out"
    assert main(["export", str(released), "-o", str(output), *flags]) == 2
    assert words in capsys.readouterr().err
    assert not output.exists()


def test_without_onnx_the_error_names_the_extra(
    released, tmp_path, capsys, monkeypatch
):
    for name in [each for each in sys.modules if each.partition(".")[0] == "onnx"]:
        monkeypatch.delitem(sys.modules, name)
    for name in [each for each in sys.modules if "exporters.onnx_" in each]:
        monkeypatch.delitem(sys.modules, name)
        monkeypatch.delattr(
            sys.modules["jaxcolor.pretrained.exporters"], name.rpartition(".")[2]
        )
    monkeypatch.setitem(sys.modules, "onnx", None)
    output = tmp_path / "model.onnx"
    assert main(["export", str(released), "-o", str(output)]) == 2
    wanted = 'jaxcolor export needs onnx; pip install "jaxcolor[onnx]"'
    assert capsys.readouterr().err == f"jaxcolor: error: {wanted}\n"
    assert not output.exists()


def test_coherence_that_is_lost_is_reported(released, tmp_path, capsys):
    fields = json.loads((released / "config.json").read_text()) | {"coherence": 1.0}
    model = tmp_path / "coherent"
    model.mkdir()
    for path in released.iterdir():
        (model / path.name).write_bytes(path.read_bytes())
    (model / "config.json").write_text(json.dumps(fields))
    assert main(["export", str(model), "-o", str(tmp_path / "model.onnx")]) == 0
    assert "decodes without coherence" in capsys.readouterr().out


def test_what_the_authors_module_does_otherwise_is_reported(tmp_path, capsys):
    described = drawn.description("zhang2016")
    arguments = described.arguments | {"affine": True}
    model = drawn.model(described._replace(arguments=arguments))
    release.save(model, tmp_path / "small", card="# Small\n")
    output = tmp_path / "small.pth"
    command = ["export", str(tmp_path / "small"), "-o", str(output)]
    assert main([*command, "--format", "torch"]) == 0
    printed = capsys.readouterr().out
    assert "the network has width 0.125: the authors' modules" in printed
    assert "decodes at temperature 1, this model at 0.38" in printed


def test_the_guide_to_jax_runs(released, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["export", str(released), "-o", "model.stablehlo", "--quiet"]
    assert main([*command, "--format", "stablehlo"]) == 0
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    (snippet,) = (block for block in blocks if "deserialize" in block)
    names = {}
    exec(snippet, names)
    assert names["ab"].shape == (1, 2, 256, 192)
    assert np.isfinite(names["ab"]).all()


def test_a_file_of_onnx_has_the_card_of_its_model(exported):
    (card,) = (x.value for x in onnx.load(exported).metadata_props if x.key == "card")
    assert card == "# Tiny\n"


def test_a_page_without_npm_is_an_error_of_one_line(
    released, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("PATH", str(tmp_path))
    output = tmp_path / "site"
    command = ["export", str(released), "-o", str(output), "--format", "web"]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "needs npm" in error
    assert error.count("\n") == 1
    assert not output.exists()


def test_a_page_replaces_only_a_page(released, tmp_path, capsys):
    command = ["export", str(released), "-o", str(tmp_path), "--format", "web"]
    assert main([*command, "--overwrite"]) == 2
    assert "is not a page of a model; not overwritten" in capsys.readouterr().err
    assert main([*command, "--logits"]) == 2
    assert "wanted it with onnx, stablehlo, hub only" in capsys.readouterr().err
