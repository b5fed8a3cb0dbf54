from pathlib import Path

import pytest

import miniseal.registry
from kit.tars import layout, tar
from miniseal.formats.errors import MinisealError
from miniseal.formats.reference import Reference
from miniseal.registry import open_store
from miniseal.registry.remote import RegistryStore


@pytest.mark.parametrize("rest", ["", ":1.0.0", "@sha256:" + "0" * 64])
def test_layout_is_opened_whatever_the_tag(tmp_path: Path, rest: str) -> None:
    open_store(f"oci:{tmp_path / 'layout'}").put(b"content", "text/plain")

    assert open_store(f"oci:{tmp_path / 'layout'}{rest}").tags() == {}


def test_parsed_reference_is_opened_too(tmp_path: Path) -> None:
    store = open_store(Reference.parse(f"oci:{tmp_path / 'layout'}:1.0.0"))

    assert store.has(store.put(b"content", "text/plain"))


def test_store_stays_where_it_was_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("oci:layout")
    monkeypatch.chdir("/")
    store.put(b"content", "text/plain")

    assert (tmp_path / "layout" / "oci-layout").is_file()


def test_archive_is_opened_whatever_the_tag(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar(layout()))

    assert list(open_store(f"oci-archive:{tmp_path / 'a.tar'}:2.0.0").tags()) == ["1.0.0"]


def test_registry_is_opened_and_not_asked() -> None:
    store = open_store("registry.example:5000/acme/tip:1.0.0")

    assert isinstance(store, RegistryStore)
    assert (store.host, store.repository) == ("registry.example:5000", "acme/tip")


def test_malformed_reference_is_refused() -> None:
    with pytest.raises(MinisealError) as error:
        open_store("not a reference")

    assert error.value.code == "reference-malformed"


def test_what_is_public() -> None:
    assert miniseal.registry.__all__ == [
        *("Access", "Credential", "LayoutStore", "Store", "attach", "open_store")
    ]
