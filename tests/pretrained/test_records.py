"""JSON from others: every wrong value is refused in one line that names the field."""

import json

import pytest

from jaxcolor.pretrained import records


@pytest.mark.parametrize(
    ("field", "right", "wrong"),
    [
        (records.number(above=0), [1, 0.5], [0, -1, True, "1", None, [], 1e999]),
        (records.number(least=0, most=1), [0, 1, 0.5], [1.1, float("nan"), 10**400]),
        (records.whole(least=1, most=8), [1, 8], [0, 9, 2.0, True, "2"]),
        (records.text(), ["", "a"], [1, None, []]),
        (records.truth(), [True, False], [0, 1, "true"]),
        (records.table(), [{}, {"a": 1}], [[], None]),
        (records.several(records.text(), least=2), [["a", "b"]], [["a"], "ab", [1, 2]]),
        (records.optional(records.truth()), [None, True], [0]),
    ],
)
def test_a_field_tells_right_from_wrong(field, right, wrong):
    for value in right:
        records.check({"name": value}, {"name": field})
    for value in wrong:
        with pytest.raises(ValueError, match=r"^name is .*; wanted ") as refused:
            records.check({"name": value}, {"name": field})
        assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", r"holds \[\]; wanted an object"),
        ('{"a": ' + "[" * 70 + "]" * 70 + "}", "is nested more than 64 deep"),
        ('{"a": ' + "[" * 200_000 + "]" * 200_000 + "}", "is nested too deeply"),
        ('{"a": ' + "9" * 5000 + "}", "is not JSON"),
        (b"\xff\xfe\xfa", "is not JSON"),
    ],
)
def test_a_file_that_holds_no_record_is_refused(tmp_path, content, message):
    path = tmp_path / "config.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message) as refused:
        records.read(path)
    assert "\n" not in str(refused.value)


def test_a_file_of_gigabytes_is_refused_unread(tmp_path):
    path = tmp_path / "config.json"
    with path.open("wb") as file:
        # A hole, which takes no place on the disk.
        file.truncate(2**33)
    with pytest.raises(ValueError, match="has more than 16 MiB"):
        records.read(path)


def test_a_record_is_read(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"a": [1, {"b": None}]}))
    assert records.read(path) == {"a": [1, {"b": None}]}
