"""What sigstore-conformance asks of a client, in process: one case, one form of its input.

The suite's cases are not in this repository. They are looked for where `MINISEAL_CONFORMANCE`
says, else beside the checkout, or beside that which it is a clone of; a test that finds none fails.
"""

import os
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from miniseal.formats.errors import Code, UsageError
from miniseal.verifier.evidence import IDENTITY_MISMATCH
from miniseal.verifier.policy.model import Signer
from miniseal.verifier.signatures.blob import Blob, SignedBlob, verify_blob, verify_blob_with_key
from miniseal.verifier.signatures.identity import matches
from miniseal.verifier.signatures.keys import PublicKey

ROOT = Path(__file__).parents[2]
OWN_CASES = Path(__file__).parent / "cases"
IDENTITY = (
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/"
    ".github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
)
ISSUER = "https://token.actions.githubusercontent.com"
PRODUCTION = "https://tuf-repo-cdn.sigstore.dev"
STAGING = "https://tuf-repo-cdn.sigstage.dev"

KEY_UNREADABLE = Code(
    "key-unreadable",
    UsageError,
    meaning="the key of a case cannot be read",
    cause="the case",
    remedy="read the case",
)


class Form(StrEnum):
    """How a client is given the file."""

    PATH = "path"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line of one verification says.

    Attributes:
        bundle: its content.
        blob: the file, or its digest.
        trusted_root: its content.
        key: PEM, or None for a keyless bundle.
        identity: of the certificate.
        issuer: of the certificate.
    """

    bundle: bytes
    blob: Blob
    trusted_root: bytes
    key: bytes | None = None
    identity: str = IDENTITY
    issuer: str = ISSUER


def verify(request: Request) -> SignedBlob:
    """Verify as the suite's client does.

    Raises:
        MinisealError: the refusal.
    """
    if request.key is not None:
        key = PublicKey.from_pem(request.key, what="the key", code=KEY_UNREADABLE)
        return verify_blob_with_key(request.bundle, request.blob, key, request.trusted_root)
    signed = verify_blob(request.bundle, request.blob, request.trusted_root)
    signer = Signer(issuer=request.issuer, identity=request.identity)
    if signed.identity is None or not matches(signer, signed.identity):
        raise IDENTITY_MISMATCH("the certificate is somebody else's", expected=request.identity)
    return signed


def embedded_root(url: str) -> bytes:
    """The trusted root that sigstore-python comes with for one of its TUF repositories."""
    folder = resources.files("sigstore") / "_store" / quote(url, safe="")
    return (folder / "trusted_root.json").read_bytes()


def shared_cases() -> Path:
    """The folder with the suite's own cases; it may not be there."""
    named = os.environ.get("MINISEAL_CONFORMANCE")
    if named:
        return Path(named)
    places = [ROOT.parent, *(Path(origin).parent for origin in _origins())]
    folders = [place / "shared" / "sigstore-conformance" for place in places]
    return next((folder for folder in folders if folder.is_dir()), folders[0])


def _origins() -> list[str]:
    """The checkout that this one is a clone of, where it is on this machine."""
    command = ["git", "-C", str(ROOT), "config", "--get", "remote.origin.url"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [line for line in done.stdout.splitlines() if line.startswith("/")]


def request_of(case: Path, form: Form) -> Request:
    """The verification that a case's folder asks for."""
    blob = Blob.of(_read(case, "artifact") or _read(case.parent, "a.txt") or b"")
    root = _own(case, "trusted_root.json")
    return Request(
        bundle=(case / "bundle.sigstore.json").read_bytes(),
        blob=blob if form is Form.PATH else Blob.named(blob.digest),
        trusted_root=embedded_root(PRODUCTION) if root is None else root,
        key=_read(case, "key.pub"),
        identity=(_own(case, "identity") or IDENTITY.encode()).decode().strip(),
        issuer=(_own(case, "issuer") or ISSUER.encode()).decode().strip(),
    )


def _own(case: Path, name: str) -> bytes | None:
    """A file of the case, else of all cases in its folder."""
    return _read(case, name) or _read(case.parent, name)


def _read(folder: Path, name: str) -> bytes | None:
    path = folder / name
    return path.read_bytes() if path.exists() else None
