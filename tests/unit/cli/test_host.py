from pathlib import Path

import pytest

from miniseal.cli.host import open_source
from miniseal.formats.errors import UsageError


@pytest.mark.parametrize(
    ("text", "name"),
    [("oci:{}:1.2.0", "1.2.0"), ("oci:{}@sha256:" + "0" * 64, "sha256:" + "0" * 64)],
)
def test_a_reference_has_a_store_and_a_name(text: str, name: str, tmp_path: Path) -> None:
    _, found = open_source(text.format(tmp_path))

    assert found == name


def test_a_reference_to_a_whole_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no tag and no digest") as error:
        open_source(f"oci:{tmp_path}")

    assert error.value.code == "reference-incomplete"
