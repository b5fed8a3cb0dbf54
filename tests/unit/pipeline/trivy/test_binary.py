from pathlib import Path

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.pipeline.trivy.binary import Trivy

DAY = 86400
DIGEST = "sha256:" + "1" * 64
TRIVY = Trivy(path=Path("trivy"), digest=DIGEST, version="0.76.0", released=100 * DAY)


@pytest.mark.parametrize("now", [107 * DAY, 200 * DAY])
def test_a_scanner_that_is_old_enough_may_run(now: float) -> None:
    TRIVY.check(now=now, min_age=7 * DAY, denied=frozenset())


@pytest.mark.parametrize("now", [107 * DAY - 1, 100 * DAY, 0])
def test_a_scanner_that_is_too_new_may_not(now: float) -> None:
    with pytest.raises(MinisealError) as error:
        TRIVY.check(now=now, min_age=7 * DAY, denied=frozenset())

    assert error.value.code == "scanner-too-new"
    assert error.value.found == "released 1970-04-11"
    assert error.value.expected == "at least 7 days ago"


def test_a_denied_scanner_may_not_run_however_old_it_is() -> None:
    with pytest.raises(MinisealError) as error:
        TRIVY.check(now=10_000 * DAY, min_age=0, denied={DIGEST})

    assert (error.value.code, error.value.found) == ("scanner-denied", DIGEST)
