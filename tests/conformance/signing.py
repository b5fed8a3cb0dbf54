"""The signing half of the client protocol: sigstore-python's, as releases sign no plain files."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningRequest:
    """What the command line of one signature says.

    Attributes:
        content: of the file.
        token: an OIDC identity token.
        in_toto: whether the file is a statement, to be signed in an envelope.
        staging: whether the public staging instance signs.
        trusted_root: of a private instance, or None.
        signing_config: of a private instance, or None.
    """

    content: bytes
    token: str
    in_toto: bool = False
    staging: bool = False
    trusted_root: bytes | None = None
    signing_config: bytes | None = None


def sign(request: SigningRequest) -> bytes:
    """The bundle, which the instance's services have a part in; see `_config` for which."""
    from sigstore.dsse import Statement
    from sigstore.oidc import IdentityToken
    from sigstore.sign import SigningContext

    context = SigningContext.from_trust_config(_config(request))
    with context.signer(IdentityToken(request.token)) as signer:
        if request.in_toto:
            return signer.sign_dsse(Statement(request.content)).to_json().encode()
        return signer.sign_artifact(request.content).to_json().encode()


def _config(request: SigningRequest) -> Any:
    """The private instance that both files are of, else a public one, which is asked by TUF."""
    from sigstore.models import ClientTrustConfig

    if request.trusted_root is None or request.signing_config is None:
        return ClientTrustConfig.staging() if request.staging else ClientTrustConfig.production()
    return ClientTrustConfig.from_json(
        json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
                "trustedRoot": json.loads(request.trusted_root),
                "signingConfig": json.loads(request.signing_config),
            }
        )
    )
