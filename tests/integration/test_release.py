"""A release, as a publisher runs it, and as everybody downstream of it reads it."""

import hashlib
import json
import os
import re
import secrets
import shutil
import time
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from kit.commands import Run, run_miniseal
from kit.layouts import Attached, attached, blob, snapshot, tags
from kit.locks import NPM_LOCK
from kit.publishing import Publisher
from miniseal.cli.demo.advisories import ADVISORIES
from miniseal.pipeline.flow import STEPS
from miniseal.pipeline.trivy.database import build as build_database

EXAMPLES = {
    "greeting": ("com.example.greeting", "1.0.1"),
    "loan": ("com.example.loan", "0.3.0-beta.1"),
    "tip": ("com.example.tip", "1.2.0"),
    "valuta": ("com.example.valuta", "1.0.0"),
}
APP, VERSION = EXAMPLES["greeting"]
PROVENANCE = "https://slsa.dev/provenance/v1"
SBOM = "https://cyclonedx.org/bom"
VULNS = "https://in-toto.io/attestation/vulns/v0.2"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SCAI = "https://in-toto.io/attestation/scai/v0.3"
COMMAND = """
[build]
toolchain = "command"
command = ["/bin/sh", "-c", '''{}''']
"""
STAMPED = (
    r"{ printf '\0asm\1\0\0\0\0\013\5stamp'; head -c 5 /dev/urandom; } >"
    ' "$OUT/app.wasm"'
)

