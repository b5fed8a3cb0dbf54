"""What a command in the local sandbox can and cannot do, under every isolation of this machine."""

import asyncio
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.pipeline.engines import Exec, LocalEngine, Mount, Result, detect, works
from miniseal.pipeline.engines.jail import SYS_KEYCTL
from miniseal.pipeline.engines.sandbox import Isolation

ISOLATIONS: list[Isolation] = [name for name in ("bwrap", "unshare") if works(name)]

FINGERPRINT = """
id; umask; ulimit -c; pwd; hostname; env | sort; grep -E 'Cap(Eff|Prm)|NoNewPrivs' /proc/self/status
cut -d' ' -f2,4 /proc/self/mounts | sed 's/relatime.*//' | sort
stat -c '%A %u %g %n' / /build /build/* /build/src/* /etc /etc/passwd /dev /dev/* /opt /run /tmp
tr '\\0' ' ' < /proc/1/cmdline
"""


@pytest.fixture(params=ISOLATIONS)
def engine(request: pytest.FixtureRequest) -> Iterator[LocalEngine]:
    with LocalEngine(request.param) as made:
        yield made


def run(engine: LocalEngine, *argv: str, **options: object) -> Result:
    settings = {"timeout_seconds": 60.0} | options
    return asyncio.run(engine.run(Exec(argv=argv, **settings)))  # type: ignore[arg-type]


def shell(engine: LocalEngine, script: str, **options: object) -> Result:
    return run(engine, "sh", "-c", script, **options)


def python(engine: LocalEngine, script: str, **options: object) -> Result:
    return run(engine, engine.python, "-I", "-c", script, **options)


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


def appears_within(marker: str, seconds: float) -> bool:
    return becomes(True, marker, seconds)


def gone_within(marker: str, seconds: float) -> bool:
    return becomes(False, marker, seconds)


def test_this_machine_offers_an_isolation() -> None:
    assert ISOLATIONS
    assert detect() == ISOLATIONS[0]


@pytest.mark.parametrize(
    "argv",
    [
        ("unshare", "--user", "--map-root-user", "--mount", "--pid", "--net", "--fork", "true"),
        ("bwrap", "--unshare-user", "--unshare-net", "--ro-bind", "/", "/", "true"),
    ],
    ids=["unshare", "bwrap"],
)
def test_an_isolation_works_where_its_tool_does(argv: tuple[str, ...]) -> None:
    installed = shutil.which(argv[0]) is not None

    usable = installed and subprocess.run(argv, check=False).returncode == 0

    assert (argv[0] in ISOLATIONS) is usable


def test_detection_works_inside_an_event_loop() -> None:
    async def inside() -> Isolation | None:
        return await asyncio.to_thread(detect)

    assert asyncio.run(inside()) == ISOLATIONS[0]


