import signal
import socket
import subprocess
import sys

import httpx
import pytest

from jaxcolor.web import serving

SERVER = """
import sys
from fastapi import FastAPI
from jaxcolor.web import serving
bound = serving.bind("127.0.0.1", 0)
print(serving.address(bound), flush=True)
serving.run(FastAPI(), bound)
print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_server_as_if_it_had_succeeded(number):
    with subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        address = server.stdout.readline().strip()
        assert httpx.get(address, timeout=60).status_code == 404
        server.send_signal(number)
        printed, complaints = server.communicate(timeout=60)
    assert (server.returncode, printed, complaints) == (0, "ended\n", "")


def test_a_port_in_use_is_one_line():
    with serving.bind("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        with pytest.raises(OSError, match=f"^port {port} of 127.0.0.1 is in use"):
            serving.bind("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "nowhere.invalid"])
def test_a_host_that_is_none_of_this_machine_is_refused(host):
    with pytest.raises(ValueError, match=r"^host is"):
        serving.bind(host, 0)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_number_that_is_no_port_is_refused(port):
    with pytest.raises(ValueError, match=f"^port is {port}; wanted"):
        serving.bind("127.0.0.1", port)


def test_the_address_of_an_unspecified_host_is_one_that_a_browser_can_open():
    with serving.bind("0.0.0.0", 0) as bound:
        port = bound.getsockname()[1]
        assert serving.address(bound) == f"http://127.0.0.1:{port}/"


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6")
def test_an_address_of_ipv6_stands_in_brackets():
    try:
        bound = serving.bind("::1", 0)
    except (OSError, ValueError):
        pytest.skip("loopback has no IPv6 address")
    with bound:
        assert serving.address(bound).startswith("http://[::1]:")