Project = Callable[[str], Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """A first release of `greeting`: what it printed, and where it went."""

    run: Run
    publisher: Publisher
    layout: Path

    @property
    def result(self) -> dict[str, Any]:
        return self.run.ok()

    @property
    def package(self) -> str:
        return str(self.result["package"])


@pytest.fixture(scope="module")
def first(
    tmp_path_factory: pytest.TempPathFactory, examples: Path, vulnerability_db: Path
) -> First:
    folder = tmp_path_factory.mktemp("first")
    publisher = Publisher.new(folder, vulnerability_db)
    run = publisher.release(examples / "greeting", folder / "registry")
    return First(run=run, publisher=publisher, layout=folder / "registry")


@pytest.fixture
def publisher(first: First) -> Publisher:
    return first.publisher


@pytest.fixture
def registry(first: First, tmp_path: Path) -> Path:
    """A copy of the first release's layout that a test may change."""
    return Path(shutil.copytree(first.layout, tmp_path / "registry"))


@pytest.fixture
def greeting(project: Project) -> Path:
    return project("greeting")


@pytest.fixture
def nothing(tmp_path: Path) -> Path:
    """Where a layout could be."""
    return tmp_path / "nothing"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def events(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.stderr.splitlines()]


def kinds(found: list[Attached]) -> list[str]:
    return [each.kind for each in found]


def one(found: list[Attached], kind: str) -> dict[str, Any]:
    (predicate,) = [each.statement["predicate"] for each in found if each.kind == kind]
    value: dict[str, Any] = predicate
    return value


def search_path(folder: Path, *names: str) -> dict[str, str]:
    """A PATH with these tools and no other."""
    folder.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(Path(found).resolve())
    return {"PATH": str(folder)}


class TestEveryExample:
    @pytest.mark.parametrize("name", EXAMPLES)
    def test_a_platform_that_wrote_a_policy_for_it_accepts_it(
        self, released: Path, name: str
    ) -> None:
        app_id, version = EXAMPLES[name]

        verdict = run_miniseal(
            *("verify", f"oci:{released / f'registry-{name}'}:{version}", "--app", app_id),
            *("--policy", released / f"policy-{name}" / "policy.toml"),
        ).ok()

        assert verdict["package"]["digest"] == tags(released / f"registry-{name}")[version]
        assert len(verdict["evidence"]) == 6

    @pytest.mark.parametrize("name", EXAMPLES)
    def test_a_host_installs_loads_lists_readmits_and_removes_it(
        self, released: Path, tmp_path: Path, name: str
    ) -> None:
        app_id, version = EXAMPLES[name]
        layout, out = released / f"registry-{name}", tmp_path / "app.wasm"
        policy = released / f"policy-{name}" / "policy.toml"
        host = ("--policy", policy, "--state", tmp_path / "state")

        installed = run_miniseal("install", app_id, f"oci:{layout}:{version}", *host).ok()
        loaded = run_miniseal("load", app_id, *host, "--wasm", out).ok()
        listed = run_miniseal("list", *host).ok()
        readmitted = run_miniseal("readmit", app_id, *host).ok()
        run_miniseal("remove", app_id, *host).ok()
        error = run_miniseal("load", app_id, *host).refused("not-installed")

        wasm = out.read_bytes()
        assert loaded["wasm"] == {
            "digest": f"sha256:{hashlib.sha256(wasm).hexdigest()}",
            "size": len(wasm),
        }
        assert wasm.startswith(b"\0asm")
        assert listed["programs"] == [installed]
        assert readmitted["package"] == installed["package"]
        assert installed["package"]["digest"] == tags(layout)[version]
        assert readmitted["generation"] == installed["generation"] + 1
        assert run_miniseal("list", *host).ok() == {"programs": []}
        assert app_id in error["found"]


class TestWhatItPrints:
    def test_the_result_is_one_object_in_the_documented_shape(self, first: First) -> None:
        document, result = first.run.document, first.result

        assert document.keys() == {"schema", "ok", "result", "error"}
        assert (document["schema"], document["ok"]) == ("miniseal/release/v1", True)
        assert document["error"] is None
        assert result.keys() == {
            *("app_id", "version", "package", "wasm_artifact", "image", "warnings"),
            *("reference", "published", "tags", "evidence", "suppressed", "unchanged"),
        }
        assert (result["app_id"], result["version"]) == (APP, {"code": 2, "name": VERSION})
        assert result["reference"] == f"oci:{first.layout}"
        assert result["tags"] == [f"{VERSION}-wasm", f"{VERSION}-image", VERSION]
        assert result["unchanged"] is False
        assert tags(first.layout) == {
            VERSION: result["package"],
            f"{VERSION}-wasm": result["wasm_artifact"],
            f"{VERSION}-image": result["image"],
        }

    def test_progress_is_one_json_line_an_event_in_order(self, first: First) -> None:
        lines = events(first.run)

        for line in lines:
            assert line.keys() == {"v", "seq", "time", "step", "event", "data"}
            assert line["v"] == 1
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line["time"])
            assert line["event"] in {"started", "cached", "output", "finished", "failed"}
            assert isinstance(line["data"], dict)
        assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
        assert all(before["time"] <= after["time"] for before, after in pairwise(lines))

    def test_every_step_starts_when_all_that_it_needs_has_finished(self, first: First) -> None:
        moments = {(line["step"], line["event"]): line["seq"] for line in events(first.run)}

        assert moments.keys() == {
            (step.name, event) for step in STEPS for event in ("started", "finished")
        }
        for step in STEPS:
            assert moments[step.name, "started"] < moments[step.name, "finished"]
            for needed in step.needs:
                assert moments[needed.name, "finished"] < moments[step.name, "started"]

    def test_a_step_that_says_no_fails_with_the_error_of_the_result(
        self, publisher: Publisher, greeting: Path, nothing: Path
    ) -> None:
        edit(greeting / "src" / "greeting.wat", "(module", "(part")

        run = publisher.release(greeting, nothing)

        last = events(run)[-1]
        assert (last["step"], last["event"]) == ("build", "failed")
        assert last["data"]["error"] == run.refused("build-failed", exit_code=2)


def test_a_release_that_goes_nowhere_is_refused(publisher: Publisher, greeting: Path) -> None:
    run = run_miniseal("release", greeting, "--key", publisher.key)

    run.refused("destination-unusable", exit_code=2)


def test_a_release_takes_no_tag_but_its_version(
    publisher: Publisher, greeting: Path, tmp_path: Path
) -> None:
    words = ("release", greeting, "--to", f"oci:{tmp_path / 'layout'}:mine")
    run = run_miniseal(*words, "--key", publisher.key)

    run.refused("destination-unusable", exit_code=2)
    assert not (tmp_path / "layout").exists()


