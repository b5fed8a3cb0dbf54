"""A published package as its store has it: looked at once, and then what was looked at.

Verification and scan see the same bytes, whatever the store says in between. Which evidence counts
is the verifier's to say; nothing is judged here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from miniseal.formats.bundle import Bundle
from miniseal.formats.oci import Descriptor
from miniseal.formats.package import WASM_TITLE, WASM_TYPE
from miniseal.formats.predicates.sbom import Sbom
from miniseal.formats.statement import Statement, Subject
from miniseal.packager import Built, Packed
from miniseal.packager.images import image, wasm_artifact
from miniseal.registry import Store
from miniseal.verifier import Source
from miniseal.verifier.contents import Content, Fetched
from miniseal.verifier.evidence import Evidence

__all__ = ["Snapshot", "bills_of", "packed_of", "published_of", "subjects_of"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A `Source` that asks another one everything once.

    Attributes:
        source: the other.
    """

    source: Source
    _resolved: dict[str, Descriptor] = field(default_factory=dict[str, Descriptor])
    _content: dict[tuple[str, int], bytes] = field(default_factory=dict[tuple[str, int], bytes])
    _referrers: dict[str, tuple[Descriptor, ...]] = field(
        default_factory=dict[str, tuple[Descriptor, ...]]
    )

    def resolve(self, name: str) -> Descriptor:
        """What the source said first."""
        if name not in self._resolved:
            self._resolved[name] = self.source.resolve(name)
        return self._resolved[name]

    def read(self, descriptor: Descriptor, *, limit: int) -> bytes:
        """What the source gave first; the limit is that of the first caller."""
        key = (descriptor.digest, descriptor.size)
        if key not in self._content:
            self._content[key] = self.source.read(descriptor, limit=limit)
        return self._content[key]

    def referrers(self, subject: Descriptor) -> tuple[Descriptor, ...]:
        """What the source listed first."""
        if subject.digest not in self._referrers:
            self._referrers[subject.digest] = tuple(self.source.referrers(subject))
        return self._referrers[subject.digest]


def packed_of(fetched: Fetched, content: Content) -> Packed:
    """The package as the packager has it, with the artifacts that belong to it made anew.

    What somebody says belongs to it is not asked: they might name another program's.
    """
    config = fetched.config
    manifest, tag = config.manifest, config.manifest.version_name
    artifact, _ = wasm_artifact(manifest, content.wasm)
    runnable, _ = image(manifest, content.wasm, content.parts.assets)
    return Packed(
        package=Built(manifest=fetched.manifest, descriptor=fetched.descriptor, tag=tag),
        wasm=Built.of(artifact, f"{tag}-wasm"),
        image=Built.of(runnable, f"{tag}-image"),
        blobs={config.wasm.digest: (content.wasm, WASM_TYPE)},
        config=config,
        contents=content.parts,
        warnings=(),
    )


def published_of(store: Store, packed: Packed) -> tuple[Descriptor, ...]:
    """The manifests of it that the store has, the package's last: a host looks only there.

    Raises:
        EnvironmentalError: the store's own errors.
    """
    others = (packed.wasm.descriptor, packed.image.descriptor)
    return (*filter(store.has, others), packed.package.descriptor)


def subjects_of(packed: Packed, published: Iterable[Descriptor]) -> tuple[Subject, ...]:
    """What a statement is about (FORMATS section 4), of what is published: the package first."""
    app = packed.config.manifest.app_id
    there = {descriptor.digest for descriptor in published}
    others = ((packed.wasm, f"{app}-wasm"), (packed.image, f"{app}-image"))
    return (
        Subject.of(packed.package.descriptor.digest, app),
        *(
            Subject.of(built.descriptor.digest, name)
            for built, name in others
            if built.descriptor.digest in there
        ),
        Subject.of(packed.config.wasm.digest, WASM_TITLE),
    )


def bills_of(evidence: Iterable[Evidence[Sbom]], wasm: str) -> tuple[dict[str, object], ...]:
    """The bills of materials, as they were signed, that describe this wasm; each once."""
    found: list[dict[str, object]] = []
    for each in evidence:
        payload = Bundle.from_bytes(each.data).envelope.payload
        document = Statement.from_bytes(payload).predicate
        if each.predicate.describes(wasm) and document not in found:
            found.append(document)
    return tuple(found)
