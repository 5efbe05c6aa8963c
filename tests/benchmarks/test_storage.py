"""The storage case: systems bring back what they stored, what is counted was really sent, and a bill adds up."""

import contextlib
import datetime
import http.client
import http.server
import os
import shutil
import subprocess
import sys
import threading
import zlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.bench import PROFILES, Bench
from benchmarks.cases import storage
from benchmarks.errors import CaseFailed, PricesInvalid, ServerMissing, ServerUnavailable
from benchmarks.results import Absent, Series
from benchmarks.scene import scene
from benchmarks.servers.apart import apart
from benchmarks.servers.forwarder import in_front_of
from benchmarks.servers.running import LOOPBACK, Running, port_answers, program, wait_until
from benchmarks.servers.starters import STARTERS, endpoint_port, within
from benchmarks.storage.cells import measure_cell
from benchmarks.storage.entrants import Entrant, Entrants
from benchmarks.storage.payload import Load, Payload, require_all
from benchmarks.storage.peers import PEERS
from benchmarks.storage.prices import Measured, Story, bill, providers
from benchmarks.storage.server_side import clear, stored_bytes
from benchmarks.storage.systems import Command as ChartSealCommand
from benchmarks.storage.systems import CommandHome, Library, StoreAlone, credentials, run
from benchmarks.storage.wire import Traffic, Wire
from cloud.errors import StoreUnreachable
from cloud.open import open_store
from tests import needs

LOAD = Load(3, 50_000, 2)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def payload(tmp_path):
    return Payload(tmp_path / "payload", LOAD)


@pytest.fixture(params=["folder", "s3-moto"])
def running(request, tmp_path):
    with needs.servers(), STARTERS[request.param](tmp_path / request.param) as running, credentials(running):
        yield within(running, tmp_path.name)  # moto keeps its buckets as long as this process lives


def _brings_back(system, payload, out):
    expected = payload.digests()
    system.upload(payload.folder)
    system.download(out)
    require_all(out, expected, system.name)
    assert len(expected) == LOAD.files


def test_a_payload_is_incompressible_and_new_each_time(payload, tmp_path):
    files = sorted(payload.folder.iterdir())
    assert [path.stat().st_size for path in files] == [LOAD.file_bytes] * LOAD.files
    assert len(zlib.compress(b"".join(path.read_bytes() for path in files))) > LOAD.total_bytes
    first = payload.digests()
    assert Payload(tmp_path / "again", LOAD).digests() == first
    payload.renew()
    second = payload.digests()
    assert len(second) == LOAD.files
    assert not first.keys() & second.keys()
    assert not set(first.values()) & set(second.values())


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(b"other"), Path.unlink])
def test_what_did_not_come_back_is_not_measured(payload, spoil):
    expected = payload.digests()
    require_all(payload.folder, expected, "a system")
    spoil(next(payload.folder.iterdir()))
    with pytest.raises(CaseFailed, match="a system did not bring back"):
        require_all(payload.folder, expected, "a system")


def test_loads_are_named_for_people():
    assert str(Load(64, 4096, 8)) == "64 x 4 KiB, 8 at once"
    assert str(Load(1, 256 << 20, 1)) == "1 x 256 MiB, 1 at once"


def test_ours_bring_back_what_they_stored(running, payload, tmp_path):
    alone = StoreAlone(at := within(running, "store"), 2)
    _brings_back(alone, payload, tmp_path / "store")
    alone.close()
    assert stored_bytes(at) == LOAD.total_bytes
    clear(at)
    assert stored_bytes(at) == 0
    with scene() as cast:
        library = Library(cast, at := within(running, "library"), 2)
        _brings_back(library, payload, tmp_path / "library")
        library.close()
        assert LOAD.total_bytes < stored_bytes(at) < 2 * LOAD.total_bytes


