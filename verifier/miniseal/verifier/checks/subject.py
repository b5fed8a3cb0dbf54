"""Whether the package is the one that was asked for: its app_id, and the tag it was found under."""

from miniseal.formats.config import Config
from miniseal.formats.errors import Code, VerificationError

__all__ = ["APP_MISMATCH", "TAG_MISMATCH", "check_app", "check_tag"]

APP_MISMATCH = Code(
    "app-mismatch",
    VerificationError,
    meaning="the package is another program than the one asked for",
    cause="a wrong reference, or somebody published their program in another's place",
    remedy="give the reference that belongs to the app_id",
)
TAG_MISMATCH = Code(
    "tag-mismatch",
    VerificationError,
    meaning="the package found under a tag does not carry that version.name",
    cause="the tag was moved to another version, or is not a version",
    remedy="ask for the package by its version.name or by its digest",
)


def check_app(app_id: str, config: Config) -> None:
    """Refuse a package of another program.

    Raises:
        VerificationError: `app-mismatch`.
    """
    if config.manifest.app_id != app_id:
        raise APP_MISMATCH(
            "the package is another program",
            found=config.manifest.app_id,
            expected=repr(app_id)[:300],
        )


def check_tag(tag: str | None, config: Config) -> None:
    """Refuse a package under a tag that is not its version's name; None where none was used.

    Raises:
        VerificationError: `tag-mismatch`.
    """
    if tag is not None and config.manifest.version_name != tag:
        raise TAG_MISMATCH(
            "the tag names another version",
            found=config.manifest.version_name,
            expected=repr(tag)[:150],
        )
