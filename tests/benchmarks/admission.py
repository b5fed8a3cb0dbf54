"""What an admission of six attestations costs, against cosign called as often as it takes.

cosign looks at one kind of statement at a time, so the same signatures are six calls of it; it asks
for no policy over their content, no freshness and no rollback. Its registry is on loopback, ours a
folder. Cold is a whole process; hot is one admission more in a process that admits. A cold `load`,
which relies on an admission, stands beside the one check of a file that cosign offers.

Keyless ratios have no aim: importing sigstore-python alone takes longer than cosign takes for all.
"""

import json
import time
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import (
    Action,
    Sample,
    Series,
    interleave,
    peak_memory,
    process,
    show,
    show_fact,
    show_ratio,
)
from benchmarks.stage import Stage
from kit.fakesigstore import ISSUER, SUBJECT
from kit.keyless import KEYLESS, FakeSigner, keyless_scene
from kit.packages import (
    APP,
    POLICY,
    Package,
    Scene,
    bundle,
    cosign_signature,
    key,
    package,
    provenance,
    wasm_module,
)
from kit.registries import Registry
from kit.sigstore import PrivateSigstore
from miniseal.attestations import Signer
from miniseal.formats.bundle import PREDICATE_ANNOTATION
from miniseal.formats.predicates.provenance import Provenance
from miniseal.registry import LayoutStore, attach
from miniseal.verifier.evidence import URIS, CosignSignature
from services import programs

__all__ = ["measure"]

