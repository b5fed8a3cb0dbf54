"""The files of a private Sigstore: keys, Fulcio's configuration, and what its clients trust."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

__all__ = ["FULCIO_PASSWORD", "Material", "fulcio_config", "signing_config", "trust_config"]

FULCIO_PASSWORD = "miniseal"  # noqa: S105 - of a key that lives as long as a test run

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_OPERATOR = "miniseal.test"
_BEFORE = timedelta(minutes=5)
_YEARS = timedelta(days=3650)
_MEDIA_TYPE = "application/vnd.dev.sigstore."


def _p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The keys of the services.

    Attributes:
        ca: Fulcio's key.
        ctlog: of the certificate transparency log.
        rekor: of the log of version 2.
        rekor1: of the log of version 1.
        start: from when on everything is valid.
    """

    ca: ec.EllipticCurvePrivateKey = field(default_factory=_p256)
    ctlog: ec.EllipticCurvePrivateKey = field(default_factory=_p256)
    rekor: ed25519.Ed25519PrivateKey = field(default_factory=ed25519.Ed25519PrivateKey.generate)
    rekor1: ec.EllipticCurvePrivateKey = field(default_factory=_p256)
    start: datetime = field(
        default_factory=lambda: datetime.now(UTC).replace(microsecond=0) - _BEFORE
    )

    def write(self, folder: Path) -> x509.Certificate:
        """Write what the services read; Fulcio's certificate."""
        certificate = self._certificate()
        (folder / "fulcio.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        for name, key, password in (
            ("fulcio.key", self.ca, FULCIO_PASSWORD),
            ("ctlog.key", self.ctlog, ""),
            ("rekor.key", self.rekor, ""),
            ("rekor1.key", self.rekor1, ""),
        ):
            (folder / name).write_bytes(_pem(key, password))
        return certificate

    def trusted_root(
        self,
        *,
        certificate: x509.Certificate,
        timestamps: Sequence[x509.Certificate],
        urls: dict[str, str],
        origins: dict[str, str],
    ) -> dict[str, Any]:
        """What a verifier trusts.

        A log's `baseUrl` has to name the origin of its checkpoints, not where it listens: some
        verifiers look for the checkpoint's signature by it.

        Args:
            certificate: Fulcio's.
            timestamps: the chain of the timestamp authority.
            urls: of `fulcio`, `ctlog` and `tsa`.
            origins: the names of the logs, `rekor` and `rekor1`.
        """
        valid = {"start": _time(self.start)}
        named = f"{origins['rekor']}\n\1".encode() + self.rekor.public_key().public_bytes_raw()
        return {
            "mediaType": f"{_MEDIA_TYPE}trustedroot+json;version=0.1",
            "tlogs": [
                _log(f"https://{origins['rekor']}", self.rekor, valid, named),
                _log(f"https://{origins['rekor1']}", self.rekor1, valid),
            ],
            "certificateAuthorities": [_authority(urls["fulcio"], [certificate], valid)],
            "ctlogs": [_log(urls["ctlog"], self.ctlog, valid)],
            "timestampAuthorities": [_authority(urls["tsa"], timestamps, valid)],
        }

    def _certificate(self) -> x509.Certificate:
        key = self.ca
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, _OPERATOR),
                x509.NameAttribute(NameOID.COMMON_NAME, "fulcio"),
            ]
        )
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.start)
            .not_valid_after(self.start + _YEARS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(_SIGNS_CERTIFICATES, critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(key, hashes.SHA256())
        )


_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def fulcio_config(issuers: dict[str, str], authority: str) -> bytes:
    """Which tokens Fulcio takes, and what of them goes into a certificate's extensions.

    Args:
        issuers: the URLs of `email`, `github` and `bound`.
        authority: Fulcio's own URL, for which tokens of `bound` have to be.
    """
    common = {"client-id": "sigstore", "contact": _OPERATOR, "description": "of the tests"}
    config = {
        "oidc-issuers": {
            issuers["email"]: {"issuer-url": issuers["email"], "type": "email", **common},
            **{
                issuers[kind]: {
                    "issuer-url": issuers[kind],
                    "type": "ci-provider",
                    "ci-provider": "github-workflow",
                    **common,
                    "client-id": audience,
                }
                for kind, audience in (("github", "sigstore"), ("bound", authority))
            },
        },
        "ci-issuer-metadata": {
            "github-workflow": {
                "default-template-values": {"url": "https://github.com"},
                "extension-templates": _EXTENSIONS,
                "subject-alternative-name-template": "{{ .url }}/{{ .job_workflow_ref }}",
            }
        },
    }
    # with a comment it is YAML alone: as JSON, Fulcio would look for other names
    return b"# YAML\n" + json.dumps(config).encode()


_EXTENSIONS = {
    "build-config-digest": "workflow_sha",
    "build-config-uri": "{{ .url }}/{{ .workflow_ref }}",
    "build-signer-digest": "job_workflow_sha",
    "build-signer-uri": "{{ .url }}/{{ .job_workflow_ref }}",
    "build-trigger": "event_name",
    "github-workflow-name": "workflow",
    "github-workflow-ref": "ref",
    "github-workflow-repository": "repository",
    "github-workflow-sha": "sha",
    "github-workflow-trigger": "event_name",
    "run-invocation-uri": (
        "{{ .url }}/{{ .repository }}/actions/runs/{{ .run_id }}/attempts/{{ .run_attempt }}"
    ),
    "runner-environment": "runner_environment",
    "source-repository-digest": "sha",
    "source-repository-identifier": "repository_id",
    "source-repository-owner-identifier": "repository_owner_id",
    "source-repository-owner-uri": "{{ .url }}/{{ .repository_owner }}",
    "source-repository-ref": "ref",
    "source-repository-uri": "{{ .url }}/{{ .repository }}",
    "source-repository-visibility-at-signing": "repository_visibility",
}


def signing_config(
    *, start: datetime, fulcio: str, oidc: str, rekor: str, version: int, tsa: str | None
) -> dict[str, Any]:
    """Where a signer sends what."""

    def at(url: str, version: int) -> list[dict[str, Any]]:
        valid = {"start": _time(start)}
        return [{"url": url, "majorApiVersion": version, "validFor": valid, "operator": _OPERATOR}]

    config: dict[str, Any] = {
        "mediaType": f"{_MEDIA_TYPE}signingconfig.v0.2+json",
        "caUrls": at(fulcio, 1),
        "oidcUrls": at(oidc, 1),
        "rekorTlogUrls": at(rekor, version),
        "rekorTlogConfig": {"selector": "ANY"},
    }
    if tsa is not None:
        config |= {"tsaUrls": at(tsa, 1), "tsaConfig": {"selector": "ANY"}}
    return config


def trust_config(trusted_root: dict[str, Any], signing: dict[str, Any]) -> dict[str, Any]:
    """Both in one file."""
    return {
        "mediaType": f"{_MEDIA_TYPE}clienttrustconfig.v0.1+json",
        "trustedRoot": trusted_root,
        "signingConfig": signing,
    }


def _log(
    url: str, key: PrivateKey, valid: dict[str, str], named: bytes | None = None
) -> dict[str, Any]:
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    is_ed25519 = isinstance(key, ed25519.Ed25519PrivateKey)
    details = "PKIX_ED25519" if is_ed25519 else "PKIX_ECDSA_P256_SHA_256"
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": _text(der), "keyDetails": details, "validFor": valid},
        "logId": {"keyId": _text(hashlib.sha256(named or der).digest())},
    }


def _authority(
    url: str, chain: Sequence[x509.Certificate], valid: dict[str, str]
) -> dict[str, Any]:
    certificates = [certificate.public_bytes(serialization.Encoding.DER) for certificate in chain]
    return {
        "subject": {"organization": _OPERATOR, "commonName": url},
        "uri": url,
        "certChain": {"certificates": [{"rawBytes": _text(der)} for der in certificates]},
        "validFor": valid,
    }


def _pem(key: PrivateKey, password: str) -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password.encode())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
