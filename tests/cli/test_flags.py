import argparse

import pytest

from jaxcolor.cli import flags
from jaxcolor.evaluation import Protocol


@pytest.mark.parametrize(
    ("given", "name", "path"),
    [
        ("mine=runs/mine", "mine", "runs/mine"),
        ("runs/mine", "mine", "runs/mine"),
        ("runs/study/seed=0@1000", "seed=0@1000", "runs/study/seed=0@1000"),
        ("first=runs/study/seed=0", "first", "runs/study/seed=0"),
        ("here=0", "here=0", "here=0"),
        ("there=0", "there", "0"),
        # As Python carries a byte that is not UTF-8.
        ("models/caf\udce9", r"caf\xe9", "models/caf\udce9"),
    ],
)
def test_a_path_may_have_an_equals_sign(given, name, path, tmp_path, monkeypatch):
    (tmp_path / "here=0").mkdir()
    monkeypatch.chdir(tmp_path)
    assert flags.named([given], what="model") == {name: path}


def test_one_name_is_for_one_path():
    with pytest.raises(ValueError, match="two models have the same name"):
        flags.named(["a=x", "a=y"], what="model")


def test_the_flags_of_a_protocol_have_its_defaults():
    parser = argparse.ArgumentParser()
    flags.add_protocol(parser)
    given = parser.parse_args([])
    given.source = ""
    assert Protocol(**flags.protocol(given)) == Protocol()
