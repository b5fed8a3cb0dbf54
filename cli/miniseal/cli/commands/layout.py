"""`miniseal layout`: in-toto layouts, from a first draft to a package that was made by one."""

import json
import time
from collections.abc import Iterable
from pathlib import Path

import click

from miniseal.cli import access, host
from miniseal.cli.files import FILE_UNUSABLE, read_file, write_file
from miniseal.cli.outcome import Outcome, Verb
from miniseal.cli.signing import key_option, open_key
from miniseal.formats import times
from miniseal.formats.bundle import BUNDLE_LIMIT, Bundle
from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, FormatError, UsageError
from miniseal.formats.layout import Layout, LayoutKey, LayoutStep
from miniseal.verifier.checks.layout import Followed, check_layout
from miniseal.verifier.examine import ask, gather, refusing
from miniseal.verifier.fetch import fetch

__all__ = ["LAYOUT_NOT_REQUIRED", "command"]

LAYOUT_NOT_REQUIRED = Code(
    "layout-not-required",
    UsageError,
    meaning="a layout is to be checked by a policy that asks for none",
    cause="the package's namespace has no require.layout, which names signers and functionaries",
    remedy="add the table that `miniseal layout create` prints to the policy",
)


@click.group("layout")
def command() -> None:
    """in-toto layouts: who may perform which step of a release."""


@command.command("create", cls=Verb, extra="pipeline")
@click.option(
    "--functionary",
    "functionaries",
    required=True,
    multiple=True,
    metavar="NAME[=KEY.pub]",
    help="Who may perform the steps: the policy's name of a signer, and the one key of theirs that "
    "counts; any key, or a keyless identity, without. Several where one of them will do.",
)
@click.option(
    "--without",
    "left_out",
    multiple=True,
    type=click.Choice(["rebuild", "test"]),
    help="A step that is not asked for: nothing is built here, or there are no tests.",
)
@click.option(
    "--days",
    default=365,
    show_default=True,
    type=click.IntRange(1, 3650),
    help="Until the layout expires.",
)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The layout's file."
)
def create(
    functionaries: tuple[str, ...], left_out: tuple[str, ...], days: int, output: Path
) -> Outcome:
    """Start a layout that `miniseal release --links` follows; change it, then sign it."""
    from miniseal.pipeline.steps.links import release_layout  # needs the extra `pipeline`

    if output.exists():
        raise FILE_UNUSABLE(f"{output} exists already")
    known = [_functionary(each) for each in functionaries]
    expires = times.to_text(int(time.time()) + days * 86400)
    layout = release_layout(
        {key_id: key for _, key_id, key in known}, expires=expires, left_out=left_out
    )
    named = {key_id: name for name, key_id, _ in known}
    write_file(output, json.dumps(json.loads(layout.to_bytes()), indent=2).encode() + b"\n")
    return Outcome(
        result={
            "layout": str(output),
            "expires": expires,
            "steps": [step.name for step in layout.steps],
            "functionaries": named,
        },
        lines=(
            f"wrote {output}: read it, and allow no more than your releases need",
            "for the policy, when it is signed:",
            "",
            "[namespace.require.layout]",
            'file = "release.layout"',
            'signers = ["owner"]',
            "[namespace.require.layout.functionaries]",
            *(f"{key_id} = {json.dumps(name)}" for key_id, name in named.items()),
        ),
    )


@command.command("sign", cls=Verb)
@click.argument("path", type=click.Path(path_type=Path))
@key_option
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The signed layout."
)
@click.option(
    "--in-toto",
    "in_toto",
    type=click.Path(path_type=Path),
    help="Also write the envelope alone, as in-toto's own tools read it.",
)
def sign(path: Path, key: str | None, output: Path, in_toto: Path | None) -> Outcome:
    """Sign the layout at PATH as its owner, with a key that policies name."""
    from miniseal.attestations.layout import (  # slow
        in_toto_envelope,
        sign_layout,
    )

    if key is None:
        raise click.UsageError("give --key")
    data = read_file(path)
    layout, signer = Layout.from_bytes(data), open_key(key)
    bundle = sign_layout(data, signer)
    if in_toto is not None:
        write_file(in_toto, in_toto_envelope(bundle, signer.public_pem))
    write_file(output, bundle)
    return Outcome(
        result={
            "signed": str(output),
            "digest": sha256(bundle),
            "expires": layout.expires,
            "key": signer.hint,
        },
        lines=(f"signed   {output}", f"  until  {layout.expires}", f"  key    {signer.hint}"),
    )


