"""The unit tests need no network: they pass in a network namespace that has none.

Property tests stay out for their time; they call pure functions on made-up bytes.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONNECT = """
import errno, socket
try:
    socket.create_connection(("192.0.2.1", 9), timeout=5)
except OSError as error:
    assert error.errno == errno.ENETUNREACH, error
else:
    raise SystemExit("connected")
"""


@pytest.fixture
def alone() -> list[str]:
    """Goes before a command: a network namespace in which nothing but itself can be reached."""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", *user, "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def test_the_namespace_has_no_network(alone: list[str]) -> None:
    done = subprocess.run([*alone, sys.executable, "-c", CONNECT], check=False)

    assert done.returncode == 0


def test_the_unit_tests_pass_without_a_network(alone: list[str]) -> None:
    words = ["-m", "pytest", "tests/unit", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist"]
    environ = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}

    done = subprocess.run(
        [*alone, sys.executable, *words, "-m", "not hypothesis"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout[-4000:]
