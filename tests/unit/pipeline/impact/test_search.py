import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from kit.packages import (
    APP,
    BUILDER,
    DATABASE,
    LOCK,
    NOW,
    POLICY,
    SCANNER,
    Package,
    Repository,
    Scene,
    assemble,
    bundle,
    key,
    package,
    provenance,
    scan,
    wasm_module,
)
from miniseal.formats.bundle import BUNDLE_LIMIT, BUNDLE_TYPE
from miniseal.formats.digest import sha256
from miniseal.formats.oci import Descriptor
from miniseal.pipeline.impact.found import Found, Impact
from miniseal.pipeline.impact.search import impact
from miniseal.pipeline.impact.traces import Query
from miniseal.pipeline.published import Target
from miniseal.verifier import Policy, Trusting, verify
from miniseal.verifier.policy.model import Deny

TOOL = sha256(b"a tool")
PLACE = "oci:registry"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def search(
    scene: Scene,
    query: str,
    *names: str,
    states: Iterable[Path] = (),
    policy: bool = False,
    store: Any = None,
) -> Impact:
    return impact(
        Query.parse(query),
        [
            Target(reference=f"{PLACE}:{name}", store=store or scene.repository, name=name)
            for name in names
        ],
        states,
        trusting=Trusting(policy=Policy.load(scene.path), now=scene.now) if policy else None,
    )


def roles(result: Impact) -> list[tuple[str, str | None]]:
    return [(found.role, found.signature) for found in result.found]


def hint(name: str) -> str:
    return key(name).hint


def one(result: Impact) -> Found:
    (found,) = result.found
    return found


class TestPublished:
    def test_a_toolchain_is_found_in_the_config_and_in_the_provenance(self, scene: Scene) -> None:
        made = scene.release(without=["provenance"])
        scene.repository.say(made, provenance(dependencies=[LOCK]))

        result = search(scene, LOCK, "1.0.0")

        assert roles(result) == [("toolchain", None), ("dependency", "unverified")]
        assert result.found[0].path == "miniseal.toolchain.lock"
        assert (result.packages, result.programs, result.problems) == (1, 0, [])

    def test_a_row_says_which_package_it_is(self, scene: Scene) -> None:
        made = scene.release(code=3, version="3.1.0")

        row = one(search(scene, BUILDER, "3.1.0")).to_json()

        assert row.pop("bundle") in scene.repository.blobs
        assert row == {
            "place": "oci:registry:3.1.0",
            "installed": False,
            "tags": [],
            "app_id": APP,
            "version": {"code": 3, "name": "3.1.0"},
            "package": made.digest,
            "role": "builder",
            "path": "runDetails.builder.id",
            "predicateType": "https://slsa.dev/provenance/v1",
            "signature": "unverified",
            "signers": [],
        }

    @pytest.mark.parametrize(
        ("query", "role"),
        [(SCANNER, "scanner"), (DATABASE, "database"), (BUILDER, "builder"), (TOOL, "dependency")],
    )
    def test_what_evidence_records_is_found(self, scene: Scene, query: str, role: str) -> None:
        made = scene.release(without=["provenance"])
        scene.repository.say(made, provenance(dependencies=[TOOL]))

        assert roles(search(scene, query, "1.0.0")) == [(role, "unverified")]

    def test_the_key_of_a_signer_is_found_by_its_hint_and_by_its_digest(self, scene: Scene) -> None:
        scene.release(without=["checks", "scai", "sbom", "scan"])
        digest = next(iter(Policy.load(scene.path).keys["acme"])).digest

        assert roles(search(scene, hint("acme"), "1.0.0")) == [("signer", "unverified")]
        assert roles(search(scene, digest, "1.0.0")) == [("signer", "unverified")]
        assert roles(search(scene, hint("second"), "1.0.0")) == []

    @pytest.mark.parametrize("part", [0, 1, 2, 3])
    def test_the_package_itself_is_found_once_and_not_in_every_statement_about_it(
        self, scene: Scene, part: int
    ) -> None:
        made = scene.release(made=package(assets={"a.txt": b"text"}))
        descriptor, _ = made.contents[part]

        found = one(search(scene, descriptor.digest, "1.0.0"))

        assert found.role == ("package", "config", "wasm", "assets")[part]
        assert found.bundle is None

    def test_a_module_among_the_assets_is_found(self, scene: Scene) -> None:
        nested = wasm_module(mark=b"nested")
        scene.release(made=package(assets={"a.wasm": nested, "b.txt": b"text"}))

        assert one(search(scene, sha256(nested), "1.0.0")).role == "wasm"

    def test_another_subject_of_a_statement_is_found(self, scene: Scene) -> None:
        made = scene.release(without=["scan"])
        data = bundle(*scan(), [made.digest, TOOL])
        scene.repository.attach(made, data)

        assert roles(search(scene, TOOL, "1.0.0")) == [("subject", "unverified")]

    def test_a_bundle_is_found_by_its_own_digest(self, scene: Scene) -> None:
        made = scene.release()
        blob = scene.repository.say(made, scan(finished=NOW))

        found = one(search(scene, blob.digest, "1.0.0"))

        assert (found.role, found.bundle) == ("bundle", blob.digest)

    def test_a_kind_of_statement_that_nobody_knows_is_searched(self, scene: Scene) -> None:
        made = scene.release()
        scene.repository.say(made, ("https://example.org/link", {"materials": [{"d": TOOL}]}))

        found = one(search(scene, TOOL, "1.0.0"))

        assert (found.role, found.path) == ("mentioned", "materials[0].d")

    def test_nothing_is_found_where_there_is_nothing(self, scene: Scene) -> None:
        scene.release()

        assert search(scene, TOOL, "1.0.0") == Impact(packages=1)

    def test_the_same_bundle_attached_twice_is_one_row(self, scene: Scene) -> None:
        made = scene.release(without=["scan"])
        data = bundle(*scan(), [made.digest])
        scene.repository.attach(made, data)
        scene.repository.attach(made, data, "https://example.org/another")

        assert len(search(scene, SCANNER, "1.0.0").found) == 1

    def test_junk_and_artifacts_of_other_kinds_are_passed_over(self, scene: Scene) -> None:
        made = scene.release()
        scene.repository.attach(made, b"{}")
        scene.repository.attach(made, TOOL.encode())
        other = Descriptor(
            media_type="application/vnd.oci.image.manifest.v1+json",
            digest=sha256(b"not there"),
            size=10,
            artifact_type="application/other",
        )
        scene.repository.attached[made.digest].append(other)

        result = search(scene, TOOL, "1.0.0")

        assert (result.found, result.problems) == ([], [])


