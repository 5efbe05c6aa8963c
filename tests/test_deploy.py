"""Units, compose file, prepare.sh and the guide agree with each other and with the command."""

import configparser
import itertools
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.configprovider
import click
import psycopg
import pytest
import yaml

from clinic.cli.session import HOME_VARIABLE
from network.cli.main import cli
from tests import needs

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
SYSTEMD = DEPLOY / "systemd"
GUIDE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
UNITS = sorted(SYSTEMD.glob("*.service"))
ADMITS = SYSTEMD / "chartseal-hospital.service.d" / "admit.conf"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "chartseal"}
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
PREPARE = DEPLOY / "prepare.sh"
PROGRAM = "/opt/chartseal/bin/chartseal"
STATE = "/var/lib/"
NOTES_ITS_WORDS = r"""#!/bin/sh
for word in "$@"; do printf '%s\037' "$word" >> "$NOTES/calls"; done
echo >> "$NOTES/calls"
case " $* " in
  *" --entrypoint "*) cat > "$NOTES/piped" ;;
  *" invite "*) echo '{"invitation": "https://hospital:8443/#1.code.genesis.ca"}' ;;
esac
"""


def check_command(words: list[str]) -> None:
    """Have click parse what stands behind ``chartseal``, without running it. Raises ``UsageError``."""
    group: click.Command = cli
    context = cli.make_context("chartseal", list(words))
    while isinstance(group, click.Group):
        name, found, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        assert "--help" not in rest
        group, context = found, found.make_context(name, rest, parent=context)


def settings(path: Path) -> dict[str, list[str]]:
    """A unit's options of all sections; an empty value forgets those before it, as in systemd."""
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            name, _, value = line.partition("=")
            found[name] = [*found.get(name, []), value] if value else []
    return found


def guide_blocks() -> list[str]:
    """Every shell block of the guide, in order."""
    return re.findall(r"^```sh\n(.*?)^```", GUIDE, flags=re.DOTALL | re.MULTILINE)


def commands_in(script: str) -> Iterator[list[str]]:
    """What each call of ``chartseal`` is told, also by ``chartseal-as SERVICE``."""
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(itertools.takewhile(lambda word: word not in {"&&", ";", "|", ">"}, lexer))
        if words and words[0] in {"chartseal", "chartseal-as"}:
            yield words[1 + (words[0] == "chartseal-as") :]


