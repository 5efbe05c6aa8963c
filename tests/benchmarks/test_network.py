"""The network case: the proxy adds what it is told to and counts what was sent, and a read waits the same for any
history.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from benchmarks import network_readers
from benchmarks.cases import network
from benchmarks.errors import CaseFailed
from benchmarks.latency import Counted, Latency, Route, in_front_of
from benchmarks.network_scene import HOSPITAL, PASSWORD, Outs, Served, grant_all, member_options, read, seal_history
from benchmarks.scene import PROXIES, scene
from benchmarks.servers.running import LOOPBACK, free_ports, port_answers, wait_until
from clinic.clock import system_clock
from clinic.history import plan, read_history
from ledger.bodies import Role
from network.client.ledger import FRESH_S
from network.client.store import RemoteStore
from network.member_home import MemberHome
from tests import interrupts

LATENCY_MS = 60
SHORT, LONG = 4, 9


@pytest.fixture
def echo():
    """A server that sends everything back, through the proxy: its port there, and the proxy."""
    listener = socket.create_server((LOOPBACK, 0))

    def answer(connection):
        with connection:
            while data := connection.recv(1 << 16):
                connection.sendall(data)

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    (port,) = free_ports(1)
    with in_front_of([Route("echo", port, listener.getsockname()[1])]) as latency:
        yield port, latency
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _exchange(connection, data):
    """Send, wait until all is back; seconds."""
    started = time.monotonic()
    connection.sendall(data)
    found = b""
    while len(found) < len(data):
        found += connection.recv(1 << 16)
    assert found == data
    return time.monotonic() - started


def test_a_round_trip_takes_what_was_added_and_a_new_connection_one_more(echo):
    port, latency = echo
    added = LATENCY_MS / 1000
    latency.be(LATENCY_MS)
    with socket.create_connection((LOOPBACK, port)) as connection:
        assert 2 * added <= _exchange(connection, b"first")
        assert added <= min(_exchange(connection, b"again") for _ in range(3)) < 2 * added
        latency.be(0)
        assert min(_exchange(connection, b"again") for _ in range(3)) < added


def test_connections_round_trips_and_bytes_are_counted_until_asked_for(echo):
    port, latency = echo
    latency.be(1)
    for _ in range(2):
        with socket.create_connection((LOOPBACK, port)) as connection:
            for data in (b"12345", b"6789"):
                _exchange(connection, data)
    assert latency.counted() == {"echo": Counted(connections=2, round_trips=6, bytes_up=18, bytes_down=18)}
    assert latency.counted() == latency.counted(near=True) == {}
    assert Counted(1, 2, 3, 4) + Counted(1, 1, 1, 1) == Counted(2, 3, 4, 5)


def test_who_stands_near_is_not_slowed_down_unless_all_are(echo):
    port, latency = echo
    latency.near([os.getpid()])
    latency.be(LATENCY_MS)
    with socket.create_connection((LOOPBACK, port)) as connection:
        assert min(_exchange(connection, b"near") for _ in range(3)) < LATENCY_MS / 1000
        latency.be(LATENCY_MS, everywhere=True)
        assert _exchange(connection, b"near") >= LATENCY_MS / 1000
    assert latency.counted() == {}
    assert latency.counted(near=True)["echo"].round_trips == 5
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        latency.near([other.pid])
        with socket.create_connection((LOOPBACK, port)) as connection:
            latency.be(LATENCY_MS)
            assert _exchange(connection, b"far") >= LATENCY_MS / 1000
        other.communicate(b"\n")


def test_large_streams_arrive_whole_and_an_end_is_passed_on(echo):
    port, latency = echo
    latency.be(5)
    data = os.urandom(5 << 20)
    with socket.create_connection((LOOPBACK, port)) as connection:
        threading.Thread(target=lambda: (connection.sendall(data), connection.shutdown(socket.SHUT_WR))).start()
        with connection.makefile("rb") as file:
            assert file.read() == data


def test_a_server_that_is_not_there_and_a_client_that_hangs_up_harm_nobody_else(echo):
    port, latency = echo
    latency.be(20)
    for _ in range(20):
        connection = socket.create_connection((LOOPBACK, port))
        connection.sendall(b"never mind")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    with socket.create_connection((LOOPBACK, port)) as connection:
        _exchange(connection, b"here")
    nobody, behind = free_ports(2)
    with in_front_of([Route("nobody", nobody, behind)]), socket.create_connection((LOOPBACK, nobody)) as connection:
        assert connection.recv(1) == b""
    assert not port_answers(LOOPBACK, nobody)


def test_a_proxy_or_readers_that_ended_are_no_result(echo):
    with (
        subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
        pytest.raises(CaseFailed, match="adds latency ended"),
    ):
        Latency(process).be(1)


@pytest.fixture(scope="module")
def served():
    """The servers, a doctor, and two patients whose histories she may read."""
    with scene(proxies=0) as cast:
        hospital = Served(cast)
        reader = hospital.join(Role.DOCTOR, "the reader")
        patients = {}
        for blocks in (SHORT, LONG):
            patients[blocks] = hospital.join(Role.PATIENT, f"a patient with {blocks} blocks")
            seal_history(cast, patients[blocks].secrets(), blocks)
        with hospital.serving() as latency:
            for patient in patients.values():
                with patient.site() as site:
                    grant_all(site, patient.secrets(), reader.secrets())
            yield hospital, latency, reader, patients


@pytest.fixture
def outs(tmp_path):
    return Outs(tmp_path)


def _counted(latency, reader, patient):
    """What one read sends, and how many requests the client says it sent to the hospital."""
    latency.counted()
    with reader.site() as site:
        reading = plan(site, reader.secrets(), patient.config.member)
        found = len(list(read_history(site, reader.secrets(), reading)))
        requests = site.engine.transport.traffic.requests
    return found, requests, latency.counted()


def test_a_read_takes_the_same_round_trips_for_any_history(served):
    _, latency, reader, patients = served
    latency.be(LATENCY_MS)
    found = {}
    for blocks, patient in patients.items():
        _counted(latency, reader, patient)  # once, for the letter of the grant
        read_blocks, requests, counted = _counted(latency, reader, patient)
        hospital = counted[HOSPITAL]
        assert read_blocks == blocks
        assert hospital.connections == 1
        assert hospital.round_trips == requests + 2 * hospital.connections  # TCP, TLS
        assert counted.keys() == {HOSPITAL, *(f"proxy {number}" for number in range(1, PROXIES + 1))}
        assert max(each.round_trips for name, each in counted.items() if name != HOSPITAL) == 3  # TCP, TLS, request
        found[blocks] = hospital.round_trips
    assert found[SHORT] == found[LONG] <= 10


@pytest.mark.slow
def test_a_read_that_takes_long_asks_no_more_often(served, monkeypatch):
    _, latency, reader, patients = served
    latency.be(0)
    late = [0]
    fetched = RemoteStore.get_many

    def slow(store, *words):
        late[0] = FRESH_S + 1
        return fetched(store, *words)

    monkeypatch.setattr(RemoteStore, "get_many", slow)
    behind = FRESH_S // 2  # a server takes hardly any requests from the future, nor from before it was started
    home = MemberHome(reader.folder, replace(member_options(), clock=lambda: system_clock() - behind + late[0]))
    home.unlock(home.me.name, PASSWORD)
    _counted(latency, reader, patients[SHORT])
    _, requests, _ = _counted(latency, reader, patients[SHORT])
    late[0] = 0
    assert _counted(latency, home, patients[SHORT])[:2] == (SHORT, requests)
    assert late[0] > FRESH_S


@pytest.mark.slow
def test_what_is_read_is_the_whole_history_and_written_out(served, outs):
    _, latency, reader, patients = served
    latency.be(0)
    out = next(outs)
    read(reader, reader.secrets(), patients[LONG].config.member, LONG, out)
    bundle = json.loads((out / "bundle.json").read_text())
    assert len(bundle["entry"]) == 10 * LONG
    with pytest.raises(CaseFailed, match=f"{LONG} blocks of a history of {SHORT}"):
        read(reader, reader.secrets(), patients[LONG].config.member, SHORT, next(outs))
    outs.remove()
    assert not list(out.parent.iterdir())


@pytest.mark.slow
def test_readers_at_once_all_read_and_one_who_cannot_fails_the_case(served, tmp_path):
    hospital, latency, reader, patients = served
    latency.be(0)
    patient = patients[SHORT]
    other = hospital.join(Role.DOCTOR, "another reader")
    with network_readers.readers([reader.folder, other.folder], patient.config.member, SHORT, tmp_path) as processes:
        with pytest.raises(CaseFailed, match=r"1 readers .* \[grant-inactive\]"):
            processes.read()
        with patient.site() as site:
            grant_all(site, patient.secrets(), other.secrets())
        found = processes.read()
    assert len(found.each) == 2
    assert 0 < max(found.each) <= found.seconds
    assert found.cpu_seconds > 0
    assert [list(folder.iterdir()) for folder in sorted(tmp_path.iterdir())] == [[]] * len(list(tmp_path.iterdir()))


def test_readers_of_a_case_that_fails_end_at_once(served, tmp_path):
    _, latency, reader, patients = served
    patient = patients[SHORT].config.member
    latency.be(5_000)  # a round would take half a minute
    with ThreadPoolExecutor(1) as pool:
        rounds, interrupted = [], []

        def interrupt():
            with network_readers.readers([reader.folder], patient, SHORT, tmp_path) as processes:
                rounds.append(pool.submit(processes.read))
                time.sleep(0.2)
                interrupted.append(time.monotonic())
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupt()
    latency.be(0)
    assert time.monotonic() - interrupted[0] < 5
    with pytest.raises(CaseFailed, match="readers ended"):
        rounds[0].result()


def test_readers_that_do_not_end_are_killed(monkeypatch):
    monkeypatch.setattr(network_readers, "_STOP_S", 0.1)
    with (
        pytest.raises(subprocess.TimeoutExpired),
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"], stdin=subprocess.PIPE) as process,
        network_readers._ended(process),
    ):
        pass
    assert process.returncode == -signal.SIGKILL


def test_every_profile_measures_without_latency_too_and_several_histories():
    for extent in network.EXTENTS.values():
        assert 0 in extent.latencies_ms
        assert max(extent.latencies_ms) > 0
        assert len(extent.blocks) > 1
    assert network.EXTENTS["paper"].readers == 50
    assert 1000 in network.EXTENTS["paper"].blocks


@pytest.mark.slow
def test_the_servers_end_with_whom_they_serve(tmp_path):
    with scene(proxies=0) as cast:
        hospital = Served(cast)
        with hospital.serving():
            assert all(port_answers(LOOPBACK, route.target) for route in hospital.routes)
        assert not any(port_answers(LOOPBACK, port) for route in hospital.routes for port in (route.port, route.target))


_STARTER = """
import sys, time
from pathlib import Path
from benchmarks.servers.running import server_process
with server_process([sys.executable, "-c", "import time; time.sleep(600)"], Path(sys.argv[1])) as server:
    print(server.pid, flush=True)
    time.sleep(600)
"""


def test_a_server_ends_with_whoever_started_it_however_that_ends(tmp_path):
    command = [sys.executable, "-c", _STARTER, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        server = int(starter.stdout.readline())
        assert interrupts.runs(server)
        starter.kill()
    wait_until(lambda: not interrupts.runs(server), 10, "the end of a server")
