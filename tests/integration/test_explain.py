"""`miniseal verify --explain`, over a real release."""

from pathlib import Path

from kit.commands import run_miniseal

APP = "com.example.greeting"


def test_an_admissible_package_has_its_reasons_and_its_verdict(released: Path) -> None:
    layout = f"oci:{released / 'registry-greeting'}:1.0.1"
    policy = released / "policy-greeting" / "policy.toml"

    result = run_miniseal("verify", layout, "--app", APP, "--policy", policy, "--explain").ok()

    assert result["app_id"] == APP
    points = {each["name"]: each for each in result["explanation"]["points"]}
    assert all(each["met"] for each in points.values())
    assert [each["relied"] for each in points["checks"]["heard"]] == [True, True]


def test_a_refused_package_is_explained_and_the_command_says_no(
    released: Path, tmp_path: Path
) -> None:
    folder = released / "policy-greeting"
    text = (folder / "policy.toml").read_text()
    strict = text.replace("passed = [", 'passed = ["fuzzed", ').replace(
        "min_level", 'max_age = "1s"\nmin_level'
    )
    (tmp_path / "policy.toml").write_text(strict)
    (tmp_path / "publisher.pub").write_bytes((folder / "publisher.pub").read_bytes())

    run = run_miniseal(
        *("verify", f"oci:{released / 'registry-greeting'}:1.0.1", "--app", APP),
        *("--policy", tmp_path / "policy.toml", "--explain"),
    )

    run.refused("evidence-stale")
    points = {each["name"]: each for each in run.document["result"]["explanation"]["points"]}
    refused = {name: each["error"]["code"] for name, each in points.items() if not each["met"]}
    assert refused == {"provenance": "evidence-stale", "checks": "test-missing"}
    assert all(each["error"]["hint"] for name, each in points.items() if name in refused)