class TestContent:
    def test_every_blob_is_what_its_descriptor_says(self, first: First) -> None:
        for digest in tags(first.layout).values():
            manifest = json.loads(blob(first.layout, digest))
            for descriptor in (manifest["config"], *manifest["layers"]):
                assert len(blob(first.layout, descriptor["digest"])) == descriptor["size"]

    def test_the_image_is_a_valid_oci_image_with_the_same_wasm(self, first: First) -> None:
        manifest = json.loads(blob(first.layout, first.result["image"]))
        config = json.loads(blob(first.layout, manifest["config"]["digest"]))
        (layer,) = manifest["layers"]
        package = json.loads(blob(first.layout, first.package))

        assert manifest["schemaVersion"] == 2
        assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
        assert "artifactType" not in manifest
        assert manifest["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
        assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar"
        assert (config["os"], config["architecture"]) == ("wasip1", "wasm")
        assert config["rootfs"] == {"type": "layers", "diff_ids": [layer["digest"]]}
        assert config["config"]["Entrypoint"] == ["/app.wasm"]
        wasm = blob(first.layout, package["layers"][0]["digest"])
        assert wasm in blob(first.layout, layer["digest"])

    def test_the_wasm_artifact_has_the_package_s_wasm_as_its_only_layer(self, first: First) -> None:
        artifact = json.loads(blob(first.layout, first.result["wasm_artifact"]))
        package = json.loads(blob(first.layout, first.package))

        assert artifact["config"]["mediaType"] == "application/vnd.wasm.config.v0+json"
        assert artifact["layers"] == package["layers"][:1]


class TestEvidence:
    def test_the_package_carries_six_statements(self, first: First) -> None:
        assert kinds(attached(first.layout, first.package)) == [
            SBOM,
            SCAI,
            TEST_RESULT,
            TEST_RESULT,
            VULNS,
            PROVENANCE,
        ]

    @pytest.mark.parametrize("what", ["wasm_artifact", "image"])
    def test_wasm_artifact_and_image_carry_what_other_tools_look_for(
        self, first: First, what: str
    ) -> None:
        found = attached(first.layout, first.result[what])

        assert kinds(found) == [SBOM, VULNS, PROVENANCE]
        package = [each.payload for each in attached(first.layout, first.package)]
        assert all(each.payload in package for each in found)

    def test_every_statement_names_the_package_first(self, first: First) -> None:
        manifest = json.loads(blob(first.layout, first.package))
        expected = [
            (APP, first.package),
            (f"{APP}-wasm", first.result["wasm_artifact"]),
            (f"{APP}-image", first.result["image"]),
            ("app.wasm", manifest["layers"][0]["digest"]),
        ]

        for each in attached(first.layout, first.package):
            subjects = each.statement["subject"]
            assert each.statement["_type"] == "https://in-toto.io/Statement/v1"
            assert each.statement["predicateType"] == each.kind
            assert [
                (subject["name"], f"sha256:{subject['digest']['sha256']}") for subject in subjects
            ] == expected

    def test_the_bundles_verify_with_nothing_but_the_public_key(self, first: First) -> None:
        public = load_pem_public_key(Path(f"{first.publisher.key}.pub").read_bytes())
        assert isinstance(public, ec.EllipticCurvePublicKey)

        for each in attached(first.layout, first.package):
            envelope = each.bundle["dsseEnvelope"]
            (signature,) = envelope["signatures"]
            kind = envelope["payloadType"].encode()
            signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(each.payload), each.payload)
            public.verify(b64decode(signature["sig"]), signed, ec.ECDSA(SHA256()))
            with pytest.raises(InvalidSignature):
                public.verify(b64decode(signature["sig"]), signed + b" ", ec.ECDSA(SHA256()))

    def test_the_provenance_names_the_isolated_builder_and_the_source(self, first: First) -> None:
        predicate = one(attached(first.layout, first.package), PROVENANCE)

        (resolved,) = [
            line["data"]["source"]
            for line in events(first.run)
            if (line["step"], line["event"]) == ("resolve", "finished")
        ]
        sources = [
            each["digest"]["sha256"]
            for each in predicate["buildDefinition"]["resolvedDependencies"]
            if each.get("name") == "source"
        ]
        assert predicate["runDetails"]["builder"]["id"] == "https://miniseal.dev/builders/local@v1"
        assert sources == [resolved.removeprefix("sha256:")]

    def test_the_checks_are_the_pipeline_s_and_the_program_s(self, first: First) -> None:
        predicates = [
            each.statement["predicate"]
            for each in attached(first.layout, first.package)
            if each.kind == TEST_RESULT
        ]

        assert sorted(each["passedTests"] for each in predicates) == [
            ["coverage", "misconfiguration", "rebuild", "secrets"],
            ["program"],
        ]
        assert sorted(each["warnedTests"] for each in predicates) == [[], ["licenses"]]
        assert {each["result"] for each in predicates} == {"PASSED", "WARNED"}

    def test_two_releases_have_the_same_bill_of_materials_to_the_byte(
        self, first: First, released: Path
    ) -> None:
        bills = {
            each.payload
            for layout in (first.layout, released / "registry-greeting")
            for each in attached(layout, first.package)
            if each.kind == SBOM
        }

        assert len(bills) == 1

    def test_two_releases_have_the_same_findings_but_for_times(
        self, first: First, released: Path
    ) -> None:
        one_, other = (
            one(attached(layout, first.package), VULNS)
            for layout in (first.layout, released / "registry-greeting")
        )

        assert one_.pop("metadata").keys() == {"scanStartedOn", "scanFinishedOn"}
        other.pop("metadata")
        assert one_ == other