def test_the_root_holds_nothing_of_the_host_but_system_folders(engine: LocalEngine) -> None:
    result = shell(engine, "ls -A / /etc /run /opt")

    names = set(result.stdout.decode().split())
    assert names <= {
        *("/:", "bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "opt", "proc", "run"),
        *("sbin", "tmp", "usr", "/etc:", "alternatives", "group", "ld.so.cache", "ld.so.conf"),
        *("ld.so.conf.d", "passwd", "/run:", "jail.py", "/opt:", "python"),
    }


def test_home_and_host_files_are_out_of_sight(engine: LocalEngine, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    paths = [str(secret), str(Path.home()), "/root", "/home", "/var/run/docker.sock", "/sys"]

    result = python(engine, f"import os; print([p for p in {paths!r} if os.path.exists(p)])")

    assert result.stdout == b"[]\n"


READ_KEY = """
import ctypes
libc = ctypes.CDLL(None)
number, serial = {number}, {serial}
text = ctypes.create_string_buffer(64)
found = libc.syscall(number, 10, ctypes.c_int(-3), b"user", b"miniseal-test", 0)
sizes = [libc.syscall(number, 11, each, text, 64) for each in (found, serial) if each > 0]
print(found > 0, [size > 0 for size in sizes])
"""


def test_the_callers_keyring_is_not_handed_on(engine: LocalEngine) -> None:
    number = SYS_KEYCTL[os.uname().machine]
    libc = ctypes.CDLL(None)
    libc.syscall(number, 1, None)  # a session keyring of this process's own
    serial = libc.syscall(number - 2, b"user", b"miniseal-test", b"secret", 6, ctypes.c_int(-3))

    result = python(engine, READ_KEY.format(number=number, serial=serial))

    # where keyrings are forbidden, as in some containers, no key could be made either
    assert result.stdout in {b"False [False]\n", b"False []\n"}
    assert (serial > 0) == (b"[False]" in result.stdout)


def test_no_process_of_the_host_is_visible(engine: LocalEngine) -> None:
    result = shell(engine, "ls -d /proc/[0-9]*")

    assert str(os.getpid()) not in {name.rpartition("/")[2] for name in result.stdout.decode()}
    assert len(result.stdout.splitlines()) <= 3


def test_the_loopback_of_the_host_is_out_of_reach(engine: LocalEngine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        result = python(
            engine, f"import socket; socket.create_connection(('127.0.0.1', {port}), 3)"
        )

    assert b"ConnectionRefusedError" in result.stderr


def test_abstract_sockets_of_the_host_are_out_of_reach(engine: LocalEngine) -> None:
    name = f"\0miniseal-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()

        result = python(engine, f"import socket; socket.socket(socket.AF_UNIX).connect({name!r})")

    assert b"ConnectionRefusedError" in result.stderr


def test_names_do_not_resolve_and_no_packet_leaves(engine: LocalEngine) -> None:
    result = python(
        engine,
        "import socket\n"
        "for call in (lambda: socket.getaddrinfo('example.org', 443),\n"
        "             lambda: socket.create_connection(('192.0.2.1', 443), 3)):\n"
        "    try: call(); print('out')\n"
        "    except OSError as e: print(type(e).__name__, e.errno)\n",
    )

    assert b"out" not in result.stdout
    assert b"101" in result.stdout  # ENETUNREACH: there is no route at all


def test_its_own_loopback_works(engine: LocalEngine) -> None:
    result = python(
        engine,
        "import socket; s = socket.create_server(('127.0.0.1', 0));"
        "socket.create_connection(s.getsockname(), 3); print('ok')",
    )

    assert result.stdout == b"ok\n"


def test_a_network_is_shared_only_when_asked_for(engine: LocalEngine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        result = python(
            engine,
            f"import socket; socket.create_connection(('127.0.0.1', {port}), 3); print('ok')",
            network=True,
        )

    assert result.stdout == b"ok\n", result.stderr


def test_the_environment_is_the_fixed_one_and_what_was_asked_for(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")

    result = run(engine, "/usr/bin/env", env={"EXTRA": "a b=c"})

    lines = set(result.stdout.decode().splitlines()) - {"LD_LIBRARY_PATH=/opt/python/lib"}
    assert lines == {
        "PATH=/usr/bin:/bin",
        "LANG=C.UTF-8",
        "TZ=UTC",
        "SOURCE_DATE_EPOCH=315532800",
        "EXTRA=a b=c",
    }


def test_it_starts_with_three_descriptors_and_no_input(engine: LocalEngine) -> None:
    kept = os.open("/", os.O_RDONLY)
    os.set_inheritable(kept, True)

    result = python(engine, "import os; print(os.listdir('/proc/self/fd'), repr(input()))")
    os.close(kept)

    assert b"EOFError" in result.stderr
    listed = python(engine, "import os; print(sorted(os.listdir('/proc/self/fd')))")
    assert listed.stdout == b"['0', '1', '2', '3']\n"  # 3 is the listing itself


def test_it_has_no_capability_and_gains_none(engine: LocalEngine) -> None:
    result = shell(
        engine,
        "grep -E '^Cap(Prm|Eff|Amb)' /proc/self/status | grep -v 0000000000000000;"
        "mount -o remount,rw,bind /usr; umount /usr; mount -t tmpfs t /tmp;"
        "echo x > /proc/sys/kernel/hostname; echo x > /proc/sysrq-trigger; hostname other;"
        "chroot / true && echo chrooted; hostname",
    )

    assert result.stdout == b"miniseal\n"


def test_a_user_namespace_of_its_own_opens_no_mount(engine: LocalEngine) -> None:
    result = shell(
        engine,
        "unshare -Urm sh -c 'mount -o remount,rw,bind /usr && touch /usr/x && echo wrote;"
        "umount /usr && echo unmounted'",
    )

    assert result.stdout == b""


def test_nothing_but_tmp_and_outputs_can_be_written(engine: LocalEngine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("as it was")

    result = shell(
        engine,
        "for f in / /usr /etc /opt /opt/python /dev /proc /build /build/in; do"
        " touch $f/x 2>/dev/null && echo $f; done; echo changed > /build/in/file; touch /tmp/x"
        " /dev/shm/x /build/out/x && echo ok",
        inputs=(Mount(path="/build/in", host=tmp_path),),
        outputs=("/build/out",),
    )

    assert result.stdout == b"ok\n"
    assert (tmp_path / "file").read_text() == "as it was"


def test_a_writable_input_is_a_copy(engine: LocalEngine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("as it was")

    result = shell(
        engine,
        "echo changed > /build/src/file; cat /build/src/file",
        inputs=(Mount(path="/build/src", host=tmp_path, writable=True),),
    )

    assert result.stdout == b"changed\n"
    assert (tmp_path / "file").read_text() == "as it was"


def test_an_input_may_be_one_file(engine: LocalEngine, tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("content")

    result = shell(
        engine,
        "cat /build/tools/tool",
        inputs=(Mount(path="/build/tools/tool", host=tmp_path / "tool"),),
    )

    assert result.stdout == b"content"


def test_outputs_come_out_with_modes_of_two_kinds(engine: LocalEngine) -> None:
    result = shell(
        engine,
        "cd /build/out; mkdir -m 700 deep; echo a > deep/a; chmod 400 deep/a; echo b > b;"
        "chmod 777 b",
        outputs=("/build/out",),
    )

    out = result.outputs["/build/out"]
    assert (out / "deep/a").read_text() == "a\n"
    assert (out / "deep/a").stat().st_mode & 0o7777 == 0o644
    assert (out / "b").stat().st_mode & 0o7777 == 0o755


def test_an_output_may_lie_in_a_writable_input(engine: LocalEngine, tmp_path: Path) -> None:
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
        "touch /build/out/x; chmod u+s /build/out/x",
        "mkdir /build/out/d; touch /build/out/d/x; chmod g+s /build/out/d/x",
        "head -c 2000 /dev/zero > /build/out/x",
        "python3 -c 0; touch \"/build/out/$(printf 'bad\\377')\"",
    ],
    ids=["symlink", "pipe", "setuid", "setgid", "too large", "name"],
)
def test_what_must_not_leave_is_refused(engine: LocalEngine, script: str) -> None:
    with pytest.raises(MinisealError) as error:
        shell(engine, script, outputs=("/build/out",), output_limit=1000)

    assert error.value.code == "output-refused"


@pytest.mark.parametrize(
    "script",
    ["rm -r /build/src/out", "rm -r /build/src/out; ln -s /usr /build/src/out"],
    ids=["removed", "replaced by a symlink"],
)
def test_an_output_that_is_no_folder_any_more_is_missing(
    engine: LocalEngine, tmp_path: Path, script: str
) -> None:
    inputs = (Mount(path="/build/src", host=tmp_path, writable=True),)

    with pytest.raises(MinisealError) as error:
        shell(engine, script, inputs=inputs, outputs=("/build/src/out",))

    assert error.value.code == "output-missing"


def test_a_daemon_is_dead_before_outputs_are_read(engine: LocalEngine) -> None:
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

    result = python(engine, script, outputs=("/build/out",))

    assert result.exit_code == 0
    assert (result.outputs["/build/out"] / "log").stat().st_size > 0
    assert not alive(marker)


def test_a_command_that_takes_too_long_is_killed_with_its_children(engine: LocalEngine) -> None:
    marker = f"98{time.monotonic_ns()}"

    with pytest.raises(MinisealError) as error:
        shell(engine, f"trap '' TERM INT HUP; sleep {marker} & sleep {marker}", timeout_seconds=1.0)

    assert error.value.code == "exec-timeout"
    assert not alive(marker)


def test_cancelling_kills_everything(engine: LocalEngine) -> None:
    marker = f"97{time.monotonic_ns()}"

    async def cancelled() -> bool:
        task = asyncio.create_task(engine.run(Exec(argv=("sh", "-c", f"sleep {marker} & wait"))))
        assert await asyncio.to_thread(appears_within, f"sleep\0{marker}", 10.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return alive(marker)

    assert not asyncio.run(cancelled())


def test_killing_the_engine_kills_everything(engine: LocalEngine, tmp_path: Path) -> None:
    marker = f"96{time.monotonic_ns()}"
    script = (
        "import asyncio; from miniseal.pipeline.engines import Exec, LocalEngine\n"
        f"engine = LocalEngine({engine.isolation!r})\n"
        f"asyncio.run(engine.run(Exec(argv=('sh', '-c', 'sleep {marker} & wait'))))\n"
    )
    environ = {**os.environ, "TMPDIR": str(tmp_path)}  # nobody tidies up after SIGKILL
    with subprocess.Popen([sys.executable, "-c", script], env=environ) as parent:
        assert appears_within(f"sleep\0{marker}", 10.0)
        parent.send_signal(signal.SIGKILL)

    assert gone_within(f"sleep\0{marker}", 10.0)


def test_a_flood_of_output_neither_blocks_nor_grows(engine: LocalEngine) -> None:
    result = shell(engine, "head -c 200000000 /dev/zero; echo end; head -c 9999999 /dev/zero >&2")

    assert result.exit_code == 0
    assert len(result.stdout) == 100 * 1024
    assert result.stdout.endswith(b"\0end\n")
    assert len(result.stderr) == 100 * 1024


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 255", 255), ("kill -9 $$", 137), ("kill -TERM $$", 143)],
)
def test_the_exit_code_is_the_commands(engine: LocalEngine, script: str, code: int) -> None:
    assert shell(engine, script).exit_code == code


@pytest.mark.parametrize("name", ["no-such-tool", "/no/such/tool", "/etc/passwd", "/usr"])
def test_a_command_that_cannot_start_is_127(engine: LocalEngine, name: str) -> None:
    result = run(engine, name)

    assert result.exit_code == 127
    assert f"miniseal: {name}: ".encode() in result.stderr


def test_a_folder_that_is_not_there_is_127(engine: LocalEngine) -> None:
    assert run(engine, "true", cwd="/build/nowhere").exit_code == 127


def test_the_first_process_reaps_orphans_and_cannot_be_killed(engine: LocalEngine) -> None:
    result = shell(
        engine,
        "kill -9 1; kill -STOP 1; (sleep 0.1 & ) ; sleep 0.5;"
        "grep -l '^State:.Z' /proc/[0-9]*/status; echo end",
    )

    assert result.stdout == b"end\n"


def test_the_first_process_is_closed_to_the_command(engine: LocalEngine) -> None:
    result = shell(
        engine,
        "ls /proc/1/root/ /proc/1/cwd/; readlink /proc/1/fd/0; cat /proc/1/environ; echo end",
    )

    assert result.stdout == b"end\n"


def test_commands_run_side_by_side(engine: LocalEngine) -> None:
    async def both() -> list[Result]:
        execs = [
            Exec(argv=("sh", "-c", f"echo {n} > /build/out/n; sleep 0.2"), outputs=("/build/out",))
            for n in range(4)
        ]
        return await asyncio.gather(*map(engine.run, execs))

    results = asyncio.run(both())

    texts = [(result.outputs["/build/out"] / "n").read_text() for result in results]
    assert texts == ["0\n", "1\n", "2\n", "3\n"]


def test_an_input_that_is_not_there_fails(engine: LocalEngine, tmp_path: Path) -> None:
    with pytest.raises(MinisealError) as error:
        run(engine, "true", inputs=(Mount(path="/build/in", host=tmp_path / "nothing"),))

    assert error.value.code == "engine-failed"


def test_a_mount_that_cannot_be_made_fails(engine: LocalEngine, tmp_path: Path) -> None:
    inputs = (
        Mount(path="/build/in", host=tmp_path),
        Mount(path="/build/in/not/there", host=tmp_path),
    )

    with pytest.raises(MinisealError) as error:
        run(engine, "true", inputs=inputs)

    assert error.value.code == "engine-failed"


def test_a_command_line_beyond_the_bound_fails(engine: LocalEngine) -> None:
    with pytest.raises(MinisealError) as error:
        run(engine, "true", "x" * 200_000)

    assert error.value.code == "engine-failed"


def test_an_isolation_that_fails_does_not_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("bwrap", "unshare"):
        tool = tmp_path / name
        tool.write_text("#!/bin/sh\necho no namespaces here >&2; exit 1\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert detect() is None
    with LocalEngine("unshare") as engine, pytest.raises(MinisealError) as error:
        run(engine, "true")
    assert error.value.code == "engine-failed"
    assert "no namespaces here" in error.value.message


def test_an_isolation_that_is_not_installed_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(MinisealError) as error:
        LocalEngine("bwrap")

    assert error.value.code == "isolation-missing"
    assert detect() is None


def test_the_view_is_the_same_under_every_isolation_and_parent(tmp_path: Path) -> None:
    source = tmp_path / "src"
    source.mkdir(mode=0o700)
    (source / "file").write_text("x")
    (source / "file").chmod(0o600)
    script = (
        "import asyncio, sys; from pathlib import Path\n"
        "from miniseal.pipeline.engines import Exec, LocalEngine, Mount\n"
        "isolation, source, script = sys.argv[1:]\n"
        "mount = Mount(path='/build/src', host=Path(source), writable=True)\n"
        "with LocalEngine(isolation) as engine:\n"
        "    exec = Exec(argv=('sh', '-c', script), inputs=(mount,), outputs=('/build/out',))\n"
        "    sys.stdout.buffer.write(asyncio.run(engine.run(exec)).stdout)\n"
    )
    parents = [
        (0o022, {"TZ": "UTC", "HOME": "/root"}, "/"),
        (0o077, {"TZ": "Asia/Tokyo", "LANG": "de_DE.UTF-8", "HOME": "/x"}, str(tmp_path)),
    ]

    views = {
        subprocess.run(
            [sys.executable, "-c", script, isolation, str(source), FINGERPRINT],
            env={"PATH": os.environ["PATH"], **env},
            cwd=cwd,
            umask=umask,
            check=True,
            capture_output=True,
        ).stdout
        for isolation in ISOLATIONS
        for umask, env, cwd in parents
    }

    assert len(views) == 1, views
    assert b"uid=65534" in views.pop()


class TestWithoutIsolation:
    def test_it_says_so(self) -> None:
        with LocalEngine(None) as engine:
            assert not engine.describe().isolated
        with LocalEngine(ISOLATIONS[0]) as engine:
            assert engine.describe().isolated

    def test_sandbox_paths_in_the_words_are_rewritten(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("content")
        inputs = (
            Mount(path="/build/src", host=tmp_path, writable=True),
            Mount(path="/build/tools/t", host=tmp_path),
        )

        with LocalEngine(None) as engine:
            result = run(
                engine,
                *("sh", "-c", "cp $FILE /build/out/a; echo x > file; cat /build/tools/t/file; pwd"),
                inputs=inputs,
                outputs=("/build/out",),
                cwd="/build/src",
                env={"FILE": "/build/src/file"},
            )

            assert (result.outputs["/build/out"] / "a").read_text() == "content"
        assert result.stdout.startswith(b"content")
        assert b"/build/src" in result.stdout
        assert (tmp_path / "file").read_text() == "content"

    def test_its_interpreter_and_environment_work(self) -> None:
        with LocalEngine(None) as engine:
            result = python(engine, "import os, ssl; print(os.environ.get('HOME'))")

        assert result.stdout == b"None\n"

    def test_a_daemon_is_dead_at_the_end(self) -> None:
        marker = f"95{time.monotonic_ns()}"

        with LocalEngine(None) as engine:
            result = shell(engine, f"(setsid sleep {marker} &) ; sleep 0.2")

        assert result.exit_code == 0
        assert not alive(marker)

    def test_a_timeout_kills_everything(self) -> None:
        marker = f"94{time.monotonic_ns()}"

        with LocalEngine(None) as engine, pytest.raises(MinisealError) as error:
            shell(engine, f"(setsid sleep {marker} &) ; sleep {marker}", timeout_seconds=1.0)

        assert error.value.code == "exec-timeout"
        assert not alive(marker)


def test_lines_are_told_as_they_come(engine: LocalEngine) -> None:
    lines: list[str] = []
    script = "echo one; echo two >&2; printf three"
    result = asyncio.run(engine.run(Exec(argv=("/bin/sh", "-c", script)), lines.append))
    assert result.exit_code == 0
    assert sorted(lines) == ["one", "three", "two"]


def test_a_writable_input_was_changed_when_it_says(engine: LocalEngine, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_text("x")
    mount = Mount(path="/build/src", host=tmp_path / "source", writable=True, modified=946_684_800)

    result = shell(engine, "stat -c %Y /build/src /build/src/file", inputs=(mount,))

    assert result.stdout.split() == [b"946684800", b"946684800"]
