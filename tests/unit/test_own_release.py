"""The scripts of this project's own release: what jobs hand over, what is signed and verified."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kit.fakesigstore import FakeSigstore
from kit.keyless import FakeSigner
from kit.scripts import load
from miniseal.attestations import generate_key, open_signer
from miniseal.formats.bundle import Bundle
from miniseal.formats.errors import MinisealError
from miniseal.formats.statement import Statement
from miniseal.verifier.policy.model import Signer

SCRIPTS = Path(__file__).parents[2] / ".github"
REPOSITORY = "https://github.com/miniseal/miniseal"
COMMIT = "5" * 40
RELEASE = f"{REPOSITORY}/.github/workflows/release.yml@refs/tags/v1.0.0"
CLAIMS = {
    "9": RELEASE,
    "10": COMMIT,
    "11": "github-hosted",
    "12": REPOSITORY,
    "13": COMMIT,
    "14": "refs/tags/v1.0.0",
    "15": "1001",
    "17": "2002",
    "20": "push",
    "21": f"{REPOSITORY}/actions/runs/7/attempts/1",
}
ROOT = json.dumps(FakeSigstore().trusted_root()).encode()
WHEEL, SDIST = "miniseal-1.0.0-py3-none-any.whl", "miniseal-1.0.0.tar.gz"
FINDING = {"id": "EX-1", "severity": [{"method": "trivy", "score": "high"}]}


@pytest.fixture(scope="module")
def listing() -> ModuleType:
    return load(SCRIPTS / "release/listing.py")


@pytest.fixture(scope="module")
def evidence() -> ModuleType:
    return load(SCRIPTS / "release/evidence.py")


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "built"
    (folder / "dist").mkdir(parents=True)
    (folder / "dist" / WHEEL).write_bytes(b"wheel")
    (folder / "dist" / SDIST).write_bytes(b"sdist")
    return folder


@pytest.fixture
def findings(tmp_path: Path) -> Path:
    folder = tmp_path / "findings"
    folder.mkdir()
    write(folder / "sbom.json", {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []})
    time = "2026-01-15T11:00:00Z"
    scanner = {"uri": "pkg:generic/trivy@1", "db": {"lastUpdate": time}, "result": []}
    metadata = {"scanStartedOn": time, "scanFinishedOn": time}
    write(folder / "vulns.json", {"scanner": scanner, "metadata": metadata})
    return folder


def write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def signer(**claims: str) -> FakeSigner:
    named = {number: text for number, text in (CLAIMS | claims).items() if text}
    return FakeSigner.of(subject=RELEASE, extensions=named)


def expected(**other: str) -> Signer:
    stated = {
        "issuer": "https://token.actions.githubusercontent.com",
        "identity": RELEASE,
        "runner_environment": "github-hosted",
        "build_trigger": "push",
    }
    return Signer(**(stated | other))


@pytest.fixture
def bundles(evidence: ModuleType, built: Path, findings: Path, tmp_path: Path) -> Path:
    evidence.sign(built, findings, tmp_path / "bundles", signer())
    return tmp_path / "bundles"


# what goes from job to job


def test_a_folder_is_taken_as_it_was_listed(listing: ModuleType, built: Path) -> None:
    digest = listing.write(built)

    assert digest == hashlib.sha256((built / "SHA256SUMS").read_bytes()).hexdigest()
    wheel = hashlib.sha256(b"wheel").hexdigest()
    sdist = hashlib.sha256(b"sdist").hexdigest()
    assert listing.check(built, [digest]) == {f"dist/{WHEEL}": wheel, f"dist/{SDIST}": sdist}


def changed(folder: Path) -> None:
    (folder / "dist" / WHEEL).write_bytes(b"another")


def added(folder: Path) -> None:
    (folder / "dist" / "other.whl").write_bytes(b"another")


def removed(folder: Path) -> None:
    (folder / "dist" / SDIST).unlink()


def linked(folder: Path) -> None:
    removed(folder)
    (folder / "dist" / SDIST).symlink_to(folder / "dist" / WHEEL)


def listed_again(folder: Path) -> None:
    changed(folder)
    text = (folder / "SHA256SUMS").read_text(encoding="ascii")
    old, new = (hashlib.sha256(data).hexdigest() for data in (b"wheel", b"another"))
    (folder / "SHA256SUMS").write_text(text.replace(old, new), encoding="ascii")


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        pytest.param(changed, WHEEL, id="changed"),
        pytest.param(added, "other.whl", id="added"),
        pytest.param(removed, SDIST, id="removed"),
        pytest.param(linked, "not a file", id="linked"),
        pytest.param(listed_again, "not the list", id="listed-again"),
    ],
)
def test_a_folder_that_is_not_as_it_was_listed_is_refused(
    listing: ModuleType, built: Path, tamper: Callable[[Path], None], message: str
) -> None:
    digest = listing.write(built)
    tamper(built)

    with pytest.raises(SystemExit, match=message):
        listing.check(built, [digest])


@pytest.mark.parametrize("digests", [[], ["ab", "cd"]], ids=["none", "two"])
def test_builds_that_differ_are_refused(
    listing: ModuleType, built: Path, digests: list[str]
) -> None:
    listing.write(built)

    with pytest.raises(SystemExit, match="different"):
        listing.check(built, digests)


def test_a_job_that_gave_no_digest_is_refused(listing: ModuleType, built: Path) -> None:
    listing.write(built)

    with pytest.raises(SystemExit, match="not the list"):
        listing.check(built, ["", ""])


# what is signed about it


def said(bundles: Path, kind: str) -> dict[str, Any]:
    (path,) = bundles.glob(f"*.{kind}.sigstore.json")
    payload = Bundle.from_bytes(path.read_bytes()).envelope.payload
    return Statement.from_bytes(payload).predicate


def test_what_is_signed_is_verified_about_both_files(
    evidence: ModuleType, built: Path, bundles: Path
) -> None:
    lines = evidence.verify(built, bundles, expected(), COMMIT, ROOT)

    assert len(lines) == 8
    assert {path.name for path in bundles.iterdir()} == {
        f"miniseal-1.0.0.{kind}.sigstore.json" for kind in evidence.KINDS
    }


def test_the_provenance_says_what_the_certificate_does(bundles: Path) -> None:
    ref, run = "refs/tags/v1.0.0", f"{REPOSITORY}/actions/runs/7/attempts/1"

    assert said(bundles, "provenance") == {
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {
                "workflow": {
                    "ref": ref,
                    "repository": REPOSITORY,
                    "path": ".github/workflows/release.yml",
                }
            },
            "internalParameters": {
                "github": {
                    "event_name": "push",
                    "repository_id": "1001",
                    "repository_owner_id": "2002",
                    "runner_environment": "github-hosted",
                }
            },
            "resolvedDependencies": [
                {"uri": f"git+{REPOSITORY}@{ref}", "digest": {"gitCommit": COMMIT}}
            ],
        },
        "runDetails": {"builder": {"id": RELEASE}, "metadata": {"invocationId": run}},
    }


def test_a_file_that_nothing_was_signed_about_is_refused(
    evidence: ModuleType, built: Path, bundles: Path
) -> None:
    (built / "dist" / SDIST).write_bytes(b"another")

    with pytest.raises(MinisealError) as error:
        evidence.verify(built, bundles, expected(), COMMIT, ROOT)

    assert error.value.code == "subject-mismatch"


def lost(bundles: Path) -> None:
    next(bundles.glob("*.vulns.*")).unlink()


def twice(bundles: Path) -> None:
    shutil.copy(next(bundles.glob("*.vulns.*")), next(bundles.glob("*.checks.*")))


def one_more(bundles: Path) -> None:
    shutil.copy(next(bundles.glob("*.vulns.*")), bundles / "other.sigstore.json")


@pytest.mark.parametrize("tamper", [lost, twice, one_more])
def test_anything_but_one_statement_of_each_kind_is_noticed(
    evidence: ModuleType, built: Path, bundles: Path, tamper: Callable[[Path], None]
) -> None:
    tamper(bundles)

    with pytest.raises(SystemExit, match="one statement of each kind"):
        evidence.verify(built, bundles, expected(), COMMIT, ROOT)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"identity": RELEASE.replace("v1.0.0", "v2.0.0")}, id="tag"),
        pytest.param({"identity": RELEASE.replace("release.yml", "ci.yml")}, id="workflow"),
        pytest.param({"issuer": "https://issuer.example"}, id="issuer"),
        pytest.param({"runner_environment": "self-hosted"}, id="runner"),
        pytest.param({"build_trigger": "workflow_dispatch"}, id="trigger"),
    ],
)
def test_another_signer_is_refused(
    evidence: ModuleType, built: Path, bundles: Path, other: dict[str, str]
) -> None:
    with pytest.raises(SystemExit, match="signed by another"):
        evidence.verify(built, bundles, expected(**other), COMMIT, ROOT)


def test_another_commit_is_refused(evidence: ModuleType, built: Path, bundles: Path) -> None:
    with pytest.raises(SystemExit, match="another commit"):
        evidence.verify(built, bundles, expected(), "6" * 40, ROOT)


def test_provenance_of_another_workflow_is_refused_although_the_signer_is_right(
    evidence: ModuleType, built: Path, findings: Path, tmp_path: Path
) -> None:
    other = signer(**{"9": RELEASE.replace("release.yml", "ci.yml")})
    evidence.sign(built, findings, tmp_path / "bundles", other)

    with pytest.raises(SystemExit, match="another build"):
        evidence.verify(built, tmp_path / "bundles", expected(), COMMIT, ROOT)


def test_checks_that_were_not_made_are_noticed(
    evidence: ModuleType, built: Path, bundles: Path
) -> None:
    (path,) = bundles.glob("*.checks.*")
    payload = Bundle.from_bytes(path.read_bytes()).envelope.payload
    path.write_bytes(signer().sign_statement(payload.replace(b'"rebuild",', b"")))

    with pytest.raises(SystemExit, match="checks are others"):
        evidence.verify(built, bundles, expected(), COMMIT, ROOT)


def test_a_bad_scan_is_refused_although_it_is_signed(
    evidence: ModuleType, built: Path, findings: Path, tmp_path: Path
) -> None:
    scan = json.loads((findings / "vulns.json").read_text(encoding="utf-8"))
    scan["scanner"]["result"] = [FINDING]
    write(findings / "vulns.json", scan)
    evidence.sign(built, findings, tmp_path / "bundles", signer())

    with pytest.raises(MinisealError) as error:
        evidence.verify(built, tmp_path / "bundles", expected(), COMMIT, ROOT)

    assert error.value.code == "vulnerability-threshold"


def test_a_key_does_not_sign_a_release(
    evidence: ModuleType, built: Path, findings: Path, tmp_path: Path
) -> None:
    generate_key(tmp_path / "publisher.key")

    with pytest.raises(SystemExit, match="keyless"):
        evidence.sign(built, findings, tmp_path / "b", open_signer(str(tmp_path / "publisher.key")))

    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("claim", ["9", "13", "21"], ids=["workflow", "commit", "run"])
def test_a_certificate_without_a_claim_signs_nothing(
    evidence: ModuleType, built: Path, findings: Path, tmp_path: Path, claim: str
) -> None:
    with pytest.raises(SystemExit, match="lacks a claim"):
        evidence.sign(built, findings, tmp_path / "b", signer(**{claim: ""}))

    assert not (tmp_path / "b").exists()


def test_a_third_file_is_signed_by_nobody(
    evidence: ModuleType, built: Path, findings: Path, tmp_path: Path
) -> None:
    (built / "dist" / "other.whl").write_bytes(b"another")

    with pytest.raises(SystemExit, match="not one wheel and one sdist"):
        evidence.sign(built, findings, tmp_path / "bundles", signer())


# what CI lays out for the tests


def test_the_cases_that_the_tests_know_are_taken_out_of_the_suite(tmp_path: Path) -> None:
    cases = load(SCRIPTS / "ci/cases.py")
    for name in (*cases.names(), "new-case_fail"):
        (tmp_path / "suite" / name).mkdir(parents=True)
    (tmp_path / "suite" / "a.txt").write_text("a", encoding="utf-8")

    cases.main(tmp_path / "suite", tmp_path / "cases")

    assert sorted(path.name for path in (tmp_path / "cases").iterdir()) == sorted(
        [*cases.names(), "a.txt"]
    )
    shutil.rmtree(tmp_path / "suite" / cases.names()[0])
    with pytest.raises(SystemExit, match=cases.names()[0]):
        cases.main(tmp_path / "suite", tmp_path / "other")
