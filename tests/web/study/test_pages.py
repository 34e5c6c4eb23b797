"""Participants with a real browser."""

import contextlib

import pytest

from jaxcolor.web import serving
from jaxcolor.web.study import (
    analysis,
    database,
    reading,
    report,
    server,
    simulation,
    studies,
)
from jaxcolor.web.study.exclusions import Rules
from jaxcolor.web.study.protocol import Protocol
from tests.web import servers
from tests.web.study import browsers, small

# Half of the paper's exposures, so that six trials take seconds; the slow tests have
# the paper's own.
RULES = small.RULES._replace(first_ms=500, blank_ms=100, second_ms=500)
# A frame at 60 Hz.
FRAME_MS = 1000 / 60

# Reports what is drawn on the page's own canvas, and when, without our clock.
WATCH = """
window.drawn = [];
const prototype = CanvasRenderingContext2D.prototype;
for (const name of ["drawImage", "clearRect"]) {
  const original = prototype[name];
  prototype[name] = function (...given) {
    if (this.canvas.isConnected) drawn.push([name, performance.now()]);
    return original.apply(this, given);
  };
}
"""


@pytest.fixture(scope="module")
def browser():
    with browsers.launched() as browser:
        yield browser


class Served:
    """A study that is served."""

    def __init__(self, engine, address):
        self.engine = engine
        self.address = address.rstrip("/")

    def link(self):
        with database.writing(self.engine) as connection:
            study = studies.find(connection, small.NAME)
            (token,) = studies.add_links(connection, study, count=1, is_rehearsal=False)
        return f"{self.address}/p/{token}"

    def last(self):
        """Returns the session that began last."""
        with database.reading(self.engine) as connection:
            study = studies.find(connection, small.NAME)
            (session,) = reading.sessions(connection, study)
        return session


@pytest.fixture
def serve(tmp_path, pictures):
    """Returns a function that serves a study with some settings."""
    with contextlib.ExitStack() as stack:

        def start(rules=RULES, folder=pictures):
            url = f"sqlite:///{tmp_path / 'study.db'}"
            small.create(url, folder, rules=rules)
            engine = stack.enter_context(database.opened(url))
            app = serving.protected(
                server.make_app(engine),
                host="127.0.0.1",
                allowed_hosts=[],
                most_bytes=server.MOST_BYTES,
                body_seconds=server.BODY_SECONDS,
            )
            return Served(engine, stack.enter_context(servers.running(app)))

        yield start


def opened(browser, address, *, complaints, **settings):
    context = browser.new_context(viewport={"width": 1280, "height": 800}, **settings)
    page = context.new_page()
    # A violation of the Content-Security-Policy is an error of the console, too.
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    return page


def start(page, view):
    page.locator(f"#{view} [data-continue]:enabled").click()


def ask(page):
    page.locator(".question:not(.waiting)").wait_for()


def take(page, count, answer):
    """Answers trials from the first on, with the pages between."""
    for n in range(count):
        if n == RULES.practice:
            start(page, "between")
        ask(page)
        answer(n)


def test_a_whole_study_by_mouse_with_a_code_at_the_end(browser, serve):
    served, complaints = serve(), []
    page = opened(browser, served.link(), complaints=complaints)
    start(page, "consent")
    start(page, "instructions")
    sides = ("first", "second")
    take(page, 6, lambda n: page.click(f"[data-choice={sides[n % 2]}]"))
    page.locator("#finished").wait_for()
    assert page.locator(".code").text_content() == "C0DE"
    assert page.get_by_role("link").get_attribute("href") == "https://example.org/done"
    assert complaints == []
    session = served.last()
    assert session.is_finished
    assert [trial.fake_position for trial in session.trials] == [*sides] * 3
    assert {trial.device for trial in session.trials} == {"mouse"}
    assert {trial.exposures for trial in session.trials} == {1}
    assert (session.screen["window_width"], session.screen["browser"]) == (
        1280,
        "Chromium",
    )
    check_exposures(session.trials, RULES)


