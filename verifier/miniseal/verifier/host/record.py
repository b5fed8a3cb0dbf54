"""The admission record of one program: what was admitted, by which policy, until when, with what.

It is written by admission and read by `load`, always under a MAC (`host/mac.py`); here it is only
read and written. Plain classes without `dataclasses`, because `load` reads this.
"""

from miniseal.formats.errors import FormatError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import canonical, loads
from miniseal.formats.times import from_text, to_text
from miniseal.verifier.host.head import HEAD_MALFORMED
from miniseal.verifier.host.mac import SEALED_LIMIT

__all__ = ["Blob", "Grants", "Record"]

_MEMBERS = (
    "admitted",
    "app_id",
    "assets",
    "config",
    "evidence",
    "expires",
    "format",
    "generation",
    "grants",
    "host",
    "limits",
    "namespace",
    "package",
    "policy",
    "trust",
    "version",
    "wasm",
)


class Blob:
    """Content by digest and size in bytes."""

    __slots__ = ("digest", "size")

    def __init__(self, *, digest: str, size: int) -> None:
        """Keep the parts."""
        self.digest = digest
        self.size = size

    @classmethod
    def from_members(cls, members: Members) -> "Blob":
        """Read `{digest, size}`; raises the code of `members`."""
        members.only("digest", "size")
        return cls(digest=members.digest("digest"), size=members.integer("size"))

    def to_json(self) -> dict[str, object]:
        """`{digest, size}`."""
        return {"digest": self.digest, "size": self.size}


class Grants:
    """What the host may give to the program, and no more.

    Attributes:
        permissions: names, as the program asked and the policy allows.
        interfaces: the import keys that the program and its nested modules use; all are allowed.
        network_hosts: host names that it may reach.
        limits: `fuel`, `memory_mib` and `wall_ms` to run it under.
    """

    __slots__ = ("interfaces", "limits", "network_hosts", "permissions")

    def __init__(
        self,
        *,
        permissions: tuple[str, ...],
        interfaces: tuple[str, ...],
        network_hosts: tuple[str, ...],
        limits: dict[str, int],
    ) -> None:
        """Keep the parts."""
        self.permissions = permissions
        self.interfaces = interfaces
        self.network_hosts = network_hosts
        self.limits = limits

    def copy(self) -> "Grants":
        """The same, for somebody who may change it."""
        return Grants(
            permissions=self.permissions,
            interfaces=self.interfaces,
            network_hosts=self.network_hosts,
            limits=dict(self.limits),
        )

    @classmethod
    def from_members(cls, grants: Members, limits: Members) -> "Grants":
        """Read the `grants` and `limits` members; raises the code of `grants`."""
        grants.only("interfaces", "network_hosts", "permissions")
        limits.only("fuel", "memory_mib", "wall_ms")
        return cls(
            permissions=tuple(grants.strings("permissions")),
            interfaces=tuple(grants.strings("interfaces")),
            network_hosts=tuple(grants.strings("network_hosts")),
            limits={name: limits.integer(name) for name in ("fuel", "memory_mib", "wall_ms")},
        )

    def to_json(self) -> dict[str, object]:
        """The `grants` member; the limits stand beside it."""
        return {
            "permissions": list(self.permissions),
            "interfaces": list(self.interfaces),
            "network_hosts": list(self.network_hosts),
        }