_ADMIT = """
import sys, time
from miniseal.registry import LayoutStore
from miniseal.verifier import Policy, verify
app_id, layout, digest, policy = sys.argv[1:5]
verify(app_id, LayoutStore(layout), digest, Policy.load(policy), now=time.time())
"""
_AGAIN = """
import json, sys, time
from time import perf_counter, process_time
from miniseal.registry import LayoutStore
from miniseal.verifier import Policy, verify
app_id, layout, digest, path, rounds = sys.argv[1:6]
policy, taken = Policy.load(path), []
for number in range(int(rounds) + 3):
    cpu, wall = process_time(), perf_counter()
    verify(app_id, LayoutStore(layout), digest, policy, now=time.time())
    taken.append((process_time() - cpu, perf_counter() - wall))
json.dump(taken[3:], sys.stdout)
"""
_LOAD = """
import sys
from miniseal.verifier import Verifier
Verifier.open(sys.argv[1], state=sys.argv[2]).load(sys.argv[3])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Published:
    """A package with six attestations, on disk and in a registry.

    Attributes:
        made: the package.
        layout: on disk.
        policy: that admits it.
        types: predicateTypes of what is attached.
        reference: in the registry, by digest.
        blob: the wasm as a file, with a bundle about it beside it.
    """

    made: Package
    layout: Path
    policy: Path
    types: tuple[str, ...]
    reference: str
    blob: Path


def measure(stage: Stage, *, rounds: int = 20) -> None:
    """Print the tables; times are reported and not judged."""
    folder = programs.SIGSTORE.entry()
    if not folder.is_dir():
        raise SystemExit("cosign is not there: run `make services`")
    with PrivateSigstore(folder) as stack:
        registry = Registry(stack, stack.registry)
        keyed = _published(_keyed(stage.folder / "keyed"), stage.folder / "keyed", registry)
        keyless = _published(_keyless(stage.folder / "keyless"), stage.folder / "keyless", registry)
        with stack.inside():
            _measure(stage, stack, keyed, "key", rounds)
            _measure(stage, stack, keyless, "keyless", rounds)


def _measure(
    stage: Stage, stack: PrivateSigstore, published: _Published, kind: str, rounds: int
) -> None:
    python = stage.environment.folder / "bin" / "python"
    environ = {"PATH": "/usr/bin:/bin", **stack.environ}
    cosign = stack.programs / "cosign"
    options = _cosign_options(published, kind)
    where = (published.layout, published.made.digest, published.policy)

    def call(kind: str) -> tuple[str | Path, ...]:
        return (cosign, "verify-attestation", *options, "--type", kind, published.reference)

    def called(*types: str) -> Action:
        def run() -> Sample:
            talk = stage.folder / "cosign.log"
            samples = [process(*call(each), environ=environ, talk=talk) for each in types]
            return Sample(
                cpu=sum(each.cpu for each in samples), wall=sum(each.wall for each in samples)
            )

        return run

    hosted = stage.hosted
    loading = (hosted.policy, hosted.state, hosted.app_id)
    measured = interleave(
        {
            "admission, a whole process": lambda: process(python, "-I", "-c", _ADMIT, APP, *where),
            "cosign verify-attestation, once": called(published.types[0]),
            "cosign verify-attestation, six times": called(*published.types),
            "cosign verify-blob-attestation": lambda: process(
                *(cosign, "verify-blob-attestation", *options, "--type", URIS[Provenance]),
                *("--bundle", published.blob.with_suffix(".json"), published.blob),
                environ=environ,
                talk=stage.folder / "cosign.log",
            ),
            "load, a whole process": lambda: process(python, "-I", "-c", _LOAD, *loading),
        },
        rounds=rounds,
    )
    taken = json.loads(stage.environment.python(_AGAIN, APP, *where, str(5 * rounds)))
    hot = Series.of(Sample(cpu=cpu, wall=wall) for cpu, wall in taken)
    show(f"six attestations, signed with {kind}", {**measured, "admission again, hot": hot})
    cold, once, six, blob, load = measured.values()
    aims = {"key": 1.0}
    show_ratio("hot admission / one cosign call", _first(hot, once), once, aim=aims.get(kind))
    show_ratio("cold admission / six cosign calls", cold, six, aim=aims.get(kind))
    show_ratio("cold load / cosign verify-blob-attestation", load, blob, aim=aims.get(kind))
    ours = peak_memory(python, "-I", "-c", _ADMIT, APP, *where)
    theirs = peak_memory(*call(published.types[0]), environ=environ)
    show_fact("peak memory of an admission", ours)
    show_fact("peak memory of one cosign call", theirs)
    show_fact("peak memory of a load", peak_memory(python, "-I", "-c", _LOAD, *loading))


def _first(series: Series, other: Series) -> Series:
    """As many samples as the other has."""
    count = len(other.cpu)
    return Series(cpu=series.cpu[:count], wall=series.wall[:count])


def _cosign_options(published: _Published, kind: str) -> tuple[str | Path, ...]:
    folder = published.policy.parent
    if kind == "key":
        return ("--key", folder / "acme.pub", "--insecure-ignore-tlog")
    return (
        *("--trusted-root", folder / "trusted_root.json"),
        *("--certificate-identity", SUBJECT, "--certificate-oidc-issuer", ISSUER),
    )


def _keyed(folder: Path) -> tuple[Scene, Package, Signer]:
    scene = Scene(folder, POLICY.replace("expires = 2027", "expires = 2099"))
    scene.now = int(time.time())
    made = scene.release(made=package(wasm=wasm_module(mark=bytes(1000))))
    scene.repository.say(made, cosign_signature())
    return scene, made, key("acme")


def _keyless(folder: Path) -> tuple[Scene, Package, Signer]:
    scene = keyless_scene(folder, KEYLESS.replace("expires = 2027", "expires = 2099"))
    scene.now = int(time.time())
    signer = FakeSigner.of(at=scene.now - 60)
    made = scene.release(made=package(wasm=wasm_module(mark=bytes(1000))), signer=signer)
    scene.repository.say(made, cosign_signature(), signer)
    return scene, made, signer


def _published(
    released: tuple[Scene, Package, Signer], folder: Path, registry: Registry
) -> _Published:
    """The scene's package as a layout, and in the registry."""
    scene, made, signer = released
    store = LayoutStore(folder / "layout")
    for descriptor, data in made.contents[1:]:
        store.put(data, descriptor.media_type)
    subject = store.put_manifest(made.contents[0][1])
    for referrer in scene.repository.attached[made.digest]:
        manifest = json.loads(scene.repository.blobs[referrer.digest])
        data = scene.repository.blobs[manifest["layers"][0]["digest"]]
        statement = json.loads(data)["dsseEnvelope"]["payload"]
        attach(store, subject, data, _type(statement))
    store.tag("1.0.0", subject)
    registry.push(folder / "layout", folder.name)
    types = (uri for kind, uri in URIS.items() if kind is not CosignSignature)
    listed = {each.annotations[PREDICATE_ANNOTATION] for each in store.referrers(subject)}
    return _Published(
        made=made,
        layout=folder / "layout",
        policy=scene.path,
        types=(*(uri for uri in types if uri in listed), URIS[CosignSignature]),
        reference=registry.reference(folder.name, made.digest),
        blob=_blob(folder / "app.wasm", made, signer),
    )


def _blob(path: Path, made: Package, signer: Signer) -> Path:
    path.write_bytes(made.wasm)
    said = bundle(*provenance(), [made.config.wasm.digest], signer)
    path.with_suffix(".json").write_bytes(said)
    return path


def _type(payload: str) -> str:
    predicate_type: str = json.loads(b64decode(payload))["predicateType"]
    return predicate_type