class TestSignatures:
    def test_a_policy_s_signers_are_named(self, scene: Scene) -> None:
        scene.release()

        found = one(search(scene, BUILDER, "1.0.0", policy=True))

        assert (found.signature, found.signers) == ("verified", ("acme",))

    @pytest.mark.parametrize("name", ["stranger", "second"])
    def test_a_stranger_s_statement_is_found_and_said_to_be_unverified(
        self, scene: Scene, name: str
    ) -> None:
        made = scene.release(without=["provenance"])
        scene.repository.say(made, provenance(), key(name))

        assert roles(search(scene, BUILDER, "1.0.0", policy=True)) == [("builder", "unverified")]

    def test_a_forged_signature_is_unverified(self, scene: Scene) -> None:
        made = scene.release(without=["provenance"])
        forged = json.loads(bundle(*provenance(), [made.digest]))
        other = json.loads(bundle(*provenance(dependencies=[TOOL]), [made.digest]))
        forged["dsseEnvelope"]["signatures"] = other["dsseEnvelope"]["signatures"]
        scene.repository.attach(made, json.dumps(forged).encode())

        assert roles(search(scene, BUILDER, "1.0.0", policy=True)) == [("builder", "unverified")]

    def test_a_statement_about_another_package_is_unverified(self, scene: Scene) -> None:
        made = scene.release(without=["provenance"])
        scene.repository.attach(made, bundle(*provenance(), [TOOL]))

        assert roles(search(scene, BUILDER, "1.0.0", policy=True)) == [("builder", "unverified")]

    @pytest.mark.parametrize(
        "change",
        [
            ('"acme.pub"}', '"acme.pub", not_after = 2026-01-01T00:00:00Z}'),
            ("[host]", '[[deny]]\nsigner = "acme"\nreason = "stolen"\n[host]'),
            ('"com.acme.*"', '"com.other.*"'),
        ],
        ids=["expired", "denied", "another-namespace"],
    )
    def test_a_key_that_counts_for_nothing_verifies_nothing(
        self, scene: Scene, change: tuple[str, str]
    ) -> None:
        scene.release()
        assert change[0] in POLICY
        scene.policy(POLICY.replace(*change))

        assert roles(search(scene, BUILDER, "1.0.0", policy=True)) == [("builder", "unverified")]

    def test_more_signatures_than_a_verifier_would_check_are_unverified(self, scene: Scene) -> None:
        made = scene.release(without=["scan"])
        for seconds in range(70):
            scene.repository.say(made, scan(finished=NOW - seconds))

        found = search(scene, SCANNER, "1.0.0", policy=True).found

        assert len(found) == 70
        assert [each.signature for each in found].count("verified") == 64


