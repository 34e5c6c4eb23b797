"""A participant with Firefox, where it is installed."""

import pytest

from jaxcolor.web import serving
from jaxcolor.web.study import database, reading, server, studies
from tests.web import firefox, servers
from tests.web.study import small

RULES = small.RULES._replace(first_ms=500, blank_ms=100, second_ms=500)
FRAME_MS = 1000 / 60
# The arrow keys of WebDriver's standard.
LEFT, RIGHT = "\ue012", "\ue014"
ASKED = "document.querySelector('.question:not(.waiting)')?.checkVisibility()"


def served(engine):
    return serving.protected(
        server.make_app(engine),
        host="127.0.0.1",
        allowed_hosts=[],
        most_bytes=server.MOST_BYTES,
        body_seconds=server.BODY_SECONDS,
    )


def answered(url):
    with database.opened(url) as engine, database.reading(engine) as connection:
        study = studies.find(connection, small.NAME)
        (session,) = reading.sessions(connection, study)
    return session


@pytest.mark.slow
def test_a_whole_study_in_firefox_by_mouse_and_keyboard(sqlite_url, pictures, tmp_path):
    small.create(sqlite_url, pictures, rules=RULES)
    (token,) = small.new_links(sqlite_url)
    profile = tmp_path / "profile"
    profile.mkdir()
    with (
        database.opened(sqlite_url) as engine,
        servers.running(served(engine)) as address,
        firefox.launched(profile) as page,
    ):
        page.open(f"{address}p/{token}")
        page.click("#consent [data-continue]")
        page.click("#instructions [data-continue]")
        for n, key in enumerate([LEFT, RIGHT, None, LEFT, RIGHT, None]):
            if n == RULES.practice:
                page.click("#between [data-continue]")
            if n == 4:
                page.wait(ASKED)
                # A closed tab: the link leads back, and this trial is shown again.
                page.open(f"{address}p/{token}")
                page.click("#resumed [data-continue]")
            page.wait(ASKED)
            if key is None:
                page.click("[data-choice=second]")
            else:
                page.press(key)
        page.wait("!document.getElementById('finished').hidden")
        assert page.run("return document.querySelector('.code').textContent") == "C0DE"
    session = answered(sqlite_url)
    assert session.is_finished
    assert session.screen["browser"] == "Firefox"
    # A sidebar would make the window wider than the page, but no zoom.
    assert session.screen["zoom"] == 1
    sides = [trial.fake_position for trial in session.trials]
    assert sides == ["first", "second", "second", "first", "second", "second"]
    keyboard, mouse = "keyboard", "mouse"
    devices = [trial.device for trial in session.trials]
    assert devices == [keyboard, keyboard, mouse, keyboard, keyboard, mouse]
    assert [trial.exposures for trial in session.trials] == [1, 1, 1, 1, 2, 1]
    for trial in session.trials:
        # A loaded machine misses frames, and the page says so.
        spare = FRAME_MS * (1 + trial.dropped_frames)
        assert abs(trial.first_ms - RULES.first_ms) <= spare
        assert abs(trial.blank_ms - RULES.blank_ms) <= spare
        assert abs(trial.second_ms - RULES.second_ms) <= spare
