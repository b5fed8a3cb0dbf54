"""The first process of a sandbox: it makes the root, starts the command and outlives nothing.

A program: `python -I -S -B jail.py`, with a socket as standard input. It reads one line, the plan
(`sandbox.py` writes it), and answers with one line, `{"exit": code}` or `{"error": text}`. When the
other end of the socket closes, for whatever reason, everything ends.

Under `unshare` it runs as `jail.py enter` first: with every capability over fresh namespaces it
mounts the root, gives all of them up by entering one more user namespace, and starts itself again
inside. Bubblewrap makes the same root by itself. It needs the standard library alone, and for
`enter` Linux 5.12 (`mount_setattr`).
"""

# It starts before every command, and pathlib would double that time; exec is what it is for.
# ruff: noqa: PTH103,PTH110,PTH112,PTH123,PTH211,S606

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
from typing import NoReturn, TypedDict

PLAN_LIMIT = 128 * 1024
SYS_KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280}
"""The system call's number, by machine; libc has no function for it."""

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC = 0x2, 0x4, 0x8, 0x1000, 0x4000
_MNT_DETACH = 2
_CLONE_NEWUSER = 0x10000000
_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 4, 36, 38
_SYS_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE = 442, -100, 0x8000
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 0x1, 0x2, 0x4
_KEYCTL_JOIN_SESSION_KEYRING = 1
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_ATTRS = {
    "ro": _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV,
    "rw": _ATTR_NOSUID | _ATTR_NODEV,
    "dev": _ATTR_NOSUID,
}


class Plan(TypedDict):
    """The line that is read."""

    argv: list[str]
    env: dict[str, str]
    cwd: str
    root: str
    steps: list[list[str]]
    hostname: str
    id: int
    jail: list[str]
    jail_env: dict[str, str]


_libc = ctypes.CDLL(None, use_errno=True)


def main() -> int:
    """Make the root and start again inside it, or run the command and answer."""
    link = socket.socket(fileno=os.dup(0))
    try:
        if sys.argv[1:] == ["enter"]:
            plan = _read_plan(link, socket.MSG_PEEK)
            _enter(plan)
            os.execve(plan["jail"][0], plan["jail"], plan["jail_env"])
        _prctl(_PR_SET_DUMPABLE, 0)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        _leave_keyring()
        answer: dict[str, object] = {"exit": _supervise(_read_plan(link, 0), link)}
    except OSError as error:
        answer = {"error": str(error)}
    with contextlib.suppress(BrokenPipeError):
        link.sendall(json.dumps(answer).encode() + b"\n")
    return 0


def _read_plan(link: socket.socket, flags: int) -> Plan:
    """Read the plan, which was sent whole before this process was started."""
    data = link.recv(PLAN_LIMIT, flags)
    if not data.endswith(b"\n"):
        sys.exit("no plan")
    plan: Plan = json.loads(data)
    return plan


# ---- the root, under `unshare` only