class Record:
    """The payload of `records/APP_ID.GENERATION.json`.

    Attributes:
        host: the host's id.
        app_id: of the program.
        namespace: the policy's pattern that it was admitted under.
        version_code: of the version admitted.
        version_name: of the same.
        package: the package manifest.
        config: the package's config.
        wasm: the package's wasm.
        assets: the package's assets, or None.
        grants: what the host may give to it.
        policy_serial: of the policy that admitted it.
        policy_digest: of the same, with everything it names.
        trust: digest of the trusted root that keyless signatures were verified with, or None.
        evidence: for each verified bundle its digest (`bundle`), `size`, `predicateType`,
            `signers`, `key` or `identity`, `builder`, `scanner` and `toolchain`.
        generation: of the head that the record was written under.
        admitted: seconds since 1970.
        expires: seconds since 1970.
    """

    __slots__ = (
        "admitted",
        "app_id",
        "assets",
        "config",
        "evidence",
        "expires",
        "generation",
        "grants",
        "host",
        "namespace",
        "package",
        "policy_digest",
        "policy_serial",
        "trust",
        "version_code",
        "version_name",
        "wasm",
    )

    def __init__(
        self,
        *,
        host: str,
        app_id: str,
        namespace: str,
        version_code: int,
        version_name: str,
        package: Blob,
        config: Blob,
        wasm: Blob,
        assets: Blob | None,
        grants: Grants,
        policy_serial: int,
        policy_digest: str,
        trust: str | None,
        evidence: tuple[dict[str, object], ...],
        generation: int,
        admitted: int,
        expires: int,
    ) -> None:
        """Keep the parts."""
        self.host = host
        self.app_id = app_id
        self.namespace = namespace
        self.version_code = version_code
        self.version_name = version_name
        self.package = package
        self.config = config
        self.wasm = wasm
        self.assets = assets
        self.grants = grants
        self.policy_serial = policy_serial
        self.policy_digest = policy_digest
        self.trust = trust
        self.evidence = evidence
        self.generation = generation
        self.admitted = admitted
        self.expires = expires

    @classmethod
    def from_payload(cls, data: bytes) -> "Record":
        """Read a payload whose MAC was checked.

        Raises:
            VerificationError: `state-malformed`.
        """
        try:
            return cls._read(data)
        except FormatError as error:
            raise HEAD_MALFORMED(f"the record is malformed: {error.message}") from error

    @classmethod
    def _read(cls, data: bytes) -> "Record":
        value = loads(data, limit=SEALED_LIMIT, what="record")
        members = Members(value, "record", HEAD_MALFORMED).only(*_MEMBERS)
        members.integer("format", least=1, most=1)
        version = members.child("version").only("code", "name")
        policy = members.child("policy").only("digest", "serial")
        return cls(
            host=members.string("host"),
            app_id=members.string("app_id"),
            namespace=members.string("namespace"),
            version_code=version.integer("code", least=1),
            version_name=version.string("name"),
            package=Blob.from_members(members.child("package")),
            config=Blob.from_members(members.child("config")),
            wasm=Blob.from_members(members.child("wasm")),
            assets=Blob.from_members(members.child("assets")) if "assets" in members else None,
            grants=Grants.from_members(members.child("grants"), members.child("limits")),
            policy_serial=policy.integer("serial"),
            policy_digest=policy.digest("digest"),
            trust=members.digest("trust") if "trust" in members else None,
            evidence=tuple(item.values for item in members.children("evidence")),
            generation=members.integer("generation", least=1),
            admitted=from_text(members.string("admitted")),
            expires=from_text(members.string("expires")),
        )

    def to_json(self) -> dict[str, object]:
        """The payload as a JSON object."""
        return {
            "format": 1,
            "host": self.host,
            "app_id": self.app_id,
            "namespace": self.namespace,
            "version": {"code": self.version_code, "name": self.version_name},
            "package": self.package.to_json(),
            "config": self.config.to_json(),
            "wasm": self.wasm.to_json(),
            "assets": self.assets.to_json() if self.assets else None,
            "grants": self.grants.to_json(),
            "limits": dict(self.grants.limits),
            "policy": {"serial": self.policy_serial, "digest": self.policy_digest},
            "trust": self.trust,
            "evidence": list(self.evidence),
            "generation": self.generation,
            "admitted": to_text(self.admitted),
            "expires": to_text(self.expires),
        }

    def to_payload(self) -> bytes:
        """Canonical JSON."""
        return canonical(self.to_json())

    def blobs(self) -> frozenset[str]:
        """The digests of everything that the state keeps for this record."""
        content = (self.package, self.config, self.wasm, *((self.assets,) if self.assets else ()))
        bundles = (str(item["bundle"]) for item in self.evidence)
        return frozenset(blob.digest for blob in content).union(bundles)
