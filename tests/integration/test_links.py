"""Links of a release, and a platform's layout over them, by the command line alone."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kit.commands import run_miniseal
from kit.layouts import attached
from kit.publishing import Publisher
from miniseal.attestations import generate_key
from miniseal.formats.statement import Statement
from miniseal.registry import LayoutStore, attach

APP = "com.example.greeting"
LINK = "https://in-toto.io/attestation/link/v0.3"
STEPS = ["resolve", "build", "rebuild", "test", "pack", "sbom", "scan", "gate"]

Project = Callable[[str], Path]


def links(registry: Path, package: str) -> dict[str, bytes]:
    """The link statements on a package, by their steps."""
    found = [each for each in attached(registry, package) if each.kind == LINK]
    return {each.statement["predicate"]["name"]: each.payload for each in found}


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A release with links, and a platform whose policy asks for its layout.

    Attributes:
        publisher: who released.
        registry: where to.
        package: the package's digest.
        owner: the private key that signed the layout.
        draft: the layout before that.
        policy: the policy, with the signed layout beside it.
        steps: the cache of what the steps gave.
    """

    publisher: Publisher
    registry: Path
    package: str
    owner: Path
    draft: Path
    policy: Path
    steps: dict[str, str]

    @property
    def reference(self) -> str:
        return f"oci:{self.registry}@{self.package}"


def demand_layout(policy: Path, functionaries: dict[str, str]) -> None:
    """Let the policy's one namespace ask for `release.layout`, signed by the key `owner.pub`."""
    text = policy.read_text()
    head, mark, rest = text.partition("[namespace.require.capabilities]")
    assert mark
    rule = (
        '[namespace.require.layout]\nfile = "release.layout"\nsigners = ["owner"]\n'
        "[namespace.require.layout.functionaries]\n"
        + "".join(f"{key_id} = {json.dumps(name)}\n" for key_id, name in functionaries.items())
    )
    owner = '[signer.owner]\nkeys = [{file = "owner.pub"}]\n'
    policy.write_text(f"{head}{rule}\n{mark}{rest}\n{owner}")


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory, examples: Path, vulnerability_db: Path
) -> Platform:
    folder = tmp_path_factory.mktemp("links")
    publisher = Publisher.new(folder, vulnerability_db)
    steps = {"MINISEAL_STEP_CACHE": str(folder / "steps")}
    done = publisher.release(examples / "greeting", folder / "registry", "--links", env=steps)
    policy = publisher.policy(examples / "greeting", folder)
    owner, draft = folder / "owner", folder / "draft.layout"
    generate_key(owner)
    who = f"publisher={publisher.key}.pub"
    made = run_miniseal("layout", "create", "--functionary", who, "-o", draft).ok()
    run_miniseal("layout", "sign", draft, "--key", owner, "-o", folder / "release.layout").ok()
    demand_layout(policy, made["functionaries"])
    return Platform(
        publisher=publisher,
        registry=folder / "registry",
        package=done.ok()["package"],
        owner=owner,
        draft=draft,
        policy=policy,
        steps=steps,
    )


@pytest.fixture(scope="module")
def stranger(
    tmp_path_factory: pytest.TempPathFactory, examples: Path, vulnerability_db: Path
) -> Path:
    """Where somebody else released the same content, with links, and without a cache."""
    folder = tmp_path_factory.mktemp("stranger")
    publisher = Publisher.new(folder, vulnerability_db)
    publisher.release(examples / "greeting", folder / "registry", "--links").ok()
    return folder / "registry"


