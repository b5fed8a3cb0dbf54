"""`copy`, `discover` and `repair`, and a host that is given an archive: by the command line."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kit.commands import Run, run_miniseal
from kit.hostile import call_miniseal
from miniseal.formats.oci import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, REF_NAME, Manifest
from miniseal.registry import LayoutStore, attach
from miniseal.registry.archive import ArchiveStore

APP = "com.example.tip"
TAG = "1.2.0"
PROVENANCE = "https://slsa.dev/provenance/v1"


@pytest.fixture
def source(released: Path) -> Path:
    return released / "registry-tip"


@pytest.fixture
def policy(released: Path) -> Path:
    return released / "policy-tip" / "policy.toml"


def copy(*words: str | Path) -> Run:
    return call_miniseal("copy", *words, "--progress", "none")


class TestHosts:
    def test_a_host_installs_from_an_archive_without_a_network(
        self, tmp_path: Path, source: Path, policy: Path
    ) -> None:
        archive = f"oci-archive:{tmp_path / 'tip.tar'}:{TAG}"
        copy(f"oci:{source}:{TAG}", archive).ok()
        state = tmp_path / "state"
        offline = ("unshare", "-rn")

        run_miniseal("verify", archive, "--app", APP, "--policy", policy, prefix=offline).ok()
        installed = run_miniseal(
            *("install", APP, archive, "--policy", policy, "--state", state), prefix=offline
        ).ok()
        (tmp_path / "tip.tar").unlink()
        loaded = run_miniseal("load", APP, "--policy", policy, "--state", state).ok()
        assert loaded["app_id"] == installed["app_id"] == APP

    def test_an_archive_is_inspected(self, tmp_path: Path, source: Path) -> None:
        archive = f"oci-archive:{tmp_path / 'tip.tar'}:{TAG}"
        copy(f"oci:{source}:{TAG}", archive).ok()

        assert call_miniseal("inspect", archive).ok() == (
            call_miniseal("inspect", f"oci:{source}:{TAG}").ok()
        )

    def test_evidence_is_attached_to_an_archive(
        self, tmp_path: Path, source: Path, released: Path
    ) -> None:
        archive = f"oci-archive:{tmp_path / 'tip.tar'}:{TAG}"
        copy(f"oci:{source}:{TAG}", archive).ok()
        before = call_miniseal("inspect", archive).ok()["referrers"]

        call_miniseal("sign", archive, "--key", released / "publisher.key").ok()
        assert call_miniseal("inspect", archive).ok()["referrers"] == before + 1


class TestCopy:
    def test_the_result_says_what_was_copied(self, tmp_path: Path, source: Path) -> None:
        digest = LayoutStore(source).resolve(TAG).digest
        to = f"oci:{tmp_path / 'to'}"

        done = copy(f"oci:{source}:{TAG}", to, "--tag", "stable").ok()
        assert done["tags"] == {TAG: digest, "stable": digest}
        assert done["digests"] == [digest]
        assert done["manifests"] == done["referrers"] + 1
        assert done["sent"] == done["size"] > 0
        assert sorted(LayoutStore(tmp_path / "to").tags()) == [TAG, "stable"]

    def test_all_tags_are_copied(self, tmp_path: Path, source: Path) -> None:
        done = copy(f"oci:{source}", f"oci:{tmp_path / 'to'}", "--all").ok()

        tags = {tag: each.digest for tag, each in LayoutStore(source).tags().items()}
        assert done["tags"] == tags
        assert len(tags) > 2
        assert copy(f"oci:{source}", f"oci:{tmp_path / 'to'}", "--all").ok()["sent"] == 0

    def test_a_digest_is_copied_without_a_tag(self, tmp_path: Path, source: Path) -> None:
        digest = LayoutStore(source).resolve(TAG).digest

        done = copy(f"oci:{source}@{digest}", f"oci:{tmp_path / 'to'}").ok()
        assert done["tags"] == {}
        assert LayoutStore(tmp_path / "to").resolve(digest).digest == digest

    def test_a_tag_that_is_taken_is_refused_unless_forced(
        self, tmp_path: Path, source: Path
    ) -> None:
        to = f"oci:{tmp_path / 'to'}:{TAG}"
        copy(f"oci:{source}:{TAG}-wasm", to).ok()

        copy(f"oci:{source}:{TAG}", to).refused("tag-exists", 2)
        copy(f"oci:{source}:{TAG}", to, "--force").ok()

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            pytest.param(("oci:{s}", "oci:to"), "reference-incomplete", id="nothing-named"),
            pytest.param(("oci:{s}:{t}", "nowhere"), "reference-malformed", id="malformed"),
            pytest.param(("oci:{s}:{t}", "oci:to", "--all"), "usage", id="all-of-a-tag"),
            pytest.param(("oci:{s}", "oci:to:x", "--all"), "usage", id="all-as-one"),
            pytest.param(("oci:{s}", "oci:to", "--all", "--tag", "x"), "usage", id="all-and-one"),
            pytest.param(("oci:{s}:{t}", "oci:to@{d}"), "usage", id="destination-with-a-digest"),
            pytest.param(("oci:{s}:{t}", "oci:to", "--parallel", "0"), "usage", id="no-threads"),
            pytest.param(("oci:{s}:none", "oci:to"), "content-missing", id="no-such-tag"),
            pytest.param(("oci-archive:none:x", "oci:to"), "content-missing", id="no-archive"),
            pytest.param(("oci:{s}:{t}", "oci:to", "--tag", "a:b"), "tag-refused", id="no-tag"),
        ],
    )
    def test_what_cannot_be_is_refused(
        self,
        tmp_path: Path,
        source: Path,
        monkeypatch: pytest.MonkeyPatch,
        words: tuple[str, ...],
        code: str,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        zeros = f"sha256:{'0' * 64}"

        run = copy(*(word.format(s=source, t=TAG, d=zeros) for word in words))
        run.refused(code, 2)
        assert not (tmp_path / "to").exists()

    @pytest.mark.parametrize(
        ("command", "words"),
        [
            ("push", ("oci:a:1", "oci:b")),
            ("push", ("oci:a:1", "oci-archive:b")),
            ("pull", ("oci:a:1", "oci:b")),
            ("pull", ("oci-archive:a:1", "oci:b")),
        ],
    )
    def test_push_and_pull_are_for_registries(self, command: str, words: tuple[str, ...]) -> None:
        call_miniseal(command, *words).refused("usage", 2)


class TestProgress:
    def test_each_stage_is_a_step(self, tmp_path: Path, source: Path) -> None:
        run = call_miniseal(
            "copy", f"oci:{source}:{TAG}", f"oci:{tmp_path / 'to'}", "--progress", "json"
        )

        lines = [json.loads(line) for line in run.stderr.splitlines()]
        steps = ["find", "blobs", "manifests", "check", "tag"]
        assert [line["step"] for line in lines if line["event"] == "finished"] == steps
        sizes = [line["data"] for line in lines if line["step"] == "blobs"]
        assert sizes[-1] == {"bytes": run.ok()["size"]}


class TestDiscover:
    def test_evidence_is_shown_by_its_type(self, source: Path) -> None:
        document = call_miniseal("discover", f"oci:{source}:{TAG}").ok()

        subject = document["subject"]
        assert subject["digest"] == LayoutStore(source).resolve(TAG).digest
        types = [each["predicate_type"] for each in subject["referrers"]]
        assert PROVENANCE in types
        assert all(each["artifact_type"] for each in subject["referrers"])

    def test_a_type_is_chosen(self, source: Path) -> None:
        chosen = call_miniseal("discover", f"oci:{source}:{TAG}", "--type", PROVENANCE).ok()
        none = call_miniseal("discover", f"oci:{source}:{TAG}", "--type", "https://x").ok()

        types = [each["predicate_type"] for each in chosen["subject"]["referrers"]]
        assert set(types) == {PROVENANCE}
        assert none["subject"]["referrers"] == []

    def test_what_refers_to_evidence_is_below_it(self, tmp_path: Path, source: Path) -> None:
        layout = tmp_path / "layout"
        shutil.copytree(source, layout)
        store = LayoutStore(layout)
        evidence = store.referrers(store.resolve(TAG))[0]
        attach(store, evidence, b"about it", "https://about.example/v1")

        run = call_miniseal("discover", f"oci:{layout}:{TAG}", "--type", "https://about.example/v1")
        (kept,) = run.ok()["subject"]["referrers"]
        assert kept["digest"] == evidence.digest
        assert [each["predicate_type"] for each in kept["referrers"]] == [
            "https://about.example/v1"
        ]

    def test_referrers_that_go_on_and_on_are_refused(self, tmp_path: Path) -> None:
        store = ArchiveStore(tmp_path / "a.tar")
        with store.batch():
            config = store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
            last = store.put_manifest(Manifest(config=config, layers=()).to_bytes())
            store.tag("1", last)
            for number in range(40):
                last = attach(store, last, b"%d" % number, PROVENANCE)

        call_miniseal("discover", f"oci-archive:{tmp_path / 'a.tar'}:1").refused("graph-limit", 2)


class TestRepair:
    @pytest.fixture
    def lost(self, tmp_path: Path, source: Path) -> Path:
        """A copy of the release whose lists of referrers are gone."""
        layout = Path(shutil.copytree(source, tmp_path / "lost"))
        index = json.loads((layout / "index.json").read_bytes())
        index["manifests"] = [
            each
            for each in index["manifests"]
            if not each.get("annotations", {}).get(REF_NAME, "").startswith("sha256-")
        ]
        (layout / "index.json").write_text(json.dumps(index))
        return layout

    @pytest.mark.parametrize("name", ["", f":{TAG}"], ids=["all", "one"])
    def test_lost_evidence_is_found_again(self, lost: Path, policy: Path, name: str) -> None:
        words = ("verify", f"oci:{lost}:{TAG}", "--app", APP, "--policy", policy)
        call_miniseal(*words).refused("attestation-missing")

        done = call_miniseal("repair", f"oci:{lost}{name}").ok()
        digest = LayoutStore(lost).resolve(TAG).digest
        (subject,) = [each for each in done["subjects"] if each["digest"] == digest]
        assert subject["before"] == 0
        assert subject["after"] > 3
        call_miniseal(*words).ok()

    def test_a_copy_over_it_brings_the_evidence_back(self, lost: Path, source: Path) -> None:
        done = copy(f"oci:{source}:{TAG}", f"oci:{lost}").ok()

        assert done["sent"] == 0
        found = call_miniseal("inspect", f"oci:{lost}:{TAG}").ok()
        assert found["referrers"] == done["referrers"]

    def test_an_empty_layout_needs_none(self, tmp_path: Path) -> None:
        LayoutStore(tmp_path / "empty").put(b"x", "text/plain")

        assert call_miniseal("repair", f"oci:{tmp_path / 'empty'}").ok() == {"subjects": []}


def test_the_words_for_people_are_few(tmp_path: Path, source: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "miniseal.cli", "copy", f"oci:{source}:{TAG}"),
            *(f"oci-archive:{tmp_path / 'a.tar'}", "--progress", "plain"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    first, second = done.stdout.splitlines()
    assert first.startswith(f"oci-archive:{tmp_path / 'a.tar'}: ")
    assert second.split()[-1] == TAG
    assert len(done.stderr.splitlines()) == 5
