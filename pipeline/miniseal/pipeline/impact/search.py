"""impact: which published and installed programs something went into, before it is denied.

It is looked for in packages' configs and in every statement attached to them, or kept by a host.
The search says more rather than less: what nobody has verified is found as well, and says so. What
could not be read is told, never passed over; what no host would read (junk that is no statement) is
not searched. Nothing is written.
"""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, MinisealError, VerificationError
from miniseal.formats.members import Members
from miniseal.pipeline.impact.found import Found, Impact, Problem, Program
from miniseal.pipeline.impact.package import Checked, Look, unchecked, verifying
from miniseal.pipeline.impact.traces import Query
from miniseal.pipeline.published import Target
from miniseal.verifier import Record, Trusting
from miniseal.verifier.contents import Fetched
from miniseal.verifier.examine import refusing
from miniseal.verifier.fetch import fetch
from miniseal.verifier.host.head import HEAD_MALFORMED
from miniseal.verifier.host.reader import NOT_INSTALLED, StateReader
from miniseal.verifier.host.stored import StoredSource, others_evidence

__all__ = ["SEARCH_INCOMPLETE", "impact"]

SEARCH_INCOMPLETE = Code(
    "search-incomplete",
    VerificationError,
    meaning="not everything could be looked at, so more may be affected than what was found",
    cause="a broken package, content that is missing, or a state that somebody else owns",
    remedy="see the problems that the result lists, mend them, and search again",
)

_RECORDED = {
    "builder": "builder",
    "scanner": "scanner",
    "toolchain": "dependency",
    "key": "signer",
    "bundle": "bundle",
}
"""What a host's record says of a statement, and the role that it has there."""


def impact(
    query: Query,
    targets: Iterable[Target],
    states: Iterable[Path],
    *,
    trusting: Trusting | None,
) -> Impact:
    """Look for something.

    Args:
        query: what.
        targets: published packages, and places that could not be listed.
        states: folders of hosts' states; their MACs are checked.
        trusting: the policy whose signers' statements are verified, the time and the trust
            material, or None: then nothing is verified.
    """
    result = Impact()
    for target in targets:
        with _telling(result, target.reference):
            if target.error is not None:
                raise target.error
            _published(query, target, trusting, result)
    for state in states:
        with _telling(result, str(state)):
            _installed(query, state, result)
    return result


@contextmanager
def _telling(result: Impact, place: str) -> Generator[None]:
    """Put an error of the block among the problems."""
    try:
        with refusing():
            yield
    except MinisealError as error:
        result.problems.append(Problem(place=place, error=error))


def _published(query: Query, target: Target, trusting: Trusting | None, result: Impact) -> None:
    fetched = fetch(target.store, target.name)
    result.packages += 1
    look = Look(
        query=query,
        source=target.store,
        fetched=fetched,
        program=_program(fetched, target.reference, tags=target.tags),
        check=unchecked if trusting is None else verifying(trusting, fetched),
        result=result,
    )
    if not look.at_package():
        look.at_statements()


def _installed(query: Query, state: Path, result: Impact) -> None:
    reader = StateReader(str(state))
    try:
        head = reader.head()
    except MinisealError as error:
        if error.code == NOT_INSTALLED.name and _is_unused(state):
            return
        raise
    for app_id, app in sorted(head.apps.items()):
        if app.record is not None:
            with _telling(result, f"{state} {app_id}"):
                _admitted(query, reader, reader.record(head, app_id), str(state), result)


def _is_unused(state: Path) -> bool:
    """Whether it is an empty folder: a misspelt path must not pass for a host without programs."""
    return state.is_dir() and not any(state.iterdir())


def _admitted(
    query: Query, reader: StateReader, record: Record, state: str, result: Impact
) -> None:
    """One installed program; the record, which is under a MAC, speaks for a bundle that is lost."""
    source = StoredSource(reader, record)
    fetched = fetch(source, record.package.digest)
    program = _program(fetched, state, installed=True)
    result.programs += 1
    if query.matches(record.policy_digest):
        result.found.append(Found(program=program, role="policy", path="policy.digest"))
    kept = {members.digest("bundle"): members for members in map(_members, others_evidence(record))}

    def admitted(data: bytes) -> Checked:
        return "admitted", tuple(kept[sha256(data)].strings("signers"))

    look = Look(
        query=query,
        source=source,
        fetched=fetched,
        program=program,
        check=admitted,
        result=result,
    )
    if look.at_package():
        return
    read = look.at_statements()
    for digest, members in kept.items():
        if digest not in read:
            result.found += [
                Found(
                    program=program,
                    role=_RECORDED[name],
                    path=f"evidence.{name}",
                    bundle=digest,
                    predicate_type=members.string("predicateType"),
                    signature="admitted",
                    signers=tuple(members.strings("signers")),
                )
                for name in _RECORDED
                if any(map(query.matches, _texts(members.values.get(name))))
            ]


def _members(evidence: dict[str, object]) -> Members:
    return Members(evidence, "record.evidence", HEAD_MALFORMED)


def _texts(value: object) -> list[str]:
    """A text, several, or none."""
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, str)]


def _program(
    fetched: Fetched, place: str, *, installed: bool = False, tags: tuple[str, ...] = ()
) -> Program:
    manifest = fetched.config.manifest
    return Program(
        place=place,
        installed=installed,
        tags=tags,
        app_id=manifest.app_id,
        version_code=manifest.version_code,
        version_name=manifest.version_name,
        package=fetched.descriptor.digest,
        toolchain=fetched.config.toolchain.lock,
    )
