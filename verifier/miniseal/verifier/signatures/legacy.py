"""The two verifications that need sigstore-python's private parts, and why.

- `intoto` entries: its public methods refuse them before they look at anything. The bundle is given
  to its common steps (clocks, chain, certificate log, proof, promise) under the name of a kind that
  it knows; the kind is not part of what a log signs. Signature and body are checked here.
- Entries and timestamps beside a managed key: its `Bundle` wants a certificate. Its classes for one
  entry and one timestamp do not.

Nothing of a policy's evidence comes this way: releases are verified by `keyless` and `keys`.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from miniseal.formats.blob_bundle import BlobBundle
from miniseal.formats.dsse import Envelope
from miniseal.formats.extras import need
from miniseal.verifier.evidence import SIGNATURE_INVALID
from miniseal.verifier.signatures.anchors import TIMESTAMP_INVALID, Anchors
from miniseal.verifier.signatures.body import check_body
from miniseal.verifier.signatures.clocks import Leaf, Material
from miniseal.verifier.signatures.keys import PublicKey
from miniseal.verifier.signatures.reasons import refusal, translated, unusable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sigstore.models import Bundle, TimestampVerificationData, TrustedRoot
    from sigstore.verify import Verifier

__all__ = ["check_intoto", "renamed", "times_beside_key"]

_KNOWN = {"kind": "dsse", "version": "0.0.1"}


def renamed(material: Material) -> Material:
    """The material of a bundle whose `intoto` entry goes by the name of a kind that is known."""
    parts = dict(cast("dict[str, object]", material.value["verificationMaterial"]))
    entry = cast("list[dict[str, object]]", parts["tlogEntries"])[0]
    parts["tlogEntries"] = [{**entry, "kindVersion": _KNOWN}]
    return replace(material, value={**material.value, "verificationMaterial": parts})


def check_intoto(
    verifier: "Verifier", part: "Bundle", leaf: Leaf, bundle: BlobBundle, material: Material
) -> None:
    """Verify one cut of a bundle with an `intoto` entry.

    Args:
        verifier: with the trusted root of the cut's time.
        part: the cut, `renamed`.
        leaf: of the bundle.
        bundle: around an envelope.
        material: of the bundle, as it was.

    Raises:
        VerificationError: `signature-invalid`, `log-entry-invalid`, `certificate-invalid`.
        Exception: whatever sigstore-python raises.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    verifier._verify_common_signing_cert(part, leaf)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    spki = part.signing_certificate.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    key = PublicKey.from_pem(spki, what="the certificate's key", code=SIGNATURE_INVALID)
    if not isinstance(bundle.content, Envelope) or not key.verifies(bundle.content):
        raise SIGNATURE_INVALID("the certificate's key did not make the signature")
    check_body(material.entry, bundle, digest="", verifier=bundle.certificates[0])


def times_beside_key(anchors: Anchors, material: Material, signature: bytes) -> tuple[int, ...]:
    """The times of every clock in a bundle that was signed with a managed key.

    Args:
        anchors: the trusted root.
        material: of the bundle; what its entry binds is checked elsewhere.
        signature: that timestamps have to be over.

    Raises:
        VerificationError: `log-entry-invalid`, `timestamp-invalid`.
        UsageError: `trusted-root-invalid`.
        EnvironmentalError: `extra-missing`.
    """
    need("keyless")
    times: set[int] = set()
    for cut, stated in material.cuts():
        parts = json.loads(cut)["verificationMaterial"]
        with translated(refusal):
            stamp = _stamp(parts) if stated is None else None
            time = _time(stamp, stated or 0)
        root = _root(anchors.at(time, log=material.entry.log, stamped=stated is None))
        with translated(refusal):
            _check_entry(root, parts["tlogEntries"][0])
            if stamp is not None:
                _check_stamp(root, stamp, signature)
        times.add(int(time.timestamp()))
    return tuple(sorted(times))


def _stamp(parts: dict[str, Any]) -> "TimestampVerificationData":
    from sigstore.models import TimestampVerificationData

    return TimestampVerificationData.from_json(json.dumps(parts["timestampVerificationData"]))


def _time(stamp: "TimestampVerificationData | None", stated: int) -> datetime:
    """The time of the one timestamp, else the stated one."""
    if stamp is None:
        return datetime.fromtimestamp(stated, UTC)
    return stamp.rfc3161_timestamps[0].tst_info.gen_time


def _root(text: str) -> "TrustedRoot":
    from sigstore.models import ClientTrustConfig

    with translated(unusable):
        return ClientTrustConfig.from_json(text).trusted_root


def _check_entry(root: "TrustedRoot", entry: dict[str, Any]) -> None:
    from sigstore import models
    from sigstore._internal.trust import KeyringPurpose
    from sigstore.errors import VerificationError

    inner = vars(models)["_TransparencyLogEntry"].from_json(json.dumps(entry))
    try:
        keyring = root.rekor_keyring(KeyringPurpose.VERIFY)
        models.TransparencyLogEntry(inner)._verify(keyring)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    except VerificationError as error:
        raise VerificationError(f"invalid log entry: {error}") from error


def _check_stamp(root: "TrustedRoot", stamp: "TimestampVerificationData", signature: bytes) -> None:
    from sigstore.verify import Verifier

    verifier = Verifier(trusted_root=root)
    for each in stamp.rfc3161_timestamps:
        verified = verifier._verify_signed_timestamp(each, signature)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        if verified is None:
            raise TIMESTAMP_INVALID("no timestamp authority of the trusted root made the timestamp")
