"""A whole Sigstore in memory: certificates with their log, both kinds of Rekor, a timestamp clock.

Everything is derived from a seed, with deterministic signatures, so the same calls write the same
bytes. It follows Fulcio, RFC 6962, Rekor v1 and v2 and RFC 3161 as far as a verifier can see it,
and does what no real service does: back-date, sign another's content, or leave something out.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kit.der import OCTETS, SET, UTC_TIME, der, integer, oid, sequence, time, utf8
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE, pae

Json = dict[str, Any]
NOW = 1_768_478_400
"""2026-01-15T12:00:00Z: when everything is signed that does not say otherwise."""
START = NOW - 30 * 86_400
"""Since when the fake's logs and authorities are trusted."""
ISSUER = "https://token.actions.githubusercontent.com"
SUBJECT = "https://github.com/acme/wallet/.github/workflows/release.yml@refs/heads/main"
FULCIO = "1.3.6.1.4.1.57264.1"
GITHUB = {
    "11": "github-hosted",
    "12": "https://github.com/acme/wallet",
    "14": "refs/heads/main",
    "15": "1234567",
    "17": "7654321",
    "20": "push",
}
"""Fulcio's extensions for a workflow of acme/wallet, by the last number of their OID."""
BUNDLE = "application/vnd.dev.sigstore.bundle"
VERSIONS = {
    "0.1": f"{BUNDLE}+json;version=0.1",
    "0.2": f"{BUNDLE}+json;version=0.2",
    "0.3-old": f"{BUNDLE}+json;version=0.3",
    "0.3": f"{BUNDLE}.v0.3+json",
}
_SHA256 = "2.16.840.1.101.3.4.2.1"
_ECDSA_SHA256 = "1.2.840.10045.4.3.2"
_SCTS = "1.3.6.1.4.1.11129.2.4.2"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def text_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def signature(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    return key.sign(data, ec.ECDSA(SHA256(), deterministic_signing=True))


def spki(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pem(data: bytes, label: str) -> bytes:
    text = b64(data)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A certificate and its key; or a managed key, where there is no certificate.

    Attributes:
        key: what signs.
        certificate: DER, or None.
    """

    key: ec.EllipticCurvePrivateKey
    certificate: bytes | None

    @property
    def verifier_pem(self) -> bytes:
        """How Rekor v1 writes who signed."""
        if self.certificate is None:
            return pem(spki(self.key), "PUBLIC KEY")
        return pem(self.certificate, "CERTIFICATE")

    @property
    def verifier_v2(self) -> Json:
        """How Rekor v2 does."""
        if self.certificate is None:
            who: Json = {"publicKey": {"rawBytes": b64(spki(self.key))}}
        else:
            who = {"x509Certificate": {"rawBytes": b64(self.certificate)}}
        return {"keyDetails": "PKIX_ECDSA_P256_SHA_256", **who}


class FakeSigstore:
    """One instance; two with different seeds have nothing in common but their names.

    Attributes:
        seed: what every key is derived from.
        embeds: whether timestamps have their certificate with them.
    """

    def __init__(self, seed: str = "miniseal", *, embeds: bool = True) -> None:
        self.seed = seed
        self.embeds = embeds
        self.root_key, self.issuing_key = self.key("root"), self.key("issuing")
        self.ct_key, self.rekor_key = self.key("ct"), self.key("rekor")
        self.tsa_root_key, self.tsa_key = self.key("tsa root"), self.key("tsa")
        self.rekor2_key = ed25519.Ed25519PrivateKey.from_private_bytes(self._secret("rekor2"))
        self.root = self._authority("fulcio root", self.root_key, None)
        self.issuing = self._authority("fulcio", self.issuing_key, (self.root, self.root_key))
        self.tsa_root = self._authority("tsa root", self.tsa_root_key, None)
        self.tsa = self._tsa_leaf()

    def key(self, name: str) -> ec.EllipticCurvePrivateKey:
        """The P-256 key of that name."""
        number = int.from_bytes(self._secret(name), "big") >> 1
        return ec.derive_private_key(number, ec.SECP256R1())

    def _secret(self, name: str) -> bytes:
        return hashlib.sha256(f"{self.seed}/{name}".encode()).digest()

    # certificates

    def leaf(
        self,
        *,
        subject: str | None = SUBJECT,
        issuer: str | None = ISSUER,
        old_issuer: str | None = ISSUER,
        extensions: Mapping[str, str] = GITHUB,
        at: int = NOW,
        minutes: int = 10,
        key: str = "leaf",
        logged_by: ec.EllipticCurvePrivateKey | None = None,
        logged: bool = True,
        ca: bool = False,
        subjects: tuple[x509.GeneralName, ...] = (),
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CODE_SIGNING,
        issued_by: "FakeSigstore | None" = None,
    ) -> Leaf:
        """A certificate as Fulcio issues it: from just before `at`, logged in its own CT log."""
        authority = issued_by or self
        private = self.key(key)
        names = subjects or ((_name(subject),) if subject else ())
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(authority.issuing.subject)
            .public_key(private.public_key())
            .serial_number(int.from_bytes(self._secret(f"serial {key} {at}")[:8], "big"))
            .not_valid_before(_moment(at - 5))
            .not_valid_after(_moment(at - 5 + minutes * 60))
            .add_extension(_usage(ca=ca), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(_issued_with(authority.issuing_key), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
        if ca:
            builder = builder.add_extension(
                x509.BasicConstraints(ca=True, path_length=None), critical=True
            )
        if issuer is not None:
            builder = _extended(builder, "8", utf8(issuer))
        if old_issuer is not None:
            builder = _extended(builder, "1", old_issuer.encode())
        for number, text in extensions.items():
            builder = _extended(builder, number, utf8(text))
        if logged:
            tbs = _signed(builder, authority.issuing_key).tbs_certificate_bytes
            promise = authority._promise(tbs, logged_by or authority.ct_key, at)
            extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(_SCTS), promise)
            builder = builder.add_extension(extension, critical=False)
        certificate = _signed(builder, authority.issuing_key)
        return Leaf(key=private, certificate=certificate.public_bytes(Encoding.DER))

    def managed(self, name: str = "managed") -> Leaf:
        """A key without a certificate."""
        return Leaf(key=self.key(name), certificate=None)

    def _promise(self, tbs: bytes, key: ec.EllipticCurvePrivateKey, at: int) -> bytes:
        """A list of one signed certificate timestamp (RFC 6962 section 3.3)."""
        moment = (at * 1000).to_bytes(8, "big")
        issuer = hashlib.sha256(spki(self.issuing_key)).digest()
        entry = b"\x00\x01" + issuer + len(tbs).to_bytes(3, "big") + tbs + b"\x00\x00"
        signed = signature(key, b"\x00\x00" + moment + entry)
        log = hashlib.sha256(spki(key)).digest()
        sct = b"\x00" + log + moment + b"\x00\x00\x04\x03" + _sized(signed)
        return der(OCTETS, _sized(_sized(sct)))

    def _authority(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        parent: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
    ) -> x509.Certificate:
        issuer = parent[0].subject if parent else _common_name(name)
        signer = parent[1] if parent else key
        builder = (
            x509.CertificateBuilder()
            .subject_name(_common_name(name))
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(int.from_bytes(self._secret(f"serial {name}")[:8], "big"))
            .not_valid_before(_moment(START - 86_400))
            .not_valid_after(_moment(START + 3650 * 86_400))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(ca=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(_issued_with(signer), critical=False)
        )
        return _signed(builder, signer)

    def _tsa_leaf(self) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(_common_name("tsa"))
            .issuer_name(self.tsa_root.subject)
            .public_key(self.tsa_key.public_key())
            .serial_number(int.from_bytes(self._secret("serial tsa")[:8], "big"))
            .not_valid_before(_moment(START - 86_400))
            .not_valid_after(_moment(START + 3650 * 86_400))
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True
            )
            .add_extension(_issued_with(self.tsa_root_key), critical=False)
        )
        return _signed(builder, self.tsa_root_key)

    # timestamps

    def timestamp(self, message: bytes, *, at: int = NOW, embed: bool | None = None) -> bytes:
        """A granted TimeStampResp over `message` (RFC 3161)."""
        algorithm = sequence(oid(_SHA256))
        info = sequence(
            integer(1),
            oid("1.3.6.1.4.1.57264.2"),
            sequence(algorithm, der(OCTETS, hashlib.sha256(message).digest())),
            integer(int.from_bytes(hashlib.sha256(message).digest()[:8], "big")),
            time(at),
        )
        leaf = self.tsa.public_bytes(Encoding.DER)
        digest = sequence(sequence(sequence(der(OCTETS, hashlib.sha256(leaf).digest()))))
        attributes = sorted(
            [
                _attribute("1.2.840.113549.1.9.3", oid("1.2.840.113549.1.9.16.1.4")),
                _attribute("1.2.840.113549.1.9.5", time(at, UTC_TIME)),
                _attribute("1.2.840.113549.1.9.4", der(OCTETS, hashlib.sha256(info).digest())),
                _attribute("1.2.840.113549.1.9.16.2.47", digest),
            ]
        )
        signer = sequence(
            integer(1),
            sequence(self.tsa.issuer.public_bytes(), integer(self.tsa.serial_number)),
            algorithm,
            der(0xA0, *attributes),
            sequence(oid(_ECDSA_SHA256)),
            der(OCTETS, signature(self.tsa_key, der(SET, *attributes))),
        )
        content = sequence(oid("1.2.840.113549.1.9.16.1.4"), der(0xA0, der(OCTETS, info)))
        signed = sequence(
            integer(3),
            der(SET, algorithm),
            content,
            *([der(0xA0, leaf)] if (self.embeds if embed is None else embed) else []),
            der(SET, signer),
        )
        token = sequence(oid("1.2.840.113549.1.7.2"), der(0xA0, signed))
        return sequence(sequence(integer(0)), token)

    # logs

    def entry(
        self, body: Json, *, at: int = NOW, index: int = 1_000_001, promise: bool = True
    ) -> Json:
        """An entry of the Rekor v1 log, second of the three in its tree."""
        canonical = rfc8785.dumps(body)
        log = hashlib.sha256(spki(self.rekor_key)).digest()
        promised = {
            "body": b64(canonical),
            "integratedTime": at,
            "logID": log.hex(),
            "logIndex": index,
        }
        signed = signature(self.rekor_key, rfc8785.dumps(promised))
        note, proof = _tree("rekor.miniseal.test - 42", canonical)
        return {
            "logIndex": str(index),
            "logId": {"keyId": b64(log)},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "integratedTime": str(at),
            **({"inclusionPromise": {"signedEntryTimestamp": b64(signed)}} if promise else {}),
            "inclusionProof": {
                **proof,
                "checkpoint": {
                    "envelope": _noted(
                        note, "rekor.miniseal.test", log, signature(self.rekor_key, note)
                    )
                },
            },
            "canonicalizedBody": b64(canonical),
        }

    def entry_v2(self, body: Json) -> Json:
        """An entry of the Rekor v2 log, which promises nothing and knows no time."""
        canonical = rfc8785.dumps(body)
        origin = "log.miniseal.test"
        raw = self.rekor2_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        log = hashlib.sha256(origin.encode() + b"\n\x01" + raw).digest()
        note, proof = _tree(origin, canonical)
        return {
            "logIndex": proof["logIndex"],
            "logId": {"keyId": b64(log)},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "inclusionProof": {
                **proof,
                "checkpoint": {"envelope": _noted(note, origin, log, self.rekor2_key.sign(note))},
            },
            "canonicalizedBody": b64(canonical),
        }

    # what a client puts together

    def dsse(
        self,
        leaf: Leaf,
        payload: bytes,
        *,
        payload_type: str = IN_TOTO_PAYLOAD_TYPE,
        rekor: int = 1,
        at: int = NOW,
        stamped: bool | None = None,
        version: str = "0.3",
    ) -> Json:
        """A bundle around an envelope; `stamped` by the timestamp authority, by default for v2."""
        signed = signature(leaf.key, pae(payload_type, payload))
        body = dsse_body if rekor == 1 else dsse_body_v2
        return self.bundle(
            leaf,
            {"dsseEnvelope": envelope(payload, payload_type, signed)},
            self._logged(body(leaf, payload, payload_type, signed), rekor, at),
            [self.timestamp(signed, at=at)] if stamped or (stamped is None and rekor == 2) else [],
            version=version,
        )

    def message(
        self,
        leaf: Leaf,
        content: bytes,
        *,
        rekor: int = 1,
        at: int = NOW,
        stamped: bool | None = None,
        version: str = "0.3",
    ) -> Json:
        """A bundle with a message signature."""
        signed = signature(leaf.key, content)
        body = message_body if rekor == 1 else message_body_v2
        return self.bundle(
            leaf,
            {"messageSignature": message_signature(content, signed)},
            self._logged(body(leaf, content, signed), rekor, at),
            [self.timestamp(signed, at=at)] if stamped or (stamped is None and rekor == 2) else [],
            version=version,
        )

    def bundle(
        self,
        leaf: Leaf,
        content: Json,
        entry: Json | None,
        timestamps: list[bytes],
        *,
        version: str = "0.3",
    ) -> Json:
        """A bundle of these parts."""
        material: Json = {}
        if leaf.certificate is None:
            hint = b64(hashlib.sha256(spki(leaf.key)).digest())
            material["publicKey"] = {"hint": hint}
        elif version in {"0.1", "0.2"}:
            chain = [{"rawBytes": b64(leaf.certificate)}]
            material["x509CertificateChain"] = {"certificates": chain}
        else:
            material["certificate"] = {"rawBytes": b64(leaf.certificate)}
        material["tlogEntries"] = [] if entry is None else [entry]
        if timestamps:
            stamps = [{"signedTimestamp": b64(each)} for each in timestamps]
            material["timestampVerificationData"] = {"rfc3161Timestamps": stamps}
        return {"mediaType": VERSIONS[version], "verificationMaterial": material, **content}

    def _logged(self, body: Json, rekor: int, at: int) -> Json:
        return self.entry(body, at=at) if rekor == 1 else self.entry_v2(body)

    def trusted_root(self) -> Json:
        """As `cosign trusted-root create` writes it, with both logs."""
        ed25519_spki = spki(self.rekor2_key)
        raw = self.rekor2_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        rekor2 = hashlib.sha256(b"log.miniseal.test\n\x01" + raw).digest()
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [
                _log("https://rekor.miniseal.test", spki(self.rekor_key)),
                _log("https://log.miniseal.test", ed25519_spki, rekor2, "PKIX_ED25519"),
            ],
            "certificateAuthorities": [_chain("https://fulcio", self.issuing, self.root)],
            "ctlogs": [_log("https://ct.miniseal.test", spki(self.ct_key))],
            "timestampAuthorities": [_chain("https://tsa", self.tsa, self.tsa_root)],
        }


def envelope(payload: bytes, payload_type: str, signed: bytes) -> Json:
    return {
        "payload": b64(payload),
        "payloadType": payload_type,
        "signatures": [{"sig": b64(signed)}],
    }


def message_signature(content: bytes, signed: bytes) -> Json:
    digest = {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(content).digest())}
    return {"messageDigest": digest, "signature": b64(signed)}


def dsse_body(leaf: Leaf, payload: bytes, payload_type: str, signed: bytes) -> Json:
    whole = rfc8785.dumps(envelope(payload, payload_type, signed))
    return {
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {
            "envelopeHash": _hash(whole),
            "payloadHash": _hash(payload),
            "signatures": [{"signature": b64(signed), "verifier": b64(leaf.verifier_pem)}],
        },
    }


def intoto_body(leaf: Leaf, payload: bytes, payload_type: str, signed: bytes) -> Json:
    """The kind that Rekor wrote before `dsse`: it encodes payload and signature twice."""
    whole = rfc8785.dumps(envelope(payload, payload_type, signed))
    signatures = [{"publicKey": b64(leaf.verifier_pem), "sig": b64(b64(signed).encode())}]
    return {
        "apiVersion": "0.0.2",
        "kind": "intoto",
        "spec": {
            "content": {
                "envelope": {"payloadType": payload_type, "signatures": signatures},
                "hash": _hash(whole),
                "payloadHash": _hash(payload),
            }
        },
    }


def dsse_body_v2(leaf: Leaf, payload: bytes, payload_type: str, signed: bytes) -> Json:
    return message_body_v2(leaf, pae(payload_type, payload), signed)


def message_body(leaf: Leaf, content: bytes, signed: bytes) -> Json:
    key = {"content": b64(leaf.verifier_pem)}
    return {
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": _hash(content)},
            "signature": {"content": b64(signed), "publicKey": key},
        },
    }


def message_body_v2(leaf: Leaf, content: bytes, signed: bytes) -> Json:
    digest = {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(content).digest())}
    return {
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": {
            "hashedRekordV002": {
                "data": digest,
                "signature": {"content": b64(signed), "verifier": leaf.verifier_v2},
            }
        },
    }


def _hash(data: bytes) -> Json:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def _tree(origin: str, leaf: bytes) -> tuple[bytes, Json]:
    """The note of a tree of three whose second leaf this is, and its proof (RFC 6962)."""
    first, third = (hashlib.sha256(b"\x00" + each).digest() for each in (b"first", b"third"))
    second = hashlib.sha256(b"\x00" + leaf).digest()
    pair = hashlib.sha256(b"\x01" + first + second).digest()
    root = hashlib.sha256(b"\x01" + pair + third).digest()
    proof = {
        "logIndex": "1",
        "rootHash": b64(root),
        "treeSize": "3",
        "hashes": [b64(first), b64(third)],
    }
    return f"{origin}\n3\n{b64(root)}\n".encode(), proof


def _noted(note: bytes, name: str, log: bytes, signed: bytes) -> str:
    """A signed note (C2SP `signed-note`)."""
    return f"{note.decode()}\n\N{EM DASH} {name} {b64(log[:4] + signed)}\n"


def _log(
    url: str, key: bytes, log: bytes | None = None, details: str = "PKIX_ECDSA_P256_SHA_256"
) -> Json:
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": b64(key),
            "keyDetails": details,
            "validFor": {"start": text_time(START)},
        },
        "logId": {"keyId": b64(log or hashlib.sha256(key).digest())},
    }


def _chain(url: str, *certificates: x509.Certificate) -> Json:
    encoded = [{"rawBytes": b64(each.public_bytes(Encoding.DER))} for each in certificates]
    return {
        "subject": {"organization": "miniseal.test", "commonName": url},
        "uri": f"{url}.miniseal.test",
        "certChain": {"certificates": encoded},
        "validFor": {"start": text_time(START)},
    }


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return builder.sign(key, SHA256(), ecdsa_deterministic=True)


def _extended(
    builder: x509.CertificateBuilder, number: str, value: bytes
) -> x509.CertificateBuilder:
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(f"{FULCIO}.{number}"), value)
    return builder.add_extension(extension, critical=False)


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _issued_with(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _name(subject: str) -> x509.GeneralName:
    if "://" in subject:
        return x509.UniformResourceIdentifier(subject)
    return x509.RFC822Name(subject)


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name}.miniseal.test")])


def _attribute(kind: str, value: bytes) -> bytes:
    return sequence(oid(kind), der(SET, value))


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data