@command.command("check", cls=Verb, extra="layout")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--against", required=True, metavar="REFERENCE", help="The package.")
@host.policy_option
@host.trust_option
@access.options
def check(path: Path, against: str, policy: Path, trust: Path | None) -> Outcome:
    """Check whether a package was made as the signed layout at PATH says.

    Signers and functionaries are those of the policy's rule for the package; the layout takes the
    place of the rule's file. Nothing else that the policy requires is looked at.
    """
    data = read_file(path, limit=BUNDLE_LIMIT)
    source, name = host.open_source(against)
    with refusing():
        trusting = host.trusting(policy, trust)
        app_id = fetch(source, name).config.manifest.app_id
        asked = ask(app_id, source, name, trusting)
        rule, package = asked.namespace.require.layout, asked.fetched.descriptor.digest
        if rule is None:
            raise LAYOUT_NOT_REQUIRED(
                "the policy asks for no layout", found=f"namespace {asked.namespace.apps}"
            )
        case = gather(asked, source)
        followed = check_layout(
            rule, data, case.collected, trusting.policy, package=package, now=trusting.now
        )
    steps = _performed(followed)
    return Outcome(
        result={
            "app_id": app_id,
            "package": package,
            "until": times.to_text(followed.end),
            "steps": {step: sorted(by) for step, by in steps.items()},
        },
        lines=(
            f"{app_id}: made as the layout says",
            f"  package  {package}",
            f"  until    {times.to_text(followed.end)}",
            *(f"  step     {step}  by {', '.join(sorted(by))}" for step, by in steps.items()),
        ),
    )


@command.command("show", cls=Verb)
@click.argument("path", type=click.Path(path_type=Path))
def show(path: Path) -> Outcome:
    """Show the layout at PATH, signed or not; no signature is checked."""
    data = read_file(path, limit=BUNDLE_LIMIT)
    claimed: str | None = None
    try:
        bundle = Bundle.from_bytes(data)
    except FormatError:
        signed = False
    else:
        data, claimed, signed = bundle.envelope.payload, bundle.key_hint, True
    layout = Layout.from_bytes(data)
    doubts = [doubt for step in layout.steps for doubt in _doubts(step)]
    return Outcome(
        result={
            "signed": signed,
            "key": claimed,
            "expires": layout.expires,
            "readme": layout.readme,
            "steps": [step.to_json() for step in layout.steps],
            "keys": {key_id: key.to_json(key_id) for key_id, key in layout.keys.items()},
            "warnings": doubts,
        },
        lines=(
            f"layout   {path}, until {layout.expires}",
            f"signed   {f'it says by {claimed}; not checked' if signed else 'no'}",
            *(line for step in layout.steps for line in _shown(step, layout.keys)),
            *(f"warning  {doubt}" for doubt in doubts),
        ),
    )


def _functionary(text: str) -> tuple[str, str, LayoutKey | None]:
    """The signer's name, a key id, and the key where one is given."""
    name, given, path = text.partition("=")
    if not name:
        raise click.UsageError("--functionary needs a NAME")
    if not given:
        # any id will do where the layout has no key: the policy says whom it stands for
        return name, sha256(f"functionary {name}".encode()).removeprefix("sha256:"), None
    from miniseal.attestations.layout import functionary_key  # slow

    return name, *functionary_key(read_file(Path(path)), path)


def _performed(followed: Followed) -> dict[str, set[str]]:
    """Who performed each step, by the policy's names."""
    steps: dict[str, set[str]] = {}
    for link in followed.evidence:
        steps.setdefault(link.predicate.name, set()).update(link.signers)
    return steps


def _shown(step: LayoutStep, keys: Iterable[str]) -> tuple[str, ...]:
    who = [key_id[:12] + ("" if key_id in keys else " (no key)") for key_id in step.functionaries]
    return (
        f"step     {step.name}: {step.threshold} of {', '.join(who)}",
        *(f"  uses   {' '.join(rule)}" for rule in step.materials),
        *(f"  makes  {' '.join(rule)}" for rule in step.products),
    )


def _doubts(step: LayoutStep) -> Iterable[str]:
    for kind, rules in (("uses", step.materials), ("makes", step.products)):
        for rule in rules:
            if rule[0] in {"ALLOW", "CREATE"} and "*" in rule[1:]:
                yield f"step {step.name} {kind} whatever it likes: {' '.join(rule)}"
        if len(rules) > 1 and not any(rule[0] == "REQUIRE" for rule in rules):
            yield f"step {step.name} passes without what it {kind}: it REQUIREs nothing"
