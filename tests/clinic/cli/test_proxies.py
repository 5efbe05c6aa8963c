"""Commands about proxies: proxy list, faults, check."""

from dataclasses import replace
from pathlib import Path

import pytest

from clinic.errors import ProxiesInsufficient
from clinic.history import plan, read_history
from clinic.home import Home
from clinic.proxy_fault import FaultFolder, ProxyFault
from scheme import keyfile
from tests.clinic.cli.conftest import Shell
from tests.clinic.scene import PASSWORD, PATIENT, READER
from tests.clinic.stubs import ProxyStub, with_proxies


def test_list_tells_which_proxies_are_in_office(shell: Shell) -> None:
    home = Home(shell.home, profile=keyfile.TEST)
    shell.ok("member", "suspend", "proxy 1")
    shell.ok("member", "remove", "proxy 2", "--yes")
    ends = home.clock() + 3 * 366 * 86_400
    before = [each["status"] for each in shell.json("proxy", "list")["proxies"]]
    shell.monkeypatch.setattr("clinic.clock.time.time", lambda: ends)
    after = [each["status"] for each in shell.json("proxy", "list")["proxies"]]
    assert sorted(before) == ["active", "removed", "suspended"]
    assert sorted(after) == ["certificate ended", "removed", "suspended"]


def lie(shell: Shell) -> str:
    """A reading at which the first proxy signs wrong fragments and the third is out of reach; the first one's id."""
    home = Home(shell.home, profile=keyfile.TEST)
    with home.site() as site:
        first, second, _ = home.config.proxies
        stub = ProxyStub(site.proxies[first], home.hospital(first), lambda _release, asks: [bytes(293) for _ in asks])
        lied_to = with_proxies(replace(site, proxies={second: site.proxies[second]}), {first: stub})
        reader = home.unlock(READER, PASSWORD)
        patient_id = home.directory.find(PATIENT).member_id
        with pytest.raises(ProxiesInsufficient):
            list(read_history(lied_to, reader, plan(lied_to, reader, patient_id)))
    return first


def test_evidence_that_shows_nothing_is_told_beside_what_does(shell: Shell, note: Path) -> None:
    shell.seal(note)
    shell.grant()
    liar = lie(shell)
    (sound,) = FaultFolder(shell.home / "evidence").files()
    data = sound.read_bytes()
    (sound.parent / "cut.json").write_bytes(data[:-1])
    (sound.parent / "foreign.json").write_bytes(data.replace(ProxyFault.from_bytes(data).ledger.encode(), b"00" * 32))
    told = {Path(each["file"]).name: (each["proxy"], each["error"]) for each in shell.json("proxy", "faults")["faults"]}
    assert told == {
        sound.name: (liar, None), "cut.json": (None, "fault-invalid"), "foreign.json": (None, "fault-unfounded"),
    }  # fmt: skip
    shown = " ".join(shell.ok("proxy", "faults").split())
    assert "nothing: this is no evidence" in shown
    assert "signed a fragment that" in shown
    assert shell.json("proxy", "check", sound)["proxy"] == liar