@pytest.fixture(scope="module")
def plain(platform: Platform, examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the publisher released the same content without links."""
    registry = tmp_path_factory.mktemp("plain") / "registry"
    released = platform.publisher.release(examples / "greeting", registry, env=platform.steps).ok()
    assert released["package"] == platform.package
    return registry


@pytest.fixture
def place(platform: Platform, tmp_path: Path) -> Path:
    """A copy of the policy's folder, with the registry, that a test may change."""
    return Path(shutil.copytree(platform.policy.parent, tmp_path / "platform"))


def verify(place: Path, package: str, *, app: str = APP) -> Any:
    policy, reference = place / "policy.toml", f"oci:{place / 'registry'}@{package}"
    return run_miniseal("verify", reference, "--app", app, "--policy", policy)


def test_every_step_leaves_a_link_on_the_package_alone(platform: Platform) -> None:
    found = links(platform.registry, platform.package)
    others = LayoutStore(platform.registry).tags().values()

    assert sorted(found) == sorted(STEPS)
    for other in {each.digest for each in others} - {platform.package}:
        assert links(platform.registry, other) == {}


def test_a_release_without_links_says_nothing_else(platform: Platform, plain: Path) -> None:
    linked = attached(platform.registry, platform.package)

    others = sorted((each.kind, each.payload) for each in linked if each.kind != LINK)

    assert others == [(each.kind, each.payload) for each in attached(plain, platform.package)]


def test_links_are_the_same_when_the_steps_were_cached(
    platform: Platform, examples: Path, tmp_path: Path
) -> None:
    again = tmp_path / "registry"

    done = platform.publisher.release(examples / "greeting", again, "--links", env=platform.steps)

    assert '"event":"cached"' in done.stderr
    assert links(again, done.ok()["package"]) == links(platform.registry, platform.package)


def test_links_are_everybodys_but_where_a_scan_has_its_time(
    platform: Platform, stranger: Path
) -> None:
    ours, theirs = links(platform.registry, platform.package), links(stranger, platform.package)

    assert {step for step in STEPS if ours[step] != theirs[step]} <= {"scan", "gate"}


def test_a_release_is_admitted_by_its_layout(platform: Platform) -> None:
    checked = run_miniseal(
        "layout",
        "check",
        platform.policy.parent / "release.layout",
        *("--against", platform.reference, "--policy", platform.policy),
    ).ok()
    verified = verify(platform.policy.parent, platform.package).ok()

    assert checked["steps"] == {step: ["publisher"] for step in STEPS}
    assert [each["predicateType"] for each in verified["evidence"]].count(LINK) == len(STEPS)


def test_a_release_that_its_own_policy_asks_links_of_leaves_them(
    platform: Platform, project: Project, tmp_path: Path
) -> None:
    source = project("greeting")
    settings = source / "miniseal.toml"
    settings.write_text(settings.read_text() + "\n[publish]\nlinks = true\n")

    done = platform.publisher.release(source, tmp_path / "r", "--policy", platform.policy)

    assert sorted(links(tmp_path / "r", done.ok()["package"])) == sorted(STEPS)


def test_a_release_without_the_links_that_its_policy_asks_for_gets_no_tag(
    platform: Platform, examples: Path, tmp_path: Path
) -> None:
    layout = tmp_path / "registry"

    done = platform.publisher.release(examples / "greeting", layout, "--policy", platform.policy)

    done.refused("link-missing")
    assert LayoutStore(layout).tags() == {}


def test_a_plan_lists_the_links(platform: Platform, examples: Path, tmp_path: Path) -> None:
    words = platform.publisher.words(examples / "greeting", tmp_path / "registry")

    plain = run_miniseal("plan", *words[1:]).ok()["signs"]
    linked = run_miniseal("plan", *words[1:], "--links").ok()["signs"]

    assert LINK not in plain
    assert linked == [*plain, *[LINK] * len(STEPS)]


def test_links_of_another_release_are_none_of_this_one(
    platform: Platform, place: Path, project: Project
) -> None:
    source = project("greeting")
    manifest = source / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text.replace('"code": 2, "name": "1.0.1"', '"code": 3, "name": "1.0.2"'))
    other = platform.publisher.release(source, place / "registry").ok()["package"]
    assert other != platform.package
    verify(place, other).refused("link-missing")
    store = LayoutStore(place / "registry")

    for bundle in _bundles(place / "registry", platform.package):
        attach(store, store.resolve(other), bundle, LINK)

    verify(place, other).refused("subject-mismatch")


def _bundles(registry: Path, package: str) -> list[bytes]:
    return [
        json.dumps(each.bundle).encode()
        for each in attached(registry, package)
        if each.kind == LINK
    ]


def test_links_signed_by_somebody_else_do_not_count(
    platform: Platform, place: Path, stranger: Path, plain: Path
) -> None:
    shutil.rmtree(place / "registry")
    shutil.copytree(plain, place / "registry")
    store = LayoutStore(place / "registry")
    for bundle in _bundles(stranger, platform.package):
        attach(store, store.resolve(platform.package), bundle, LINK)

    verify(place, platform.package).refused("link-missing")


