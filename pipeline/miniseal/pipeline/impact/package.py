"""One package: where something stands in its config, and in the statements attached to it.

Statements are read as the verifier reads them, within its bounds, but of every predicate type and
whoever signed; whether a signature was checked is noted beside each.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from miniseal.formats.bundle import BUNDLE_LIMIT, BUNDLE_TYPE, Bundle
from miniseal.formats.errors import FormatError, MinisealError, VerificationError
from miniseal.formats.oci import Descriptor, Manifest
from miniseal.formats.statement import Statement
from miniseal.pipeline.impact.found import Found, Impact, Problem, Program, Signature
from miniseal.pipeline.impact.traces import Query, Trace, traces
from miniseal.verifier import Source, Trusting
from miniseal.verifier.budget import EVIDENCE_LIMIT, REFERRERS, VERIFICATIONS, Budget
from miniseal.verifier.collect import collect
from miniseal.verifier.contents import Fetched
from miniseal.verifier.examine import refusing
from miniseal.verifier.fetch import fetch_content, read_checked
from miniseal.verifier.keyring import Keyring
from miniseal.verifier.signatures.trust import of_policy

__all__ = ["Check", "Checked", "Look", "unchecked", "verifying"]

Checked = tuple[Signature, tuple[str, ...]]
Check = Callable[[bytes], Checked]
"""Says of a bundle how its signature was checked, and whose it is."""

_REFERRER_LIMIT = 16 * 1024  # as for the verifier: larger ones are no bundle's
UNCHECKED: Checked = ("unverified", ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A look at one package.

    Attributes:
        query: what for.
        source: holds the package and its statements.
        fetched: manifest and config.
        program: what the package is called in the result.
        check: how signatures are checked.
        result: what is found, and what cannot be read, goes in here.
    """

    query: Query
    source: Source
    fetched: Fetched
    program: Program
    check: Check
    result: Impact

    def at_package(self) -> bool:
        """Look at what the package itself is, and names in its config.

        Whether it is part of the package: then every statement is about it, and says nothing more
        by naming it.

        Raises:
            MinisealError: what content can be refused for.
        """
        own = dict(_own(self.query, self.source, self.fetched))
        self.result.found += [
            Found(program=self.program, role=role, path=path) for role, path in own.items()
        ]
        return bool(own.keys() - {"toolchain"})

    def at_statements(self) -> frozenset[str]:
        """Look at every statement attached; the digests of all bundles that could be read.

        Raises:
            VerificationError: `evidence-limit`.
        """
        read: set[str] = set()
        verifications = 0
        for digest, data in self._bundles():
            read.add(digest)
            try:
                bundle = Bundle.from_bytes(data)
                statement = Statement.from_bytes(bundle.envelope.payload)
            except FormatError:
                continue
            found = _said(self.query, digest, bundle, statement)
            if found:
                verifications += 1
                many = verifications > VERIFICATIONS
                signature, signers = UNCHECKED if many else self.check(data)
                self.result.found += [
                    Found(
                        program=self.program,
                        role=trace.role,
                        path=trace.path,
                        bundle=digest,
                        predicate_type=statement.predicate_type,
                        signature=signature,
                        signers=signers,
                    )
                    for trace in found
                ]
        return frozenset(read)

    def _bundles(self) -> Iterator[tuple[str, bytes]]:
        """Digest and bytes of each bundle, whatever it says; one that is missing is told.

        Bounded as the verifier's own reading is, but of all predicate types.
        """
        budget = Budget()
        referrers = list(islice(self.source.referrers(self.fetched.descriptor), REFERRERS + 1))
        if len(referrers) > REFERRERS:
            raise EVIDENCE_LIMIT("too many referrers", expected=f"at most {REFERRERS}")
        layers: dict[str, Descriptor] = {}
        for referrer in referrers:
            if referrer.artifact_type in {None, BUNDLE_TYPE} and referrer.size <= _REFERRER_LIMIT:
                budget.read(referrer.size)
                layers |= {layer.digest: layer for layer in _layers(self._read(referrer))}
        for layer in layers.values():
            budget.read(layer.size)
            data = self._read(layer)
            if data:
                yield layer.digest, data

    def _read(self, descriptor: Descriptor) -> bytes:
        """The content, or nothing, and a problem, where it cannot be had."""
        try:
            with refusing():
                return read_checked(self.source, descriptor, BUNDLE_LIMIT, "a statement")
        except MinisealError as error:
            self.result.problems.append(Problem(place=self.program.name, error=error))
            return b""


def _own(query: Query, source: Source, fetched: Fetched) -> Iterator[tuple[str, str]]:
    """What of the package itself it is: role and path."""
    config, package = fetched.config, fetched.package
    digests = {
        ("package", ""): fetched.descriptor.digest,
        ("config", "config"): package.config.digest,
        ("wasm", "miniseal.wasm.digest"): config.wasm.digest,
        ("assets", "miniseal.assets.digest"): config.assets.digest if config.assets else "",
        ("toolchain", "miniseal.toolchain.lock"): config.toolchain.lock,
    }
    yield from (place for place, digest in digests.items() if query.matches(digest))
    executable = config.assets.executable if config.assets else ()
    if query.digest and any(asset.kind == "wasm" for asset in executable):
        # a deny list covers nested modules too, and no config names their digests
        nested = fetch_content(source, fetched).wasm_digests()[1:]
        yield from [("wasm", "miniseal.assets.executable")] if query.digest in nested else []


def _said(query: Query, digest: str, bundle: Bundle, statement: Statement) -> tuple[Trace, ...]:
    """What a bundle, its signer's key and its statement say of it."""
    found: list[Trace] = []
    if query.matches(digest):
        found.append(Trace(role="bundle", path=""))
    if bundle.key_hint is not None and query.matches(bundle.key_hint):
        found.append(Trace(role="signer", path="verificationMaterial.publicKey.hint"))
    for index, subject in enumerate(statement.subjects):
        if any(map(query.matches, subject.digest.values())):
            found.append(Trace(role="subject", path=f"subject[{index}]"))
    return (*found, *traces(statement.predicate, query))


def _layers(referrer: bytes) -> tuple[Descriptor, ...]:
    """The bundles that a referrer holds: one, where it is a bundle's."""
    try:
        layers = Manifest.from_bytes(referrer).layers
    except FormatError:
        return ()
    return tuple(
        each for each in layers if each.media_type == BUNDLE_TYPE and each.size <= BUNDLE_LIMIT
    )


def unchecked(data: bytes) -> Checked:
    """Checks nothing."""
    del data
    return UNCHECKED


def verifying(trusting: Trusting, fetched: Fetched) -> Check:
    """Checks signatures by those whom the policy lets speak about the program."""
    package, policy, now = fetched.descriptor.digest, trusting.policy, trusting.now
    try:
        keyring = Keyring(policy, policy.namespace(fetched.config.manifest.app_id))
        trust = of_policy(policy, trusting.material, now) if keyring.keyless else None
    except VerificationError:  # nobody may speak about it
        return unchecked

    def check(data: bytes) -> Checked:
        try:
            collected = collect([data], package, policy, keyring, now=now, trust=trust)
        except MinisealError:  # by somebody authorised, and unreadable
            return UNCHECKED
        signers = {name for each in collected.evidence for name in each.signers}
        return ("verified", tuple(sorted(signers))) if signers else UNCHECKED

    return check