@dataclass(frozen=True)
class Prepared:
    """What prepare.sh made in ``folder``, and the words of each of its calls of ``docker``."""

    folder: Path
    calls: list[list[str]]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A run of a copy of prepare.sh, where ``docker`` only notes its words."""
    folder = tmp_path_factory.mktemp("prepared")
    shutil.copy(PREPARE, folder)
    program = folder / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(NOTES_ITS_WORDS)
    program.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{program.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NOTES": str(folder),
    }
    subprocess.run(["sh", folder / PREPARE.name], env=environment, check=True, timeout=60, stdin=subprocess.DEVNULL)
    lines = (folder / "calls").read_text().splitlines()
    return Prepared(folder, [line.split("\x1f")[:-1] for line in lines])


@pytest.mark.parametrize("wrong", [["serve", "--nope"], ["serv"], ["proxy", "serve"], ["join", "--role", "cook", "x"]])
def test_a_wrong_command_is_noticed(wrong: list[str]) -> None:
    with pytest.raises(click.UsageError):
        check_command(wrong)


@pytest.mark.parametrize("path", [*UNITS, ADMITS], ids=lambda path: path.name)
def test_a_unit_starts_what_there_is(path: Path) -> None:
    (start,) = settings(path)["ExecStart"]
    program, *words = start.split()
    assert program == PROGRAM
    assert f"{Path(PROGRAM).parent}/pip install" in GUIDE
    check_command(words)
    named = set(re.findall(r"\$\{(\w+)\}", start))
    assert named == {"CHARTSEAL_URL", "CHARTSEAL_LISTEN"}


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_and_the_guide_name_the_same_places(path: Path) -> None:
    unit = settings(path)
    service = path.name.removeprefix("chartseal-").removesuffix(".service").replace("@", "-%i")
    assert unit["StateDirectory"] == [f"chartseal/{service}"]
    assert unit["Environment"] == [f"{HOME_VARIABLE}={STATE}chartseal/{service}"]
    assert unit["EnvironmentFile"] == [f"/etc/chartseal/{service}.env"]
    name = service.replace("%i", "a")
    (made,) = [block for block in guide_blocks() if f"> /etc/chartseal/{name}.env" in block]
    assert {f"{variable}=" for variable in ("CHARTSEAL_URL", "CHARTSEAL_LISTEN")} <= set(
        re.findall(r"CHARTSEAL_\w+=", made)
    )
    assert f"chartseal-as {name} {'init' if name == 'hospital' else 'join'} " in made
    assert f"systemctl enable --now {path.stem.replace('@', '@a')}\n" in made
    assert f"`{STATE}chartseal/hospital`" in GUIDE
    assert f"`{name}`" in GUIDE
    assert f"`{path.name.replace('@', '@a')}`" in GUIDE


def test_what_the_hospital_writes_outside_its_home_is_named() -> None:
    (writable,) = settings(SYSTEMD / "chartseal-hospital.service")["ReadWritePaths"]
    folder = writable.removeprefix("-")
    assert f"--store file://{folder}/" in GUIDE
    assert f"install -d -o chartseal -g chartseal -m 0700 {folder}`" in GUIDE
    assert len(re.findall(r"file:///", GUIDE)) == 1


def test_credentials_of_the_units_are_made() -> None:
    name, _, path = settings(ADMITS)["LoadCredential"][0].partition(":")
    assert settings(ADMITS)["ExecStart"][0].endswith(f"--authority-password-file %d/{name}")
    (made,) = [block for block in guide_blocks() if ADMITS.name in block]
    assert f"install -m 0600 /dev/null {path}\n" in made
    assert f"{ADMITS.relative_to(ROOT)} -t /etc/systemd/system/{ADMITS.parent.name}/" in made


def test_the_guides_commands_are_there() -> None:
    found = [words for block in guide_blocks() for words in commands_in(block)]
    assert len(found) >= 12
    for words in found:
        check_command(words)


def test_variables_are_those_that_somebody_reads() -> None:
    (made,) = [block for block in guide_blocks() if "> /etc/chartseal/hospital.env" in block]
    for name in re.findall(r"^(\w+)=", made, flags=re.MULTILINE):
        assert name in _ours() | _libpqs() | _botos() | {"CHARTSEAL_URL", "CHARTSEAL_LISTEN"}, name
    for service in OURS.values():
        for name, value in service.get("environment", {}).items():
            assert name in _ours() | _libpqs() | _botos(), name
            assert value.startswith(("/home/chartseal/", "/run/secrets/"))
    assert set(re.findall(r"^ENV (\w+)=", DOCKERFILE, flags=re.MULTILINE)) <= _ours()


def _ours() -> set[str]:
    return {str(each.envvar) for each in cli.params if isinstance(each, click.Option) and each.envvar}


def _libpqs() -> set[str]:
    return {option.envvar.decode() for option in psycopg.pq.Conninfo.get_defaults() if option.envvar}


def _botos() -> set[str]:
    return {str(each[1]) for each in botocore.configprovider.BOTOCORE_DEFAUT_SESSION_VARIABLES.values() if each[1]}


@pytest.mark.parametrize("script", [PREPARE, SYSTEMD / "chartseal-as"], ids=lambda path: path.name)
def test_a_script_is_sound(script: Path) -> None:
    assert os.access(script, os.X_OK)
    for shell in ("sh", "bash"):
        subprocess.run([needs.program(shell, feature="shell"), "-n", script], check=True)


def test_the_operators_command_has_the_units_user_and_places() -> None:
    script = (SYSTEMD / "chartseal-as").read_text(encoding="utf-8")
    assert f"{HOME_VARIABLE}={STATE}chartseal/$service" in script
    assert '. "/etc/chartseal/$service.env"' in script
    assert f'exec runuser -u {settings(UNITS[0])["User"][0]} -- {PROGRAM} "$@"' in script


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_the_compose_file_is_whole(name: str) -> None:
    service = OURS[name]
    if "command" in service:
        words = shlex.split(service["command"])
        check_command(words)
        url, listen = words[words.index("--url") + 1], words[words.index("--listen") + 1]
        assert re.fullmatch(rf"https://{name}:(\d+)", url)
        assert url.rpartition(":")[2] == listen.rpartition(":")[2] == service["healthcheck"]["test"][-1]
    else:
        assert service["entrypoint"][0] == "python"
    programs = [service.get("entrypoint", []), service.get("healthcheck", {}).get("test", [])]
    for path in (word for words in programs for word in words if word.startswith("/opt/")):
        assert f"cp deploy/*.py {Path(path).parent}/" in DOCKERFILE
        assert (DEPLOY / Path(path).name).is_file()
    assert [path for path in service["volumes"] if path.endswith(":/home/chartseal")], "its home is kept"
    assert "VOLUME /home/chartseal\n" in DOCKERFILE
    assert f"ENV {HOME_VARIABLE}=/home/chartseal/" in DOCKERFILE


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_refers_to_is_there(name: str) -> None:
    service = SERVICES[name]
    assert {volume.partition(":")[0] for volume in service.get("volumes", [])} <= set(COMPOSE["volumes"])
    assert set(service.get("networks", [])) <= {*COMPOSE["networks"], "default"}
    assert not {"ports", "privileged"} & set(service)
    for other, how in service.get("depends_on", {}).items():
        assert how == {"condition": "service_healthy"}
        assert "healthcheck" in SERVICES[other]
    used = set(re.findall(r"/run/secrets/(\w+)", json.dumps(service)))
    assert used == set(service.get("secrets", []))
    assert used <= set(COMPOSE["secrets"])


def test_prepare_makes_what_the_compose_file_needs(prepared: Prepared) -> None:
    calls, secrets = prepared.calls, prepared.folder / "secrets"
    named = {secret["file"] for secret in COMPOSE["secrets"].values()}
    assert {f"secrets/{path.name}" for path in secrets.iterdir()} == named
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets.iterdir()} == {0o644}
    (identity,) = json.loads((secrets / "s3.json").read_text())["identities"]
    (pair,) = identity["credentials"]
    credentials = configparser.ConfigParser()
    credentials.read(secrets / "aws")
    assert dict(credentials["default"]) == {
        "aws_access_key_id": pair["accessKey"],
        "aws_secret_access_key": pair["secretKey"],
    }
    (writes,) = [words for words in calls if "--entrypoint" in words]
    assert writes[-1] == f"umask 077; cat > {SERVICES['hospital']['environment']['PGPASSFILE']}"
    password = (secrets / "postgres").read_text().strip()
    assert (prepared.folder / "piped").read_text() == f"postgres:5432:chartseal:chartseal:{password}\n"
    (bucket,) = [word for words in calls for word in words if word.startswith('echo "s3.bucket.create')]
    name = bucket.partition("-name ")[2].partition('"')[0]
    assert identity["actions"] == [f"{action}:{name}" for action in ("Read", "Write", "List")]
    (init,) = [words for words in calls if "init" in words]
    assert init[init.index("--store") + 1].startswith(f"s3://{name}/")


def test_prepare_has_everybody_join(prepared: Prepared) -> None:
    told = {"init": 0, "enrol": 0, "invite": 0, "join": 0}
    joined = set()
    for words in prepared.calls:
        assert words[0] == "compose"
        if words[1] == "exec" and "chartseal" in words:
            said = words[words.index("chartseal") + 1 :]
        elif words[1:4] == ["run", "--rm", "-T"] and words[4] in OURS:
            said = words[5:]
            joined.add(words[4])
        else:
            continue
        check_command(said)
        told[said[0]] += 1
    assert joined == set(OURS) - {"play"}
    assert told == {"init": 1, "enrol": 1, "invite": 5, "join": 5}
    again = subprocess.run(["sh", prepared.folder / PREPARE.name], capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "begin anew" in again.stderr


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    analyze = needs.program("systemd-analyze", feature="systemd")
    program = tmp_path / "chartseal"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    folder = tmp_path / "units"
    shutil.copytree(SYSTEMD, folder)
    for path in [*folder.glob("*.service"), *folder.glob("*/*.conf")]:
        path.write_text(path.read_text().replace(PROGRAM, str(program)))  # it has to exist, and does not here
    names = [path.name.replace("@", "@a") for path in UNITS]
    environment = os.environ | {"SYSTEMD_UNIT_PATH": f"{folder}:"}
    command = [analyze, "verify", "--man=no", "--recursive-errors=no", *names]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
