"""The scripts that jobs of a release on GitHub run, one by one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kit.commands import run_miniseal

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / ".github" / "program"
DIGEST = f"sha256:{'a' * 64}"


def script(
    name: str, *words: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.defpath}"
    return subprocess.run(
        [SCRIPTS / name, *words],
        env={**os.environ, "PATH": path, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )


def test_nothing_is_installed_where_others_have_files(tmp_path: Path) -> None:
    """Python imports from the folder that it starts in, and uv is configured by what is there."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "python3").write_text('#!/bin/sh\npwd\necho "$3"\nexit 7\n', encoding="utf-8")
    (tools / "python3").chmod(0o755)

    done = script("install.sh", "new", env={"PATH": f"{tools}:{os.defpath}"}, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (7, f"{ROOT}\n{tmp_path / 'new'}-tools\n")


def test_a_tag_is_taken_by_the_digest_that_it_has_now(examples: Path, tmp_path: Path) -> None:
    layout = f"oci:{tmp_path / 'registry'}"
    digest = run_miniseal("build", examples / "greeting", "-o", layout).ok()["package"]
    run_miniseal("copy", f"{layout}@{digest}", f"oci:{tmp_path / 'other'}:2").ok()

    done = script("pin.sh", f"oci:{tmp_path / 'other'}:2")

    assert done.stdout == f"oci:{tmp_path / 'other'}@{digest}\n"


def test_a_tag_that_is_not_there_ends_the_job(tmp_path: Path) -> None:
    done = script("pin.sh", f"oci:{tmp_path / 'registry'}:2")

    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize("host", ["ghcr.io.evil.example", "127.0.0.1:1", "ghcr.io@evil.example"])
def test_the_jobs_own_token_goes_to_its_own_registry_alone(host: str, tmp_path: Path) -> None:
    env = {"REPOSITORY": f"{host}/acme/tip", "OWN_USERNAME": "acme", "OWN_PASSWORD": "token"}

    done = script("login.sh", env={**env, "HOME": str(tmp_path)})

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_name_of_a_registry_is_an_option(tmp_path: Path) -> None:
    env = {"REPOSITORY": "--help/acme/tip", "USERNAME": "acme", "PASSWORD": "secret"}

    done = script("login.sh", env={**env, "HOME": str(tmp_path)})

    assert (done.returncode, done.stdout) == (2, "")


def test_a_password_that_is_wrong_ends_the_job(tmp_path: Path) -> None:
    env = {"REPOSITORY": "127.0.0.1:1/acme/tip", "USERNAME": "acme", "PASSWORD": "secret"}

    done = script("login.sh", env={**env, "HOME": str(tmp_path)})

    assert done.returncode == 2
    assert "registry-unreachable" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    ("text", "fetched"),
    [('[trust]\ntrusted_root = "a"\n', False), ('[trust.tuf]\nurl = "x"\n', True), ("", False)],
    ids=["file", "tuf", "keys"],
)
def test_trust_is_fetched_for_policies_that_ask_for_it(
    text: str, fetched: bool, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(text, encoding="utf-8")

    done = script("with-trust.sh", policy, "echo", "done")

    # what it is fetched by is a policy without a namespace, which is none
    assert (done.stdout == "done\n", "policy-invalid" in done.stderr) == (not fetched, fetched)


def outputs(folder: Path, result: dict[str, object], *names: str) -> tuple[int, str]:
    file = folder / "result.json"
    file.write_text(json.dumps({"result": result}), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, SCRIPTS / "outputs.py", file, *names],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_outputs_are_digests_and_names(tmp_path: Path) -> None:
    result = {
        "package": DIGEST,
        "app_id": "com.example.tip",
        "reference": "127.0.0.1:5000/acme/tip",
        "results": DIGEST,
    }

    code, said = outputs(tmp_path, result, "results", "subject-digest", "reference", "app-id")

    assert (code, said.splitlines()) == (
        0,
        [
            f"results={DIGEST}",
            f"subject-digest={DIGEST}",
            f"reference=127.0.0.1:5000/acme/tip@{DIGEST}",
            "app-id=com.example.tip",
        ],
    )


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("results", {"results": f"{DIGEST}\nresults=sha256:0"}),
        ("results", {"results": None}),
        ("results", {}),
        ("subject-digest", {"package": "latest"}),
        ("app-id", {"app_id": "a\nreference=evil"}),
        ("reference", {"reference": "a b", "package": DIGEST}),
    ],
    ids=["two lines", "none", "absent", "tag", "app in two lines", "space"],
)
def test_nothing_else_gets_into_an_output(
    name: str, result: dict[str, object], tmp_path: Path
) -> None:
    code, said = outputs(tmp_path, result, name)

    assert (code, said) == (1, "")
