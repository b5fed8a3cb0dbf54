"""What tests with hostile input share: a small project, what a folder holds, and bounds."""

import hashlib
import json
import os
import resource
import stat
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from kit.commands import Run
from miniseal.cli.main import main

__all__ = [
    "LOCK",
    "MANIFEST",
    "SETTINGS",
    "bounded",
    "call_miniseal",
    "dropped",
    "listing",
    "manifest_bytes",
    "project_at",
    "within",
]

MANIFEST: dict[str, object] = {
    "app_id": "com.example.hostile",
    "name": "Hostile",
    "version": {"code": 1, "name": "1.0.0"},
    "platform_version": {"min_code": 1},
}
SETTINGS = '[build]\ntoolchain = "prebuilt"\nentry = "app.wasm"\n'
LOCK = Path(__file__).parents[2] / "examples" / "greeting" / "miniseal.lock"
_MODULE = b"\0asm\x01\0\0\0"


def manifest_bytes(**members: object) -> bytes:
    """A good `manifest.json`, with these members instead."""
    return json.dumps(MANIFEST | members).encode()


def project_at(folder: Path, settings: str = SETTINGS, wasm: bytes = _MODULE) -> Path:
    """A project that builds without a toolchain: an empty module, and one asset."""
    (folder / "assets").mkdir(parents=True)
    (folder / "manifest.json").write_bytes(manifest_bytes())
    (folder / "miniseal.toml").write_text(settings)
    (folder / "miniseal.lock").write_bytes(LOCK.read_bytes())
    (folder / "app.wasm").write_bytes(wasm)
    (folder / "assets" / "words.json").write_text('{"a": 1}')
    return folder


def listing(folder: Path) -> dict[str, str]:
    """Everything below a folder: its kind and mode, and the digest of what is small enough."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        text = f"{stat.filemode(status.st_mode)} {status.st_size if path.is_file() else ''}"
        if stat.S_ISREG(status.st_mode) and status.st_size < 1 << 20 and os.access(path, os.R_OK):
            text += hashlib.sha256(path.read_bytes()).hexdigest()
        found[path.relative_to(folder).as_posix()] = text
    return found


def within(mebibytes: int) -> tuple[str, ...]:
    """A prefix for a command that may not map more memory than this."""
    return ("prlimit", f"--as={mebibytes << 20}")


def dropped() -> tuple[str, ...]:
    """A prefix for a command that file modes hold for; needed where the tests run as root."""
    lost = "-dac_override,-dac_read_search"
    return () if os.geteuid() else ("setpriv", "--bounding-set", lost, "--inh-caps", lost)


def call_miniseal(*words: str | Path, as_json: bool = True) -> Run:
    """As `run_miniseal`, in this process: for the many cases that differ in their input alone."""
    texts = tuple(map(str, words))
    stdout, stderr = StringIO(), StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr):
        code = main([*texts, *(["--json"] if as_json else [])])
    return Run(words=texts, exit_code=code, stdout=stdout.getvalue(), stderr=stderr.getvalue())


@contextmanager
def bounded(seconds: float) -> Generator[None]:
    """Check that the block, with the processes that it starts, needs no more processor time."""
    before = _processor_time()
    yield
    used = _processor_time() - before
    assert used <= seconds, f"{used:.1f} seconds of processor time"


def _processor_time() -> float:
    times = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in times)