@pytest.mark.parametrize("running", ["s3-moto"], indirect=True)
def test_the_command_brings_back_what_it_stored(running, payload, tmp_path):
    _brings_back(ChartSealCommand(CommandHome(tmp_path / "home"), running), payload, tmp_path / "out")


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
@pytest.mark.slow
def test_peers_bring_back_what_they_stored(peer, running, payload, tmp_path):
    for name in peer.programs:
        needs.program(name, feature="peers")
    if peer.lacks(running):
        assert running.url.startswith("file:")
        return
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    _brings_back(peer.start(running, 2, scratch), payload, tmp_path / "out")
    stored = stored_bytes(running)
    assert LOAD.total_bytes < stored < 2 * LOAD.total_bytes
    assert any(character.isdigit() for character in peer.version())


def test_a_peer_that_cannot_be_had_says_why(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    here = Running(f"file://{tmp_path}", {})
    assert [peer.lacks(here) for peer in PEERS] == [f"not installed: {peer.get}" for peer in PEERS]
    for peer in PEERS:
        for name in peer.programs:
            (tmp_path / name).write_text("#!/bin/sh\n")
            (tmp_path / name).chmod(0o755)
    ftp = Running(f"ftp://clinic@{LOOPBACK}:2121/clinic", {})
    assert [peer.lacks(ftp) for peer in PEERS] == ["stores nothing at ftp://", None, "stores nothing at ftp://"]


@pytest.fixture
def unmeasured(monkeypatch, tmp_path):
    """The case without its people: for what comes before them."""
    monkeypatch.setattr(storage, "scene", lambda: contextlib.nullcontext(SimpleNamespace(folder=tmp_path)))
    monkeypatch.setattr(storage, "CommandHome", lambda _folder: None)


@pytest.mark.usefixtures("unmeasured")
def test_a_server_that_is_missing_or_does_not_start_is_a_row_and_the_others_are_tried(monkeypatch):
    def failing(name, *_, **__):
        if name == "folder":
            raise ServerUnavailable("the server did not start")
        raise ServerMissing("the program weed is not installed: install it", "s3")

    monkeypatch.setattr(storage, "apart", failing)
    found = []
    storage.measure(Bench("storage", PROFILES["smoke"], {}, found.append))
    grid = storage.GRIDS["smoke"]
    told = {"folder": "the server did not start"}
    assert told.keys() < set(grid.others)
    assert [(line.name, line.reason) for line in found if isinstance(line, Absent)] == [
        (backend, told.get(backend, "the program weed is not installed: install it"))
        for backend in (*grid.beside_peers, *grid.others)
    ]
    assert len(found) == len(grid.beside_peers) + len(grid.others)


def test_a_server_that_does_not_come_up_is_told_as_unavailable(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.executable", shutil.which("false"))
    with pytest.raises(ServerUnavailable, match="the server folder did not start"), apart("folder", tmp_path):
        pass


@pytest.mark.usefixtures("unmeasured")
def test_a_store_of_ours_that_does_not_open_fails_the_case_when_the_others_were_measured(monkeypatch):
    grid = replace(storage.GRIDS["smoke"], beside_peers=())
    fails, *others = grid.others

    def opened(url, *options):
        if f"/{fails}/" in url:
            raise StoreUnreachable("the store does not open")
        return open_store(url, *options)

    monkeypatch.setattr(storage, "GRIDS", {"smoke": grid})
    monkeypatch.setattr(storage, "apart", lambda name, folder, **_: STARTERS["folder"](folder / name))
    monkeypatch.setattr(Entrants, "_start", lambda _, area, *__, **___: iter([Entrant(StoreAlone(area, 1), area)]))
    monkeypatch.setattr("benchmarks.storage.systems.open_store", opened)
    found = []
    with pytest.raises(CaseFailed, match=f": {fails}$"):
        storage.measure(Bench("storage", PROFILES["smoke"], {}, found.append))
    (absent,) = [line for line in found if isinstance(line, Absent)]
    assert (absent.name, absent.reason) == (fails, "the store does not open")
    assert {line.settings["backend"] for line in found if isinstance(line, Series)} == set(others)


class _Fails(StoreAlone):
    """Fails at the transfer that ``at`` counts, from 1; first comes an upload, then what is timed."""

    name = "fails"

    def __init__(self, running, at):
        super().__init__(running, 1)
        self._left = at

    def upload(self, folder):
        self._count()
        super().upload(folder)

    def download(self, out):
        self._count()
        super().download(out)

    def _count(self):
        self._left -= 1
        if self._left == 0:
            raise CaseFailed("the server is full")


@pytest.mark.parametrize(("at", "is_peer"), [(1, True), (3, True), (3, False), (5, True)])
def test_who_fails_is_told_by_name_and_the_others_are_measured(at, is_peer, tmp_path, monkeypatch):
    found = []
    running = Running(f"file://{tmp_path}/server", {}, root=tmp_path / "server")
    cast = SimpleNamespace(folder=tmp_path)
    entrants = Entrants(Bench("storage", PROFILES["smoke"], {}, found.append), cast, None, "folder", (), [])

    def start(_, area, *__, **___):
        store, fails = within(area, "store"), within(area, "fails")
        yield Entrant(StoreAlone(store, 1), store)
        yield Entrant(_Fails(fails, at), fails, "version 1" if is_peer else None)

    monkeypatch.setattr(Entrants, "_start", start)
    measure_cell(entrants, running, LOAD, 2)
    (absent,) = [line for line in found if isinstance(line, Absent)]
    doing = "first upload" if at == 1 else "download" if at < 5 else "upload"
    assert absent.name == f"folder, {doing}, {LOAD}: fails"
    assert absent.reason == "the server is full"
    assert entrants.faults == ([] if is_peer else [absent.name])
    series = {line.name: line for line in found if isinstance(line, Series)}
    assert {line.peak_memory_bytes for line in series.values()} == {None}  # it would be the benchmark's own
    assert [name for name in series if name.endswith("fails")] == (
        [f"folder, download, {LOAD}: fails"] if at == 5 else []
    )
    assert [name for name in series if name.endswith("alone")] == [
        f"folder, {direction}, {LOAD}: store alone" for direction in ("download", "upload")
    ]


def test_every_upload_moves_files_that_the_system_has_not_seen(tmp_path, monkeypatch):
    found, moved = [], []
    running = Running(f"file://{tmp_path}/server", {}, root=tmp_path / "server")
    cast = SimpleNamespace(folder=tmp_path)
    entrants = Entrants(Bench("storage", PROFILES["smoke"], {}, found.append), cast, None, "folder", (), [])

    class Counts(StoreAlone):
        def _put(self, path):
            moved.append(path.name)
            return super()._put(path)

    monkeypatch.setattr(Entrants, "_start", lambda _, area, *__, **___: iter([Entrant(Counts(area, 1), area)]))
    measure_cell(entrants, running, LOAD, 2)
    assert len(moved) == len(set(moved)) == LOAD.files * 3


def test_a_program_that_fails_or_does_not_end_is_told(monkeypatch):
    with pytest.raises(CaseFailed, match="ended with status 1: the server is full"):
        run([sys.executable, "-c", "raise SystemExit('the server is full')"], {})
    monkeypatch.setattr("benchmarks.storage.systems.TIMEOUT_S", 0.1)
    with pytest.raises(CaseFailed, match=r"chartseal did not end within 0\.1 s"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], {}, what="chartseal")


@pytest.mark.usefixtures("unmeasured")
def test_what_fails_of_ours_fails_the_case_when_all_others_were_measured(monkeypatch):
    def fails(_grid, entrants):
        entrants.faults.append(f"{entrants.backend}: chartseal library")

    monkeypatch.setattr(storage, "_on", fails)
    grid = storage.GRIDS["smoke"]
    with pytest.raises(CaseFailed) as caught:
        storage.measure(Bench("storage", PROFILES["smoke"], {}, lambda _: None))
    assert all(f"{backend}: chartseal library" in str(caught.value) for backend in (*grid.beside_peers, *grid.others))


def test_paper_has_every_size_on_every_kind_of_server_and_two_at_once_counts_at_two_sizes():
    paper, full = storage.GRIDS["paper"], storage.GRIDS["full"]
    assert {*full.beside_peers, *full.others} == set(STARTERS)
    assert {*paper.beside_peers, *paper.others} == {name for name in STARTERS if not name.endswith("pyftpdlib")}
    assert {load.file_bytes for load in paper.loads} >= {4 << 10, 1 << 20, 256 << 20}
    at_once = [{load.connections for load in paper.loads if load.file_bytes == size} for size in (4 << 10, 1 << 20)]
    assert at_once == [{1, 8}, {1, 8}]
    assert {(load.file_bytes, load.connections) for load in paper.loads} <= {
        (load.file_bytes, load.connections) for load in full.loads
    }


def test_settings_for_another_server_are_not_handed_on(monkeypatch):
    monkeypatch.setenv("AWS_CA_BUNDLE", "/elsewhere.pem")
    show = [sys.executable, "-c", "import os; print(sorted(name for name in os.environ if name.startswith('AWS_')))"]
    assert run(show, {"AWS_REGION": "here"}) == "['AWS_REGION']\n"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815

    def log_message(self, *_):
        pass


def test_requests_are_counted_as_they_are_billed():
    with http.server.ThreadingHTTPServer((LOOPBACK, 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"s3://bucket/prefix?endpoint=http://{LOOPBACK}:{server.server_port}&region=here"
        with in_front_of(Running(url, {}), Wire) as (reached, wire):
            connection = http.client.HTTPConnection(LOOPBACK, endpoint_port(reached))
            for method, path in (
                ("PUT", "/bucket/key"),
                ("POST", "/bucket/key?uploads"),
                ("GET", "/bucket?list-type=2&prefix=a"),
                ("GET", "/bucket?uploads"),
                ("GET", "/bucket/key"),
                ("GET", "/bucket/?location="),
                ("HEAD", "/bucket/key"),
                ("DELETE", "/bucket/key"),
            ):
                connection.request(method, path, body=bytes(200_000) if method == "PUT" else None)
                connection.getresponse().read()
            connection.close()
            traffic = wire.traffic
        server.shutdown()
    assert (traffic.writes, traffic.reads, traffic.free) == (4, 3, 1)
    assert 200_000 < traffic.bytes_up < 202_000
    assert 0 < traffic.bytes_down < 2000


def test_one_request_stores_a_small_file_and_one_fetches_it(payload, tmp_path):
    with (
        needs.servers(),
        STARTERS["s3-moto"](tmp_path) as running,
        credentials(running),
        in_front_of(running, Wire) as (reached, wire),
    ):
        store = StoreAlone(reached, 2)
        store.upload(payload.folder)
        stored = wire.traffic
        store.download(tmp_path / "out")
        fetched = wire.traffic - stored
        store.close()
    assert (stored.writes, stored.reads) == (LOAD.files, 0)
    assert (fetched.writes, fetched.reads) == (0, LOAD.files)
    assert LOAD.total_bytes < stored.bytes_up < 2 * LOAD.total_bytes
    assert LOAD.total_bytes < fetched.bytes_down < 2 * LOAD.total_bytes


def test_a_bill_is_the_mean_of_its_years():
    story = Story(patients=7, years=3, visits_a_year=4, readings_a_year=2)
    storing, fetching = Traffic(0, 0, writes=5, reads=2), Traffic(0, bytes_down=3000, writes=1, reads=9)
    (prices, *_) = providers()
    prices = replace(
        prices, writes_usd_per_1000=8.0, reads_usd_per_1000=1.0, storage_usd_per_gb_month=2.0, egress_usd_per_gb=10.0,
        gb_bytes=1000,
    )  # fmt: skip
    found = bill(Measured(2, 0, storing, fetching, stored_bytes=500), story, prices)
    requests = storage = egress = 0.0
    for year in range(story.years):
        pairs_new = story.patients * story.visits_a_year / 2
        pairs_held = story.patients * story.visits_a_year * (year + 0.5) / 2
        read = pairs_held * story.readings_a_year
        requests += (pairs_new * 5 + read * 1) * 8 / 1000 + (pairs_new * 2 + read * 9) * 1 / 1000
        storage += pairs_held * 500 / 1000 * 2 * 12
        egress += read * 3000 / 1000 * 10
    years = story.years
    assert found.requests == pytest.approx(requests / years)
    assert found.storage == pytest.approx(storage / years)
    assert found.egress == pytest.approx(egress / years)
    assert found.total == pytest.approx((requests + storage + egress) / years)


def test_the_price_table_is_dated_and_says_where_it_was_read():
    found = providers()
    assert len({prices.name for prices in found}) == len(found) >= 2
    for prices in found:
        assert prices.page.startswith("https://")
        assert prices.read_at
        assert prices.read_on >= datetime.date(2026, 11, 21)
        assert prices.writes_usd_per_1000 > prices.reads_usd_per_1000 > 0


ROW = """[[provider]]
name = "somebody"
writes_usd_per_1000 = 1
reads_usd_per_1000 = 1
storage_usd_per_gb_month = 1
egress_usd_per_gb = 0
gb_bytes = 1000
page = "https://example.org"
read_at = "there"
read_on = 2026-11-21
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("egress_usd_per_gb = 0\n", ""),
        ("egress_usd_per_gb = 0", "egress_usd_per_gb = -1"),
        ("egress_usd_per_gb = 0", "egress_usd_per_gb = nan"),
        ("egress_usd_per_gb = 0", "egress_usd_per_gb = true"),
        ("egress_usd_per_gb = 0", 'egress_usd_per_gb = "0"'),
        ("gb_bytes = 1000", "gb_bytes = 0"),
        ("read_on = 2026-11-21", 'read_on = "today"'),
        ('"there"', '""'),
        ("gb_bytes", "gigabytes"),
        ("[[provider]]", "[[provider"),
        (ROW, ""),
        (ROW, "provider = []"),
    ],
)
def test_a_table_of_no_prices_is_refused(old, new, tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text(ROW)
    assert providers(path)[0].egress_usd_per_gb == 0
    path.write_text(ROW.replace(old, new))
    with pytest.raises(PricesInvalid, match=r"prices\.toml"):
        providers(path)


def test_a_missing_program_or_module_says_how_to_get_it():
    with pytest.raises(ServerMissing, match="no-such-program is not installed: install it") as caught:
        program("no-such-program", feature="s3", get="install it")
    assert caught.value.feature == "s3"


_STARTS_AND_DIES = """
import os
from pathlib import Path
from benchmarks.servers.apart import apart
with apart("s3-moto", Path(os.environ["PLACE"])) as running:
    print(running.url, flush=True)
    os._exit(1)
"""


def test_a_server_apart_serves_and_ends_with_whom_it_serves(tmp_path):
    with needs.servers(), apart("s3-moto", tmp_path / "first") as running:
        assert port_answers(LOOPBACK, endpoint_port(running))
    assert not port_answers(LOOPBACK, endpoint_port(running))
    environment = {**os.environ, "PLACE": str(tmp_path / "second")}
    done = subprocess.run(
        [sys.executable, "-c", _STARTS_AND_DIES], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    port = endpoint_port(Running(done.stdout.strip(), {}))
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: not port_answers(LOOPBACK, port), 10, "the end of the server")
    assert not port_answers(LOOPBACK, port)