def resign(platform: Platform, place: Path, layout: dict[str, Any]) -> None:
    """Put another layout by the owner in the place of the policy's."""
    draft = place / "other.json"
    draft.write_text(json.dumps(layout))
    words = ("--key", platform.owner, "-o", place / "release.layout")
    run_miniseal("layout", "sign", draft, *words).ok()


def test_a_step_by_one_is_refused_where_the_layout_asks_for_two(
    platform: Platform, place: Path
) -> None:
    layout, second = json.loads(platform.draft.read_text()), "ab" * 32
    build = layout["steps"][1]
    build.update(threshold=2, pubkeys=[*build["pubkeys"], second])
    policy, mark = place / "policy.toml", "[namespace.require.layout.functionaries]\n"
    policy.write_text(policy.read_text().replace(mark, f'{mark}{second} = "owner"\n'))

    resign(platform, place, layout)

    verify(place, platform.package).refused("link-threshold")


def test_a_step_that_nobody_performed_is_refused(platform: Platform, place: Path) -> None:
    layout = json.loads(platform.draft.read_text())
    review = {**layout["steps"][0], "name": "review", "expected_products": [["DISALLOW", "*"]]}
    layout["steps"].insert(0, review)

    resign(platform, place, layout)

    verify(place, platform.package).refused("link-missing")


def test_a_layout_that_forbids_what_was_done_is_refused(platform: Platform, place: Path) -> None:
    layout = json.loads(platform.draft.read_text())
    layout["steps"][1]["expected_materials"].insert(0, ["DISALLOW", "toolchain"])

    resign(platform, place, layout)

    verify(place, platform.package).refused("link-rule")


def test_a_review_by_two_people_can_be_a_step(platform: Platform, place: Path) -> None:
    layout, reviewers = json.loads(platform.draft.read_text()), ("ann", "bob")
    flow = [
        ["REQUIRE", "package"],
        ["MATCH", "package", "WITH", "PRODUCTS", "FROM", "gate"],
        ["DISALLOW", "*"],
    ]
    ids = {name: hashlib.sha256(name.encode()).hexdigest() for name in reviewers}
    layout["steps"].append(
        {
            **layout["steps"][-1],
            "name": "review",
            "expected_materials": flow,
            "expected_products": flow,
            "pubkeys": [*ids.values()],
            "threshold": 2,
        }
    )
    policy, mark = place / "policy.toml", "[namespace.require.layout.functionaries]\n"
    text = policy.read_text()
    for name in reviewers:
        generate_key(place / name)
        text = text.replace(mark, f'{mark}{ids[name]} = "{name}"\n')
        text += f'\n[signer.{name}]\nkeys = [{{file = "{name}.pub"}}]\n'
    policy.write_text(text)
    resign(platform, place, layout)
    digest = {"sha256": platform.package.removeprefix("sha256:")}
    link = {"name": "review", "materials": [{"name": "package", "digest": digest}]}
    (place / "review.json").write_text(json.dumps(link))
    words = ("--predicate", place / "review.json", "--type", "link")
    reference = f"oci:{place / 'registry'}@{platform.package}"

    run_miniseal("attest", reference, *words, "--key", place / "ann").ok()
    verify(place, platform.package).refused("link-threshold")
    run_miniseal("attest", reference, *words, "--key", place / "bob").ok()

    verify(place, platform.package).ok()


def test_a_layout_that_the_publisher_signed_alone_is_refused(
    platform: Platform, place: Path
) -> None:
    words = ("--key", platform.publisher.key, "-o", place / "release.layout")
    run_miniseal("layout", "sign", platform.draft, *words).ok()

    verify(place, platform.package).refused("layout-untrusted")


def test_a_policy_without_a_layout_checks_none(
    platform: Platform, examples: Path, tmp_path: Path
) -> None:
    policy = platform.publisher.policy(examples / "greeting", tmp_path)

    run_miniseal(
        "layout",
        "check",
        platform.policy.parent / "release.layout",
        *("--against", platform.reference, "--policy", policy),
    ).refused("layout-not-required", 2)


def test_what_a_link_says_can_be_read_by_anybody(platform: Platform) -> None:
    last = Statement.from_bytes(links(platform.registry, platform.package)["gate"])

    assert last.names(platform.package)
    assert [each["name"] for each in last.predicate["materials"]] == [  # type: ignore[index,call-overload,attr-defined]
        "app.wasm",
        "package",
        "sbom",
        "vulnerabilities",
    ]
