"""`discover` and `repair` of a store whose evidence has no end."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from miniseal.cli import host
from miniseal.cli.commands import discover, repair
from miniseal.formats.bundle import PREDICATE_ANNOTATION
from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import (
    EMPTY_CONFIG,
    EMPTY_CONFIG_TYPE,
    MANIFEST_TYPE,
    Descriptor,
    Manifest,
)
from miniseal.registry import LayoutStore

LONG = {"a": "x" * 2**20}
ROOT = Descriptor.of(b"", MANIFEST_TYPE)


class Endless(LayoutStore):
    """A store that makes referrers as it is asked for them; counts how often."""

    def __init__(self, each: int, annotations: dict[str, str]) -> None:
        super().__init__("/nowhere")
        self._each = each
        self._annotations = annotations
        self.asked = 0

    def resolve(self, name: str) -> Descriptor:
        del name
        return ROOT

    def referrers(self, subject: Descriptor) -> tuple[Descriptor, ...]:
        self.asked += 1
        return tuple(
            Descriptor.of(
                b"%d of %s" % (number, subject.digest.encode()),
                MANIFEST_TYPE,
                annotations=self._annotations,
            )
            for number in range(self._each)
        )

    def repair(
        self, subject: Descriptor | None = None, known: Iterable[Descriptor] = ()
    ) -> tuple[Descriptor, ...]:
        del known
        assert subject is not None
        return self.referrers(subject)


@pytest.mark.parametrize(("each", "annotations"), [(1000, {}), (1, {}), (2, LONG)])
def test_a_tree_has_a_bound(
    monkeypatch: pytest.MonkeyPatch, each: int, annotations: dict[str, str]
) -> None:
    store = Endless(each, annotations)
    monkeypatch.setattr(host, "open_source", lambda _: (store, "x"))

    with pytest.raises(MinisealError) as error:
        discover.command.callback("x", None)  # type: ignore[misc]

    assert error.value.code == "graph-limit"
    assert store.asked < 60


def test_a_repair_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "MOST_MANIFESTS", 100)
    store = Endless(1, {})
    monkeypatch.setattr(repair.access, "open_store", lambda _: store)

    with pytest.raises(MinisealError) as error:
        repair.command.callback("oci:x:1.0.0")  # type: ignore[misc]

    assert error.value.code == "graph-limit"
    assert store.asked < 300


def test_a_type_cannot_forge_a_line(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path / "layout")
    config = store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    package = store.put_manifest(Manifest(config=config, layers=()).to_bytes())
    forged = f"x  {package.digest}\nverified\r\n::stop-commands::y\u2028z"
    evidence = Manifest(
        config=config, layers=(), subject=package, annotations={PREDICATE_ANNOTATION: forged}
    )
    store.put_manifest(evidence.to_bytes())
    store.tag("1.0.0", package)

    outcome = discover.command.callback(f"oci:{tmp_path}/layout:1.0.0", None)  # type: ignore[misc]

    assert len(outcome.lines) == 2
    assert all(line.isprintable() for line in outcome.lines)
