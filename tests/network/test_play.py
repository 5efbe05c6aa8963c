"""The whole demo with everybody in a home and a process of their own, as ``deploy/play.py`` plays it."""

import subprocess
import sys
from pathlib import Path

import pytest

PLAY = Path(__file__).parents[2] / "deploy" / "play.py"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_whole_demo_between_homes(tmp_path: Path) -> None:
    command = [sys.executable, str(PLAY), "--local", "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
    checks = done.stdout.count("  ok ")
    assert f"{checks} of {checks} checks held" in done.stdout
    homes = {path.name for path in tmp_path.iterdir() if (path / "config.json").exists()}
    assert {"hospital", "proxy-a", "proxy-b", "proxy-c", "okafor", "lindqvist", "abernathy", "castellanos"} <= homes
    assert len(homes) >= 9
