"""What a digest went into: real releases, hosts that installed them, and the policy that denies."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kit.commands import Run, run_miniseal
from kit.layouts import attached, tags

APP, VERSION = "com.example.loan", "0.3.0-beta.1"
PROVENANCE = "https://slsa.dev/provenance/v1"
VULNS = "https://in-toto.io/attestation/vulns/v0.2"


@pytest.fixture(scope="module")
def layout(released: Path) -> Path:
    return released / "registry-loan"


@pytest.fixture(scope="module")
def policy(released: Path) -> Path:
    return released / "policy-loan" / "policy.toml"


@pytest.fixture(scope="module")
def package(layout: Path) -> str:
    return tags(layout)[VERSION]


@pytest.fixture(scope="module")
def evidence(layout: Path, package: str) -> dict[str, dict[str, Any]]:
    """The predicates of the package by their types; of two of one type, the last."""
    return {each.kind: each.statement["predicate"] for each in attached(layout, package)}


@pytest.fixture(scope="module")
def queries(evidence: dict[str, dict[str, Any]], released: Path) -> dict[str, str]:
    """Something of each role, as the release's own evidence has it."""
    dependencies = evidence[PROVENANCE]["buildDefinition"]["resolvedDependencies"]
    named = {each["name"]: each for each in reversed(dependencies)}  # toolchains before tools
    scanner = evidence[VULNS]["scanner"]
    hint = run_miniseal("keys", "show", released / "publisher.key").ok()["hint"]
    return {
        "source": named["source"]["digest"]["sha256"],
        "toolchain": named["assemblyscript"]["digest"]["sha256"],
        "tool": next(
            each["digest"]["sha512"] for each in dependencies if "sha512" in each.get("digest", {})
        ),
        "builder": evidence[PROVENANCE]["runDetails"]["builder"]["id"],
        "scanner": scanner["uri"].rpartition("=")[2],
        "database": scanner["db"]["uri"].rpartition("=")[2],
        "signer": hint,
    }


def impact(query: str, *words: str | Path) -> Run:
    return run_miniseal("impact", query, *words)


ROLES = ("source", "toolchain", "tool", "builder", "scanner", "database", "signer")


@pytest.mark.parametrize("role", ROLES)
def test_everything_that_a_release_records_is_found_and_verified(
    layout: Path, policy: Path, package: str, queries: dict[str, str], role: str
) -> None:
    result = impact(queries[role], f"oci:{layout}", "--policy", policy).ok()

    found = [each for each in result["found"] if each["role"] == role and each["bundle"]]
    assert found
    assert {each["signature"] for each in found} == {"verified"}
    assert {(each["app_id"], each["package"]) for each in found} == {(APP, package)}
    assert {each["place"] for each in found} == {f"oci:{layout}:{VERSION}"}
    assert result["searched"] == {"packages": 1, "programs": 0}


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"database"}))
def test_the_line_for_the_policy_stops_the_package(
    layout: Path, policy: Path, queries: dict[str, str], tmp_path: Path, role: str
) -> None:
    folder = Path(shutil.copytree(policy.parent, tmp_path / "platform"))
    run = run_miniseal("verify", f"oci:{layout}:{VERSION}", "--app", APP, "--policy", policy)
    said = impact(queries[role], f"oci:{layout}", "--policy", policy)

    (deny,) = said.ok()["deny"]
    ((name, value),) = deny.items()
    with (folder / "policy.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[[deny]]\n{name} = "{value}"\nreason = "found"\n')

    run.ok()
    run_miniseal(
        *("verify", f"oci:{layout}:{VERSION}", "--app", APP),
        *("--policy", folder / "policy.toml"),
    ).refused("denied")


def test_without_a_policy_what_is_found_is_unverified(
    layout: Path, queries: dict[str, str]
) -> None:
    found = impact(queries["scanner"], f"oci:{layout}:{VERSION}").ok()["found"]

    assert [(each["role"], each["signature"]) for each in found] == [("scanner", "unverified")]


def test_every_repository_that_is_named_is_searched(
    released: Path, queries: dict[str, str]
) -> None:
    places = [f"oci:{released / f'registry-{name}'}" for name in ("tip", "loan", "greeting")]

    by_scanner = impact(queries["scanner"], *places).ok()
    by_tool = impact(queries["tool"], *places).ok()

    assert by_scanner["searched"]["packages"] == 3
    assert len({each["app_id"] for each in by_scanner["found"]}) == 3
    assert {each["app_id"] for each in by_tool["found"]} == {APP, "com.example.tip"}


@pytest.mark.parametrize("role", [*ROLES, "package"])
def test_what_a_host_has_installed_is_searched_without_its_policy(
    layout: Path, policy: Path, package: str, queries: dict[str, str], tmp_path: Path, role: str
) -> None:
    state = tmp_path / "state"
    run_miniseal(
        *("install", APP, f"oci:{layout}:{VERSION}", "--policy", policy, "--state", state)
    ).ok()

    result = impact({"package": package, **queries}[role], "--state", state).ok()

    found = [each for each in result["found"] if each["role"] == role]
    assert {(each["place"], each["installed"]) for each in found} == {(str(state), True)}
    assert {each["signature"] for each in found if each["bundle"]} <= {"admitted"}
    assert result["searched"] == {"packages": 0, "programs": 1}


def test_nothing_found_is_an_answer(layout: Path) -> None:
    result = impact("sha256:" + "0" * 64, f"oci:{layout}").ok()

    assert (result["found"], result["problems"], result["deny"]) == ([], [], [])


def test_a_search_that_could_not_look_everywhere_says_so(
    layout: Path, queries: dict[str, str], package: str, tmp_path: Path
) -> None:
    broken = Path(shutil.copytree(layout, tmp_path / "registry"))
    (broken / "blobs" / "sha256" / package.removeprefix("sha256:")).write_bytes(b"{}")

    run = impact(queries["scanner"], f"oci:{broken}", f"oci:{layout}", "--state", tmp_path / "none")

    error = run.refused("search-incomplete")
    result = run.document["result"]
    assert str(broken) in error["found"]
    assert [each["error"]["code"] for each in result["problems"]] == [
        "digest-mismatch",
        "not-installed",
    ]
    assert [each["place"] for each in result["found"]] == [f"oci:{layout}:{VERSION}"]


@pytest.mark.parametrize(
    ("words", "code"),
    [(("tip", "oci:x"), "query-malformed"), (("sha256:" + "0" * 64,), "usage")],
)
def test_a_question_that_nobody_can_answer_is_refused(words: tuple[str, ...], code: str) -> None:
    run_miniseal("impact", *words).refused(code, exit_code=2)


def test_people_read_which_package_how_and_what_to_write(
    layout: Path, policy: Path, queries: dict[str, str]
) -> None:
    words = ("impact", queries["builder"], f"oci:{layout}", "--policy", str(policy))
    done = subprocess.run(
        [sys.executable, "-m", "miniseal.cli", *words], capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith(f"{APP} {VERSION} (code 1)  oci:{layout}:{VERSION}\n")
    assert re.search(r"^  builder +verified by publisher  sha256:", done.stdout, re.MULTILINE)
    assert f'[[deny]]\nbuilder = "{queries["builder"]}"\nreason = ' in done.stdout
