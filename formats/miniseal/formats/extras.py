"""Python packages that only some installations have: the extras of the distribution.

Whoever needs one asks first, so that what is missing is said by its name and nothing half done.
"""

import importlib

from miniseal.formats.errors import Code, EnvironmentalError, MinisealError

__all__ = ["EXTRA_MISSING", "missing", "need"]

EXTRA_MISSING = Code(
    "extra-missing",
    EnvironmentalError,
    meaning="what was asked for needs Python packages that are not installed",
    cause="miniseal was installed without the extra that the message names",
    remedy="install miniseal[all]",
)
_BROUGHT = {
    "aws": "boto3",
    "azure": "azure.keyvault.keys",
    "gcp": "google.cloud.kms",
    "keyless": "sigstore",
    "layout": "in_toto",
    "pipeline": "platformdirs",
    "pkcs11": "pkcs11",
    "registry": "urllib3",
    "vault": "hvac",
}
"""A module of each extra; a small one where there is a choice."""


def need(extra: str) -> None:
    """Make sure of an extra of the distribution, before a package of it is imported.

    Raises:
        EnvironmentalError: `extra-missing`.
    """
    try:
        importlib.import_module(_BROUGHT[extra])
    except ModuleNotFoundError as error:
        raise missing(extra, error) from error


def missing(extra: str, error: ModuleNotFoundError) -> MinisealError:
    """The error for an extra of which some module is not there."""
    return EXTRA_MISSING(
        f"this needs the extra `{extra}`",
        found=f"no module {error.name}",
        hint=f"install miniseal[{extra}]",
    )
