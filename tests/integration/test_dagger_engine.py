"""What a command in a container of a Dagger engine can and cannot do, with a real engine."""

import asyncio
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.dagger import BaseImage as Image
from kit.dagger import DaggerEngineProcess
from miniseal.formats.errors import MinisealError
from miniseal.packager.image import platform
from miniseal.packager.lock import OCI_ARCHIVE, BaseImage
from miniseal.pipeline.engines import Exec, LocalEngine, Mount, Result, detect, outputs
from miniseal.pipeline.engines.dagger import DaggerEngine, dockerfile
from miniseal.pipeline.engines.dagger import engine as engines
from miniseal.pipeline.engines.dagger.base import Ready

pytestmark = pytest.mark.services

REGISTRY = """
import http.server, json, sys, tarfile
with tarfile.open(sys.argv[1]) as archive:
    blobs = {m.name.rpartition("/")[2]: archive.extractfile(m).read() for m in archive if m.isreg()}
class Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        what, _, digest = self.path.rpartition("/")
        body = blobs.get(digest.removeprefix("sha256:"), b"")
        known = {} if what.endswith("/blobs") or not body else json.loads(body)
        self.send_response(200 if body or self.path == "/v2/" else 404)
        self.send_header("Content-Type", known.get("mediaType", "application/octet-stream"))
        self.send_header("Content-Length", str(len(body)))
        if body:
            self.send_header("Docker-Content-Digest", digest)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
    do_HEAD = do_GET
server = http.server.ThreadingHTTPServer(("127.0.0.1", 5000), Registry)
print("ready", flush=True)
server.serve_forever()
"""
VIEW = """
id; umask; ulimit -c; pwd; env | grep -v ^LD_LIBRARY_PATH= | sort
grep -E 'Cap(Eff|Prm)|NoNewPrivs' /proc/self/status
stat -c '%A %u %g %Y %n' /build/src /build/src/*
stat -c '%A %n' / /build /build/out /build/tools/* /tmp /etc/passwd
cat /etc/passwd /etc/group; ls -d /home /root /var /srv /mnt /media /etc/shadow 2>&1
touch /x /build/x /usr/x /etc/x /build/tools/x /build/tools/file 2>&1 | sed 's/: .*//'
cat /build/tools/file; touch /tmp/x /dev/shm/x /build/src/x /build/out/x && echo written
grep -c . /proc/net/dev; readlink /proc/self/fd/0
"""
REACH = """
import errno, json, os, socket
def tried(family, address):
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(3)
            probe.connect(address)
        return "connected"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
def name():
    try:
        return socket.getaddrinfo("example.com", 443) and "known"
    except OSError:
        return "unknown"
addresses = [(socket.AF_INET, ("10.87.0.1", 53)), (socket.AF_INET, ("192.0.2.1", 443))]
print(json.dumps({
    "interfaces": [name for _, name in socket.if_nameindex()],
    "gateway": tried(*addresses[0]), "outside": tried(*addresses[1]), "name": name(),
    "six": tried(socket.AF_INET6, ("2001:db8::1", 443)),
}))
"""


def pinned(image: Image) -> list[BaseImage]:
    return [BaseImage(name=OCI_ARCHIVE, digest=image.digest, platform=platform())]


@pytest.fixture(scope="module")
def environ(dagger_engine: DaggerEngineProcess) -> dict[str, str]:
    return {**os.environ, **dagger_engine.env(), "MINISEAL_SECRET": "s3cr3t", "OTHER": "s3cr3t"}


@pytest.fixture(scope="module")
def engine(environ: dict[str, str], base_image: Image) -> Iterator[DaggerEngine]:
    with DaggerEngine(pinned(base_image), environ=environ, archive=base_image.archive) as made:
        yield made


def run(engine: DaggerEngine | LocalEngine, *argv: str, **options: Any) -> Result:
    return asyncio.run(engine.run(Exec(argv=argv, **{"timeout_seconds": 60.0} | options)))


def shell(engine: DaggerEngine | LocalEngine, script: str, **options: Any) -> Result:
    return run(engine, "sh", "-c", script, **options)


