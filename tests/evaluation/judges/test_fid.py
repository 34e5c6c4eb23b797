"""Files of features or statistics: what is taken, and what is refused."""

import numpy as np
import pytest
from scipy import linalg

from jaxcolor.evaluation.judges import fid

COUNT, SIZE = 30, 4
NAMES = {"ground truth": "ground_truth", "gray": "gray", "mine": "mine"}
TRUTH = "ground truth"


@pytest.fixture(autouse=True)
def _few_features(monkeypatch):
    monkeypatch.setattr(fid, "FEATURES", SIZE)


def _features(seed):
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(COUNT, SIZE)) @ random.normal(size=(SIZE, SIZE))
    return (mixed + random.normal(size=SIZE)).astype(np.float32)


def _moments(features):
    return {"mu": features.mean(axis=0), "sigma": np.cov(features, rowvar=False)}


def _by_scipy(one, other):
    """As pytorch-fid computes it of statistics with full rank."""
    one, other = _moments(one), _moments(other)
    shift = np.square(one["mu"] - other["mu"]).sum()
    root = linalg.sqrtm(one["sigma"] @ other["sigma"]).real
    return shift + np.trace(one["sigma"] + other["sigma"] - 2 * root)


def _found(folder, count=COUNT):
    return fid.distances(
        fid.files(folder, NAMES, truth=TRUTH), truth=TRUTH, count=count
    )


def test_features_and_statistics_give_the_same_distance(tmp_path):
    np.savez(tmp_path / "ground_truth.npz", **_moments(_features(0)))
    np.savez(tmp_path / "mine.npz", **_moments(_features(1)))
    np.save(tmp_path / "gray.npy", _features(1))
    found = _found(tmp_path)
    assert list(found) == ["gray", "mine"]
    expected = _by_scipy(_features(0), _features(1))
    # float32 features, summed in another order.
    for value in found.values():
        assert value == pytest.approx(expected, rel=1e-5)


def test_a_system_without_a_file_has_no_number(tmp_path):
    for name in ("ground_truth", "mine"):
        np.save(tmp_path / f"{name}.npy", _features(0))
    assert _found(tmp_path) == {"mine": pytest.approx(0, abs=1e-6)}


def test_the_truth_must_be_there(tmp_path):
    np.save(tmp_path / "mine.npy", _features(0))
    with pytest.raises(ValueError, match=r"no ground_truth\.npz or ground_truth\.npy"):
        _found(tmp_path)


def test_two_files_of_a_system_are_refused(tmp_path):
    np.save(tmp_path / "ground_truth.npy", _features(0))
    np.savez(tmp_path / "ground_truth.npz", **_moments(_features(0)))
    with pytest.raises(ValueError, match="two files of ground_truth"):
        _found(tmp_path)


def test_a_wrong_folder_is_reported(tmp_path):
    with pytest.raises(ValueError, match=r"no folder .*nowhere"):
        _found(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_features(0)[:, :3], r"features has shape \(30, 3\); wanted \(30, 4\)"),
        (_features(0)[1:], r"features has shape \(29, 4\); wanted \(30, 4\)"),
        (np.full((COUNT, SIZE), np.nan), "features has values that are no numbers"),
        (np.full((COUNT, SIZE), "x"), "features has values that are no numbers"),
    ],
)
def test_other_features_are_refused(tmp_path, content, message):
    np.save(tmp_path / "ground_truth.npy", content)
    with pytest.raises(ValueError, match=rf"ground_truth\.npy: {message}"):
        _found(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mu": np.zeros(3)}, r": mu has shape \(3,\); wanted \(4,\)"),
        ({"sigma": np.zeros((3, 4))}, r": sigma has shape \(3, 4\); wanted \(4, 4\)"),
        ({"sigma": np.triu(np.ones((4, 4)))}, ": sigma is not symmetric"),
        ({"mu": None}, " cannot be read: .*mu"),
    ],
)
def test_other_statistics_are_refused(tmp_path, changes, message):
    content = _moments(_features(0)) | changes
    content = {name: x for name, x in content.items() if x is not None}
    np.savez(tmp_path / "ground_truth.npz", **content)
    with pytest.raises(ValueError, match=rf"ground_truth\.npz{message}"):
        _found(tmp_path)


def test_a_damaged_file_is_one_line(tmp_path):
    for suffix in (".npy", ".npz"):
        path = tmp_path / f"ground_truth{suffix}"
        path.write_bytes(b"PK\x03\x04 no archive")
        with pytest.raises(ValueError, match=r"cannot be read: .") as raised:
            _found(tmp_path)
        assert "\n" not in str(raised.value)
        path.unlink()
