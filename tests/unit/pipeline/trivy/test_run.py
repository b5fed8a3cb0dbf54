import pytest

from miniseal.pipeline.trivy.run import _note

NOW = "2026-11-21T13:53:17Z"
EMBEDDED = "Falling back to embedded checks"


@pytest.mark.parametrize(
    ("line", "failed"),
    [
        (f"{NOW}\tINFO\tNumber of language-specific files\tnum=0", False),
        (f'{NOW}\tERROR\t[misconfig] {EMBEDDED}\terr="cache does not exist"', False),
        (f"{NOW}\tERROR\t[misconfig] {EMBEDDED}", False),
        (f'{NOW}\tERROR\t[terraform parser] Error parsing file\tpath="{EMBEDDED}/main.tf"', True),
        (f"{NOW}\tERROR\tError parsing {EMBEDDED}/main.tf", True),
        (f"{NOW}\tERROR\t[misconfig] {EMBEDDED}/main.tf: no", True),
    ],
)
def test_what_the_scanner_failed_at_is_kept(line: str, failed: bool) -> None:
    errors: list[str] = []

    _note(line, errors)

    assert bool(errors) is failed
