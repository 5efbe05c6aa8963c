"""Processes on one file: killed at any moment, and several at once."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ledger.engines.embedded import EmbeddedEngine
from tests.ledger.engines import founders, open_embedded
from tests.ledger.scene import START, Scene, ident

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(scene: Scene, tmp_path: Path) -> Path:
    path = tmp_path / "ledger.sqlite"
    engine = EmbeddedEngine.create(path, scene.state.genesis, delegates=founders(), clock=lambda: START)
    engine.submit_many([entry.transaction for entry in scene.entries])
    engine.close()
    return path


def appender(path: Path, count: int, seed: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.ledger.appender", str(path), str(count), seed]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def begin(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def killed(path: Path, rounds: int) -> None:
    chance = random.Random(5)
    acknowledged: dict[int, str] = {}
    for number in range(rounds):
        process = appender(path, 100_000, f"round {number}")
        begin(process)
        assert process.stdin is not None
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        lines += process.stdout.readlines()
        process.wait()
        process.stdin.close()
        process.stdout.close()
        for line in lines:
            position, _, locator = line.strip().partition(" ")
            if len(locator) == 64:
                acknowledged[int(position)] = locator
        engine = open_embedded(path, lambda: START)
        state = engine.view().state
        for position, locator in acknowledged.items():
            block = state.block(locator)
            assert block is not None
            assert block.position == position
        # At most the one transaction in flight of each round may be in without having been told.
        assert state.position + 1 - 12 <= len(acknowledged) + number + 1
        engine.verify()
        engine.close()
    assert len(acknowledged) >= rounds


def test_sigkill_loses_nothing_acknowledged(path: Path) -> None:
    killed(path, 5)


@pytest.mark.slow
def test_sigkill_loses_nothing_acknowledged_in_many_rounds(path: Path) -> None:
    killed(path, 60)


def test_two_processes_anchor_to_one_chain(path: Path) -> None:
    processes = [appender(path, 60, seed) for seed in ("one", "two")]
    begin(*processes)
    outputs = [process.communicate(timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(int(output[-1]) for output in outputs) > 0
    engine = open_embedded(path, lambda: START)
    blocks = engine.view().state.blocks(chain=ident("paula at north"))
    assert [block.index for block in blocks] == list(range(120))
    assert {block.locator for block in blocks} == {word for output in outputs for word in output if len(word) == 64}
    engine.verify()
    engine.close()


def test_two_processes_create_one_ledger(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from ledger.engines.embedded import EmbeddedEngine as E;"
        "from tests.ledger.scene import genesis; E.create(Path(sys.argv[1]), genesis())"
    )
    path = tmp_path / "ledger.sqlite"
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert sorted(process.returncode for process in processes) == [0, 1]
    assert "LedgerExists" in "".join(errors)
    EmbeddedEngine.open(path).close()
