"""A host's own word on what it has admitted: a verification summary under the host's key.

`host.key` is a P-256 key in the state, made by the first admission and readable by the host's user
alone. Others verify with its public half, which they have to get from the host by a way of their
own. It admits nothing here: what `load` goes by is under a MAC. Whoever can write to the state can
put another key in its place, and signs then as nobody that anybody knows.
"""

import base64
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from miniseal.formats.bundle import Bundle
from miniseal.formats.digest import sha256
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE, Envelope, pae
from miniseal.formats.errors import Code, EnvironmentalError, VerificationError
from miniseal.formats.members import Members
from miniseal.formats.predicates.vsa import PREDICATE_TYPE, AuditMark
from miniseal.formats.statement import Statement, Subject
from miniseal.verifier.evidence import Evidence
from miniseal.verifier.host.audit import Anchor
from miniseal.verifier.host.files import read
from miniseal.verifier.host.head import HEAD_MALFORMED, Head
from miniseal.verifier.host.reader import NOT_INSTALLED, StateReader, record_of
from miniseal.verifier.host.record import Blob, Record
from miniseal.verifier.host.state import State
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.summary import passed
from miniseal.verifier.verdict import Verdict

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

__all__ = [
    "HOST_KEY_UNUSABLE",
    "SUMMARY_MISSING",
    "HostKey",
    "Summary",
    "read_summary",
    "summarise",
    "verifier_id",
]

HOST_KEY_UNUSABLE = Code(
    "host-key-unusable",
    EnvironmentalError,
    meaning="the host's host.key is not a secret P-256 key of the host's own user",
    cause="others have rights to the file or own it, or it is no such key",
    remedy="chmod 600 host.key if nobody else can have read it; else move it away: a new one is "
    "made, and who relies on this host's summaries has to be told its public key",
)

SUMMARY_MISSING = Code(
    "summary-missing",
    VerificationError,
    meaning="the host has no summary of a program's admission",
    cause="an earlier version of Miniseal admitted it",
    remedy="`miniseal readmit` it",
)

_NAME = "host.key"
_LIMIT = 16 * 1024
_VERIFIERS = "https://miniseal.dev/hosts/"


class HostKey:
    """The key of one host.

    Attributes:
        public_pem: PEM SPKI.
        digest: `sha256:` + 64 hex of the public key's SPKI DER.
    """

    __slots__ = ("_key", "digest", "public_pem")

    def __init__(self, key: "EllipticCurvePrivateKey") -> None:
        """Take a P-256 key."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        public = key.public_key()
        self._key = key
        self.public_pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.digest = sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    @classmethod
    def read(cls, state: str | os.PathLike[str]) -> "HostKey":
        """The key of a state.

        Raises:
            VerificationError: `not-installed`, where there is none yet.
            EnvironmentalError: `host-key-unusable`, `state-unreadable`.
        """
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        path = f"{os.fspath(state)}/{_NAME}"
        if not os.path.lexists(path):
            raise NOT_INSTALLED("nothing was installed into this state", found=os.fspath(state))
        pem = read(path, _LIMIT, _NAME, check=_check_rights)
        try:
            key = load_pem_private_key(pem, password=None)
        except (TypeError, ValueError, UnsupportedAlgorithm) as error:
            raise HOST_KEY_UNUSABLE(f"{_NAME} is not a private key") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise HOST_KEY_UNUSABLE(f"{_NAME} is not a P-256 key", found=type(key).__name__)
        return cls(key)

    @classmethod
    def open(cls, state: State) -> "HostKey":
        """The key of a state, made if there is none; the caller holds the state's lock.

        Raises:
            EnvironmentalError: `host-key-unusable`, `state-unreadable`.
        """
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        if not os.path.lexists(state.root / _NAME):
            made = ec.generate_private_key(ec.SECP256R1())
            pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            state.write_own(_NAME, pem)
        return cls.read(state.root)

    @property
    def hint(self) -> str:
        """What bundles call the key by: base64 of the digest."""
        return base64.b64encode(bytes.fromhex(self.digest.removeprefix("sha256:"))).decode()

    def sign(self, statement: bytes) -> bytes:
        """A Sigstore bundle v0.3 around the statement."""
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.hashes import SHA256

        signature = self._key.sign(pae(IN_TOTO_PAYLOAD_TYPE, statement), ec.ECDSA(SHA256()))
        envelope = Envelope(
            payload=statement, payload_type=IN_TOTO_PAYLOAD_TYPE, signatures=(signature,)
        )
        return Bundle(envelope=envelope, key_hint=self.hint).to_bytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A signed summary.

    Attributes:
        bundle: to be kept as a blob.
        key: digest of the host's public key.
    """

    bundle: bytes
    key: str

    def to_json(self) -> dict[str, object]:
        """The entry of a record's `evidence`; nobody's name in the policy stands behind it."""
        return {
            "bundle": sha256(self.bundle),
            "size": len(self.bundle),
            "predicateType": PREDICATE_TYPE,
            "signers": [],
            "key": self.key,
            "identity": None,
            "builder": None,
            "scanner": None,
            "toolchain": [],
        }


def verifier_id(host: str) -> str:
    """The `verifier.id` of the host with this id."""
    return f"{_VERIFIERS}{host}"


def summarise(
    state: State,
    verdict: Verdict,
    policy: Policy,
    evidence: Iterable[Evidence[object]],
    *,
    host: str,
    anchor: Anchor,
) -> Summary:
    """Sign what a host has decided; the caller holds the state's lock.

    Args:
        state: of the host.
        verdict: the decision.
        policy: that it was made by.
        evidence: all that was verified.
        host: its id.
        anchor: where its audit log ends, the line about this decision included.

    Raises:
        EnvironmentalError: `host-key-unusable`, `state-unreadable`.
    """
    key = HostKey.open(state)
    count, digest = anchor
    audit = None if digest is None else AuditMark(count=count, head=digest)
    said = passed(verdict, policy, evidence, verifier_id=verifier_id(host), audit=audit)
    statement = Statement(
        subjects=(Subject.of(verdict.package.digest, verdict.app_id),),
        predicate_type=PREDICATE_TYPE,
        predicate=said.to_json(),
    )
    return Summary(bundle=key.sign(statement.to_bytes()), key=key.digest)


def read_summary(reader: StateReader, app_id: str) -> bytes:
    """The bundle of the host's own summary of a program's admission.

    Raises:
        VerificationError: `not-installed`, `summary-missing`, or as the state is found.
        EnvironmentalError: `state-unreadable`.
    """

    def read_one(head: Head) -> bytes:
        blob = _summary_of(reader.record(head, app_id))
        return reader.blob(blob, f"the summary of {app_id}")

    return reader.steadily(read_one, record_of(app_id))


def _summary_of(record: Record) -> Blob:
    for evidence in record.evidence:
        entry = Members(evidence, "record.evidence", HEAD_MALFORMED)
        if entry.value("predicateType") == PREDICATE_TYPE and not entry.items("signers"):
            return Blob(digest=entry.digest("bundle"), size=entry.integer("size"))
    raise SUMMARY_MISSING("the admission was not summed up", found=record.app_id)


def _check_rights(status: os.stat_result) -> None:
    if status.st_mode & 0o077 or status.st_uid != os.geteuid():
        raise HOST_KEY_UNUSABLE(
            f"{_NAME} is not this user's alone",
            found=f"mode {status.st_mode & 0o777:04o}, owner {status.st_uid}",
            expected=f"mode 0600, owner {os.geteuid()}",
        )