def alive(marker: str) -> bool:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (folder / "cmdline").read_text(errors="replace"):
                return True
        except OSError:
            continue
    return False


def becomes(expected: bool, marker: str, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while alive(marker) is not expected and time.monotonic() < end:
        time.sleep(0.05)
    return alive(marker) is expected


def test_a_command_sees_what_it_sees_in_the_local_sandbox(
    engine: DaggerEngine, tmp_path: Path
) -> None:
    source, tools = tmp_path / "source", tmp_path / "tools"
    for folder in (source, tools):
        folder.mkdir(mode=0o700)
    (source / "file").write_text("x")
    (source / "file").chmod(0o600)
    (tools / "file").write_text("tool\n")
    (tools / "file").chmod(0o600)
    isolation = detect()
    options = {
        "inputs": (
            Mount(path="/build/src", host=source, writable=True),
            Mount(path="/build/tools", host=tools),
        ),
        "outputs": ("/build/out",),
        "cwd": "/build/src",
        "env": {"ADDED": "1"},
    }

    inside = shell(engine, VIEW, **options)
    with LocalEngine(isolation) as local:
        here = shell(local, VIEW, **options)

    assert inside.stdout.decode().splitlines() == here.stdout.decode().splitlines()
    assert b"written" in inside.stdout


def test_the_root_holds_nothing_of_the_image_but_system_folders(engine: DaggerEngine) -> None:
    result = shell(engine, "ls -A / /etc /run")

    assert set(result.stdout.decode().split()) <= {
        *("/:", ".init", "bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "run"),
        *("sbin", "sys", "tmp", "usr", "/etc:", "alternatives", "group", "hosts", "ld.so.cache"),
        *("ld.so.conf", "ld.so.conf.d", "passwd", "resolv.conf", "/run:", "miniseal"),
    }


def test_there_is_no_network(engine: DaggerEngine) -> None:
    result = run(engine, engine.python, "-c", REACH)

    assert result.stdout.decode() == (
        '{"interfaces": ["lo"], "gateway": "ENETUNREACH", "outside": "ENETUNREACH", '
        '"name": "unknown", "six": "ENETUNREACH"}\n'
    )


def test_where_there_is_a_network_the_same_program_finds_it(engine: DaggerEngine) -> None:
    async def without_the_cut(client: Any, base: Ready) -> str:
        text = dockerfile.text((), base.system).replace("--network=none ", "")
        context = (
            client.directory()
            .with_directory("base", base.files)
            .with_new_directory("left")
            .with_new_directory("accounts")
            .with_new_file("program/inside.py", f"{REACH}\n# {time.time()}")
            .with_new_file("Dockerfile", text)
        )
        return str(await context.docker_build().stdout())

    found = asyncio.run(engine._session.call(without_the_cut))

    assert '"gateway": "connected"' in found
    assert '"interfaces": ["lo"]' not in found


def test_nothing_of_the_caller_reaches_a_container(engine: DaggerEngine) -> None:
    result = shell(
        engine,
        "cat /proc/*/environ | tr '\\0' '\\n' | sort -u; env; find / -xdev -name '*.json'"
        " -path '*docker*' 2>/dev/null; ls /run/secrets /run/host-services 2>&1",
    )

    said = result.stdout.decode()
    assert "s3cr3t" not in said
    assert {line.partition("=")[0] for line in said.splitlines() if "=" in line} <= {
        *("PATH", "LANG", "TZ", "SOURCE_DATE_EPOCH", "PWD", "OLDPWD", "HOME", "_"),
    }


def test_the_session_is_told_nothing_of_ours(engine: DaggerEngine) -> None:
    shell(engine, "true")
    child = engine._session.child

    assert child is not None
    given = Path(f"/proc/{child}/environ").read_text()
    assert "MINISEAL_" not in given
    assert "OTHER=s3cr3t" in given  # what it does with a credential helper is for the user to say
    assert Path(f"/proc/{child}/cwd").resolve().name == "session"


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 255", 255), ("kill -9 $$", 137), ("kill -TERM $$", 143)],
)
def test_the_exit_code_is_the_commands(engine: DaggerEngine, script: str, code: int) -> None:
    assert shell(engine, script).exit_code == code


@pytest.mark.parametrize("name", ["no-such-tool", "/no/such/tool", "/etc/passwd", "/usr"])
def test_a_command_that_cannot_start_is_127(engine: DaggerEngine, name: str) -> None:
    result = run(engine, name)

    assert result.exit_code == 127
    assert f"miniseal: {name}: ".encode() in result.stderr


def test_the_same_command_really_runs_again(engine: DaggerEngine) -> None:
    script = "cat /proc/sys/kernel/random/uuid"

    assert shell(engine, script).stdout != shell(engine, script).stdout


def test_a_flood_of_output_neither_blocks_nor_grows(engine: DaggerEngine) -> None:
    result = shell(engine, "head -c 200000000 /dev/zero; echo end; head -c 9999999 /dev/zero >&2")

    assert result.exit_code == 0
    assert len(result.stdout) == 100 * 1024
    assert result.stdout.endswith(b"\0end\n")
    assert len(result.stderr) == 100 * 1024


def test_lines_are_told_as_they_come(engine: DaggerEngine) -> None:
    lines: list[tuple[str, float]] = []
    script = "echo one; echo two >&2; sleep 3; printf three"

    asyncio.run(
        engine.run(
            Exec(argv=("/bin/sh", "-c", script)),
            lambda line: lines.append((line, time.monotonic())),
        )
    )

    assert sorted(line for line, _ in lines) == ["one", "three", "two"]
    assert lines[2][0] == "three"
    assert lines[2][1] - lines[0][1] > 1


def test_a_flood_of_lines_holds_nothing_up(engine: DaggerEngine) -> None:
    lines: list[str] = []
    script = "yes 'a line' | head -n 300000; echo end"

    result = asyncio.run(engine.run(Exec(argv=("/bin/sh", "-c", script)), lines.append))

    assert result.exit_code == 0
    assert lines[0] == "a line"
    assert set(lines[:-1]) <= {"a line", "end"}  # the last may be cut: what is too much is lost


def test_nobody_else_is_listened_to(engine: DaggerEngine) -> None:
    lines: list[str] = []
    script = (
        "import socket\n"
        "link = socket.socket(socket.AF_UNIX); link.settimeout(5)\n"
        f"link.connect({dockerfile.LINES!r}); print('mine', flush=True)\n"
        "try: link.sendall(b'another\\n'); print(link.recv(1))\n"
        "except OSError: print(b'')\n"
    )

    asyncio.run(engine.run(Exec(argv=(engine.python, "-c", script)), lines.append))

    assert lines == ["mine", "b''"]


def test_without_somebody_who_listens_there_is_no_socket(engine: DaggerEngine) -> None:
    result = shell(engine, f"ls {dockerfile.LINES} || ls /run/miniseal")

    assert result.stdout == b"left\nprogram\n"


def test_lines_come_at_the_end_where_no_socket_can_be(
    environ: dict[str, str], base_image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    lines: list[str] = []

    with DaggerEngine(pinned(base_image), environ=environ, archive=base_image.archive) as made:
        asyncio.run(made.run(Exec(argv=("echo", "one")), lines.append))

    assert lines == ["one"]


def test_a_writable_input_is_a_copy(engine: DaggerEngine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("as it was")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden/link").symlink_to("../file")

    result = shell(
        engine,
        "cat /build/src/.hidden/link; echo changed > /build/src/file; cat /build/src/file",
        inputs=(Mount(path="/build/src", host=tmp_path, writable=True),),
    )

    assert result.stdout == b"as it waschanged\n"
    assert (tmp_path / "file").read_text() == "as it was"


def test_an_input_may_be_one_file_and_lie_inside_another(
    engine: DaggerEngine, tmp_path: Path
) -> None:
    (tmp_path / "tool").write_text("content")
    (tmp_path / "tool").chmod(0o600)
    (tmp_path / "folder").mkdir()

    result = shell(
        engine,
        "cat /build/src/tool; echo more >> /build/one; cat /build/one; echo x > /build/src/tool",
        inputs=(
            Mount(path="/build/src", host=tmp_path / "folder", writable=True),
            Mount(path="/build/src/tool", host=tmp_path / "tool"),
            Mount(path="/build/one", host=tmp_path / "tool", writable=True),
        ),
    )

    assert result.stdout == b"contentcontentmore\n"
    assert result.exit_code != 0


def test_an_input_that_changed_is_uploaded_again(engine: DaggerEngine, tmp_path: Path) -> None:
    said: list[bytes] = []
    for text in ("one", "two"):
        (tmp_path / "file").write_text(text)
        said.append(
            shell(
                engine,
                "cat /build/in/file /build/file",
                inputs=(
                    Mount(path="/build/in", host=tmp_path),
                    Mount(path="/build/file", host=tmp_path / "file"),
                ),
            ).stdout
        )

    assert said == [b"oneone", b"twotwo"]


def test_outputs_come_out_with_modes_of_two_kinds(engine: DaggerEngine) -> None:
    result = shell(
        engine,
        "cd /build/out; mkdir -m 700 deep; echo a > deep/a; chmod 400 deep/a; echo b > b;"
        "chmod 777 b; mkdir shut; echo c > shut/c; chmod 000 shut/c shut",
        outputs=("/build/out", "/build/more"),
    )

    out = result.outputs["/build/out"]
    assert (out / "deep/a").read_text() == "a\n"
    assert (out / "deep/a").stat().st_mode & 0o7777 == 0o644
    assert (out / "b").stat().st_mode & 0o7777 == 0o755
    assert (out / "shut/c").read_text() == "c\n"
    assert list(result.outputs["/build/more"].iterdir()) == []


def test_an_output_may_lie_in_a_writable_input(engine: DaggerEngine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("source")

    result = shell(
        engine,
        "cp /build/src/file /build/src/out/copy",
        inputs=(Mount(path="/build/src", host=tmp_path, writable=True),),
        outputs=("/build/src/out",),
    )

    assert (result.outputs["/build/src/out"] / "copy").read_text() == "source"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "script",
    [
        "ln -s /etc/passwd /build/out/link",
        "mkfifo /build/out/pipe",
        "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"/build/out/s\")'",
        "touch /build/out/x; chmod u+s /build/out/x",
        "mkdir /build/out/d; touch /build/out/d/x; chmod g+s /build/out/d/x",
        "head -c 2000 /dev/zero > /build/out/x",
        "truncate -s 1T /build/out/x",
        "touch \"/build/out/$(printf 'bad\\377')\"",
        "cd /build/out; for n in $(seq 70); do mkdir d; cd d; done",
    ],
    ids=["symlink", "pipe", "socket", "setuid", "setgid", "too large", "huge", "name", "deep"],
)
def test_what_must_not_leave_is_refused(engine: DaggerEngine, script: str) -> None:
    with pytest.raises(MinisealError) as error:
        shell(engine, script, outputs=("/build/out",), output_limit=1000)

    assert error.value.code == "output-refused"


FORGED = """
import json, os
{}
size = {{"folder": True, "bytes": 0, "entries": 0, "depth": 1}}
said = {{"exit": 0, "stdout": "", "stderr": "", "sizes": {{"/build/out": size}}}}
if not os.path.exists("/run/miniseal/left/answer.json"):
    json.dump(said, open("/run/miniseal/left/answer.json", "w"))
"""


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("open('/build/out/x', 'wb').truncate(1 << 31)", "output-refused"),
        ("for n in range(5): os.mkdir(f'/build/out/{n}')", "output-refused"),
        ("os.mkfifo('/run/miniseal/left/answer.json')", "engine-failed"),
        ("os.symlink('/dev/zero', '/run/miniseal/left/answer.json')", "engine-failed"),
    ],
    ids=["huge", "many", "pipe", "link"],
)
def test_a_container_is_not_believed(
    engine: DaggerEngine, monkeypatch: pytest.MonkeyPatch, script: str, code: str
) -> None:
    def prepare(command: Exec, stage: Path) -> tuple[dockerfile.Item, ...]:
        placed = was(command, stage)
        (stage / "program" / "inside.py").write_text(FORGED.format(script) + f"# {time.time()}")
        return placed

    was = engines._prepare
    monkeypatch.setattr(engines, "_prepare", prepare)
    monkeypatch.setattr(outputs, "ENTRIES_LIMIT", 4)
    monkeypatch.setattr(outputs, "collect", None)
    start = time.monotonic()

    with pytest.raises(MinisealError) as error:
        run(engine, "true", outputs=("/build/out",), output_limit=1000)

    assert error.value.code == code
    assert time.monotonic() - start < 20


@pytest.mark.parametrize(
    "script",
    [
        "rm -r /build/src/out",
        "rm -r /build/src/out; ln -s /usr /build/src/out",
        "rm -r /build/src/out; touch /build/src/out",
    ],
    ids=["removed", "replaced by a symlink", "replaced by a file"],
)
def test_an_output_that_is_no_folder_any_more_is_missing(
    engine: DaggerEngine, tmp_path: Path, script: str
) -> None:
    inputs = (Mount(path="/build/src", host=tmp_path, writable=True),)

    with pytest.raises(MinisealError) as error:
        shell(engine, script, inputs=inputs, outputs=("/build/src/out",))

    assert error.value.code == "output-missing"


def test_a_daemon_is_dead_before_outputs_are_read(engine: DaggerEngine) -> None:
    marker = f"marker-{time.monotonic_ns()}"
    script = (
        "import os, sys, time\n"
        "if os.fork(): time.sleep(0.2); sys.exit()\n"
        "os.setsid()\n"
        "if os.fork(): os._exit(0)\n"
        "while True:\n"
        "    with open('/build/out/log', 'a') as f: f.write('x' * 1000)\n"
        f"    time.sleep(0.001)  # {marker}\n"
    )

    result = run(engine, engine.python, "-I", "-c", script, outputs=("/build/out",))

    assert result.exit_code == 0
    assert (result.outputs["/build/out"] / "log").stat().st_size > 0
    assert not alive(marker)


def test_a_command_that_takes_too_long_is_killed_with_its_children(engine: DaggerEngine) -> None:
    marker = f"98{time.monotonic_ns()}"

    with pytest.raises(MinisealError) as error:
        shell(engine, f"trap '' TERM INT HUP; sleep {marker} & sleep {marker}", timeout_seconds=1.0)

    assert error.value.code == "exec-timeout"
    assert becomes(False, f"sleep\0{marker}", 5.0)


def test_cancelling_kills_everything_and_the_session_goes_on(engine: DaggerEngine) -> None:
    marker = f"97{time.monotonic_ns()}"

    async def cancelled() -> None:
        task = asyncio.create_task(engine.run(Exec(argv=("sh", "-c", f"sleep {marker} & wait"))))
        assert await asyncio.to_thread(becomes, True, f"sleep\0{marker}", 20.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())

    assert becomes(False, f"sleep\0{marker}", 10.0)
    assert shell(engine, "echo on").stdout == b"on\n"


def test_killing_the_caller_kills_everything(
    environ: dict[str, str], base_image: Image, tmp_path: Path
) -> None:
    marker = f"96{time.monotonic_ns()}"
    script = (
        "import asyncio, os; from pathlib import Path\n"
        "from miniseal.packager.lock import BaseImage\n"
        "from miniseal.pipeline.engines import Exec\n"
        "from miniseal.pipeline.engines.dagger import DaggerEngine\n"
        f"engine = DaggerEngine([BaseImage(name='oci-archive', digest={base_image.digest!r},"
        f" platform={platform()!r})], environ=os.environ,"
        f" archive=Path({str(base_image.archive)!r}))\n"
        f"asyncio.run(engine.run(Exec(argv=('sh', '-c', 'sleep {marker} & wait'))))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], env={**environ, "TMPDIR": str(tmp_path)}
    ) as parent:
        assert becomes(True, f"sleep\0{marker}", 30.0)
        parent.send_signal(signal.SIGKILL)

    assert becomes(False, f"sleep\0{marker}", 15.0)


def test_commands_run_side_by_side(engine: DaggerEngine) -> None:
    async def both() -> list[Result]:
        execs = [
            Exec(argv=("sh", "-c", f"echo {n} > /build/out/n; sleep 0.2"), outputs=("/build/out",))
            for n in range(4)
        ]
        return await asyncio.gather(*map(engine.run, execs))

    results = asyncio.run(both())

    texts = [(result.outputs["/build/out"] / "n").read_text() for result in results]
    assert texts == ["0\n", "1\n", "2\n", "3\n"]


def test_no_container_has_the_hosts_network(engine: DaggerEngine) -> None:
    with pytest.raises(MinisealError) as error:
        shell(engine, "true", network=True)

    assert error.value.code == "engine-failed"


def test_an_input_that_is_not_there_fails(engine: DaggerEngine, tmp_path: Path) -> None:
    with pytest.raises(MinisealError) as error:
        run(engine, "true", inputs=(Mount(path="/build/in", host=tmp_path / "nothing"),))

    assert error.value.code == "engine-failed"


def test_a_command_line_beyond_the_bound_fails(engine: DaggerEngine) -> None:
    with pytest.raises(MinisealError) as error:
        run(engine, "true", "x" * 200_000)

    assert error.value.code == "engine-failed"


def test_it_describes_itself(engine: DaggerEngine, base_image: Image) -> None:
    shell(engine, "true")
    description = engine.describe()

    assert description.name == "dagger"
    assert description.isolated
    assert description.version == "v0.21.8"
    assert [(image.name, image.digest) for image in description.images] == [
        (OCI_ARCHIVE, base_image.digest)
    ]


def test_inside_of_dagger_run_its_session_is_used(
    environ: dict[str, str], base_image: Image
) -> None:
    script = (
        "import asyncio, os, sys; from pathlib import Path; from time import time\n"
        "from miniseal.packager.lock import BaseImage\n"
        "from miniseal.pipeline.engines import Exec\n"
        "from miniseal.pipeline.engines.choose import choose\n"
        "from miniseal.pipeline.engines.dagger import DaggerEngine\n"
        "digest, platform, archive = sys.argv[1:]\n"
        "image = BaseImage(name='oci-archive', digest=digest, platform=platform)\n"
        "with DaggerEngine([image], environ=os.environ, archive=Path(archive)) as engine:\n"
        "    exec, lines = Exec(argv=('sh', '-c', 'echo inside; sleep 2')), []\n"
        "    result = asyncio.run(engine.run(exec, lambda line: lines.append((line, time()))))\n"
        "    print(choose(None, os.environ), result.stdout, engine._session.child)\n"
        "    print(lines[0][0], time() - lines[0][1] > 1)\n"
    )
    environ = {**environ}
    program = environ.pop("_EXPERIMENTAL_DAGGER_CLI_BIN")  # a session needs no command line

    done = subprocess.run(
        [
            *(program, "--progress", "plain", "run", sys.executable, "-c", script),
            *(base_image.digest, platform(), str(base_image.archive)),
        ],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "dagger b'inside\\n' None\ninside True\n" in done.stdout


@pytest.fixture
def registry(dagger_engine: DaggerEngineProcess, base_image: Image) -> Iterator[str]:
    """A registry with the base image, which only the engine can reach."""
    words = ["nsenter", f"--target={dagger_engine.pid}", "--net", sys.executable, "-c", REGISTRY]
    words += [str(base_image.archive)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield "localhost:5000/base"
        server.kill()


def test_an_image_comes_from_a_registry_by_its_digest(
    environ: dict[str, str], base_image: Image, registry: str
) -> None:
    image = BaseImage(name=registry, digest=base_image.digest, platform=platform())

    with DaggerEngine([image], environ=environ) as engine:
        result = shell(engine, "echo from the registry")

    assert result.stdout == b"from the registry\n"
    assert engine.describe().images[0].name == registry


def test_an_image_may_have_its_python_elsewhere(
    environ: dict[str, str], base_image: Image, tmp_path: Path
) -> None:
    archive = tmp_path / "image.tar"
    digest = _moved(base_image.archive, archive, "usr/bin/python3", "usr/local/bin/python3")
    image = BaseImage(name=OCI_ARCHIVE, digest=digest, platform=platform())

    with DaggerEngine([image], environ=environ, archive=archive) as engine:
        result = run(engine, engine.python, "-c", "import json, sys; print(sys.executable)")

    assert result.stdout == b"/usr/bin/python3\n"


def test_an_image_without_python_is_of_no_use(
    environ: dict[str, str], base_image: Image, tmp_path: Path
) -> None:
    archive = tmp_path / "image.tar"
    digest = _moved(base_image.archive, archive, "usr/bin/python3", "usr/games/python3")
    image = BaseImage(name=OCI_ARCHIVE, digest=digest, platform=platform())

    with (
        DaggerEngine([image], environ=environ, archive=archive) as engine,
        pytest.raises(MinisealError) as error,
    ):
        run(engine, "true")

    assert error.value.code == "base-image-unusable"


@pytest.mark.parametrize("how", ["another path", "another case"])
def test_no_image_is_taken_but_the_one_that_is_pinned(
    environ: dict[str, str], base_image: Image, tmp_path: Path, how: str
) -> None:
    other, archive = tmp_path / "other.tar", tmp_path / "image.tar"
    _moved(base_image.archive, other, "usr/bin/python3", "usr/games/python3")
    content = _content(other) | _content(base_image.archive)
    index = json.loads(content.pop("index.json"))
    listed = json.loads(_content(other)["index.json"])["manifests"]
    if how == "another path":
        files = [("index.json", index), ("x/../index.json", index | {"manifests": listed})]
    else:
        files = [("index.json", index | {"Manifests": listed})]
    _write(archive, *content.items(), *((name, json.dumps(file).encode()) for name, file in files))

    with DaggerEngine(pinned(base_image), environ=environ, archive=archive) as engine:
        result = shell(engine, "ls /usr/games; python3 -c 'print(1)'")

    assert result.stdout == b"1\n"


def _content(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as file:
        files = {each.name: file.extractfile(each) for each in file if each.isreg()}
        return {name: each.read() for name, each in files.items() if each}


def _write(archive: Path, *files: tuple[str, bytes]) -> None:
    with tarfile.open(archive, "w") as file:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))


def _moved(source: Path, target: Path, start: str, place: str) -> str:
    """Write an image in which the files that begin so are elsewhere; the digest of its manifest."""
    content = _content(source)
    index = json.loads(content["index.json"])
    manifest = json.loads(_blob(content, index["manifests"][0]))
    config = json.loads(_blob(content, manifest["config"]))
    layer = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(_blob(content, manifest["layers"][0]))) as before,
        tarfile.open(fileobj=layer, mode="w", format=tarfile.PAX_FORMAT) as after,
    ):
        for member in before:
            data = before.extractfile(member) if member.isreg() else None
            if member.name.startswith(start):
                member.name = place + member.name.removeprefix(start)
            after.addfile(member, data)
    blobs: dict[str, bytes] = {}

    def put(data: bytes, descriptor: dict[str, Any]) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return descriptor | {"digest": f"sha256:{digest}", "size": len(data)}

    manifest["layers"] = [put(layer.getvalue(), manifest["layers"][0])]
    config["rootfs"]["diff_ids"] = [manifest["layers"][0]["digest"]]
    manifest["config"] = put(json.dumps(config).encode(), manifest["config"])
    index["manifests"] = [put(json.dumps(manifest).encode(), index["manifests"][0])]
    blobs |= {"oci-layout": content["oci-layout"], "index.json": json.dumps(index).encode()}
    _write(target, *blobs.items())
    return str(index["manifests"][0]["digest"])


def _blob(content: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    return content[f"blobs/{descriptor['digest'].replace(':', '/')}"]
