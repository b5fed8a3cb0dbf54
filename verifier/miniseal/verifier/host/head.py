"""The head of a host's state: one file that says which record of each program is the current one.

Whoever puts back an older record, or leaves out a program's highest version, contradicts the head.
Whoever puts back an older head with its records contradicts a host's counter (`floor`); without one
they win, and the threat model says so. Plain classes without `dataclasses`: `load` reads this.
"""

from miniseal.formats.errors import Code, FormatError, VerificationError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import canonical, loads
from miniseal.formats.times import from_text, to_text
from miniseal.verifier.host.mac import SEALED_LIMIT

__all__ = ["HEAD_MALFORMED", "AppHead", "Head", "PolicyMark", "TrustMark"]

HEAD_MALFORMED = Code(
    "state-malformed",
    VerificationError,
    meaning="a file of the host's state has a valid MAC and a content that is not understood",
    cause="another version of Miniseal wrote it",
    remedy="use the version of Miniseal that wrote the state, or start from an empty state",
)


_ROLES = ("root", "snapshot", "targets", "timestamp")


class PolicyMark:
    """Which policy the host last decided by.

    Attributes:
        serial: of the policy.
        digest: of the policy with everything it names.
        files: name and digest of each file, `policy.toml` first, then as named in it.
    """

    __slots__ = ("digest", "files", "serial")

    def __init__(self, *, serial: int, digest: str, files: tuple[tuple[str, str], ...]) -> None:
        """Keep the parts."""
        self.serial = serial
        self.digest = digest
        self.files = files

    @classmethod
    def from_members(cls, members: Members) -> "PolicyMark":
        """Read the `policy` member; raises the code of `members`."""
        members.only("digest", "files", "serial")
        return cls(
            serial=members.integer("serial"),
            digest=members.digest("digest"),
            files=tuple(
                (file.only("digest", "name").string("name"), file.digest("digest"))
                for file in members.children("files")
            ),
        )

    def to_json(self) -> dict[str, object]:
        """The `policy` member."""
        files = [{"name": name, "digest": digest} for name, digest in self.files]
        return {"serial": self.serial, "digest": self.digest, "files": files}


class AppHead:
    """What the head says about one program, also after it was removed.

    Attributes:
        code: the highest version code ever admitted.
        package: the package manifest's digest of that version.
        record: digest of the current record's payload, or None where the program is not installed.
        generation: of the head that the record was written under; a part of the record's file name.
    """

    __slots__ = ("code", "generation", "package", "record")

    def __init__(self, *, code: int, package: str, record: str | None, generation: int) -> None:
        """Keep the parts."""
        self.code = code
        self.package = package
        self.record = record
        self.generation = generation

    @classmethod
    def from_members(cls, members: Members) -> "AppHead":
        """Read one entry of `apps`; raises the code of `members`."""
        members.only("code", "generation", "package", "record")
        return cls(
            code=members.integer("code", least=1),
            package=members.digest("package"),
            record=members.digest("record") if "record" in members else None,
            generation=members.integer("generation", least=1),
        )

    def to_json(self) -> dict[str, object]:
        """One entry of `apps`."""
        return {
            "code": self.code,
            "package": self.package,
            "record": self.record,
            "generation": self.generation,
        }


class TrustMark:
    """Which trust material the host has; its content is a blob.

    Attributes:
        digest: of the material.
        size: of it, in bytes.
        versions: of the `root`, `timestamp`, `snapshot` and `targets` in it: what later material
            is not allowed to be behind.
    """

    __slots__ = ("digest", "size", "versions")

    def __init__(self, *, digest: str, size: int, versions: dict[str, int]) -> None:
        """Keep the parts."""
        self.digest = digest
        self.size = size
        self.versions = versions

    @classmethod
    def from_members(cls, members: Members) -> "TrustMark":
        """Read the `trust` member; raises the code of `members`."""
        versions = members.only("digest", "size", "versions").child("versions").only(*_ROLES)
        return cls(
            digest=members.digest("digest"),
            size=members.integer("size"),
            versions={role: versions.integer(role, least=1) for role in _ROLES},
        )

    def to_json(self) -> dict[str, object]:
        """The `trust` member."""
        return {"digest": self.digest, "size": self.size, "versions": self.versions}


class Head:
    """The payload of `head.json`.

    Attributes:
        host: the host's id.
        generation: rises with every head written.
        policy: the policy last decided by.
        time: the highest time at which a program or trust material was accepted, seconds since
            1970.
        apps: by app_id.
        audit: how many lines the audit log had when the head was written, and the digest of the
            last of them, or None where there was none.
        trust: the trust material last accepted, or None where there was none.
    """

    __slots__ = ("apps", "audit", "generation", "host", "policy", "time", "trust")

    def __init__(
        self,
        *,
        host: str,
        generation: int,
        policy: PolicyMark,
        time: int,
        apps: dict[str, AppHead],
        audit: tuple[int, str | None],
        trust: TrustMark | None = None,
    ) -> None:
        """Keep the parts."""
        self.host = host
        self.generation = generation
        self.policy = policy
        self.time = time
        self.apps = apps
        self.audit = audit
        self.trust = trust

    @classmethod
    def from_payload(cls, data: bytes) -> "Head":
        """Read a payload whose MAC was checked.

        Raises:
            VerificationError: `state-malformed`.
        """
        try:
            return cls._read(data)
        except FormatError as error:
            raise HEAD_MALFORMED(f"the head is malformed: {error.message}") from error

    @classmethod
    def _read(cls, data: bytes) -> "Head":
        value = loads(data, limit=SEALED_LIMIT, what="head")
        members = Members(value, "head", HEAD_MALFORMED)
        members.only("apps", "audit", "format", "generation", "host", "policy", "time", "trust")
        members.integer("format", least=1, most=1)
        audit = members.child("audit").only("count", "digest")
        apps = members.child("apps")
        return cls(
            host=members.string("host"),
            generation=members.integer("generation"),
            policy=PolicyMark.from_members(members.child("policy")),
            time=from_text(members.string("time")),
            apps={app_id: AppHead.from_members(apps.child(app_id)) for app_id in apps.values},
            audit=(audit.integer("count"), audit.digest("digest") if "digest" in audit else None),
            trust=TrustMark.from_members(members.child("trust")) if "trust" in members else None,
        )

    def next(
        self,
        *,
        apps: "dict[str, AppHead] | None" = None,
        policy: PolicyMark | None = None,
        time: int | None = None,
        audit: tuple[int, str | None],
        trust: TrustMark | None = None,
    ) -> "Head":
        """The head that follows this one, with what changes."""
        return Head(
            host=self.host,
            generation=self.generation + 1,
            policy=self.policy if policy is None else policy,
            time=self.time if time is None else max(self.time, time),
            apps=self.apps if apps is None else apps,
            audit=audit,
            trust=self.trust if trust is None else trust,
        )

    def to_payload(self) -> bytes:
        """Canonical JSON."""
        return canonical(
            {
                "format": 1,
                "host": self.host,
                "generation": self.generation,
                "policy": self.policy.to_json(),
                "time": to_text(self.time),
                "apps": {app_id: app.to_json() for app_id, app in self.apps.items()},
                "audit": {"count": self.audit[0], "digest": self.audit[1]},
                "trust": self.trust.to_json() if self.trust else None,
            }
        )
