"""Signed packages in memory, with real keys and real formats, for tests of whoever reads them.

    scene = Scene(tmp_path)                      # a repository, a policy, a host's state, a clock
    scene.release(code=1, version="1.0.0")       # a package with all the evidence the policy wants
    scene.verifier().install(APP, scene.repository, "1.0.0")

Every piece can be had alone: `key`, `wasm_module`, `package`, statements, `bundle`, `Repository`.
A test that wants a bad package says what differs: `scene.release(findings=[("CVE-1", "high")])`,
`scene.policy(POLICY.replace("serial = 1", "serial = 2"))`. Nothing here checks anything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from miniseal.attestations import FileSigner, sign_statement
from miniseal.formats import ustar
from miniseal.formats.bundle import BUNDLE_TYPE
from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, EnvironmentalError
from miniseal.formats.manifest import MANIFEST_INVALID, MiniAppManifest
from miniseal.formats.members import Members
from miniseal.formats.oci import (
    EMPTY_CONFIG,
    EMPTY_CONFIG_TYPE,
    MANIFEST_TYPE,
    Descriptor,
    Manifest,
)
from miniseal.formats.package import (
    ASSETS_TYPE,
    CONFIG_TYPE,
    WASM_TYPE,
    AssetsInfo,
    Config,
    Limits,
    Toolchain,
    WasmInfo,
    package_manifest,
)
from miniseal.formats.predicates.openvex import Document
from miniseal.formats.predicates.provenance import Provenance
from miniseal.formats.predicates.resource import Resource
from miniseal.formats.predicates.sbom import Sbom
from miniseal.formats.predicates.scai import Attribute, Scai
from miniseal.formats.predicates.test_result import TestResult
from miniseal.formats.predicates.vulns import Finding, Vulns
from miniseal.formats.statement import Statement, Subject
from miniseal.formats.times import from_text, to_text
from miniseal.formats.wasm.inspect import inspect
from miniseal.verifier.evidence import URIS, CosignSignature
from miniseal.verifier.verifier import Verifier

__all__ = [
    "APP",
    "BUILDER",
    "CHECKS",
    "CONTENT_MISSING",
    "LOCK",
    "NOW",
    "POLICY",
    "SCANNER",
    "SOURCE",
    "Package",
    "Repository",
    "Scene",
    "assemble",
    "bundle",
    "checks",
    "cosign_signature",
    "key",
    "package",
    "provenance",
    "sbom",
    "scai",
    "scan",
    "vex",
    "wasm_module",
]

APP = "com.acme.tip"
BUILDER = "https://builders.example/one@v1"
SOURCE = "https://git.example/acme/tip"
SCANNER = sha256(b"a scanner's binary")
DATABASE = sha256(b"a database")
LOCK = sha256(b"a toolchain's lock")
NOW = from_text("2026-11-21T12:00:00Z")
"""The time of every scene until a test moves its clock."""
CHECKS = ("rebuild", "secrets", "coverage", "program")

POLICY = """\
version = 1
serial = 1
expires = 2027-03-01T00:00:00Z
max_admission_age = "30d"

[signer.acme]
keys = [{file = "acme.pub"}]

[signer.scanner]
keys = [{file = "scanner.pub"}]

[[builder]]
id = "https://builders.example/one@v1"
signers = ["acme"]
level = 2

[[namespace]]
apps = "com.acme.*"
publishers = ["acme"]
permissions = ["storage"]
network_hosts = ["*.acme.example"]
[namespace.require.provenance]
signers = ["acme"]
min_level = 2
source = "https://git.example/acme/tip"
[namespace.require.sbom]
signers = ["acme"]
[namespace.require.vulnerabilities]
signers = ["acme", "scanner"]
max_age = "14d"
fail_on = "high"
[namespace.require.checks]
signers = ["acme"]
passed = ["rebuild", "secrets", "coverage", "program"]
[namespace.require.capabilities]
signers = ["acme"]

[permission.storage]
interfaces = ["host:storage/kv@1"]

