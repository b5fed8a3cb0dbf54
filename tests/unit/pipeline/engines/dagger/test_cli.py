import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from miniseal.formats.errors import EnvironmentalError
from miniseal.pipeline.engines.dagger import cli
from miniseal.pipeline.engines.dagger.cli import Child, Params

TOKEN = "a-token"  # noqa: S105 - of no session


def test_the_line_of_a_session_is_read() -> None:
    line = b'{"port":41567,"session_token":"a-token"}\n'

    assert Params.from_line(line) == Params(port=41567, token=TOKEN)


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"null", b"[]", b'{"port": 1}', b'{"port":"x","session_token":""}', b"\xff{"],
)
def test_another_line_is_not_understood(line: bytes) -> None:
    with pytest.raises(EnvironmentalError) as error:
        Params.from_line(line)

    assert error.value.code == "engine-failed"


def test_a_session_around_us_is_joined() -> None:
    environ = {"DAGGER_SESSION_PORT": "41567", "DAGGER_SESSION_TOKEN": "a-token"}

    assert cli.joined(environ) == Params(port=41567, token=TOKEN)
    assert cli.configured(environ)


def test_half_a_session_is_none() -> None:
    assert cli.joined({"DAGGER_SESSION_PORT": "41567"}) is None
    assert not cli.configured({"DAGGER_SESSION_TOKEN": "a-token"})


def test_a_session_with_a_strange_port_is_refused() -> None:
    with pytest.raises(EnvironmentalError) as error:
        cli.joined({"DAGGER_SESSION_PORT": "http", "DAGGER_SESSION_TOKEN": "a-token"})

    assert error.value.code == "engine-failed"


def test_a_runner_host_configures_an_engine() -> None:
    assert cli.configured({cli.HOST: "unix:///run/dagger.sock"})
    assert not cli.configured({cli.HOST: ""})


@pytest.mark.parametrize(
    "version", ["v0.21.8", "0.21.8", "v0.21.9", "v0.21.99", "v0.21.8+local", "v0.21.10 (image)"]
)
def test_a_version_that_was_tried_passes(version: str) -> None:
    cli.check_version(version, "it")


@pytest.mark.parametrize(
    "version",
    ["v0.21.7", "v0.20.99", "v0.22.0", "v1.21.8", "v0.21.8-rc.1", "v0.21", "", "devel", "0.21.80x"],
)
def test_another_version_is_refused(version: str) -> None:
    with pytest.raises(EnvironmentalError) as error:
        cli.check_version(version, "it")

    assert error.value.code == "dagger-version"


def test_a_command_line_is_found_by_its_variable_first(tmp_path: Path) -> None:
    for name in ("dagger", "other"):
        (tmp_path / name).touch(mode=0o755)
    path = str(tmp_path)

    assert cli.find({"PATH": path}) == str(tmp_path / "dagger")
    other = {"PATH": path, "_EXPERIMENTAL_DAGGER_CLI_BIN": str(tmp_path / "other")}
    assert cli.find(other) == str(tmp_path / "other")


def test_no_command_line_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentalError) as error:
        cli.find({"PATH": str(tmp_path)})

    assert error.value.code == "dagger-missing"


def test_an_engine_that_listens_is_reached(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as unix, socket.socket() as tcp:
        unix.bind(str(tmp_path / "s"))
        tcp.bind(("127.0.0.1", 0))
        hosts = [f"unix://{tmp_path}/s", f"tcp://127.0.0.1:{tcp.getsockname()[1]}"]
        for server in (unix, tcp):
            server.listen()

        assert [cli.reach({cli.HOST: host}) for host in hosts] == hosts


@pytest.mark.parametrize("host", ["tcp://127.0.0.1:0", "tcp://127.0.0.1:99999", "unix:///no.sock"])
def test_an_engine_that_does_not_listen_is_unreachable(host: str) -> None:
    with pytest.raises(EnvironmentalError) as error:
        cli.reach({cli.HOST: host})

    assert error.value.code == "dagger-unreachable"


@pytest.mark.parametrize("host", ["kube-pod://x?namespace=y", "ssh://host", "image://x", ""])
def test_an_engine_that_only_the_command_line_finds_is_not_tried(host: str) -> None:
    assert cli.reach({cli.HOST: host}) == host or host == ""
    assert not cli.is_direct({cli.HOST: host})


def _program(folder: Path, script: str) -> str:
    path = folder / "dagger"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_child_is_given_no_variable_of_ours(tmp_path: Path) -> None:
    script = 'env > seen; echo \'{"port":1,"session_token":"a-token"}\'; cat > /dev/null'
    environ = {"PATH": "/usr/bin:/bin", "MINISEAL_KEY": "secret", "KUBECONFIG": "/k"}

    child = Child(_program(tmp_path, script), environ, tmp_path)
    params = child.params()
    child.close(5.0)

    seen = (tmp_path / "seen").read_text()
    assert params == Params(port=1, token=TOKEN)
    assert "MINISEAL_KEY" not in seen
    assert "KUBECONFIG=/k" in seen
    assert "DO_NOT_TRACK=1" in seen


def test_a_child_that_does_not_end_is_killed_with_what_it_started(tmp_path: Path) -> None:
    script = (
        "trap '' TERM HUP; sleep 1000 & echo $! > pid\n"
        'echo \'{"port":1,"session_token":"a-token"}\'; while :; do wait; sleep 1000; done'
    )
    child = Child(_program(tmp_path, script), {"PATH": "/usr/bin:/bin"}, tmp_path)
    child.params()

    child.close(0.2)

    for pid in (child.pid, int((tmp_path / "pid").read_text())):
        assert _ends_within(pid, seconds=5.0)


def _ends_within(pid: int, *, seconds: float) -> bool:
    """Whether a process that was killed is gone, or waits for its parent, before long."""
    until = time.monotonic() + seconds
    state = Path(f"/proc/{pid}/stat")
    while time.monotonic() < until:
        with suppress(FileNotFoundError):
            if not state.read_text().rpartition(") ")[2].startswith("Z"):
                time.sleep(0.02)
                continue
        return True
    return False


def test_a_child_that_floods_its_stderr_does_not_hang(tmp_path: Path) -> None:
    script = (
        "head -c 3000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo the end >&2\n"
        'echo \'{"port":1,"session_token":"a-token"}\'; cat > /dev/null'
    )
    child = Child(_program(tmp_path, script), {"PATH": "/usr/bin:/bin"}, tmp_path)
    child.params()
    child.close(5.0)

    assert child.said().endswith("the end")
    assert len(child.said()) <= 2000
