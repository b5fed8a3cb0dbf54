"""links: what each step used and made, as in-toto link statements, and the layout they follow.

Opt-in. A link names artifacts by the digests that the steps' results have, and nothing else: no
time, no command, no machine. So it is the same whether a step ran or the cache had its result. All
links of a release are signed by its one signer; in-toto's functionary is whoever that is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from miniseal.formats.layout import PACKAGE, Layout, LayoutKey, LayoutStep
from miniseal.formats.predicates.link import PREDICATE_TYPE, Link
from miniseal.formats.predicates.resource import Resource
from miniseal.formats.statement import Statement, Subject
from miniseal.packager import Project
from miniseal.pipeline.steps.attest import Claim

__all__ = [
    "OPTIONAL",
    "PERFORMED",
    "Performed",
    "claims",
    "kinds",
    "release_layout",
    "skipped",
    "wanted",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """A step of a release, as layouts know it.

    Attributes:
        name: of its link.
        materials: names of the artifacts that it uses.
        products: names of those that it makes, or passes on as they were.
    """

    name: str
    materials: tuple[str, ...]
    products: tuple[str, ...]


PERFORMED = (
    Performed(name="resolve", materials=(), products=("source", "toolchain")),
    Performed(name="build", materials=("source", "toolchain"), products=("app.wasm",)),
    Performed(name="rebuild", materials=("source", "toolchain"), products=("app.wasm",)),
    Performed(name="test", materials=("source", "app.wasm"), products=("app.wasm",)),
    Performed(
        name="pack",
        materials=("source", "app.wasm"),
        products=(PACKAGE, "wasm_artifact", "image"),
    ),
    Performed(name="sbom", materials=("source", PACKAGE), products=("sbom",)),
    Performed(name="scan", materials=("source", PACKAGE, "sbom"), products=("vulnerabilities",)),
    Performed(
        name="gate",
        materials=("app.wasm", PACKAGE, "sbom", "vulnerabilities"),
        products=(PACKAGE,),
    ),
)
"""In their order; an artifact is the same one in all of them."""
OPTIONAL = ("rebuild", "test")
"""Steps that leave no link where nothing is built here, or there are no tests."""
_DENY = ("DISALLOW", "*")


def wanted(project: Project, *, asked: bool) -> bool:
    """Whether a release of the project leaves links, because the caller or the project says so."""
    return asked or project.settings.publish.links


def skipped(project: Project) -> tuple[str, ...]:
    """The names in `OPTIONAL` of steps that do nothing for this project."""
    settings = project.settings
    done = {
        "rebuild": project.recipe() is not None,
        "test": bool(settings.test or settings.test_command),
    }
    return tuple(name for name in OPTIONAL if not done[name])


def kinds(project: Project) -> tuple[str, ...]:
    """The predicate types of what `claims` makes for the project."""
    return (PREDICATE_TYPE,) * len(_without(skipped(project)))


def claims(artifacts: Mapping[str, str], left_out: Iterable[str] = ()) -> tuple[Claim, ...]:
    """A link of each step, unsigned.

    Args:
        artifacts: every name in `PERFORMED`, with its digest.
        left_out: names in `OPTIONAL` of steps that did nothing.
    """
    return tuple(_claim(each, artifacts) for each in _without(left_out))


def release_layout(
    functionaries: Mapping[str, LayoutKey | None],
    *,
    expires: str,
    left_out: Iterable[str] = (),
) -> Layout:
    """A layout that the links of every release follow: a start, to be read and changed.

    Args:
        functionaries: by key id, each with the key that it stands for, or None for a signer without
            one; each may perform every step.
        expires: `YYYY-MM-DDTHH:MM:SSZ`.
        left_out: names in `OPTIONAL` of steps that are not asked for.

    Raises:
        FormatError: `layout-invalid`.
    """
    origins: dict[str, str] = {}
    steps: list[LayoutStep] = []
    for each in _without(left_out):
        steps.append(
            LayoutStep(
                name=each.name,
                materials=(*_required(each.materials), *_rules(each.materials, origins), _DENY),
                products=(*_required(each.products), *_rules(each.products, origins), _DENY),
                functionaries=tuple(functionaries),
            )
        )
        origins.update(dict.fromkeys(each.products, each.name))
    keys = {key_id: key for key_id, key in functionaries.items() if key is not None}
    return Layout(steps=tuple(steps), keys=keys, expires=expires, readme=_README)


_README = "The steps of `miniseal release --links`, and how what one makes flows into the next."


def _without(left_out: Iterable[str]) -> list[Performed]:
    dropped = {*left_out} & {*OPTIONAL}
    return [each for each in PERFORMED if each.name not in dropped]


def _claim(step: Performed, artifacts: Mapping[str, str]) -> Claim:
    link = Link(
        name=step.name,
        materials=tuple(
            Resource(name=name, digest=Subject.of(artifacts[name]).digest)
            for name in step.materials
        ),
    )
    statement = Statement(
        subjects=tuple(Subject.of(artifacts[name], name) for name in step.products),
        predicate_type=PREDICATE_TYPE,
        predicate=link.to_json(),
    )
    return Claim(predicate_type=PREDICATE_TYPE, statement=statement.to_bytes())


def _required(names: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(("REQUIRE", name) for name in names)


def _rules(names: Iterable[str], origins: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """Each artifact as the step before made it, or, where none did, a new one."""
    return tuple(
        ("MATCH", name, "WITH", "PRODUCTS", "FROM", origins[name])
        if name in origins
        else ("CREATE", name)
        for name in names
    )