class TestAgain:
    def test_a_second_release_of_the_same_source_publishes_nothing(
        self, first: First, registry: Path, examples: Path
    ) -> None:
        before = snapshot(registry)

        again = first.publisher.release(examples / "greeting", registry)

        assert again.ok()["unchanged"] is True
        assert snapshot(registry) == before
        assert [(line["step"], line["event"]) for line in events(again)][-1] == (
            "publish",
            "cached",
        )
        assert not {line["step"] for line in events(again)} & {"attest", "sign", "push", "tag"}
        same = ("package", "wasm_artifact", "image", "tags", "evidence")
        assert {name: again.ok()[name] for name in same} == {
            name: first.result[name] for name in same
        }

    def test_resign_signs_what_is_published_again(
        self, first: First, registry: Path, examples: Path
    ) -> None:
        again = first.publisher.release(examples / "greeting", registry, "--resign").ok()

        assert again["unchanged"] is False
        assert again["package"] == first.package
        assert tags(registry) == tags(first.layout)
        assert kinds(attached(registry, first.package)).count(PROVENANCE) == 2

    def test_evidence_that_is_not_good_enough_is_signed_again(
        self, first: First, registry: Path, examples: Path, tmp_path: Path, vulnerability_db: Path
    ) -> None:
        other = Publisher.new(tmp_path, vulnerability_db)

        again = other.release(examples / "greeting", registry).ok()

        assert again["unchanged"] is False
        assert kinds(attached(registry, first.package)).count(PROVENANCE) == 2

    @pytest.mark.parametrize("options", [(), ("--resign",)], ids=["", "resign"])
    def test_another_package_under_a_published_version_is_refused(
        self, publisher: Publisher, registry: Path, greeting: Path, options: tuple[str, ...]
    ) -> None:
        edit(greeting / "manifest.json", '"name": "Greeting"', '"name": "Greetings"')
        before = snapshot(registry)

        run = publisher.release(greeting, registry, *options)

        run.refused("tag-exists", exit_code=2)
        assert snapshot(registry) == before


