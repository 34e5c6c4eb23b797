"""Many participants at once, and a server that is killed: no answer is lost."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest

from jaxcolor.web.study import database, reading, schema, studies
from tests.web.study import small

PARTICIPANTS = 200
# Few trials each: all of them are at once, whatever their number.
RULES = small.RULES._replace(practice=1, test=2, attention_share=0.5)
TRIALS = 3
KILLS = int(os.environ.get("JAXCOLOR_KILLS", "20"))
# Seconds that a server may take to start, on a machine that is busy.
STARTED_IN = 120
# A server that has too much to do.
TRANSIENT = (httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.REQUEST_TIMEOUT)
SCREEN, ANSWER = small.SCREEN._asdict(), small.ANSWER._asdict()


class Server:
    """`jaxcolor study serve` as a process."""

    def __init__(self, url):
        self.url = url
        self.port = 0
        self.process = None

    def start(self):
        command = [sys.executable, "-m", "jaxcolor", "study", "serve"]
        self.process = subprocess.Popen(
            [*command, "--database", self.url, "--port", str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        line = self.process.stdout.readline()
        found = re.search(r" at http://127\.0\.0\.1:(\d+)/ ", line)
        if not found:
            # Its other lines end when it does.
            self.process.kill()
            pytest.fail(line + self.process.stdout.read())
        self.port = int(found[1])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def server(url, pictures):
    small.create(url, pictures, rules=RULES)
    server = Server(url)
    server.start()
    yield server
    server.kill()


async def sent(client, method, path, **content):
    """Sends a request until it is answered, as the page does."""
    while True:
        with contextlib.suppress(httpx.TransportError):
            answer = await client.request(method, path, **content)
            if answer.status_code not in TRANSIENT:
                return answer.raise_for_status()
        await asyncio.sleep(0.1)


async def take_part(client, token, answered):
    """Takes part once, and sends each answer twice at the same time."""
    link = f"/p/{token}"
    state = await sent(client, "POST", f"{link}/session", json=SCREEN)
    for trial in state.json()["trials"]:
        place = f"{link}/trials/{trial['position']}"
        await sent(client, "GET", f"{link}/pictures/{trial['first']}")
        await sent(client, "PUT", f"{place}/showing", json={"number": 1})
        await asyncio.gather(
            *(sent(client, "PUT", f"{place}/answer", json=ANSWER) for _ in range(2))
        )
        answered.append((token, trial["position"]))


@pytest.mark.slow
def test_200_participants_at_once_lose_and_double_no_answer(server):
    tokens = small.new_links(server.url, count=PARTICIPANTS)
    answered = []

    async def all_take_part():
        limits = httpx.Limits(max_connections=PARTICIPANTS)
        async with httpx.AsyncClient(
            base_url=server.address, limits=limits, timeout=120
        ) as client:
            await asyncio.gather(*(take_part(client, t, answered) for t in tokens))

    asyncio.run(all_take_part())
    assert len(answered) == PARTICIPANTS * TRIALS
    with database.opened(server.url) as engine, database.reading(engine) as connection:
        study = studies.find(connection, small.NAME)
        sessions = reading.sessions(connection, study)
        answers = connection.execute(schema.answers.select()).all()
    assert len(sessions) == PARTICIPANTS
    assert (
        len(answers) == len({row.trial_id for row in answers}) == PARTICIPANTS * TRIALS
    )
    assert all(one.is_finished and len(one.trials) == TRIALS for one in sessions)
    counts = [[s.algorithm for s in sessions].count(name) for name in small.SYSTEMS]
    assert counts == [PARTICIPANTS // 2] * 2


class Participants(threading.Thread):
    """Takes part again and again, and notes what was acknowledged."""

    def __init__(self, server, tokens, stop):
        super().__init__()
        self.server, self.tokens, self.stop = server, tokens, stop
        self.acknowledged = {}

    def run(self):
        for token in self.tokens:
            number = 0
            while not self.stop.is_set():
                number += 1
                try:
                    self.take_part(token, number)
                    break
                except httpx.HTTPError:
                    # Killed; the link leads back to where it was.
                    time.sleep(0.05)

    def take_part(self, token, number):
        with httpx.Client(base_url=self.server.address, timeout=30) as client:
            state = client.post(f"/p/{token}/session", json=SCREEN).raise_for_status()
            for trial in state.json()["trials"]:
                if self.stop.is_set():
                    return
                self.answer(client, token, trial, number)

    def answer(self, client, token, trial, number):
        place = f"/p/{token}/trials/{trial['position']}"
        times = {"number": trial["exposures"] + 1}
        client.put(f"{place}/showing", json=times).raise_for_status()
        given = {**ANSWER, "response_ms": float(number)}
        client.put(f"{place}/answer", json=given).raise_for_status()
        self.acknowledged[token, trial["position"]] = float(number)


@pytest.mark.slow
def test_every_acknowledged_answer_survives_kills_of_the_server(server):
    stop = threading.Event()
    crowds = [
        Participants(server, small.new_links(server.url, count=2000), stop)
        for _ in range(4)
    ]
    for crowd in crowds:
        crowd.start()
    try:
        for n in range(KILLS):
            before = sum(len(crowd.acknowledged) for crowd in crowds)
            deadline = time.monotonic() + STARTED_IN
            # Under load, and at another moment of a request each time.
            while sum(len(crowd.acknowledged) for crowd in crowds) < before + 10:
                assert time.monotonic() < deadline, "no answer is acknowledged"
                time.sleep(0.01)
            time.sleep(0.003 * n)
            server.kill()
            server.start()
    finally:
        stop.set()
        for crowd in crowds:
            crowd.join()
    acknowledged = {}
    for crowd in crowds:
        acknowledged |= crowd.acknowledged
    assert len(acknowledged) >= 10 * KILLS
    with database.opened(server.url) as engine, database.reading(engine) as connection:
        rows = connection.execute(
            schema.answers.join(schema.trials)
            .join(schema.sessions)
            .join(schema.links)
            .select()
            .with_only_columns(
                schema.links.c.token,
                schema.trials.c.position,
                schema.answers.c.response_ms,
            )
        ).all()
    stored = {(row.token, row.position): row.response_ms for row in rows}
    assert len(stored) == len(rows)
    lost = {
        key: given for key, given in acknowledged.items() if stored.get(key) != given
    }
    assert lost == {}
