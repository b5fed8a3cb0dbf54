"""The policy that a release is verified by where no platform's policy is given.

It demands of the release what every release has, signed by the key that signed it. That shows that
what the store serves is whole and readable by a host; it does not show that any host would accept
it, which only the platform's own policy can. `policy_text` also starts a platform's policy.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from string import Template

from miniseal.attestations import KeyIdentity, Signer
from miniseal.packager import ALWAYS, Project
from miniseal.pipeline.steps.attest import BUILDER_DAGGER, BUILDER_ISOLATED, BUILDER_UNSAFE
from miniseal.verifier import Policy
from miniseal.verifier.signatures.certificate import CertificateIdentity

__all__ = ["ROOT", "WorkflowSigner", "policy_of", "policy_text"]

_KEY = "signer.pub"
ROOT = "trusted_root.json"
"""The file, beside a policy, with the trusted root of its keyless signers."""
_NEVER = "9999-12-31T00:00:00Z"

_POLICY = Template("""\
version = 1
serial = 1                      # raise it with every change: a host never goes back
expires = $expires
max_admission_age = "30d"       # after that a program is checked again

$signer$builders
[[namespace]]
apps = $app
publishers = ["publisher"]
permissions = $permissions
network_hosts = $hosts
limits = {memory_mib = $memory_mib, fuel = $fuel, wall_ms = $wall_ms}
executable_assets = $executable
min_version_code = 1
[namespace.require.provenance]
signers = ["publisher"]
min_level = $level
[namespace.require.sbom]
signers = ["publisher"]
deny_licenses = $licenses
unknown_licenses = "allow"
[namespace.require.vulnerabilities]
signers = ["publisher"]
max_age = "14d"
fail_on = $fail_on
ignore_unfixed = $unfixed
vex_signers = $vex              # whose word makes a finding not count
[namespace.require.checks]
signers = ["publisher"]
passed = $checks
[namespace.require.capabilities]
signers = ["publisher"]
$grants
[host]
platform_version = $platform
always = $always
interfaces = {$interfaces}
""")
_WITH_KEY = Template("""\
[signer.publisher]
keys = [{file = $file}]
""")
_KEYLESS = Template("""\
[trust]
trusted_root = $file

[signer.publisher]
$members
""")
_BUILDER = Template("""
[[builder]]
id = $id
signers = ["publisher"]
level = $level
""")
_GRANT = Template("""
[permission.$name]
interfaces = $interfaces
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSigner:
    """A workflow that builds and signs, for one repository that calls it.

    Attributes:
        issuer: of its tokens.
        workflow: its URI with the ref, as certificates have it: who builds as well as who signs.
        repository_id: the number of the calling repository.
        owner_id: the number of its owner.
        ref: a pattern of the refs that may be released.
    """

    issuer: str
    workflow: str
    repository_id: str
    owner_id: str
    ref: str

    def to_toml(self) -> str:
        """The tables of the signer."""
        return _signer_of(
            {
                "issuer": self.issuer,
                "identity": self.workflow,
                "source_repository_id": self.repository_id,
                "source_owner_id": self.owner_id,
                "source_ref": self.ref,
                "runner_environment": "github-hosted",
            }
        )


def policy_of(project: Project, signer: Signer) -> Policy:
    """The policy of this project, trusting this signer, whatever built it.

    A keyless signer is named by issuer and identity, and for the trusted root of its own instance.
    """
    identity = signer.identity
    builders = {BUILDER_ISOLATED: 1, BUILDER_DAGGER: 1, BUILDER_UNSAFE: 0}
    if isinstance(identity, KeyIdentity):
        who, files = _WITH_KEY.substitute(file=_quote(_KEY)), {_KEY: identity.public_pem}
    else:
        named = CertificateIdentity.from_der(identity.certificate)
        who, files = _keyless(named), {ROOT: identity.trusted_root}
        if named.build_signer_uri is not None:
            builders[named.build_signer_uri] = 1
    text = _text(
        project,
        signer=who,
        expires=_NEVER,
        builders=builders,
        executable=("html", "script", "wasm"),
        checks=("coverage", "misconfiguration", "secrets"),
    )
    return Policy.from_toml(text.encode("utf-8"), files.__getitem__)


def policy_text(project: Project, *, signer: str | WorkflowSigner, expires: str) -> str:
    """A platform's first policy.toml: it admits this project, built isolated and rebuilt.

    What the project says in `[scan]` it takes over, and it believes the publisher's VEX where the
    project has any: a platform that thinks otherwise changes it.

    Args:
        project: what it is for.
        signer: the public key's file, beside the policy, or a workflow, whose builds are isolated
            from what signs (SLSA Build L3); its trusted root is then in `ROOT` beside the policy.
        expires: RFC 3339.
    """
    checks = ["coverage", "misconfiguration", "rebuild", "secrets"]
    checks += ["licenses"] if project.settings.scan.deny_licenses else []
    checks += ["program"] if _has_tests(project) else []
    return _text(
        project,
        signer=_WITH_KEY.substitute(file=_quote(signer))
        if isinstance(signer, str)
        else signer.to_toml(),
        expires=expires,
        builders={BUILDER_ISOLATED: 1, BUILDER_DAGGER: 1}
        if isinstance(signer, str)
        else {signer.workflow: 3},
        executable=(),
        checks=checks,
    )


def _keyless(named: CertificateIdentity) -> str:
    """The signer's tables: with the repository where a workflow signs, which others may call."""
    members = {
        "issuer": named.issuer,
        "identity": named.subject,
        "source_repository_id": named.source_repository_id,
        "source_owner_id": named.source_owner_id,
    }
    return _signer_of({name: value for name, value in members.items() if value is not None})


def _signer_of(members: Mapping[str, str]) -> str:
    lines = (f"{name} = {_quote(value)}" for name, value in members.items())
    return _KEYLESS.substitute(file=_quote(ROOT), members="\n".join(lines))


def _has_tests(project: Project) -> bool:
    return bool(project.settings.test or project.settings.test_command)


def _text(
    project: Project,
    *,
    signer: str,
    expires: str,
    builders: dict[str, int],
    executable: Iterable[str],
    checks: Iterable[str],
) -> str:
    manifest, settings = project.manifest, project.settings
    uses = sorted({use for interfaces in settings.permissions.values() for use in interfaces})
    names = {use.partition("@")[0]: use.partition("@")[2] or "1.0.0" for use in uses}
    return _POLICY.substitute(
        expires=expires,
        signer=signer,
        builders="".join(
            _BUILDER.substitute(id=_quote(builder), level=level)
            for builder, level in builders.items()
        ),
        app=_quote(manifest.app_id),
        permissions=_array(permission.name for permission in manifest.req_permissions),
        hosts=_array(settings.network.allowed_hosts),
        **settings.asked_limits.to_json(),
        executable=_array(executable),
        level=min(builders.values()),
        fail_on=_quote(settings.scan.fail_on),
        unfixed=str(settings.scan.ignore_unfixed).lower(),
        licenses=_array(settings.scan.deny_licenses),
        vex=_array(("publisher",) if settings.scan.vex else ()),
        checks=_array(sorted(checks)),
        grants="".join(
            _GRANT.substitute(name=_quote(name), interfaces=_array(interfaces))
            for name, interfaces in settings.permissions.items()
        ),
        platform=manifest.platform_min_code,
        always=_array(ALWAYS),
        interfaces=", ".join(
            f"{_quote(name)} = {_quote(version)}" for name, version in names.items()
        ),
    )


def _array(values: Iterable[str]) -> str:
    return f"[{', '.join(map(_quote, values))}]"


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
