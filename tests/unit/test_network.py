"""The unit tests need no network: `make test` runs them in a namespace that has none.

That takes root; where they run as somebody else, or by themselves, nothing is shown of it.
"""

import errno
import os
import socket

import pytest


def test_there_is_no_network_where_there_is_to_be_none() -> None:
    if "MINISEAL_TEST_ALONE" not in os.environ:
        return

    with pytest.raises(OSError, match="unreachable") as error:
        socket.create_connection(("192.0.2.1", 9), timeout=5)

    assert error.value.errno == errno.ENETUNREACH
