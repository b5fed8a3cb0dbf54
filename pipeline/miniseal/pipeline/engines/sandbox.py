"""The inside of the local sandbox: what a command sees, and the argv that makes it so.

The same root for both isolations: system folders and a Python interpreter, read-only; /proc; a few
devices; empty /tmp; the inputs and outputs of the `Exec`. No home, no host paths, user and group
65534, host name `miniseal`. `jail.py` is the first process in each. Nothing here runs anything.

It does not hide the kernel, the processor or the versions of the system's tools, and it does not
bound memory or the number of processes: the host's own limits do.
"""

import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from miniseal.pipeline.engines.engine import EPOCH, Exec

__all__ = [
    "ACCOUNTS",
    "HOSTNAME",
    "IDENTITY",
    "LOADER",
    "SYSTEM",
    "Isolation",
    "Python",
    "Step",
    "View",
    "environment",
    "interpreter",
    "root_steps",
    "with_parents",
]

Isolation = Literal["bwrap", "unshare"]

HOSTNAME = "miniseal"
IDENTITY = 65534

_JAIL = Path(__file__).with_name("jail.py")
_JAIL_INSIDE = "/run/jail.py"
_PYTHON_HOME = "/opt/python"
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Folders of the system that a command sees, where they exist."""
LOADER = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d")
"""What programs in them need of /etc to start."""
_NETWORK = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
)
_DEVICES = ("null", "zero", "full", "random", "urandom")
_ISOLATED = ("-I", "-S", "-B")
_UNSHARE = (
    *("--user", "--map-root-user", "--mount", "--pid", "--ipc", "--uts"),
    *("--fork", "--kill-child"),
)
_BWRAP = (
    *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"),
    *("--as-pid-1", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
    *("--uid", str(IDENTITY), "--gid", str(IDENTITY), "--hostname", HOSTNAME),
)
_BWRAP_BINDS = {"ro": "--ro-bind", "rw": "--bind", "dev": "--dev-bind", "symlink": "--symlink"}
ACCOUNTS = {
    "passwd": f"miniseal:x:{IDENTITY}:{IDENTITY}::/nonexistent:/usr/sbin/nologin\n",
    "group": f"miniseal:x:{IDENTITY}:\n",
}
"""Who a command is, as the files of /etc tell it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing in the root.

    Attributes:
        kind: `ro`, `rw` or `dev` (a bind mount), `dir` (a folder of the root itself), `tmpfs`,
            `proc`, or `symlink`.
        path: where it is in the sandbox.
        source: the host path, or a symlink's text; empty for the others.
    """

    kind: Literal["ro", "rw", "dev", "dir", "tmpfs", "proc", "symlink"]
    path: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """The interpreter that commands may use: the base one, outside any virtual environment.

    Attributes:
        path: what to start.
        home: its folder on the host, mounted at `/opt/python`; None where it lies in `/usr`.
        libraries: where the loader must look for `libpython`; None where it needs no telling.
    """

    path: str
    home: Path | None
    libraries: str | None


def interpreter(*, inside: bool) -> Python:
    """The interpreter that runs this, as commands see it in a sandbox, or on the host."""
    executable = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    home = Path(sys.base_prefix).resolve()
    if executable.is_relative_to("/usr"):
        return Python(path=str(executable), home=None, libraries=None)
    prefix = _PYTHON_HOME if inside else str(home)
    shared = f"{prefix}/lib" if sysconfig.get_config_var("Py_ENABLE_SHARED") else None
    return Python(path=f"{prefix}/{executable.relative_to(home)}", home=home, libraries=shared)


def environment(python: Python, extra: dict[str, str]) -> dict[str, str]:
    """The whole environment of a command: the fixed part, then `extra`.

    Proxies, locales and the caller's own variables are not inherited. An interpreter with
    a shared `libpython` outside `/usr` adds `LD_LIBRARY_PATH`.
    """
    fixed = {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": str(EPOCH),
    }
    if python.libraries is not None:
        fixed["LD_LIBRARY_PATH"] = python.libraries
    return fixed | extra


def root_steps(python: Python, accounts: Path, *, network: bool) -> tuple[Step, ...]:
    """The root without inputs and outputs; `accounts` is a folder for passwd and group."""
    steps = [*_system(), *(Step("ro", path, path) for path in LOADER if Path(path).exists())]
    for name, text in ACCOUNTS.items():
        accounts.joinpath(name).write_text(text, encoding="ascii")
        accounts.joinpath(name).chmod(0o644)
        steps.append(Step("ro", f"/etc/{name}", str(accounts / name)))
    if network:
        # resolv.conf is often a symlink into /run; what it leads to is mounted in its place.
        existing = (path for path in _NETWORK if Path(path).exists())
        steps += [Step("ro", path, os.path.realpath(path)) for path in existing]
    if python.home is not None:
        steps.append(Step("ro", _PYTHON_HOME, str(python.home)))
    steps += [Step("ro", _JAIL_INSIDE, str(_JAIL)), Step("proc", "/proc")]
    steps += [Step("dev", f"/dev/{name}", f"/dev/{name}") for name in _DEVICES]
    steps.append(Step("symlink", "/dev/fd", "/proc/self/fd"))
    steps += [
        Step("symlink", f"/dev/{name}", f"/proc/self/fd/{number}")
        for number, name in enumerate(("stdin", "stdout", "stderr"))
    ]
    return (*steps, Step("tmpfs", "/dev/shm"), Step("tmpfs", "/tmp"))  # noqa: S108 - its own


def _system() -> list[Step]:
    steps: list[Step] = []
    for path in SYSTEM:
        if os.path.islink(path):  # noqa: PTH114 - the text of the link is what is kept
            steps.append(Step("symlink", path, os.readlink(path)))  # noqa: PTH115 - as above
        elif Path(path).is_dir():
            steps.append(Step("ro", path, path))
    return steps


def with_parents(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """`steps` with a `dir` before each whose parent nothing else brings."""
    known = {"/"}
    result: list[Step] = []
    for step in steps:
        parents = [str(parent) for parent in PurePosixPath(step.path).parents]
        if not any(parent in known for parent in parents[:-1] if _is_mounted(parent, result)):
            missing = [Step("dir", parent) for parent in reversed(parents) if parent not in known]
            result += missing
            known.update(parents)
        known.add(step.path)
        result.append(step)
    return tuple(result)


def _is_mounted(path: str, steps: list[Step]) -> bool:
    return any(step.path == path and step.kind != "dir" for step in steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything one command sees, and the two things that make it so: an argv and a plan.

    Attributes:
        isolation: what makes the root; None where there is none.
        python: the interpreter that commands may use.
        steps: the root.
        network: whether it shares the host's network.
    """

    isolation: Isolation | None
    python: Python
    steps: tuple[Step, ...]
    network: bool

    def launcher(self, tool: str) -> tuple[str, ...]:
        """The argv that starts `jail.py`; `tool` is the path of bubblewrap or unshare."""
        outside = (sys.executable, *_ISOLATED, str(_JAIL))
        if self.isolation is None:
            return outside
        if self.isolation == "unshare":
            network = () if self.network else ("--net",)
            return (tool, *_UNSHARE, *network, "--", *outside, "enter")
        return (tool, *self._bwrap_options(), "--", *self._inside())

    def _inside(self) -> tuple[str, ...]:
        return (self.python.path, *_ISOLATED, _JAIL_INSIDE)

    def _bwrap_options(self) -> list[str]:
        options = [*_BWRAP, *([] if self.network else ["--unshare-net"])]
        for name, value in environment(self.python, {}).items():
            options += ["--setenv", name, value]
        for step in with_parents(self.steps):
            if step.kind == "tmpfs":
                options += ["--perms", "1777", "--tmpfs", step.path]
            elif step.kind == "dir":
                options += ["--perms", "0755", "--dir", step.path]
            elif step.kind == "proc":
                options += ["--proc", step.path, "--remount-ro", step.path]
            else:
                options += [_BWRAP_BINDS[step.kind], step.source, step.path]
        return [*options, "--remount-ro", "/", "--chdir", "/"]

    def plan(self, command: Exec, root: Path) -> dict[str, object]:
        """What `jail.py` reads; `root` is an empty folder, where `enter` makes the root."""
        steps = [[step.kind, step.path, step.source] for step in with_parents(self.steps)]
        return {
            "argv": list(command.argv),
            "env": environment(self.python, command.env),
            "cwd": command.cwd,
            "root": str(root),
            "steps": steps,
            "hostname": HOSTNAME,
            "id": IDENTITY,
            "jail": list(self._inside()),
            "jail_env": environment(self.python, {}),
        }
