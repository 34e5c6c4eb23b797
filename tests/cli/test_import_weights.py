"""`jaxcolor import`: from a file of the authors to a model that colorizes."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from jaxcolor import cli
from jaxcolor.pretrained import release
from jaxcolor.pretrained.importers import released_files
from jaxcolor.pretrained.importers.released_files import ReleasedFile
from tests.pretrained.importers import authors_graphs

BINS = len(authors_graphs.CENTERS)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "eccv16.pth"
    authors_graphs.write_torch(path, authors_graphs.eccv16_state())
    return path


@pytest.fixture
def known(weights, monkeypatch):
    """Makes the file one that the authors released."""
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    file = ReleasedFile(
        "eccv16.pth", "http://a.test/eccv16.pth", 0.5, "the full method"
    )
    monkeypatch.setitem(released_files.BY_SHA256, sha256, file)


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


def error_of(capsys):
    """The last line, of a command that may have warned before."""
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("jaxcolor: error: ")
    assert all(line.startswith("jaxcolor: warning: ") for line in lines[:-1])
    return lines[-1]


@pytest.mark.usefixtures("known")
def test_an_imported_model_colorizes(weights, tmp_path, photographs, capsys):
    assert run("import", weights, "-o", tmp_path / "model", "--name", "ECCV") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "zhang2016" in printed.out
    assert "its prior is unknown" in printed.out
    card = (tmp_path / "model" / "README.md").read_text()
    assert card.startswith("---\nlicense: bsd-2-clause\n")
    for part in (
        "# ECCV\n",
        "<http://a.test/eccv16.pth>",
        "BSD 2-Clause License",
        "Dome, has a blue sky and green trees.",
        "`--rebalancing-lambda` is refused",
        "decodes at T = 1",
    ):
        assert part in card
    photo = tmp_path / "grandma.png"
    Image.fromarray(photographs["chelsea"][:40, :64]).convert("L").save(photo)
    for model in (tmp_path / "model", weights):
        output = tmp_path / f"{model.name}.png"
        assert run("colorize", photo, "--model", model, "-o", output) == 0
    with Image.open(tmp_path / "model.png") as imported:
        with Image.open(tmp_path / "eccv16.pth.png") as direct:
            np.testing.assert_array_equal(imported, direct)
        assert np.ptp(np.asarray(imported).astype(int), axis=-1).max() > 10
    wrong = ("--model", tmp_path / "model", "--rebalancing-lambda", 0.3)
    assert run("colorize", photo, *wrong, "-o", tmp_path / "b.png") == cli.MISUSED
    assert "0.3; wanted none, as the prior of the model is unknown" in error_of(capsys)


@pytest.mark.usefixtures("known")
def test_a_prior_allows_other_lambdas(weights, tmp_path, capsys):
    prior = np.random.default_rng(0).dirichlet(np.ones(BINS))
    np.save(tmp_path / "prior_probs.npy", prior)
    command = ("import", weights, "-o", tmp_path / "model", "--temperature", 0.38)
    added = ("--prior", tmp_path / "prior_probs.npy", "--rebalancing-lambda", 0.7)
    assert run(*command, *added, "--quiet") == 0
    assert capsys.readouterr().out == ""
    model = release.load(tmp_path / "model")
    np.testing.assert_allclose(model.prior, prior, rtol=1e-6)
    assert model.description.decoding == (0.38, 0.7, 0.0)
    assert model.provenance["prior"]["source"] == "prior_probs.npy"
    card = (tmp_path / "model" / "README.md").read_text()
    assert "Its prior is that of `prior_probs.npy` (SHA-256" in card
    # An existing model is kept.
    assert run(*command) == cli.MISUSED
    assert "model exists; not overwritten" in error_of(capsys)
    # And a release of the model says the same.
    assert run("release", tmp_path / "model", "-o", tmp_path / "again") == 0
    again = (tmp_path / "again" / "README.md").read_text()
    assert again.replace("# again", "# model") == card


@pytest.mark.usefixtures("known")
def test_a_counted_prior_is_taken(weights, tmp_path, photo_folder):
    prior = tmp_path / "prior.json"
    assert run("prior", photo_folder, "-o", prior, "--resize", 32, "--quiet") == 0
    command = ("import", weights, "-o", tmp_path / "model", "--prior", prior)
    assert run(*command, "--quiet") == 0
    counts = np.array(json.loads(prior.read_text())["counts"])
    found = release.load(tmp_path / "model").prior
    np.testing.assert_allclose(found, counts / counts.sum(), rtol=1e-5)
    card = (tmp_path / "model" / "README.md").read_text()
    assert "Its prior was counted on 7 of" in card


@pytest.mark.usefixtures("known")
def test_a_wrong_prior_is_one_line(weights, tmp_path, capsys):
    np.save(tmp_path / "short.npy", np.ones(9) / 9)
    np.save(tmp_path / "negative.npy", -np.ones(BINS) / BINS)
    (tmp_path / "text.npy").write_text("0.5")
    for name, message in (
        ("short.npy", "prior has shape (9,)"),
        ("negative.npy", "prior is no distribution"),
        ("text.npy", "holds no array of numbers"),
        ("nowhere.npy", "No such file"),
        ("nowhere.json", "there is no prior at"),
    ):
        command = ("import", weights, "-o", tmp_path / "model")
        assert run(*command, "--prior", tmp_path / name) == cli.MISUSED
        error = error_of(capsys)
        assert name in error
        assert message in error
        assert not (tmp_path / "model").exists()


# The command prints the warning, which pytest would make an error.
@pytest.mark.filterwarnings("always:.* is not a released file")
def test_siggraph17_is_imported_without_a_prior(tmp_path, capsys):
    path = tmp_path / "siggraph17.pth"
    authors_graphs.write_torch(path, authors_graphs.siggraph17_state())
    np.save(tmp_path / "prior.npy", np.ones(BINS) / BINS)
    command = ("import", path, "-o", tmp_path / "model")
    assert run(*command, "--prior", tmp_path / "prior.npy") == cli.MISUSED
    assert "wanted none, as the model predicts ab itself" in error_of(capsys)
    assert run(*command) == 0
    printed = capsys.readouterr()
    assert "warning: " in printed.err
    assert "is not a released file" in printed.err
    assert "prior" not in printed.out
    described = release.load(tmp_path / "model").description
    assert described.network == "siggraph17"
    assert described.arguments["centers_mask"] is False
    card = (tmp_path / "model" / "README.md").read_text()
    assert "SIGGRAPH 2017" in card
    assert "under which license it may be used, is unknown.\n" in card


def test_what_is_no_file_of_weights_is_one_line(tmp_path, capsys):
    (tmp_path / "page.pth").write_text("<html>404</html>")
    for name, message in (
        ("page.pth", "cannot be read as a .caffemodel"),
        ("nowhere.pth", "there is no file of weights at"),
    ):
        command = ("import", tmp_path / name, "-o", tmp_path / "model")
        assert run(*command) == cli.MISUSED
        assert message in error_of(capsys)
        assert not (tmp_path / "model").exists()
