"""An admission: what a host's state says about an installed program."""

from miniseal.formats.times import to_text
from miniseal.verifier.host.record import Grants, Record

__all__ = ["Admission"]


class Admission:
    """A program that was admitted; whether it would load now is not asked.

    Attributes:
        record: all of it.
    """

    __slots__ = ("record",)

    def __init__(self, record: Record) -> None:
        """Keep the record."""
        self.record = record

    @property
    def app_id(self) -> str:
        """Of the program."""
        return self.record.app_id

    @property
    def version_code(self) -> int:
        """Of the version admitted."""
        return self.record.version_code

    @property
    def version_name(self) -> str:
        """Of the version admitted."""
        return self.record.version_name

    @property
    def package(self) -> str:
        """Digest of the package manifest."""
        return self.record.package.digest

    @property
    def grants(self) -> Grants:
        """What the host may give to the program."""
        return self.record.grants

    @property
    def evidence(self) -> tuple[dict[str, object], ...]:
        """What was verified, as in the record."""
        return self.record.evidence

    @property
    def admitted(self) -> str:
        """When, `YYYY-MM-DDTHH:MM:SSZ`."""
        return to_text(self.record.admitted)

    @property
    def expires(self) -> str:
        """Until when, `YYYY-MM-DDTHH:MM:SSZ`."""
        return to_text(self.record.expires)

    @property
    def generation(self) -> int:
        """Of the state's head; a host with a counter keeps it as the next `floor`."""
        return self.record.generation

    def to_json(self) -> dict[str, object]:
        """The `result` of `miniseal install --json` (FORMATS section 7)."""
        return self.record.to_json()