class TestProblems:
    def codes(self, result: Impact) -> list[tuple[str, str]]:
        return [(problem.place, problem.error.code) for problem in result.problems]

    def test_a_package_that_is_missing_does_not_end_the_search(self, scene: Scene) -> None:
        scene.release()

        result = search(scene, SCANNER, "2.0.0", "1.0.0")

        assert self.codes(result) == [("oci:registry:2.0.0", "content-missing")]
        assert len(result.found) == 1
        assert result.problems[0].to_json()["place"] == "oci:registry:2.0.0"

    def test_a_place_that_could_not_be_listed_is_told(self, scene: Scene) -> None:
        with pytest.raises(Exception, match="no such tag") as error:
            scene.repository.resolve("none")
        target = Target(
            reference=PLACE,
            store=scene.repository,
            name="",
            error=error.value,  # type: ignore[arg-type]
        )

        result = impact(Query.parse(TOOL), [target], (), trusting=None)

        assert self.codes(result) == [(PLACE, "content-missing")]
        assert result.packages == 0

    @pytest.mark.parametrize("part", [0, 1])
    def test_a_broken_package_is_told(self, scene: Scene, part: int) -> None:
        made = scene.release()
        descriptor, data = made.contents[part]
        scene.repository.blobs[descriptor.digest] = data + b" "

        assert self.codes(search(scene, SCANNER, "1.0.0")) == [
            ("oci:registry:1.0.0", "digest-mismatch")
        ]

    def test_a_store_that_fails_in_its_own_way_is_told(self, scene: Scene) -> None:
        class Broken(Repository):
            def referrers(self, _: Descriptor) -> tuple[Descriptor, ...]:
                raise RuntimeError("no such method")

        made = scene.release()
        broken = Broken(blobs=scene.repository.blobs, tags=scene.repository.tags)

        result = search(scene, LOCK, "1.0.0", store=broken)

        assert self.codes(result) == [("oci:registry:1.0.0", "verification-failed")]
        assert [found.program.package for found in result.found] == [made.digest]

    @pytest.mark.parametrize("change", ["missing", "changed"])
    def test_a_statement_that_cannot_be_read_is_told_and_the_others_are_searched(
        self, scene: Scene, change: str
    ) -> None:
        made = scene.release()
        blob = scene.repository.say(made, scan(finished=NOW))
        if change == "missing":
            del scene.repository.blobs[blob.digest]
        else:
            scene.repository.blobs[blob.digest] += b" "

        result = search(scene, SCANNER, "1.0.0")

        assert [place for place, _ in self.codes(result)] == ["oci:registry:1.0.0"]
        assert len(result.found) == 1

    def test_a_referrer_that_cannot_be_read_is_told(self, scene: Scene) -> None:
        made = scene.release()
        del scene.repository.blobs[scene.repository.attached[made.digest][0].digest]

        assert len(search(scene, SCANNER, "1.0.0").problems) == 1

    def test_more_than_a_verifier_would_read_is_told(self, scene: Scene) -> None:
        made = scene.release()
        for number in range(5):
            scene.repository.attach(made, bytes([number]) * BUNDLE_LIMIT)

        assert self.codes(search(scene, SCANNER, "1.0.0")) == [
            ("oci:registry:1.0.0", "evidence-limit")
        ]

    def test_more_referrers_than_a_verifier_would_list_are_told(self, scene: Scene) -> None:
        made = scene.release()
        scene.repository.attached[made.digest] *= 2001

        assert self.codes(search(scene, SCANNER, "1.0.0")) == [
            ("oci:registry:1.0.0", "evidence-limit")
        ]

    def test_what_is_too_large_for_a_bundle_is_not_read(self, scene: Scene) -> None:
        made = scene.release()
        descriptor = scene.repository.attach(made, b" " * (BUNDLE_LIMIT + 1))
        large = scene.repository.attached[made.digest][0]
        scene.repository.attached[made.digest].append(
            Descriptor(media_type=large.media_type, digest=large.digest, size=20_000)
        )
        assert descriptor.media_type == BUNDLE_TYPE

        assert self.codes(search(scene, SCANNER, "1.0.0")) == []