[host]
platform_version = 12
always = ["env"]
interfaces = {"host:storage/kv" = "1.2.0"}
"""
"""A platform's policy for publisher `acme`, its builder, and a scanner of the platform's own."""

CONTENT_MISSING = Code(
    "content-missing",
    EnvironmentalError,
    meaning="the repository of a test lacks something",
    cause="the test did not put it there",
    remedy="put it there",
)


def key(name: str, *, ed: bool = False) -> FileSigner:
    """The key of that name, P-256 or Ed25519; the same within one run of the tests."""
    return _key(name, ed)


@cache
def _key(_name: str, ed: bool) -> FileSigner:
    made = ed25519.Ed25519PrivateKey.generate() if ed else ec.generate_private_key(ec.SECP256R1())
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return FileSigner.from_pem(pem, what="a test's key")


def wasm_module(*imports: tuple[str, str], mark: bytes = b"") -> bytes:
    """A module that imports functions `(module, name)`; `mark` tells two apart."""
    body = _vector([_name(module) + _name(name) + b"\x00\x00" for module, name in imports])
    sections = _section(1, _vector([b"\x60\x00\x00"])) + _section(2, body) if imports else b""
    custom = _section(0, _name("mark") + mark) if mark else b""
    return b"\0asm\x01\0\0\0" + sections + custom


def _section(number: int, body: bytes) -> bytes:
    return bytes([number]) + _leb(len(body)) + body


def _vector(items: list[bytes]) -> bytes:
    return _leb(len(items)) + b"".join(items)


def _name(text: str) -> bytes:
    return _leb(len(text.encode())) + text.encode()


def _leb(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _leb(rest) if rest else bytes([low])


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package: its manifest's descriptor, and all its content as descriptors and bytes."""

    descriptor: Descriptor
    config: Config
    wasm: bytes
    contents: tuple[tuple[Descriptor, bytes], ...]

    @property
    def digest(self) -> str:
        """Of the manifest."""
        return self.descriptor.digest


def package(
    app_id: str = APP,
    *,
    code: int = 1,
    version: str = "1.0.0",
    wasm: bytes | None = None,
    assets: Mapping[str, bytes] | None = None,
    permissions: Iterable[str] = ("storage",),
    hosts: Iterable[str] = (),
    limits: Limits | None = None,
    min_platform: int = 1,
    lock: str = LOCK,
) -> Package:
    """A package as the packager would write it."""
    wasm = wasm_module(("env", "abort"), ("host:storage/kv@1.0.0", "get")) if wasm is None else wasm
    members: dict[str, object] = {
        "app_id": app_id,
        "name": "Tip",
        "version": {"code": code, "name": version},
        "platform_version": {"min_code": min_platform},
        "req_permissions": [{"name": name} for name in permissions],
    }
    tar = None if assets is None else ustar.write(assets)
    config = Config(
        manifest=MiniAppManifest.from_members(Members(members, "manifest", MANIFEST_INVALID)),
        wasm=WasmInfo.of(wasm, inspect(wasm)),
        assets=None if tar is None or assets is None else AssetsInfo.of(tar, assets),
        permissions={},
        allowed_hosts=tuple(hosts),
        limits=limits or Limits(fuel=1_000_000, memory_mib=16, wall_ms=1_000),
        toolchain=Toolchain(name="wat", version="50.0.1", lock=lock),
    )
    return assemble(config, wasm, tar)


def assemble(config: Config, wasm: bytes, tar: bytes | None) -> Package:
    """A package of these parts, whether or not they agree."""
    parts = [(config.to_bytes(), CONFIG_TYPE), (wasm, WASM_TYPE)]
    parts += [(tar, ASSETS_TYPE)] if tar is not None else []
    contents = [(Descriptor.of(data, media_type), data) for data, media_type in parts]
    descriptors = [descriptor for descriptor, _ in contents]
    manifest = package_manifest(
        descriptors[0], descriptors[1], descriptors[2] if tar is not None else None
    ).to_bytes()
    descriptor = Descriptor.of(manifest, MANIFEST_TYPE)
    return Package(
        descriptor=descriptor,
        config=config,
        wasm=wasm,
        contents=((descriptor, manifest), *contents),
    )


def bundle(
    predicate_type: str,
    predicate: dict[str, object],
    subjects: Iterable[str],
    signer: FileSigner | None = None,
) -> bytes:
    """A signed statement about these digests."""
    statement = Statement(
        subjects=tuple(map(Subject.of, subjects)),
        predicate_type=predicate_type,
        predicate=predicate,
    )
    return sign_statement(statement.to_bytes(), signer or key("acme"))


