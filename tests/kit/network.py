"""A network of loopback alone, which a thread enters and leaves, and its children inherit.

What listens inside is reached only from inside, and what runs inside reaches nothing else. Needs
root, as `unshare` does.
"""

import ctypes
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["Network"]

_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1
_OWN = "/proc/thread-self/ns/net"


class Network:
    """A network namespace, kept by an open file: it is gone when that and who is inside are."""

    def __init__(self) -> None:
        failed: list[OSError] = []

        def make() -> None:
            try:
                self._file = _new()
            except OSError as error:
                failed.append(error)

        maker = threading.Thread(target=make)  # which takes what it entered along when it ends
        maker.start()
        maker.join()
        if failed:
            raise failed[0]

    def close(self) -> None:
        os.close(self._file)

    @contextmanager
    def inside(self) -> Generator[None]:
        """This thread, and the processes and threads that it starts, are inside."""
        before = os.open(_OWN, os.O_RDONLY)
        try:
            _enter(self._file)
            try:
                yield
            finally:
                _enter(before)
        finally:
            os.close(before)


def _new() -> int:
    _call("unshare", _CLONE_NEWNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        (flags,) = struct.unpack_from("H", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request), 16)
        request = struct.pack("16sH14x", b"lo", flags | _IFF_UP)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)
    return os.open(_OWN, os.O_RDONLY)


def _enter(file: int) -> None:
    _call("setns", file, _CLONE_NEWNET)


def _call(name: str, *arguments: int) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
