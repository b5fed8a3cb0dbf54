"""OCI descriptors, manifests and indexes (image-spec 1.1), both directions.

Foreign members are ignored when reading, as the specification demands; whoever needs the original
bytes keeps them. Blobs are never looked at here, and nothing does I/O.
"""

from dataclasses import dataclass, field

from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, FormatError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import canonical, loads

__all__ = [
    "DOCKER_INDEX_TYPE",
    "DOCKER_MANIFEST_TYPE",
    "EMPTY_CONFIG",
    "EMPTY_CONFIG_TYPE",
    "IMAGE_CONFIG_TYPE",
    "IMAGE_LAYER_TYPE",
    "INDEX_TYPE",
    "INDEX_TYPES",
    "MANIFEST_LIMIT",
    "MANIFEST_TYPE",
    "MANIFEST_TYPES",
    "MANIFEST_VALUES",
    "MEDIA_TYPE_LIMIT",
    "OCI_MALFORMED",
    "REF_NAME",
    "TITLE",
    "Descriptor",
    "Index",
    "Manifest",
]

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX_TYPE = "application/vnd.docker.distribution.manifest.list.v2+json"
INDEX_TYPES = frozenset({INDEX_TYPE, DOCKER_INDEX_TYPE})
"""What lists manifests; docker's forms are of the same shape, and are stored and copied alone."""
MANIFEST_TYPES = INDEX_TYPES | {MANIFEST_TYPE, DOCKER_MANIFEST_TYPE}
IMAGE_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
IMAGE_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
EMPTY_CONFIG_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY_CONFIG = b"{}"
REF_NAME = "org.opencontainers.image.ref.name"
TITLE = "org.opencontainers.image.title"
MANIFEST_LIMIT = 4 * 1024 * 1024
"""Bytes; the bound that registries and clients agree on for manifests and indexes."""
MANIFEST_VALUES = 200_000
"""Of JSON in those bytes: more than forty thousand descriptors have."""
MEDIA_TYPE_LIMIT = 255
"""Characters of a media type (RFC 6838, section 4.2)."""