def provenance(
    *, builder: str = BUILDER, source: object = None, dependencies: Iterable[str] = ()
) -> tuple[str, dict[str, object]]:
    """Type and predicate of build provenance; `source` is the external parameter as it stands."""
    made = Provenance(
        build_type="https://builders.example/type",
        builder_id=builder,
        external_parameters={"source": {"uri": SOURCE} if source is None else source},
        dependencies=tuple(
            Resource(uri=SOURCE, digest={"sha256": digest.removeprefix("sha256:")})
            for digest in dependencies
        ),
    )
    return URIS[Provenance], made.to_json()


def scan(
    findings: Iterable[tuple[str, str] | Finding] = (),
    *,
    finished: int = NOW - 3600,
    updated: int | None = None,
    scanner: str = SCANNER,
) -> tuple[str, dict[str, object]]:
    """Type and predicate of a scan; findings are `(id, severity)` at least, times seconds."""
    made = Vulns(
        scanner_uri=f"pkg:generic/scanner@1?checksum={scanner}",
        database_uri=f"pkg:generic/database@1?checksum={DATABASE}",
        database_updated=to_text(finished if updated is None else updated),
        findings=tuple(
            each if isinstance(each, Finding) else Finding(id=each[0], severity=each[1])
            for each in findings
        ),
        started_on=to_text(finished),
        finished_on=to_text(finished),
    )
    return URIS[Vulns], made.to_json()


def checks(
    passed: Iterable[str] = CHECKS, *, failed: Iterable[str] = (), result: str = ""
) -> tuple[str, dict[str, object]]:
    """Type and predicate of a test result."""
    failed = tuple(failed)
    made = TestResult(
        result=result or ("FAILED" if failed else "PASSED"),
        configuration=(Resource(uri="https://example.org/suite"),),
        passed=tuple(passed),
        failed=failed,
    )
    return URIS[TestResult], made.to_json()


def sbom(wasm: str) -> tuple[str, dict[str, object]]:
    """Type and predicate of a bill of materials of the wasm with this digest."""
    digest = {"alg": "SHA-256", "content": wasm.removeprefix("sha256:")}
    component = {"type": "application", "name": "tip", "hashes": [digest]}
    document: dict[str, object] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"component": component},
    }
    return URIS[Sbom], document


def vex(
    product: dict[str, object] | None = None,
    *,
    name: str = "CVE-2026-1",
    status: str = "not_affected",
    at: int = NOW - 60,
    **more: object,
) -> tuple[str, dict[str, object]]:
    """Type and predicate of a VEX document of one statement; of the whole package without product.

    Every document has an id of its own; `more` are other members of it.
    """
    reason = {"justification": "vulnerable_code_not_present"} if status == "not_affected" else {}
    products = {} if product is None else {"products": [product]}
    statement = {"vulnerability": {"name": name}, "status": status, **reason, **products}
    document: dict[str, object] = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": f"https://vex.example/{sha256(repr((statement, at)).encode())}",
        "author": "security@platform.example",
        "timestamp": to_text(at),
        "version": 1,
        "statements": [statement],
    }
    return URIS[Document], {**document, **more}


def scai() -> tuple[str, dict[str, object]]:
    """Type and predicate of a report on capabilities."""
    return URIS[Scai], Scai(attributes=(Attribute(attribute="IMPORTS"),)).to_json()


def cosign_signature() -> tuple[str, dict[str, object]]:
    """Type and predicate of a plain cosign signature."""
    return URIS[CosignSignature], {}


