"""The first program of a container, run here: what it does needs no container."""

import binascii
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from miniseal.pipeline.engines import jail
from miniseal.pipeline.engines.dagger import inside


def run(folder: Path, script: str, **changes: Any) -> dict[str, Any]:
    for program in (jail.__file__, inside.__file__):
        shutil.copy(program, folder)
    (folder / "out").mkdir()
    plan = {
        "jail": {"argv": ["sh", "-c", script], "env": {"PATH": "/usr/bin:/bin"}, "cwd": "/"},
        "seconds": 30.0,
        "aged": {str(folder / "out"): 315532800},
        "outputs": [str(folder / "out")],
        "answer": str(folder / "answer.json"),
        "lines": str(folder / "lines"),
    } | changes
    (folder / "plan.json").write_text(json.dumps(plan))
    words = [sys.executable, "-I", "-S", "-B", str(folder / "inside.py")]
    subprocess.run(words, check=True, timeout=60)
    answer: dict[str, Any] = json.loads((folder / "answer.json").read_text())
    return answer


def test_it_tells_how_the_command_ended(tmp_path: Path) -> None:
    out = f"{tmp_path}/out"

    answer = run(tmp_path, f"stat -c %Y {out}; echo err >&2; echo x > {out}/x; exit 5")

    assert answer["exit"] == 5
    assert binascii.a2b_base64(answer["stdout"]) == b"315532800\n"
    assert binascii.a2b_base64(answer["stderr"]) == b"err\n"
    assert answer["sizes"][f"{tmp_path}/out"] == {
        "folder": True,
        "bytes": 2,
        "entries": 1,
        "depth": 1,
        "socket": None,
    }


def test_it_keeps_the_end_of_a_flood(tmp_path: Path) -> None:
    answer = run(tmp_path, "head -c 5000000 /dev/zero; echo end")

    said = binascii.a2b_base64(answer["stdout"])
    assert len(said) == 100 * 1024
    assert said.endswith(b"\0end\n")


def test_it_ends_what_takes_too_long(tmp_path: Path) -> None:
    marker = str(90_000 + time.monotonic_ns() % 10_000)

    answer = run(tmp_path, f"trap '' TERM; sleep {marker} & sleep {marker}", seconds=0.5)

    assert answer["timeout"] is True
    assert subprocess.run(["pgrep", "-f", f"sleep {marker}"], check=False).returncode == 1


def test_it_notices_when_the_jail_is_killed(tmp_path: Path) -> None:
    answer = run(tmp_path, "kill -9 $PPID; sleep 1")

    assert answer["error"] == "what started the command was killed"


def test_an_output_that_is_not_in_its_place_is_no_folder(tmp_path: Path) -> None:
    answer = run(tmp_path, f"rmdir {tmp_path}/out; ln -s /usr {tmp_path}/out")

    assert answer["sizes"][f"{tmp_path}/out"]["folder"] is False


def test_folders_that_cannot_be_read_are_opened_for_who_carries_them(tmp_path: Path) -> None:
    answer = run(tmp_path, f"cd {tmp_path}/out; mkdir -p a/b; echo 12 > a/b/c; chmod 0 a/b a")

    assert answer["sizes"][f"{tmp_path}/out"]["bytes"] == 3
    assert (tmp_path / "out/a").stat().st_mode & 0o700 == 0o700


def test_a_tree_without_end_is_not_walked_to_its_end(tmp_path: Path) -> None:
    script = "import os\nfor n in range(3000): os.mkdir('d'); os.chdir('d')"
    (tmp_path / "deep.py").write_text(script)

    answer = run(tmp_path, f"cd {tmp_path}/out; {sys.executable} {tmp_path}/deep.py")

    assert answer["sizes"][f"{tmp_path}/out"]["depth"] > 64
    _remove(tmp_path / "out")


def test_a_socket_is_told_by_its_name(tmp_path: Path) -> None:
    script = "import socket; socket.socket(socket.AF_UNIX).bind('s')"

    answer = run(tmp_path, f'cd {tmp_path}/out; {sys.executable} -c "{script}"')

    assert answer["sizes"][f"{tmp_path}/out"]["socket"] == f"{tmp_path}/out/s"


def test_lines_are_sent_whole_where_somebody_listens(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "lines"))
        server.listen()
        run(tmp_path, "printf 'on'; sleep 0.1; echo e; echo two >&2; printf end")
        link, _ = server.accept()
        with link, link.makefile("rb") as said:
            lines = said.read()

    assert sorted(lines.splitlines()) == [b"end", b"one", b"two"]


def test_nobody_who_does_not_read_holds_the_command_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "lines"))
        server.listen()
        answer = run(tmp_path, "yes | head -c 20000000; echo end")

    assert answer["exit"] == 0
    assert binascii.a2b_base64(answer["stdout"]).endswith(b"end\n")


def test_somebody_who_hangs_up_holds_nothing_up(tmp_path: Path) -> None:
    def hang_up(server: socket.socket) -> None:
        link, _ = server.accept()
        link.close()

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "lines"))
        server.listen()
        thread = threading.Thread(target=hang_up, args=(server,), daemon=True)
        thread.start()
        answer = run(tmp_path, "for n in 1 2 3 4 5; do echo $n; sleep 0.1; done")
        thread.join()

    assert answer["exit"] == 0


def _remove(folder: Path) -> None:
    """What is too deep for a path is removed by the shell."""
    subprocess.run(["rm", "-rf", str(folder)], check=True, env=os.environ)
