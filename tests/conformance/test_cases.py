"""Our own cases: as the generator writes them, each refused for its reason or accepted."""

import subprocess
import sys
from pathlib import Path

import pytest

from conformance.made import ARTIFACT, FAKE, cases, compact, roots
from conformance.suite import OWN_CASES, ROOT, Form, Request, request_of, verify
from conformance.write import files
from miniseal.formats.errors import MinisealError
from miniseal.verifier.signatures.blob import Blob

CASES = cases()
ROOTS = roots()
CLIENT = Path(__file__).parent / "client"


def code_of(request: Request) -> str | None:
    try:
        verify(request)
    except MinisealError as error:
        return error.code
    return None


def test_the_cases_on_the_disk_are_those_that_are_made() -> None:
    found = {
        str(path.relative_to(OWN_CASES)): path.read_bytes()
        for path in OWN_CASES.rglob("*")
        if path.is_file()
    }

    assert found == files(), "run python tests/conformance/write.py"


def test_a_case_that_has_to_fail_says_so_in_its_name() -> None:
    for name, case in {**CASES, **ROOTS}.items():
        assert name.endswith("_fail") == (case.code is not None), name


def test_the_documentation_counts_the_cases() -> None:
    text = (ROOT / "docs" / "reference" / "conformance.md").read_text(encoding="utf-8")

    assert f"{len(CASES)} of {len(CASES)}" in text
    assert f"{len(ROOTS)} of {len(ROOTS)}" in text


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("name", CASES)
def test_a_case_is_accepted_or_refused_for_its_reason(name: str, form: Form) -> None:
    assert code_of(request_of(OWN_CASES / name, form)) == CASES[name].code


@pytest.mark.parametrize("name", ROOTS)
def test_a_trusted_root_is_kept_to(name: str) -> None:
    case = ROOTS[name]
    request = Request(
        bundle=case.bundle,
        blob=Blob.of(ARTIFACT),
        trusted_root=compact(case.root),
        identity=case.identity,
        issuer=case.issuer,
    )

    assert code_of(request) == case.code


def test_every_good_case_names_somebody_and_a_time() -> None:
    for name in (name for name, case in CASES.items() if case.code is None):
        signed = verify(request_of(OWN_CASES / name, Form.PATH))

        assert signed.times or name == "managed-dsse-unlogged"
        assert (signed.identity is None) == name.startswith("managed-")


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    root = tmp_path / "trusted_root.json"
    root.write_bytes(compact(FAKE.trusted_root()))
    return ["--trusted-root", str(root), str(OWN_CASES / "a.txt")]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(CLIENT), "verify-bundle", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("name", "code"), [("happy-dsse-rekor2", 0), ("dsse-subject-of-another_fail", 1)]
)
def test_the_client_exits_with_the_verdict(name: str, code: int, arguments: list[str]) -> None:
    request = request_of(OWN_CASES / name, Form.PATH)
    bundle = str(OWN_CASES / name / "bundle.sigstore.json")
    identity = ("--certificate-identity", request.identity)
    issuer = ("--certificate-oidc-issuer", request.issuer)

    done = run("--bundle", bundle, *identity, *issuer, *arguments)

    assert done.returncode == code, done.stderr
    assert ("[subject-mismatch]" in done.stderr) == (code == 1)


def test_the_client_verifies_a_digest_with_a_key(arguments: list[str]) -> None:
    folder = OWN_CASES / "managed-message-rekor1"
    arguments[-1] = Blob.of(ARTIFACT).digest

    done = run(
        "--bundle",
        str(folder / "bundle.sigstore.json"),
        "--key",
        str(folder / "key.pub"),
        *arguments,
    )

    assert done.returncode == 0, done.stderr


def test_the_client_takes_a_key_or_an_identity(arguments: list[str]) -> None:
    bundle = str(OWN_CASES / "managed-message-rekor1" / "bundle.sigstore.json")

    done = run("--bundle", bundle, *arguments)

    assert done.returncode == 2