class TestInstalled:
    @pytest.fixture
    def made(self, scene: Scene) -> Package:
        made = scene.release(without=["provenance"])
        scene.repository.say(made, provenance(dependencies=[TOOL]))
        scene.verifier().install(APP, scene.repository, "1.0.0")
        return made

    @pytest.mark.parametrize(
        ("query", "role"),
        [
            (SCANNER, "scanner"),
            (DATABASE, "database"),
            (BUILDER, "builder"),
            (TOOL, "dependency"),
        ],
    )
    def test_what_an_admission_has_kept_is_searched(
        self, scene: Scene, made: Package, query: str, role: str
    ) -> None:
        result = search(scene, query, states=[scene.state])

        found = one(result)
        assert (found.role, found.signature, found.signers) == (role, "admitted", ("acme",))
        assert (found.program.installed, found.program.place) == (True, str(scene.state))
        assert found.program.package == made.digest
        assert (result.packages, result.programs, result.problems) == (0, 1, [])

    def test_the_package_and_the_policy_of_an_admission_are_found(
        self, scene: Scene, made: Package
    ) -> None:
        policy = Policy.load(scene.path).digest

        assert one(search(scene, made.digest, states=[scene.state])).role == "package"
        assert one(search(scene, policy, states=[scene.state])).role == "policy"

    @pytest.mark.parametrize(
        ("query", "role"),
        [(SCANNER, "scanner"), (BUILDER, "builder"), (TOOL, "dependency")],
    )
    @pytest.mark.usefixtures("made")
    def test_the_record_speaks_for_a_bundle_that_is_lost(
        self, scene: Scene, query: str, role: str
    ) -> None:
        bundles = {
            bundle
            for each in scene.verifier().installed()
            for bundle in map(str, (item["bundle"] for item in each.evidence))
        }
        for digest in bundles:
            (scene.state / "blobs" / "sha256" / digest.removeprefix("sha256:")).unlink()

        result = search(scene, query, states=[scene.state])

        assert roles(result) == [(role, "admitted")]
        assert {problem.error.code for problem in result.problems} == {"state-damaged"}
        assert {problem.place for problem in result.problems} == {f"{scene.state} {APP}"}

    @pytest.mark.usefixtures("made")
    def test_a_removed_program_is_not_installed(self, scene: Scene) -> None:
        scene.verifier().remove(APP)

        assert search(scene, SCANNER, states=[scene.state]) == Impact()

    @pytest.mark.usefixtures("made")
    def test_a_record_that_somebody_wrote_is_told(self, scene: Scene) -> None:
        (path,) = (scene.state / "records").iterdir()
        path.write_bytes(path.read_bytes().replace(b"A", b"B"))

        result = search(scene, SCANNER, states=[scene.state])

        assert [problem.error.code for problem in result.problems] == ["mac-invalid"]
        assert result.found == []

    def test_a_folder_that_no_host_has_used_yet_has_no_programs(
        self, scene: Scene, tmp_path: Path
    ) -> None:
        (tmp_path / "new").mkdir()

        assert search(scene, SCANNER, states=[tmp_path / "new"]) == Impact()

    @pytest.mark.parametrize("name", ["none", "platform"])
    def test_a_folder_that_is_no_state_is_told(
        self, scene: Scene, tmp_path: Path, name: str
    ) -> None:
        result = search(scene, SCANNER, states=[tmp_path / name])

        assert [problem.error.code for problem in result.problems] == ["not-installed"]

    @pytest.mark.usefixtures("made")
    def test_one_host_does_not_hide_another(self, scene: Scene, tmp_path: Path) -> None:
        result = search(scene, SCANNER, states=[tmp_path / "none", scene.state])

        assert (len(result.found), len(result.problems)) == (1, 1)


