"""Why sigstore-python refused: one of our codes for whatever it raised.

It has one exception for almost everything, so the reason is told from the text. That decides how a
refusal is called and nothing else: what is not known here is refused too, as `signature-invalid`.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from miniseal.formats.bundle import BUNDLE_MALFORMED
from miniseal.formats.errors import Code, MinisealError
from miniseal.verifier.evidence import SIGNATURE_INVALID
from miniseal.verifier.signatures.anchors import TIMESTAMP_INVALID, TRUSTED_ROOT_INVALID
from miniseal.verifier.signatures.certificate import CERTIFICATE_INVALID
from miniseal.verifier.signatures.entry import LOG_ENTRY_INVALID

__all__ = ["refusal", "translated", "unusable"]

_REASONS: tuple[tuple[str, Code], ...] = (
    ("invalid log entry", LOG_ENTRY_INVALID),
    ("transparency log entry is inconsistent", LOG_ENTRY_INVALID),
    ("log entry", LOG_ENTRY_INVALID),
    ("invalid DSSE log entry", LOG_ENTRY_INVALID),
    ("expected SHA256 payload hash", LOG_ENTRY_INVALID),
    ("Unsupported DSSE log entry", LOG_ENTRY_INVALID),
    ("Unsupported hashedrekord", LOG_ENTRY_INVALID),
    ("Expected entry type", LOG_ENTRY_INVALID),
    ("Expected log entry version", LOG_ENTRY_INVALID),
    ("Integrated time only supported", LOG_ENTRY_INVALID),
    ("not enough sources of verified time", TIMESTAMP_INVALID),
    ("too many signed timestamp", TIMESTAMP_INVALID),
    ("duplicate timestamp", TIMESTAMP_INVALID),
    ("Invalid Timestamp", TIMESTAMP_INVALID),
    ("no Timestamp Authorities", TIMESTAMP_INVALID),
    ("failed to build timestamp certificate chain", CERTIFICATE_INVALID),
    ("failed to verify SCT", CERTIFICATE_INVALID),
    ("Key usage", CERTIFICATE_INVALID),
    ("Extended usage", CERTIFICATE_INVALID),
    ("No <class 'cryptography.x509.extensions", CERTIFICATE_INVALID),
    ("invalid signing cert", CERTIFICATE_INVALID),
    ("invalid certificate", CERTIFICATE_INVALID),
    ("invalid X.509", CERTIFICATE_INVALID),
    ("bundle contains an invalid leaf", CERTIFICATE_INVALID),
    ("failed to load bundle", BUNDLE_MALFORMED),
    ("bundle must contain", BUNDLE_MALFORMED),
    ("envelope ", BUNDLE_MALFORMED),
)


@contextmanager
def translated(translate: Callable[[BaseException], MinisealError]) -> Generator[None]:
    """Let nothing but our own errors out of a block that calls sigstore-python.

    Hostile bytes bring out exceptions of every library below it, and panics of those in Rust, which
    are no `Exception`s: a damaged trusted root is enough.
    """
    try:
        yield
    except (MinisealError, MemoryError):
        raise
    except Exception as error:
        raise translate(error) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise translate(error) from error


def refusal(error: BaseException) -> MinisealError:
    """The error to raise in place of what sigstore-python raised over a bundle."""
    text = _line(error)
    code = next((code for start, code in _REASONS if text.startswith(start)), SIGNATURE_INVALID)
    return code(f"sigstore refuses the signature: {text}")


def unusable(error: BaseException) -> MinisealError:
    """The error to raise in place of what sigstore-python raised over a trusted root."""
    return TRUSTED_ROOT_INVALID(f"sigstore cannot use the trusted root: {_line(error)}")


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(each if each.isprintable() else "?" for each in text[:200])