def _enter(plan: Plan) -> None:
    """Mount the root, move into it, and give up every capability over it."""
    root, identity = plan["root"], plan["id"]
    maps = os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY)
    _mount("tmpfs", root, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755")
    for kind, path, source in plan["steps"]:
        _place(kind, root + path, source)
    os.chdir(root)
    _check(_libc.pivot_root(b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", _MNT_DETACH), "umount")
    os.chdir("/")
    _set_attributes("/", _ATTR_RDONLY, recursive=False)
    socket.sethostname(plan["hostname"])
    _raise_loopback()
    _check(_libc.unshare(_CLONE_NEWUSER), "unshare")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{identity} 0 1"),
        ("gid_map", f"{identity} 0 1"),
    ):
        _write(maps, name, text)
    os.close(maps)


def _place(kind: str, target: str, source: str) -> None:
    if kind == "symlink":
        os.symlink(source, target)
        return
    _mount_point(target, folder=kind in {"dir", "tmpfs", "proc"} or os.path.isdir(source))
    if kind == "dir":
        return
    if kind == "tmpfs":
        _mount("tmpfs", target, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=1777")
    elif kind == "proc":
        _mount("proc", target, "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, "")
        _set_attributes(target, _ATTR_RDONLY, recursive=False)
    else:
        _mount(source, target, "", _MS_BIND | _MS_REC, "")
        _set_attributes(target, _ATTRS[kind], recursive=True)


def _mount_point(target: str, *, folder: bool) -> None:
    if folder:
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o644))


def _mount(source: str, target: str, kind: str, flags: int, data: str) -> None:
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        kind.encode(),
        ctypes.c_ulong(flags),
        data.encode(),
    )
    _check(result, f"mount {kind or source} on {target}")


def _set_attributes(target: str, attributes: int, *, recursive: bool) -> None:
    # mount_setattr adds flags to a mount and all below it without knowing those it has already;
    # a remount would have to repeat the locked ones.
    request = struct.pack("QQQQ", attributes, 0, 0, 0)
    result = _libc.syscall(
        ctypes.c_long(_SYS_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        os.fsencode(target),
        ctypes.c_uint(_AT_RECURSIVE if recursive else 0),
        request,
        ctypes.c_size_t(len(request)),
    )
    _check(result, f"mount_setattr {target}")


def _raise_loopback() -> None:
    """Bring `lo` up, as bubblewrap does; a shared network namespace has it up already."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(probe, _SIOCGIFFLAGS, request))[1]
        if not flags & _IFF_UP:
            fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


def _write(folder: int, name: str, text: str) -> None:
    file = os.open(name, os.O_WRONLY, dir_fd=folder)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        _libc.prctl(option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3)


def _leave_keyring() -> None:
    """Take an empty session keyring: the caller's, with its keys, is no namespace's to keep away.

    Where the kernel has no keyrings, or forbids to ask for them, there is nothing to be read.
    """
    number = SYS_KEYCTL.get(os.uname().machine) if sys.platform == "linux" else None
    if number is not None:
        result = _libc.syscall(ctypes.c_long(number), _KEYCTL_JOIN_SESSION_KEYRING, None)
        if result < 0 and ctypes.get_errno() not in {errno.ENOSYS, errno.EPERM}:
            _check(-1, "keyctl")


# ---- the command


def _supervise(plan: Plan, link: socket.socket) -> int:
    """Run the command, reap every orphan, and return when the command or the engine has ended."""
    contained = os.getpid() == 1
    if not contained:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    child = os.fork()
    if child == 0:
        _become(plan)
    poll = select.poll()
    poll.register(wake_read, select.POLLIN)
    poll.register(link, select.POLLIN)
    status: int | None = None
    while status is None:
        ready = [number for number, _ in poll.poll()]
        if link.fileno() in ready:
            break
        os.read(wake_read, 4096)
        status = _reap(child)
    if not contained:
        _kill_descendants(child)
    code = os.waitstatus_to_exitcode(status) if status is not None else -signal.SIGKILL
    return code if code >= 0 else 128 - code


def _reap(child: int) -> int | None:
    """Reap whatever has ended; the status of `child` if it is among them."""
    status = None
    while True:
        try:
            pid, ended = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == child:
            status = ended


def _kill_descendants(child: int) -> None:
    """Without a process namespace: kill children until there are none; orphans come to us.

    Where orphans do not come (not Linux), the command's own process group is all that is killed.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    while children := _children():
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def _become(plan: Plan) -> NoReturn:
    """Turn this process into the command."""
    argv = plan["argv"]
    try:
        _prepare(plan["cwd"])
        for path in _candidates(argv[0], plan["env"]["PATH"]):
            with contextlib.suppress(FileNotFoundError):
                os.execve(path, argv, plan["env"])
        reason = "not found"
    except OSError as error:
        reason = str(error.strerror)
    # Nothing may raise from here on: two processes would go on in the parent's code.
    os.write(2, f"miniseal: {argv[0]}: {reason}\n".encode(errors="replace"))
    os._exit(127)


def _prepare(cwd: str) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    os.umask(0o022)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.closerange(3, 4096)
    os.chdir(cwd)


def _candidates(name: str, path: str) -> list[str]:
    # os.execvpe would import a module, and the host's library is out of sight by now
    return [name] if "/" in name else [f"{folder}/{name}" for folder in path.split(":")]


if __name__ == "__main__":
    sys.exit(main())