class TestIsolation:
    def test_without_isolation_nothing_is_released(
        self, publisher: Publisher, examples: Path, nothing: Path, tmp_path: Path
    ) -> None:
        tools = search_path(tmp_path / "bin", "git", "trivy")

        run = publisher.release(examples / "greeting", nothing, env=tools)

        run.refused("isolation-required", exit_code=2)
        assert run.stderr == ""
        assert not nothing.exists()

    def test_without_isolation_nothing_is_built_unless_that_is_said(
        self, greeting: Path, nothing: Path, first: First, tmp_path: Path
    ) -> None:
        tools = search_path(tmp_path / "bin", "git")
        words = ("build", greeting, "-o", f"oci:{nothing}")

        run_miniseal(*words, env=tools).refused("isolation-required", exit_code=2)
        written = nothing.exists()
        built = run_miniseal(*words, "--unsafe-no-isolation", env=tools).ok()

        assert not written
        assert built["package"] == first.package

    def test_unsafe_is_another_builder_that_a_platform_refuses(
        self, publisher: Publisher, greeting: Path, nothing: Path, tmp_path: Path
    ) -> None:
        tools = search_path(tmp_path / "bin", "git", "trivy")
        policy = publisher.policy(greeting, tmp_path / "platform")

        run = publisher.release(greeting, nothing, "--unsafe-no-isolation", env=tools)
        refused = run_miniseal(
            "verify", f"oci:{nothing}:{VERSION}", "--app", APP, "--policy", policy
        )

        found = one(attached(nothing, run.ok()["package"]), PROVENANCE)
        assert found["runDetails"]["builder"]["id"] == (
            "https://miniseal.dev/builders/local-unsafe@v1"
        )
        assert events(run)[0]["event"] == "output"
        assert events(run)[0]["data"] == {
            "text": "warning: nothing keeps the toolchain from this machine"
        }
        refused.refused("builder-untrusted")

    def test_unsafe_gets_no_tag_where_the_platform_s_policy_is_given(
        self, publisher: Publisher, greeting: Path, nothing: Path, tmp_path: Path
    ) -> None:
        policy = publisher.policy(greeting, tmp_path / "platform")

        run = publisher.release(greeting, nothing, "--unsafe-no-isolation", "--policy", policy)

        run.refused("builder-untrusted")
        assert tags(nothing) == {}