def check_exposures(trials, rules):
    """Exposures are right within a frame, or the frames that were missed are counted.

    A loaded machine misses frames; the page cannot prevent that, but has to say so.
    """
    for trial in trials:
        spare = FRAME_MS * (1 + trial.dropped_frames)
        assert abs(trial.first_ms - rules.first_ms) <= spare
        assert abs(trial.blank_ms - rules.blank_ms) <= spare
        assert abs(trial.second_ms - rules.second_ms) <= spare
    for name in ("first_ms", "second_ms"):
        errors = sorted(abs(getattr(t, name) - getattr(rules, name)) for t in trials)
        assert errors[len(errors) // 2] <= FRAME_MS


@pytest.mark.slow
def test_a_whole_study_by_keyboard(browser, serve):
    served, complaints = serve(), []
    page = opened(browser, served.link(), complaints=complaints)

    def press_button(view):
        button = page.locator(f"#{view} [data-continue]:enabled")
        button.wait_for()
        # The heading has the focus; the button is the next stop.
        page.keyboard.press("Tab")
        assert button.evaluate("(node) => node === document.activeElement")
        page.keyboard.press("Enter")

    press_button("consent")
    press_button("instructions")
    keys = ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft", "ArrowRight")
    for n, key in enumerate(keys):
        if n == RULES.practice:
            press_button("between")
        ask(page)
        page.keyboard.press(key)
    ask(page)
    # By tabs, as someone who uses a switch would.
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.locator("#finished").wait_for()
    assert complaints == []
    sides = {"ArrowLeft": "first", "ArrowRight": "second"}
    trials = served.last().trials
    assert [t.fake_position for t in trials] == [*(sides[k] for k in keys), "first"]
    assert {trial.device for trial in trials} == {"keyboard"}


@pytest.mark.slow
def test_a_reload_in_the_middle_shows_the_trial_again_and_says_so(browser, serve):
    served, complaints = serve(), []
    page = opened(browser, served.link(), complaints=complaints)
    start(page, "consent")
    start(page, "instructions")
    take(page, 3, lambda n: page.keyboard.press("ArrowLeft"))
    # The fourth trial is being shown.
    page.locator(".count", has_text="Pair 2 of 4").wait_for()
    ask(page)
    page.reload()
    start(page, "resumed")
    for _ in range(2):
        ask(page)
        page.keyboard.press("ArrowRight")
    # A closed tab is the same: the link leads back.
    page.locator(".count", has_text="Pair 4 of 4").wait_for()
    address, context = page.url, page.context
    ask(page)
    page.close()
    page = context.new_page()
    page.goto(address)
    start(page, "resumed")
    ask(page)
    page.keyboard.press("ArrowRight")
    page.locator("#finished").wait_for()
    page.reload()
    page.locator("#finished").wait_for()
    trials = served.last().trials
    assert [trial.exposures for trial in trials] == [1, 1, 1, 2, 1, 2]
    assert [t.fake_position for t in trials] == ["first"] * 3 + ["second"] * 3


def test_a_second_tab_does_not_show_the_study_again(browser, serve):
    served, complaints = serve(), []
    page = opened(browser, served.link(), complaints=complaints)
    page.locator("#consent").wait_for()
    second = page.context.new_page()
    second.goto(page.url)
    second.locator("#elsewhere").wait_for()
    assert complaints == []


@pytest.mark.slow
def test_answers_wait_for_a_connection_that_is_lost(browser, serve):
    served, complaints = serve(), []
    page = opened(browser, served.link(), complaints=complaints)
    # No pauses between the tries.
    page.evaluate("() => { window.setTimeout = (task) => queueMicrotask(task); }")
    start(page, "consent")
    start(page, "instructions")
    ask(page)
    page.context.set_offline(True)
    page.keyboard.press("ArrowLeft")
    page.locator("#lost").wait_for()
    page.context.set_offline(False)
    start(page, "lost")
    take_rest = ["ArrowLeft"] * 5
    for n, key in enumerate(take_rest, 1):
        if n == RULES.practice:
            start(page, "between")
        ask(page)
        page.keyboard.press(key)
    page.locator("#finished").wait_for()
    assert {trial.exposures for trial in served.last().trials} == {1}


@pytest.mark.parametrize("allows", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_phones_are_refused_unless_they_are_allowed(browser, serve, allows):
    served, complaints = serve(RULES._replace(allows_mobile=allows)), []
    page = opened(
        browser, served.link(), complaints=complaints, is_mobile=True, has_touch=True
    )
    page.locator("#consent" if allows else "#refused").wait_for()
    if allows:
        page.set_viewport_size({"width": 390, "height": 800})
        page.locator("#consent [data-continue]").tap()
        page.locator("#instructions [data-continue]:enabled").tap()
        for n in range(6):
            if n == RULES.practice:
                page.locator("#between [data-continue]:enabled").tap()
            ask(page)
            page.locator("[data-choice=second]").tap()
        page.locator("#finished").wait_for()
        assert {trial.device for trial in served.last().trials} == {"touch"}
    assert complaints == []


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (1280, "light"),
        (1280, "dark"),
        (390, "light"),
    ],
)
@pytest.mark.slow
def test_axe_finds_nothing_wrong_with_any_page(browser, serve, width, scheme):
    rules = RULES._replace(practice=1, test=1, feedback_ms=2000, attention_share=0)
    served, complaints = serve(rules), []
    page = opened(browser, served.link(), complaints=complaints, color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})

    def check():
        assert browsers.violations(page) == []
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width

    page.locator("#consent").wait_for()
    check()
    start(page, "consent")
    page.locator("#instructions [data-continue]:enabled").wait_for()
    check()
    start(page, "instructions")
    ask(page)
    check()
    page.click("[data-choice=first]")
    page.get_by_text("real colors").wait_for()
    check()
    start(page, "between")
    ask(page)
    page.click("[data-choice=first]")
    page.locator("#finished").wait_for()
    check()
    page.goto(served.address)
    check()