class TestDeny:
    def refusal(self, scene: Scene, target: dict[str, str]) -> str:
        """How a host refuses the package under a policy with this `[[deny]]`."""
        ((name, value),) = target.items()
        assert name in Deny.__dataclass_fields__
        scene.policy(f'{POLICY}\n[[deny]]\n{name} = "{value}"\nreason = "found"\n')
        with pytest.raises(Exception, match="found") as error:
            verify(APP, scene.repository, "1.0.0", Policy.load(scene.path), now=scene.now)
        return str(getattr(error.value, "code", ""))

    @pytest.mark.parametrize(
        ("query", "member"),
        [
            (SCANNER, "scanner"),
            (BUILDER, "builder"),
            (TOOL, "toolchain"),
            (LOCK, "toolchain"),
            (hint("acme"), "signer"),
        ],
        ids=["scanner", "builder", "tool", "toolchain", "signer"],  # the hint is another each time
    )
    def test_a_line_denies_what_was_found(self, scene: Scene, query: str, member: str) -> None:
        made = scene.release(without=["provenance"])
        scene.repository.say(made, provenance(dependencies=[TOOL]))

        (target,) = search(scene, query, "1.0.0").deny(Query.parse(query))

        assert list(target) == [member]
        assert self.refusal(scene, target) == "denied"

    @pytest.mark.parametrize("part", [0, 1, 2, 3])
    def test_a_line_denies_the_package_or_its_wasm(self, scene: Scene, part: int) -> None:
        made = scene.release(made=package(assets={"a.txt": b"text"}))
        digest = made.contents[part][0].digest

        (target,) = search(scene, digest, "1.0.0").deny(Query.parse(digest))

        assert target == ({"wasm": digest} if part == 2 else {"package": made.digest})
        assert self.refusal(scene, target) == "denied"

    def test_a_tool_that_no_line_reaches_is_denied_by_its_toolchain(self, scene: Scene) -> None:
        made = scene.release(without=["provenance"])
        kind, predicate = provenance()
        definition: Any = predicate["buildDefinition"]
        definition["resolvedDependencies"] = [
            {"uri": "pkg:npm/long@5", "digest": {"sha512": "ab" * 64}}
        ]
        scene.repository.say(made, (kind, predicate))

        query = Query.parse("ab" * 64)
        trusted = search(scene, query.text, "1.0.0", policy=True).deny(query)
        unverified = search(scene, query.text, "1.0.0").deny(query)

        assert trusted == ({"toolchain": LOCK},)
        assert unverified == ()
        assert self.refusal(scene, trusted[0]) == "denied"

    def test_a_stranger_s_word_denies_no_package(self, scene: Scene) -> None:
        made = scene.release()
        scene.repository.say(made, ("https://example.org/x", {"it": TOOL}), key("stranger"))

        query = Query.parse(TOOL)

        assert search(scene, TOOL, "1.0.0", policy=True).deny(query) == ()

    def test_what_a_verified_statement_mentions_denies_the_package(self, scene: Scene) -> None:
        made = scene.release(without=["checks"])
        kind, predicate = scan()
        scene.repository.say(made, (kind, {**predicate, "more": TOOL}))

        query = Query.parse(TOOL)
        deny = search(scene, TOOL, "1.0.0", policy=True).deny(query)

        assert deny == ({"package": made.digest},)

    def test_a_database_and_a_policy_are_not_denied(self, scene: Scene) -> None:
        scene.release()
        scene.verifier().install(APP, scene.repository, "1.0.0")
        policy = Policy.load(scene.path).digest

        found = [
            search(scene, text, "1.0.0", states=[scene.state], policy=True)
            for text in (DATABASE, policy)
        ]

        assert all(result.found for result in found)
        assert [result.deny(Query.parse(DATABASE)) for result in found] == [(), ()]

    def test_each_line_is_there_once(self, scene: Scene) -> None:
        scene.release(code=1)
        scene.release(code=2)

        result = search(scene, LOCK, "1.0.0", "2.0.0")

        assert len(result.found) == 2
        assert result.deny(Query.parse(LOCK)) == ({"toolchain": LOCK},)


def test_a_package_whose_content_disagrees_is_told_where_its_content_is_asked_for(
    scene: Scene,
) -> None:
    nested = wasm_module(mark=b"nested")
    made = package(assets={"a.wasm": nested})
    _, _, (_, tar) = made.contents[1], made.contents[2], made.contents[3]
    scene.repository.publish(assemble(made.config, made.wasm, tar[:-1024] + b"\1" * 1024))

    result = search(scene, TOOL, "1.0.0")

    assert len(result.problems) == 1
