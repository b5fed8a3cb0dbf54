"""What a release was made from and by: its parts, its signer and engine, its tools by digest."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from miniseal.formats.predicates.sbom import Component, Sbom
from miniseal.pipeline.report.claims import Claims
from miniseal.pipeline.report.model import Report
from miniseal.pipeline.report.words import plain_list, written

__all__ = ["Group", "Tool", "bill_of", "made_of", "tools_of"]

_ISOLATIONS = {
    "bwrap": "bubblewrap: files, processes and network of its own",
    "unshare": "Linux namespaces: files, processes and network of its own",
    "dockerfile-network-none": "a container whose build has no network",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Components of one kind."""

    name: str
    components: tuple[Component, ...]


def bill_of(bill: Sbom | None) -> tuple[Group, ...] | None:
    """The components by what they are: files, packages of an ecosystem, tools."""
    if bill is None:
        return None
    groups: dict[str, list[Component]] = {}
    for part in bill.components:
        groups.setdefault(_group(part), []).append(part)
    order = ["Shipped files", *sorted(name for name in groups if name.startswith("Packages"))]
    order += [name for name in groups if name not in order]
    return tuple(
        Group(name=name, components=tuple(sorted(groups[name], key=_by_name)))
        for name in order
        if name in groups
    )


def _group(part: Component) -> str:
    if part.scope == "excluded":
        return "Tools that built it, not shipped"
    if part.type == "file":
        return "Shipped files"
    ecosystem = (part.purl or "").removeprefix("pkg:").partition("/")[0]
    return f"Packages ({ecosystem})" if ecosystem else "Packages"


def _by_name(part: Component) -> tuple[str, str, str]:
    return part.name.casefold(), part.version or "", part.purl or ""


def made_of(report: Report, claims: Claims) -> tuple[tuple[str, str, bool], ...]:
    """Who and what made the release: name, text, and whether the text is a name for machines."""
    build, engine, verdict = claims.build, report.engine, report.verdict
    rows: list[tuple[str, str | None, bool]] = [
        ("Signer", _signers(report), False),
        ("Key or identity", _signatory(report), True),
    ]
    if engine is not None:
        version = f" {engine.version}" if engine.version else ""
        rows.append(("Engine", f"{engine.name}{version}", False))
        isolation = _ISOLATIONS.get(engine.isolation or "", engine.isolation)
        rows.append(("Isolation", isolation or "none", False))
    if build is not None:
        rows.append(("Network in the build", _network(build.internal_parameters), False))
        rows.append(("Builder", build.builder_id, True))
        rows.append(("Invocation", build.invocation_id, True))
        when = " to ".join(map(written, filter(None, (build.started_on, build.finished_on))))
        rows.append(("Built", when, False))
    if verdict is not None:
        policy = f"serial {verdict.policy_serial}, namespace {verdict.namespace}"
        rows.append(("Policy", policy, False))
        rows.append(("Policy digest", verdict.policy_digest, True))
        rows.append(("Verdict holds until", written(verdict.expires), False))
    return tuple((name, text, mono) for name, text, mono in rows if text)


def _signers(report: Report) -> str | None:
    verified = report.verdict.evidence if report.verdict else ()
    return plain_list(sorted({name for each in verified for name in each.signers})) or None


def _signatory(report: Report) -> str | None:
    verdict = report.verdict
    return verdict.evidence[0].signatory.name if verdict and verdict.evidence else report.signer


def _network(parameters: Mapping[str, object]) -> str:
    known = {False: "cut", True: "open"}
    network = parameters.get("network")
    return known[network] if isinstance(network, bool) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """Something that a release stands on: what it is, its version or date, its digests."""

    name: str
    detail: str
    digests: tuple[str, ...]


def tools_of(claims: Claims) -> tuple[Tool, ...]:
    """What built it, then what scanned it."""
    return (*_built_with(claims), *_scanned_with(claims))


def _built_with(claims: Claims) -> Iterator[Tool]:
    for resource in claims.build.dependencies if claims.build else ():
        digests = [f"{name}:{digits}" for name, digits in resource.digest.items()]
        accepted = resource.annotations.get("accepted_sha256")
        hashes = cast("list[object]", accepted) if isinstance(accepted, list) else []
        yield Tool(
            name=resource.name or resource.uri or "something",
            detail=resource.uri or "",
            digests=(*digests, *(f"sha256:{each}" for each in hashes)),
        )


def _scanned_with(claims: Claims) -> Iterator[Tool]:
    scan = claims.scan
    if scan is None:
        return
    yield Tool(
        name="scanner",
        detail=f"trivy {scan.scanner_version or ''}".strip(),
        digests=_known(scan.scanner_digest),
    )
    yield Tool(
        name="vulnerability database",
        detail=f"advisories as of {written(scan.database_updated)}",
        digests=_known(scan.database_digest),
    )


def _known(*digests: str | None) -> tuple[str, ...]:
    return tuple(digest for digest in digests if digest)