class TestRefusals:
    """Each says its code, and leaves no tag."""

    def refused(
        self, run: Run, layout: Path, code: str, exit_code: int = 1, *, step: str
    ) -> dict[str, Any]:
        error = run.refused(code, exit_code)
        failed = [event for event in events(run) if event["event"] == "failed"]
        codes = {event["step"]: event["data"]["error"]["code"] for event in failed}
        said = {name for name, said in codes.items() if said != "interrupted"}
        assert said
        assert all(name.startswith(step) and codes[name] == code for name in said)
        assert tags(layout) == {}
        assert not layout.exists()
        return error

    def test_no_scanner(
        self, publisher: Publisher, greeting: Path, nothing: Path, tmp_path: Path
    ) -> None:
        tools = search_path(tmp_path / "bin", "git", "unshare")

        run = publisher.release(greeting, nothing, env=tools)

        self.refused(run, nothing, "scanner-missing", exit_code=2, step="scanner")

    def test_a_scanner_that_is_not_the_pinned_one(
        self, publisher: Publisher, greeting: Path, nothing: Path, tmp_path: Path
    ) -> None:
        script = tmp_path / "trivy"
        script.write_text("#!/bin/sh\necho '{}'\n")
        script.chmod(0o755)
        path = f"{tmp_path}:{os.environ['PATH']}"

        run = publisher.release(greeting, nothing, env={"PATH": path})

        self.refused(run, nothing, "scanner-not-pinned", step="scanner")

    def test_a_scanner_that_fails(
        self, publisher: Publisher, greeting: Path, nothing: Path, tmp_path: Path
    ) -> None:
        database = Path(shutil.copytree(publisher.database, tmp_path / "cut"))
        with (database / "trivy.db").open("r+b") as file:
            file.truncate(100)

        run = publisher.release(greeting, nothing, "--vulnerability-db", database)

        self.refused(run, nothing, "scanner-failed", exit_code=2, step="scan-")

    def test_no_vulnerability_database(
        self, publisher: Publisher, greeting: Path, nothing: Path, tmp_path: Path
    ) -> None:
        run = publisher.release(greeting, nothing, "--vulnerability-db", tmp_path / "none")

        self.refused(run, nothing, "database-missing", exit_code=2, step="scanner")

    @pytest.mark.parametrize("days", [8, -1])
    def test_a_vulnerability_database_that_is_too_old_or_from_the_future(
        self, publisher: Publisher, greeting: Path, nothing: Path, tmp_path: Path, days: int
    ) -> None:
        advisories = tmp_path / "advisories"
        advisories.mkdir()
        for name, advisory in ADVISORIES.items():
            (advisories / f"{name}.json").write_text(json.dumps(advisory), encoding="utf-8")
        build_database(advisories, tmp_path / "db", updated=int(time.time()) - days * 86400)

        run = publisher.release(greeting, nothing, "--vulnerability-db", tmp_path / "db")

        self.refused(run, nothing, "database-stale", step="scanner")

    def test_a_known_vulnerability_in_a_lock_file(
        self, publisher: Publisher, greeting: Path, nothing: Path
    ) -> None:
        (greeting / "package-lock.json").write_text(NPM_LOCK)

        run = publisher.release(greeting, nothing)

        error = self.refused(run, nothing, "vulnerability-threshold", step="gate")
        assert "CVE-2021-44906" in error["found"]

    @pytest.mark.parametrize("name", ["src/notes.txt", "assets/phrases/token.json"])
    def test_a_secret_in_a_file(
        self, publisher: Publisher, greeting: Path, nothing: Path, name: str
    ) -> None:
        token = "ghp" + "_" + secrets.token_hex(18)
        (greeting / name).write_text(json.dumps({"token": token}))

        run = publisher.release(greeting, nothing)

        error = self.refused(run, nothing, "secret-found", step="gate")
        assert name in error["found"]
        assert token not in run.stdout + run.stderr

    def test_a_secret_that_only_the_wasm_s_data_shows(
        self, publisher: Publisher, greeting: Path, nothing: Path
    ) -> None:
        token = "ghp" + "_" + secrets.token_hex(18)
        escaped = "".join(f"\\{byte:02x}" for byte in token.encode())
        line = '(data (i32.const 1344) "Ciao!")'
        edit(
            greeting / "src" / "greeting.wat",
            '(data (i32.const 1280) "Привет!")',
            f'(data (i32.const 1280) "Привет!")\n  (data (i32.const 2048) "{escaped}")\n  {line}',
        )

        run = publisher.release(greeting, nothing)

        error = self.refused(run, nothing, "secret-found", step="gate")
        assert "package:app.wasm" in error["found"]

    def test_a_failing_test_of_the_program(
        self, publisher: Publisher, greeting: Path, nothing: Path
    ) -> None:
        edit(greeting / "miniseal.toml", "expect = [5]", "expect = [6]")

        run = publisher.release(greeting, nothing)

        error = self.refused(run, nothing, "tests-failed", step="test")
        assert (error["message"], error["found"], error["expected"]) == (
            "languages() is wrong",
            "[5]",
            "[6]",
        )

    def test_a_failing_test_command(
        self, publisher: Publisher, greeting: Path, nothing: Path
    ) -> None:
        text = (greeting / "miniseal.toml").read_text(encoding="utf-8")
        kept = text.partition("[[test]]")[0]
        command = """command = ["sh", "-c", "echo it is wrong; exit 3"]"""
        (greeting / "miniseal.toml").write_text(f"{kept}[test]\n{command}\n", encoding="utf-8")

        run = publisher.release(greeting, nothing)

        error = self.refused(run, nothing, "tests-failed", step="test")
        assert "it is wrong" in error["found"]

    def test_a_toolchain_that_writes_other_bytes_each_time(
        self, publisher: Publisher, greeting: Path, nothing: Path
    ) -> None:
        (greeting / "miniseal.toml").write_text(COMMAND.format(STAMPED))
        run_miniseal("lock", greeting).ok()

        run = publisher.release(greeting, nothing)

        error = self.refused(run, nothing, "rebuild-differs", step="rebuild")
        assert "section custom 'stamp' (id 0)" in error["found"]

    def test_a_build_that_fails_shows_what_the_tool_said(
        self, publisher: Publisher, greeting: Path, nothing: Path
    ) -> None:
        edit(greeting / "src" / "greeting.wat", "global.get $languages)", "global.get $tongues)")

        run = publisher.release(greeting, nothing)

        error = self.refused(run, nothing, "build-failed", exit_code=2, step="build")
        assert "$tongues" in error["found"]

    def test_a_build_that_writes_nothing(
        self, publisher: Publisher, greeting: Path, nothing: Path
    ) -> None:
        (greeting / "miniseal.toml").write_text(COMMAND.format("touch $OUT/elsewhere.wasm"))
        run_miniseal("lock", greeting).ok()

        run = publisher.release(greeting, nothing)

        error = self.refused(run, nothing, "build-failed", exit_code=2, step="build")
        assert (error["found"], error["expected"]) == ("elsewhere.wasm", "app.wasm")
