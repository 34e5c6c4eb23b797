import httpx
import pytest
from starlette.testclient import TestClient

from jaxcolor.web import serving
from jaxcolor.web.study import database, server, simulation, studies
from tests.web.study import small

SCREEN = small.SCREEN._asdict()
ANSWER = small.ANSWER._asdict()


@pytest.fixture(scope="module")
def url(pictures, tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('served') / 'study.db'}"
    small.create(url, pictures)
    return url


@pytest.fixture(scope="module")
def client(url):
    with database.opened(url) as engine:
        app = serving.protected(
            server.make_app(engine),
            host="127.0.0.1",
            allowed_hosts=["testserver"],
            most_bytes=server.MOST_BYTES,
            body_seconds=server.BODY_SECONDS,
        )
        with TestClient(app, follow_redirects=False) as client:
            yield client


@pytest.fixture
def link(url):
    (token,) = small.new_links(url)
    return f"/p/{token}"


def begun(client, link):
    answer = client.post(f"{link}/session", json=SCREEN)
    assert answer.status_code == 200
    return answer.json()


def take(client, link, position, *, number=1, given=ANSWER):
    trial = f"{link}/trials/{position}"
    shown = client.put(f"{trial}/showing", json={"number": number})
    assert shown.status_code == 200, shown.text
    return client.put(f"{trial}/answer", json=given)


def test_a_session_over_http_ends_with_the_code(client, link):
    state = begun(client, link)
    assert state["stage"] == "practice"
    assert state["completion_code"] == state["return_url"] == ""
    for trial in state["trials"]:
        real = take(client, link, trial["position"]).json()["real"]
        assert (real is not None) == (trial["kind"] == "practice")
    state = client.get(f"{link}/state").json()
    assert state["stage"] == "finished"
    assert state["completion_code"] == "C0DE"
    assert state["return_url"] == "https://example.org/done"


def test_nothing_of_an_answer_tells_a_real_picture_from_a_fake_one(client, link):
    headers = []
    for trial in begun(client, link)["trials"]:
        for picture in (trial["first"], trial["second"]):
            answer = client.get(f"{link}/pictures/{picture}")
            assert answer.status_code == 200
            headers.append(sorted(answer.headers.items()))
    assert len(headers) == 12
    assert all(one == headers[0] for one in headers)
    names = {name for name, _ in headers[0]}
    assert not names & {"etag", "last-modified", "content-disposition"}
    assert dict(headers[0])["cache-control"] == "no-store"


def test_the_state_has_no_answers_and_no_settings_that_help_to_guess(client, link):
    state = begun(client, link)
    assert set(state) == {
        "stage",
        "trials",
        "protocol",
        "completion_code",
        "return_url",
    }
    for trial in state["trials"]:
        assert set(trial) == {"position", "kind", "first", "second", "exposures"}
    assert "attention_share" not in state["protocol"]


def test_a_participant_cannot_reach_another(client, url):
    mine, other = (f"/p/{token}" for token in small.new_links(url, count=2))
    trials = begun(client, other)["trials"]
    begun(client, mine)
    assert client.get(f"{mine}/pictures/{trials[0]['first']}").status_code == 404
    assert client.get(f"/p/{trials[0]['first']}/state").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/p/none",
        "/p/none/state",
        "/p/none/pictures/none",
        "/p/../study.db",
        "/p/%2e%2e%2fstudy.db/state",
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/join/none?PROLIFIC_PID=1",
        "/docs",
        "/openapi.json",
    ],
)
def test_what_is_not_there_is_not_found(client, path):
    answer = client.get(path)
    assert answer.status_code in (404, 422)
    assert "\n" not in answer.json()["detail"]


@pytest.mark.parametrize(
    "change",
    [
        {"fake_position": "third"},
        {"fake_position": None},
        {"response_ms": -1},
        {"response_ms": "NaN"},
        {"first_ms": 1e300},
        {"dropped_frames": 2**70},
        {"device": "x" * 5000},
        {"extra": 1},
    ],
)
def test_an_answer_that_is_none_is_refused(client, link, change):
    begun(client, link)
    answer = take(client, link, 0, given={**ANSWER, **change})
    assert answer.status_code == 422
    assert "\n" not in answer.json()["detail"]
    # It took no place.
    assert take(client, link, 0).status_code == 200


def test_a_large_request_is_refused(client, link):
    answer = client.post(f"{link}/session", content=b" " * 20_000)
    assert answer.status_code == 413


def test_an_answer_from_another_site_is_refused(client, link):
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = client.post(f"{link}/session", json=SCREEN, headers=headers)
    assert answer.status_code == 403


def test_the_open_link_leads_everyone_to_a_link_of_their_own(client, url):
    with database.opened(url) as engine, database.reading(engine) as connection:
        token = studies.find(connection, small.NAME).open_token
    places = [
        client.get(f"/join/{token}", params={"PROLIFIC_PID": identifier})
        for identifier in ("ann", "ann", "ben")
    ]
    assert [answer.status_code for answer in places] == [303] * 3
    first, again, other = (answer.headers["location"] for answer in places)
    assert first == again != other
    assert "ann" not in first
    assert client.get(first).status_code == 200
    for query in ("", "?PROLIFIC_PID=", "?OTHER=1", f"?PROLIFIC_PID={'x' * 300}"):
        answer = client.get(f"/join/{token}{query}")
        assert answer.status_code == 400
        assert "the link has no PROLIFIC_PID" in answer.json()["detail"]


def test_the_consent_is_text_and_no_markup(client, pictures, tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    consent = "<script>alert(1)</script>\n\nSecond & last."
    small.create(url, pictures, texts=small.TEXTS._replace(consent=consent))
    (token,) = small.new_links(url)
    with database.opened(url) as engine, TestClient(server.make_app(engine)) as other:
        page = other.get(f"/p/{token}").text
    assert "<script>alert" not in page
    assert "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>" in page
    assert "<p>Second &amp; last.</p>" in page


def test_no_one_can_take_part_in_a_simulated_study(pictures, tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    small.create(url, pictures)
    (token,) = small.new_links(url)
    with database.opened(url) as engine:
        people = simulation.People(dict.fromkeys(small.SYSTEMS, 0.3))
        simulation.simulate(engine, small.NAME, people=people, per_algorithm=1, seed=0)
        with TestClient(server.make_app(engine)) as other:
            for answer in (
                other.get(f"/p/{token}"),
                other.get(f"/p/{token}/state"),
                other.post(f"/p/{token}/session", json=SCREEN),
            ):
                assert answer.status_code == 409


def test_a_database_that_is_gone_is_reported_as_busy(pictures, tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    small.create(url, pictures)
    (token,) = small.new_links(url)
    with database.opened(url) as engine:
        with database.writing(engine) as connection:
            connection.exec_driver_sql("ALTER TABLE links RENAME TO gone")
        with TestClient(server.make_app(engine)) as other:
            answer: httpx.Response = other.get(f"/p/{token}/state")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