OCI_MALFORMED = Code(
    "oci-malformed",
    FormatError,
    meaning="an OCI manifest, index or descriptor does not follow the image specification",
    cause="another kind of document, a missing member, or a member of the wrong type",
    remedy="push the content with an OCI client that follows image-spec 1.1",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """A typed pointer to content (image-spec `descriptor.md`).

    Attributes:
        media_type: of the content.
        digest: `sha256:` + 64 hex.
        size: in bytes.
        artifact_type: of the manifest pointed to, in an index or a referrers list.
        annotations: string to string.
    """

    media_type: str
    digest: str
    size: int
    artifact_type: str | None = None
    annotations: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(
        cls, data: bytes, media_type: str, *, annotations: dict[str, str] | None = None
    ) -> "Descriptor":
        """The descriptor of `data`."""
        return cls(
            media_type=media_type,
            digest=sha256(data),
            size=len(data),
            annotations=annotations or {},
        )

    @classmethod
    def from_json(cls, value: object) -> "Descriptor":
        """Read a descriptor object.

        Raises:
            FormatError: `oci-malformed`, `digest-malformed`.
        """
        return cls.from_members(Members(value, "descriptor", OCI_MALFORMED))

    @classmethod
    def from_members(cls, members: Members) -> "Descriptor":
        """Read a descriptor whose members are at hand; raises as `from_json`."""
        return cls(
            media_type=_type(members, "mediaType"),
            digest=members.digest("digest"),
            size=members.integer("size"),
            artifact_type=_artifact_type(members),
            annotations=members.string_map("annotations"),
        )

    def to_json(self) -> dict[str, object]:
        """The descriptor as a JSON object, absent members left out."""
        value: dict[str, object] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
        }
        if self.artifact_type is not None:
            value["artifactType"] = self.artifact_type
        if self.annotations:
            value["annotations"] = dict(self.annotations)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An OCI image manifest (image-spec `manifest.md`)."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    artifact_type: str | None = None
    subject: Descriptor | None = None
    annotations: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def from_bytes(cls, data: bytes, media_type: str = MANIFEST_TYPE) -> "Manifest":
        """Read a manifest of at most `MANIFEST_LIMIT` bytes; of docker's only where that is asked.

        Raises:
            FormatError: `oci-malformed`, `json-malformed`, `too-large`, `digest-malformed`.
        """
        members = _document(data, media_type, "manifest", foreign=("manifests",))
        return cls(
            config=Descriptor.from_members(members.child("config")),
            layers=tuple(map(Descriptor.from_members, members.children("layers"))),
            artifact_type=_artifact_type(members),
            subject=_subject(members),
            annotations=members.string_map("annotations"),
        )

    def to_bytes(self) -> bytes:
        """Canonical JSON: the bytes whose digest names the manifest."""
        value: dict[str, object] = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": self.config.to_json(),
            "layers": [layer.to_json() for layer in self.layers],
        }
        if self.artifact_type is not None:
            value["artifactType"] = self.artifact_type
        if self.subject is not None:
            value["subject"] = self.subject.to_json()
        if self.annotations:
            value["annotations"] = dict(self.annotations)
        return canonical(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An OCI image index (image-spec `image-index.md`)."""

    manifests: tuple[Descriptor, ...] = ()
    artifact_type: str | None = None
    subject: Descriptor | None = None
    annotations: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def from_bytes(cls, data: bytes, media_type: str = INDEX_TYPE) -> "Index":
        """Read an index of at most `MANIFEST_LIMIT` bytes; docker's only where that is asked.

        Raises:
            FormatError: `oci-malformed`, `json-malformed`, `too-large`, `digest-malformed`.
        """
        members = _document(data, media_type, "index", foreign=("config", "layers"))
        return cls(
            manifests=tuple(map(Descriptor.from_members, members.children("manifests"))),
            artifact_type=_artifact_type(members),
            subject=_subject(members),
            annotations=members.string_map("annotations"),
        )

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        value: dict[str, object] = {
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "manifests": [manifest.to_json() for manifest in self.manifests],
        }
        if self.artifact_type is not None:
            value["artifactType"] = self.artifact_type
        if self.subject is not None:
            value["subject"] = self.subject.to_json()
        if self.annotations:
            value["annotations"] = dict(self.annotations)
        return canonical(value)


def _document(data: bytes, media_type: str, what: str, *, foreign: tuple[str, ...]) -> Members:
    value = loads(data, limit=MANIFEST_LIMIT, values=MANIFEST_VALUES, what=what, floats=True)
    members = Members(value, what, OCI_MALFORMED)
    members.integer("schemaVersion", least=2, most=2)
    # mediaType is only a SHOULD in the specification, and a must in docker's; what contradicts is
    # refused.
    found = members.optional_string("mediaType")
    unsaid = found is None and media_type in (MANIFEST_TYPE, INDEX_TYPE)
    if found != media_type and not unsaid:
        raise OCI_MALFORMED(
            f"document is not an OCI {what}", found=repr(found)[:100], expected=media_type
        )
    # One document that is a manifest to some clients and an index to others: GHSA-mc8v-mgrf-8f4v.
    for name in foreign:
        if name in members.values:
            raise OCI_MALFORMED(f"{what} has a member of another kind of document", found=name)
    return members


def _subject(members: Members) -> Descriptor | None:
    return Descriptor.from_members(members.child("subject")) if "subject" in members else None


def _artifact_type(members: Members) -> str | None:
    # Some registries write an empty string for "none".
    empty = members.values.get("artifactType") == ""
    return _type(members, "artifactType") if "artifactType" in members and not empty else None


def _type(members: Members, name: str) -> str:
    found = members.string(name)
    if len(found) > MEDIA_TYPE_LIMIT:
        raise OCI_MALFORMED(
            f"{members.what}.{name} is too long for a media type", found=repr(found)[:60]
        )
    return found
