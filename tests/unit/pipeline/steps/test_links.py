import json
from dataclasses import replace

import pytest
from in_toto.models.layout import Layout as InTotoLayout  # type: ignore[import-untyped]

from kit.packages import key
from miniseal.attestations.layout import functionary_key
from miniseal.formats.digest import sha256
from miniseal.formats.layout import PACKAGE, Layout
from miniseal.formats.predicates.link import PREDICATE_TYPE, Link
from miniseal.formats.statement import Statement
from miniseal.packager import Project
from miniseal.packager.settings import Publish
from miniseal.pipeline.steps.links import (
    OPTIONAL,
    PERFORMED,
    claims,
    kinds,
    release_layout,
    skipped,
    wanted,
)
from miniseal.pipeline.steps.resolve import Resolved
from miniseal.verifier.links.artifacts import Artifacts, broken_rule

NAMES = {name for step in PERFORMED for name in (*step.materials, *step.products)}
ARTIFACTS = {name: sha256(name.encode()) for name in NAMES}
ID = "ab" * 32
END = "2027-01-01T00:00:00Z"
SUBSETS = [(), ("rebuild",), ("test",), OPTIONAL]


def performed(left_out: tuple[str, ...]) -> dict[str, Artifacts]:
    found: dict[str, Artifacts] = {}
    for claim in claims(ARTIFACTS, left_out):
        statement = Statement.from_bytes(claim.statement)
        link = Link.from_json(statement.predicate)
        found[link.name] = Artifacts.of(link, statement.subjects)
    return found


@pytest.fixture
def project(resolved: Resolved) -> Project:
    return resolved.project


def test_a_link_is_a_statement_about_what_its_step_made() -> None:
    first, second, *_ = claims(ARTIFACTS)

    assert {claim.predicate_type for claim in (first, second)} == {PREDICATE_TYPE}
    assert json.loads(second.statement) == {
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": PREDICATE_TYPE,
        "subject": [
            {"name": "app.wasm", "digest": {"sha256": ARTIFACTS["app.wasm"][7:]}},
        ],
        "predicate": {
            "name": "build",
            "materials": [
                {"name": "source", "digest": {"sha256": ARTIFACTS["source"][7:]}},
                {"name": "toolchain", "digest": {"sha256": ARTIFACTS["toolchain"][7:]}},
            ],
        },
    }


def test_the_last_step_passes_the_package_on() -> None:
    *_, last = claims(ARTIFACTS)

    assert Statement.from_bytes(last.statement).names(ARTIFACTS[PACKAGE])


def test_only_the_package_carries_links() -> None:
    assert not any(claim.everywhere for claim in claims(ARTIFACTS))


@pytest.mark.parametrize("left_out", SUBSETS, ids=str)
def test_the_links_of_a_release_follow_its_layout(left_out: tuple[str, ...]) -> None:
    layout = release_layout({ID: None}, expires=END, left_out=left_out)
    links = performed(left_out)

    assert [step.name for step in layout.steps] == list(links)
    assert [broken_rule(step, links) for step in layout.steps] == [None] * len(links)


def _changed(links: dict[str, Artifacts], step: str, kind: str, name: str) -> dict[str, Artifacts]:
    named = {**getattr(links[step], kind), name: sha256(b"other")}
    return {**links, step: replace(links[step], **{kind: named})}


@pytest.mark.parametrize(
    ("step", "name"),
    [(step.name, name) for step in PERFORMED for name in step.materials],
)
def test_what_a_step_uses_is_what_the_step_before_made(step: str, name: str) -> None:
    layout = release_layout({ID: None}, expires=END)

    changed = _changed(performed(()), step, "materials", name)

    assert [each.name for each in layout.steps if broken_rule(each, changed)] == [step]


@pytest.mark.parametrize(
    ("step", "name"),
    [
        ("rebuild", "app.wasm"),
        ("test", "app.wasm"),
        ("gate", PACKAGE),
    ],
)
def test_what_a_step_passes_on_is_what_it_got(step: str, name: str) -> None:
    layout = release_layout({ID: None}, expires=END)

    changed = _changed(performed(()), step, "products", name)

    assert any(broken_rule(each, changed) for each in layout.steps if each.name == step)


@pytest.mark.parametrize("name", [step.name for step in PERFORMED])
@pytest.mark.parametrize("kind", ["materials", "products"])
def test_an_artifact_more_or_less_breaks_a_rule(name: str, kind: str) -> None:
    layout = {each.name: each for each in release_layout({ID: None}, expires=END).steps}
    links = performed(())
    named: dict[str, str] = getattr(links[name], kind)
    more = {**named, "extra": sha256(b"extra")}

    fewer = [{each: named[each] for each in named if each != gone} for gone in named]
    for wrong in (more, *fewer):
        changed = {**links, name: replace(links[name], **{kind: wrong})}
        assert broken_rule(layout[name], changed) is not None


def test_the_layout_is_one_to_in_toto_and_has_the_functionaries_keys() -> None:
    key_id, public = functionary_key(key("ci").public_pem, "ci")

    layout = release_layout({key_id: public, ID: None}, expires=END)

    read = InTotoLayout.read(json.loads(layout.to_bytes()))
    assert read.get_functionary_key_id_list() == [key_id]
    assert {tuple(step.pubkeys) for step in read.steps} == {(key_id, ID)}
    assert Layout.from_bytes(layout.to_bytes()) == layout


def test_links_are_wanted_where_the_caller_or_the_project_says_so(project: Project) -> None:
    own = replace(project, settings=replace(project.settings, publish=Publish(links=True)))

    assert not wanted(project, asked=False)
    assert wanted(project, asked=True)
    assert wanted(own, asked=False)


def test_a_step_that_does_nothing_leaves_no_link(project: Project) -> None:
    build = replace(project.settings.build, toolchain="prebuilt")
    bare = replace(project, settings=replace(project.settings, build=build, test=()))

    assert skipped(project) == ()
    assert skipped(bare) == OPTIONAL
    assert len(kinds(project)) == len(claims(ARTIFACTS)) == len(PERFORMED)
    assert len(kinds(bare)) == len(claims(ARTIFACTS, OPTIONAL)) == len(PERFORMED) - 2