@dataclass(slots=True)
class Repository:
    """A `Source` in memory, with the doors of a registry that trusts everybody."""

    blobs: dict[str, bytes] = field(default_factory=dict[str, bytes])
    tags: dict[str, Descriptor] = field(default_factory=dict[str, Descriptor])
    attached: dict[str, list[Descriptor]] = field(default_factory=dict[str, list[Descriptor]])
    reads: int = 0

    def resolve(self, name: str) -> Descriptor:
        """What a tag or digest names."""
        for descriptor in self.tags.values():
            if descriptor.digest == name:
                return descriptor
        if name not in self.tags:
            raise CONTENT_MISSING("no such tag", found=name)
        return self.tags[name]

    def read(self, descriptor: Descriptor, *, limit: int) -> bytes:
        """The bytes, whatever they are."""
        del limit
        self.reads += 1
        if descriptor.digest not in self.blobs:
            raise CONTENT_MISSING("no such content", found=descriptor.digest)
        return self.blobs[descriptor.digest]

    def referrers(self, subject: Descriptor) -> tuple[Descriptor, ...]:
        """In the order in which they were attached."""
        return tuple(self.attached.get(subject.digest, ()))

    def publish(self, made: Package, tag: str | None = None) -> None:
        """Put a package under its version's name, or another tag."""
        for descriptor, data in made.contents:
            self.blobs[descriptor.digest] = data
        self.tags[tag or made.config.manifest.version_name] = made.descriptor

    def attach(self, made: Package, data: bytes, predicate_type: str | None = None) -> Descriptor:
        """Hang a bundle, or junk, on a package; return the descriptor of its blob."""
        blob = Descriptor.of(data, BUNDLE_TYPE)
        config = Descriptor.of(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
        annotations = (
            {} if predicate_type is None else {"dev.sigstore.bundle.predicateType": predicate_type}
        )
        manifest = Manifest(
            artifact_type=BUNDLE_TYPE,
            config=config,
            layers=(blob,),
            subject=made.descriptor,
            annotations=annotations,
        ).to_bytes()
        descriptor = Descriptor(
            media_type=MANIFEST_TYPE,
            digest=sha256(manifest),
            size=len(manifest),
            artifact_type=BUNDLE_TYPE,
            annotations=annotations,
        )
        self.blobs |= {descriptor.digest: manifest, blob.digest: data}
        self.attached.setdefault(made.digest, []).append(descriptor)
        return blob

    def say(
        self,
        made: Package,
        said: tuple[str, dict[str, object]],
        signer: FileSigner | None = None,
    ) -> Descriptor:
        """Sign a statement about a package and hang it there."""
        return self.attach(made, bundle(*said, [made.digest], signer))


class Scene:
    """A repository, a policy on disk, a host's state and a clock.

    Attributes:
        repository: of everything that was released.
        path: of policy.toml.
        state: of the host's state.
        now: what the clock says; a test may move it.
    """

    def __init__(self, folder: Path, text: str = POLICY) -> None:
        """Write the policy and its keys; nothing is installed."""
        self.repository = Repository()
        self.path = folder / "platform" / "policy.toml"
        self.state = folder / "state"
        self.now = NOW
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for name in ("acme", "scanner", "security", "stranger", "second"):
            (self.path.parent / f"{name}.pub").write_bytes(key(name).public_pem)
        self.policy(text)

    def policy(self, text: str) -> None:
        """Replace policy.toml."""
        self.path.write_text(text, encoding="utf-8")

    def verifier(self) -> Verifier:
        """A host's verifier with the scene's clock."""
        return Verifier.open(self.path, state=self.state, clock=lambda: self.now)

    def release(
        self,
        app_id: str = APP,
        *,
        code: int = 1,
        version: str | None = None,
        made: Package | None = None,
        findings: Iterable[tuple[str, str] | Finding] = (),
        without: Iterable[str] = (),
        signer: FileSigner | None = None,
    ) -> Package:
        """Publish a package with everything that `POLICY` asks for.

        Args:
            app_id: of the program.
            code: its version code.
            version: its version name; `code`.0.0 where it is not given.
            made: the package, where it is not just any.
            findings: of the scan.
            without: statements to leave out: `provenance`, `scan`, `checks`, `sbom`, `scai`.
            signer: of all statements; `acme` where it is not given.
        """
        made = made or package(app_id, code=code, version=version or f"{code}.0.0")
        self.repository.publish(made)
        said = {
            "provenance": provenance(),
            "sbom": sbom(made.config.wasm.digest),
            "scan": scan(findings, finished=self.now - 3600),
            "checks": checks(),
            "scai": scai(),
        }
        for name, statement in said.items():
            if name not in set(without):
                self.repository.say(made, statement, signer)
        return made
