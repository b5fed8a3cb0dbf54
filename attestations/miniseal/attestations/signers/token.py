"""Who somebody is, by an OIDC token: given, the CI system's, or after a login in a browser.

A token is checked as far as it says when it ends and for whom it is; Fulcio checks the rest. It is
a secret while it is valid, and never shown.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from miniseal.attestations.signers.service import asking
from miniseal.formats.errors import Code, UsageError

if TYPE_CHECKING:
    from sigstore.oidc import IdentityToken

__all__ = ["TOKEN_INVALID", "TOKEN_MISSING", "Tokens", "log_in"]

TOKEN_INVALID = Code(
    "token-invalid",
    UsageError,
    meaning="an identity token is not one, is over, or is for somebody else",
    cause="a token from before a long build, or one whose audience is not `sigstore`",
    remedy="get a new token for the audience `sigstore`, or with --bound-token for the URL of the "
    "certificate authority, and run the command again",
)
TOKEN_MISSING = Code(
    "token-missing",
    UsageError,
    meaning="nothing says who signs",
    cause="no --identity-token, no CI system that gives one, and no terminal to log in from",
    remedy="give --identity-token; a job of GitHub Actions needs `permissions: id-token: write`, "
    "one of GitLab CI an id token SIGSTORE_ID_TOKEN with the audience `sigstore`",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Where an identity comes from.

    Attributes:
        given: a token, or None for the CI system's.
        interactive: whether somebody could log in with a browser.
        audience: whom the token is for.
    """

    given: str | None = None
    interactive: bool = False
    audience: str = "sigstore"

    def first(self) -> "IdentityToken | None":
        """The token at hand; None where somebody has to log in.

        Raises:
            UsageError: `token-invalid`, `token-missing`.
            EnvironmentalError: `signer-unavailable`.
        """
        found = self._ambient() if self.given is None else self._read(self.given)
        if found is None and not self.interactive:
            raise TOKEN_MISSING("there is no identity token")
        return found

    def again(self, last: "IdentityToken") -> "IdentityToken":
        """A token for a new certificate: the last one while it is valid, or the CI system's next.

        Raises:
            UsageError: `token-invalid`, where only a person could give another.
            EnvironmentalError: `signer-unavailable`.
        """
        if last.in_validity_period():
            return last
        found = self._ambient() if self.given is None else None
        if found is None:
            raise TOKEN_INVALID("the identity token ended before everything was signed")
        return found

    def _ambient(self) -> "IdentityToken | None":
        from sigstore.oidc import detect_credential  # takes long

        with asking("the CI system's identity"):
            found = detect_credential(self.audience)
        return None if found is None else self._read(found)

    def _read(self, text: str) -> "IdentityToken":
        from sigstore.oidc import IdentityError, IdentityToken  # takes long

        try:
            return IdentityToken(text, self.audience)
        except IdentityError as error:
            raise TOKEN_INVALID(
                "the identity token cannot be used",
                found=str(error.__cause__ or error).partition("\n")[0][:200],
            ) from error


def log_in(issuer: str) -> "IdentityToken":
    """A token after a login with a browser, which waits for a person.

    Raises:
        EnvironmentalError: `signer-unavailable`.
    """
    with asking(f"the login at {issuer}"):
        from sigstore.oidc import Issuer  # takes long

        return Issuer(issuer).identity_token()
