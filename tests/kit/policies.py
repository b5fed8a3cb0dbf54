"""Policies with keyless signers and everything else that a policy can have, for tests of them.

    read(WHOLE)                                  # a policy, or the refusal
    read(WHOLE.replace("agree = 1", "agree = 3"))

`FILES` are the files that `WHOLE` names. Nothing here checks anything.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from kit.packages import POLICY, key
from miniseal.formats.bundle import Bundle
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE, Envelope, pae
from miniseal.formats.layout import PACKAGE, Layout, LayoutStep
from miniseal.verifier.policy.policy import Policy

__all__ = [
    "FILES",
    "GITHUB",
    "PERSON",
    "TRUST",
    "WHOLE",
    "keyless",
    "read",
    "signed_layout",
    "toml",
]

TRUST = '[trust]\ntrusted_root = "root.json"\n\n'
GITHUB = """\
issuer = "https://token.actions.githubusercontent.com"
identity = "https://github.com/acme/ci/.github/workflows/release.yml@refs/tags/v2"
source_repository_id = "123"
source_owner_id = "45"
source_ref = "refs/tags/*"
runner_environment = "github-hosted"
build_trigger = "push"
"""
PERSON = """\
issuer = "https://accounts.example/oidc"
identity = "alice@acme.example"
"""

_MORE = f"""\
{TRUST}[signer.ci]
{GITHUB}
[signer.rebuilder-one]
keys = [{{file = "keys/one.pub"}}]

[signer.rebuilder-two]
issuer = "https://gitlab.example"
identity_pattern = "https://gitlab.example/two/*"
source_repository_id = "7"

[signer.store]
{PERSON}
[[builder]]
id = "https://builders.example/rebuilds/one@v1"
signers = ["rebuilder-one"]
level = 1

[[builder]]
id = "https://builders.example/rebuilds/two@v1"
signers = ["rebuilder-two"]
level = 1

"""
_RULES = """\
[namespace.require.rebuilders]
signers = ["rebuilder-one", "rebuilder-two"]
agree = 1
[namespace.require.verification]
verifiers = [{signer = "store", id = "https://store.example/verifier"}]
max_age = "7d"
levels = ["SLSA_BUILD_LEVEL_2"]
[namespace.require.layout]
file = "layouts/tip.json"
signers = ["acme"]
functionaries = {aaaaaaaa = "ci", bbbbbbbb = "acme"}

[permission.storage]
"""

WHOLE = (
    POLICY.replace("[signer.scanner]", f"{_MORE}[signer.scanner]")
    .replace('["acme"]\npermissions', '["acme", "ci"]\npermissions')
    .replace("[permission.storage]\n", _RULES)
    .replace(
        'signers = ["acme"]\nmin_level', 'signers = ["acme", "ci"]\nref = "refs/tags/*"\nmin_level'
    )
    .replace('.sbom]\nsigners = ["acme"]', '.sbom]\nsigners = ["acme", "ci"]\nmax_age = "90d"')
)
"""With all kinds of signers and all kinds of rules."""


def signed_layout(
    signer: str = "acme", *, expires: str = "2099-01-01T00:00:00Z", threshold: int = 1
) -> bytes:
    """A layout of one step, for the key ids that `WHOLE` knows."""
    rules = (("ALLOW", "*"), ("DISALLOW", "*"))
    step = LayoutStep(
        name="pack",
        materials=rules,
        products=(("REQUIRE", PACKAGE), *rules),
        functionaries=("aaaaaaaa", "bbbbbbbb", "cccccccc"),
        threshold=threshold,
    )
    payload = Layout(steps=(step,), expires=expires).to_bytes()
    signature = key(signer).sign(pae(IN_TOTO_PAYLOAD_TYPE, payload))
    envelope = Envelope(payload=payload, payload_type=IN_TOTO_PAYLOAD_TYPE, signatures=(signature,))
    return Bundle(envelope=envelope).to_bytes()


FILES: Mapping[str, bytes] = {
    **{f"{name}.pub": key(name).public_pem for name in ("acme", "scanner", "second")},
    "keys/one.pub": key("one").public_pem,
    "layouts/tip.json": signed_layout(),
    "root.json": json.dumps(
        {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "certificateAuthorities": [{}],
        }
    ).encode(),
    "1.root.json": b'{"signed":{"_type":"root"},"signatures":[]}',
}


def keyless(signer: str = GITHUB) -> str:
    """`POLICY`, with a keyless signer called `ci` that the rules do not name."""
    return POLICY.replace("[signer.scanner]", f"{TRUST}[signer.ci]\n{signer}\n[signer.scanner]")


def toml(document: Any) -> bytes:
    """A TOML document; nulls, which TOML has not, are left out, and so is what is no object."""
    members = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    lines = [f"{json.dumps(name)} = {_value(value)}" for name, value in _some(members)]
    return "\n".join(lines).encode("utf-8", "replace")


def _value(value: Any) -> str:
    if isinstance(value, dict):
        named = _some(cast("dict[str, Any]", value))
        return "{" + ", ".join(f"{json.dumps(name)} = {_value(each)}" for name, each in named) + "}"
    if isinstance(value, list):
        listed = cast("list[Any]", value)
        return "[" + ", ".join(_value(each) for each in listed if each is not None) + "]"
    if isinstance(value, float):
        return str(value).replace("Infinity", "inf")
    return json.dumps(value)


def _some(members: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in members.items() if value is not None]


def read(text: str, files: Mapping[str, bytes] | None = None) -> Policy:
    """The policy, with `files` in the places of those of `FILES`."""
    return Policy.from_toml(text.encode(), {**FILES, **(files or {})}.__getitem__)