@pytest.mark.slow
def test_what_is_drawn_lasts_as_long_as_what_is_stored(browser, serve):
    served, complaints = serve(), []
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(WATCH)
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(served.link())
    start(page, "consent")
    start(page, "instructions")
    take(page, 6, lambda n: page.keyboard.press("ArrowLeft"))
    page.locator("#finished").wait_for()
    drawn = page.evaluate("drawn")
    # Each picture is drawn once, after the canvas was cleared in the same frame, and
    # the next thing is to clear it. The two pictures of feedback follow each other.
    lasted = [
        drawn[n + 1][1] - at
        for n, (name, at) in enumerate(drawn[:-1])
        if name == "drawImage"
        and drawn[n - 1][0] == "clearRect"
        and drawn[n + 1][0] == "clearRect"
    ]
    assert len(lasted) == 12
    stored = [x for t in served.last().trials for x in (t.first_ms, t.second_ms)]
    errors = sorted(abs(a - b) for a, b in zip(lasted, stored, strict=True))
    # Both clocks run at the frame; the scripts of a loaded machine may come late.
    assert errors[len(errors) // 2] <= FRAME_MS
    assert complaints == []


@pytest.mark.slow
def test_the_paper_s_study_of_50_trials_has_the_paper_s_exposures(
    browser, serve, photographs, tmp_path
):
    rules = Protocol()
    small.write_pictures(photographs, tmp_path / "p", count=50, size=rules.size)
    served, complaints = serve(rules, tmp_path / "p"), []
    page = opened(browser, served.link(), complaints=complaints)
    start(page, "consent")
    start(page, "instructions")
    for n in range(50):
        if n == rules.practice:
            start(page, "between")
        ask(page)
        page.click(f"[data-choice={'first' if n % 3 else 'second'}]")
    page.locator("#finished").wait_for()
    session = served.last()
    assert session.is_finished
    assert len(session.trials) == 50
    assert complaints == []
    check_exposures(session.trials, rules)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.slow
def test_axe_finds_nothing_wrong_with_a_report_that_says_it_is_simulated(
    browser, tmp_path, pictures, scheme
):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    small.create(url, pictures)
    people = simulation.People({"gray": 0.1, "swapped": 0.4})
    with database.opened(url) as engine:
        simulation.simulate(engine, small.NAME, people=people, per_algorithm=40, seed=0)
        with database.reading(engine) as connection:
            study = studies.find(connection, small.NAME)
            results = analysis.analyze(
                reading.sessions(connection, study),
                study.protocol,
                rules=Rules(),
                draws=100,
                seed=0,
            )
            html = report.page(connection, study, results)
    (tmp_path / "report.html").write_text(html)
    complaints = []
    address = (tmp_path / "report.html").as_uri()
    page = opened(browser, address, complaints=complaints, color_scheme=scheme)
    assert browsers.violations(page) == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []
    # Each caption by itself: figures are copied without the page.
    captions = page.locator("figcaption").all_text_contents()
    assert ["simulated" in caption for caption in captions[:2]] == [True, True]
    galleries = page.get_by_text("often labeled real").all_text_contents()
    assert len(galleries) == 4
    assert all("simulated" in text for text in galleries)
