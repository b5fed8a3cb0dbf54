"""A layout with a scene's packages, and a scanner that finds what a test says, for rescans.

shelf = Shelf.new(tmp_path)
shelf.publish(code=1)                    # released in the scene, and put into the layout
shelf.scanning.findings = (FOUND,)
(row,) = shelf.rescan("1.0.0")
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kit.engines import wait
from kit.packages import APP, NOW, POLICY, SCANNER, Package, Scene, bundle, key
from miniseal.attestations import FileSigner
from miniseal.formats import ustar
from miniseal.formats.bundle import Bundle
from miniseal.formats.digest import sha256
from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import Descriptor, Manifest
from miniseal.formats.package import ASSETS_TYPE
from miniseal.formats.predicates.vulns import Finding, Vulns
from miniseal.formats.statement import Statement
from miniseal.formats.times import to_text
from miniseal.packager import Packed
from miniseal.packager.images import image, wasm_artifact
from miniseal.pipeline.events import Event, Events
from miniseal.pipeline.published import targets
from miniseal.pipeline.rescan.rescan import Rescan, Rescanned, rescan
from miniseal.registry import LayoutStore, Store, attach
from miniseal.verifier import Policy, verify
from miniseal.verifier.evidence import URIS

__all__ = ["FOUND", "MILD", "NEWER", "FakeScanning", "Shelf"]

NEWER = sha256(b"a newer database")
FOUND = ("CVE-2026-1", "high")
MILD = ("CVE-2026-2", "low")


@dataclass(slots=True)
class FakeScanning:
    """Finds `findings`; remembers what it was given."""

    findings: tuple[tuple[str, str], ...] = ()
    scanner: str = SCANNER
    database: str = NEWER
    updated: int = NOW - 600
    finished: int = NOW - 60
    meanwhile: Callable[[], None] = lambda: None
    given: list[tuple[Packed, Sequence[Mapping[str, object]]]] = field(
        default_factory=list[tuple[Packed, Sequence[Mapping[str, object]]]]
    )

    async def scan(self, packed: Packed, bills: Sequence[Mapping[str, object]]) -> Vulns:
        self.given.append((packed, bills))
        self.meanwhile()
        return Vulns(
            scanner_uri=f"pkg:generic/scanner@1?checksum={self.scanner}",
            database_uri=f"pkg:generic/database@1?checksum={self.database}",
            database_updated=to_text(self.updated),
            findings=tuple(
                Finding(id=name, severity=severity, package="pkg:npm/a@1", source="sbom")
                for name, severity in self.findings
            ),
            started_on=to_text(self.finished),
            finished_on=to_text(self.finished),
        )


@dataclass(slots=True)
class Shelf:
    """A layout with a scene's packages, and everything that a rescan of it needs.

    Attributes:
        scene: policy, keys and clock; where packages are made.
        layout: the folder.
        scanning: the scanner.
        events: what the last rescan told.
    """

    scene: Scene
    layout: Path
    scanning: FakeScanning = field(default_factory=FakeScanning)
    events: list[Event] = field(default_factory=list[Event])

    @classmethod
    def new(cls, folder: Path) -> "Shelf":
        """An empty one in `folder`."""
        return cls(scene=Scene(folder, POLICY), layout=folder / "layout")

    @property
    def store(self) -> LayoutStore:
        return LayoutStore(self.layout)

    @property
    def policy(self) -> Policy:
        return Policy.load(self.scene.path)

    def publish(self, made: Package | None = None, **release: Any) -> Package:
        """A package of the scene, or a new release in it, with all its evidence in the layout."""
        made = made or self.scene.release(**release)
        repository, store = self.scene.repository, self.store
        for descriptor, data in made.contents[1:]:
            store.put(data, descriptor.media_type)
        store.put_manifest(made.contents[0][1])
        for referrer in repository.attached.get(made.digest, ()):
            layer = Manifest.from_bytes(repository.blobs[referrer.digest]).layers[0]
            data = repository.blobs[layer.digest]
            attach(store, made.descriptor, data, _statement(data).predicate_type)
        store.tag(made.config.manifest.version_name, made.descriptor)
        return made

    def publish_others(self, made: Package) -> tuple[Descriptor, Descriptor]:
        """The wasm artifact and the image of a package."""
        manifest = made.config.manifest
        archives = [data for found, data in made.contents if found.media_type == ASSETS_TYPE]
        assets = ustar.read(archives[0]) if archives else {}
        found: list[Descriptor] = []
        for built, blobs in (
            wasm_artifact(manifest, made.wasm),
            image(manifest, made.wasm, assets),
        ):
            for data, media_type in blobs.values():
                self.store.put(data, media_type)
            found.append(self.store.put_manifest(built.to_bytes()))
        return found[0], found[1]

    def say(
        self,
        made: Package,
        said: tuple[str, dict[str, object]],
        signer: FileSigner | None = None,
    ) -> None:
        """Sign a statement about a package and attach it."""
        attach(self.store, made.descriptor, bundle(*said, [made.digest], signer), said[0])

    def rescan(
        self,
        *names: str,
        signer: str | None = "scanner",
        scanning: Any = None,
        store: Store | None = None,
        **options: Any,
    ) -> tuple[Rescanned, ...]:
        """Rescan these tags, or all packages, signed with the key of that name."""
        references = [f"oci:{self.layout}:{name}" for name in names] or [f"oci:{self.layout}"]
        self.events.clear()
        given = Rescan(
            policy=self.policy,
            scanning=scanning or self.scanning,
            signer=None if signer is None else key(signer),
            events=Events(self.events.append),
            **{"clock": lambda: self.scene.now, **options},
        )
        found = [
            replace(target, store=store or target.store)
            for text in references
            for target in targets(text)
        ]
        return wait(rescan(found, given))

    def scans(self, made: Package) -> list[Vulns]:
        """The scans attached to a package, the oldest first."""
        return sorted(
            (
                Vulns.from_json(statement.predicate)
                for statement in self.statements(made.descriptor)
                if statement.predicate_type == URIS[Vulns]
            ),
            key=lambda scan: scan.finished_on,
        )

    def statements(self, subject: Descriptor) -> list[Statement]:
        """The statements attached to a manifest."""
        found: list[Statement] = []
        for referrer in self.store.referrers(subject):
            manifest = Manifest.from_bytes(self.store.read(referrer, limit=100_000))
            data = self.store.read(manifest.layers[0], limit=1_000_000)
            found.append(_statement(data))
        return found

    def verdict(self, tag: str = "1.0.0", app_id: str = APP) -> str:
        """What a host says: `admitted`, or the code of the refusal."""
        try:
            verify(app_id, self.store, tag, self.policy, now=self.scene.now)
        except MinisealError as error:
            return error.code
        return "admitted"


def _statement(data: bytes) -> Statement:
    return Statement.from_bytes(Bundle.from_bytes(data).envelope.payload)
