"""What the page takes from npm is fetched once; a failure is one line."""

import pytest

from jaxcolor.web.site import packages

# Stands in for npm: makes the files, and counts how often it is called.
NPM = """\
#!/bin/sh
echo called >> "{log}"
for place in {places}; do
    mkdir -p "node_modules/$(dirname "$place")"
    echo "$place" > "node_modules/$place"
done
"""
FAILING = """\
#!/bin/sh
echo "npm error code ENOTFOUND" >&2
echo "npm error A complete log is in a file" >&2
exit 1
"""


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Returns a function that puts another npm before the real one."""
    monkeypatch.setenv("JAXCOLOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def put(script):
        places = " ".join(packages.FILES.values())
        path = tmp_path / "npm"
        path.write_text(
            script.replace("{places}", places).replace("{log}", f"{tmp_path}/log")
        )
        path.chmod(0o755)
        return tmp_path / "log"

    return put


def test_packages_are_fetched_once(npm):
    log = npm(NPM)
    for _ in range(2):
        with packages.fetched() as folder:
            assert {path.name for path in folder.iterdir()} == set(packages.FILES)
            place = (folder / "ort-wasm-simd-threaded.wasm").read_text().strip()
            assert place == packages.FILES["ort-wasm-simd-threaded.wasm"]
    assert log.read_text().splitlines() == ["called"]


def test_without_a_cache_nothing_stays(npm, monkeypatch):
    npm(NPM)
    monkeypatch.setenv("JAXCOLOR_CACHE", "off")
    with packages.fetched() as folder:
        assert set(packages.FILES) <= {path.name for path in folder.iterdir()}
    assert not folder.exists()


def test_a_failure_of_npm_is_told_and_keeps_nothing(npm, tmp_path):
    npm(FAILING)
    with (
        pytest.raises(ValueError, match=r"could not fetch .*ENOTFOUND; npm error A"),
        packages.fetched(),
    ):
        pass
    assert not (tmp_path / "cache").exists()
