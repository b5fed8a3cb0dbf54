"""A program: a package's verified content in a host's hands.

It holds the bytes that were hashed; assets and manifest are parsed from them when first asked for.
Standard library alone, and no file is read here.
"""

from types import MappingProxyType

from miniseal.formats.members import Members
from miniseal.formats.strictjson import JSON_MALFORMED, loads
from miniseal.formats.times import to_text
from miniseal.verifier.host.record import Grants, Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Program"]


class Program:
    """A package's verified content in a host's hands.

    Attributes:
        app_id: as asked for.
        version_code: of the version admitted.
        version_name: of the same.
        package: the package manifest's digest.
        wasm: the bytes that were hashed.
        config: likewise; canonical JSON.
        grants: what the host may give to the program.
        generation: of the head; for a host's counter.
    """

    __slots__ = (
        "_assets",
        "_record",
        "_tar",
        "app_id",
        "config",
        "generation",
        "grants",
        "package",
        "version_code",
        "version_name",
        "wasm",
    )

    def __init__(
        self, record: Record, *, generation: int, wasm: bytes, config: bytes, assets: bytes | None
    ) -> None:
        """Keep verified bytes, and what the record says about them."""
        self.app_id: str = record.app_id
        self.version_code: int = record.version_code
        self.version_name: str = record.version_name
        self.package: str = record.package.digest
        # The record stays in memory for the next load, so nobody is given a part of it to change.
        self.grants: Grants = record.grants.copy()
        self._record = record
        self.generation = generation
        self.wasm = wasm
        self.config = config
        self._tar = assets
        self._assets: Mapping[str, bytes] | None = None

    @property
    def expires(self) -> str:
        """When the admission ends, `YYYY-MM-DDTHH:MM:SSZ`."""
        return to_text(self._record.expires)

    @property
    def assets(self) -> "Mapping[str, bytes]":
        """The assets by name, read from the verified archive when first asked for."""
        if self._assets is None:
            from miniseal.formats import ustar  # programs without assets need none

            self._assets = MappingProxyType({} if self._tar is None else ustar.read(self._tar))
        return self._assets

    @property
    def evidence(self) -> list[dict[str, object]]:
        """What was verified at admission, as in the record; a copy."""
        return [
            {name: list(item) if isinstance(item, list) else item for name, item in each.items()}  # pyright: ignore[reportUnknownArgumentType]
            for each in self._record.evidence
        ]

    @property
    def manifest(self) -> dict[str, object]:
        """The config as parsed: the W3C MiniApp members, and ours under `miniseal`."""
        config = loads(self.config, limit=len(self.config), what="package config")
        return Members(config, "package config", JSON_MALFORMED).values
