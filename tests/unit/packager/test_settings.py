import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniseal.formats.errors import MinisealError, UsageError
from miniseal.packager import Settings
from miniseal.packager.settings import Call, Publish, Scan
from miniseal.packager.toml import TOML_LIMIT

BUILD = '[build]\ntoolchain = "wat"\n'
EXAMPLES = Path(__file__).parents[3] / "examples"


def refused(text: str) -> UsageError:
    with pytest.raises(UsageError) as error:
        Settings.from_toml(text.encode())

    assert error.value.code == "project-invalid"
    return error.value


def test_reads_every_member() -> None:
    result = Settings.from_toml(
        b"""
        [build]
        toolchain = "assemblyscript"
        entry = "src/index.ts"
        output = "core"
        args = ["--runtime", "stub"]
        [assets]
        include = ["assets/**"]
        [permissions]
        storage = ["host:storage/kv@1.0.0"]
        [network]
        allowed_hosts = ["api.acme.example"]
        [limits]
        memory_mib = 1
        fuel = 2
        wall_ms = 3
        [[test]]
        call = "tip"
        args = [12000, 1.5]
        expect = [1800]
        [scan]
        fail_on = "low"
        fail_on_misconfiguration = "medium"
        ignore_unfixed = true
        deny_licenses = ["GPL-*", "AGPL-3.0-only"]
        vex = ["vex/openvex.json"]
        [publish]
        to = "oci:registry"
        links = true
        """
    )

    assert result.build.args == ("--runtime", "stub")
    assert result.assets.include == ("assets/**",)
    assert result.permissions == {"storage": ("host:storage/kv@1.0.0",)}
    assert result.network.allowed_hosts == ("api.acme.example",)
    assert (result.asked_limits.memory_mib, result.asked_limits.fuel) == (1, 2)
    assert result.test == (Call(call="tip", args=(12000, 1.5), expect=(1800,)),)
    assert result.scan == Scan(
        fail_on="low",
        fail_on_misconfiguration="medium",
        ignore_unfixed=True,
        deny_licenses=("GPL-*", "AGPL-3.0-only"),
        vex=("vex/openvex.json",),
    )
    assert result.publish == Publish(to="oci:registry", links=True)


def test_a_test_table_is_a_command() -> None:
    result = Settings.from_toml((BUILD + '[test]\ncommand = ["sh", "test.sh"]\n').encode())

    assert result.test_command == ("sh", "test.sh")
    assert result.test == ()


def test_integers_and_floats_stay_what_they_were_written_as() -> None:
    result = Settings.from_toml((BUILD + "[[test]]\ncall = 'f'\nargs = [1, 1.0]\n").encode())

    assert [type(value) for value in result.test[0].args] == [int, float]


@pytest.mark.parametrize(
    ("text", "member"),
    [
        ("", "build"),
        ("[build]\n", "build.toolchain"),
        (BUILD + "[[test]]\n", "test[0].call"),
        (BUILD + "[test]\n", "test.command"),
    ],
)
def test_names_the_member_that_is_missing(text: str, member: str) -> None:
    assert refused(text).message == f"miniseal.toml lacks {member}"


@pytest.mark.parametrize(
    ("text", "member"),
    [
        (BUILD + "colour = 'red'\n", "build.colour"),
        (BUILD + "world = 'app'\n", "build.world"),
        (BUILD + "[scan]\nvexx = ['a.json']\n", "scan.vexx"),
        (BUILD + "[[test]]\ncall = 'f'\nstdin = 'x'\n", "test[0].stdin"),
        (BUILD + "[test]\ncommand = ['x']\ncall = 'f'\n", "test.call"),
        (BUILD + "[surprise]\n", "surprise"),
        ("test_command = ['x']\n" + BUILD, "test_command"),
    ],
)
def test_names_the_member_that_is_unknown(text: str, member: str) -> None:
    error = refused(text)

    assert (error.message, error.found) == ("miniseal.toml has an unknown member", member)


@pytest.mark.parametrize(
    ("text", "message", "found"),
    [
        ("[build]\ntoolchain = 7\n", "wrong build.toolchain", "7"),
        (BUILD + "args = 'x'\n", "wrong build.args", "'x'"),
        (BUILD + "args = ['x', 1]\n", "wrong build.args[1]", "1"),
        (BUILD + "output = 'component'\n", "wrong build.output", "'component'"),
        (BUILD + "[limits]\nfuel = true\n", "wrong limits.fuel", "True"),
        (BUILD + "[limits]\nfuel = 1.0\n", "wrong limits.fuel", "1.0"),
        (BUILD + "[limits]\nfuel = '1'\n", "wrong limits.fuel", "'1'"),
        (BUILD + "[scan]\nfail_on = 'never'\n", "wrong scan.fail_on", "'never'"),
        (BUILD + "[scan]\nvex = 'a.json'\n", "wrong scan.vex", "'a.json'"),
        (BUILD + "[scan]\nignore_unfixed = 1\n", "wrong scan.ignore_unfixed", "1"),
        (BUILD + "[[test]]\ncall = 'f'\nargs = ['1']\n", "wrong test[0].args[0]", "'1'"),
        (BUILD + "[permissions]\nstorage = 'x'\n", "wrong permissions.storage", "'x'"),
        ("test = 3\n" + BUILD, "wrong test", "3"),
    ],
)
def test_says_what_was_found_and_what_was_expected(text: str, message: str, found: str) -> None:
    error = refused(text)

    assert error.message == f"miniseal.toml has a {message}"
    assert error.found == found
    assert error.expected
    assert "pydantic" not in str(error)


@pytest.mark.parametrize(
    "text",
    [
        BUILD + "[limits]\nfuel = 0\n",
        BUILD + "[limits]\nmemory_mib = 4097\n",
        BUILD + f"[limits]\nwall_ms = {2**53}\n",
        BUILD + f"[limits]\nfuel = {'9' * 400}\n",
        BUILD + f"[limits]\nfuel = 0x{'f' * 3000}\n",
        BUILD + f"[[test]]\ncall = 'f'\nargs = [{2**64}]\n",
        BUILD + f"[[test]]\ncall = 'f'\nexpect = [{-(2**63) - 1}]\n",
        BUILD + "[[test]]\ncall = 'f'\nargs = [inf]\n",
        BUILD + "[[test]]\ncall = 'f'\nargs = [2026-01-01]\n",
        BUILD + "[test]\ncommand = []\n",
        BUILD + "[permissions]\n'a b' = []\n",
        BUILD + "[scan]\ndeny_licenses = ['GPL 3']\n",
        BUILD + "[scan]\ndeny_licenses = ['MIT OR GPL-3.0']\n",
        BUILD + "[scan]\ndeny_licenses = ['GPL-*', 'gpl-*']\n",
        BUILD + "[network]\nallowed_hosts = ['*.acme.example']\n",
    ],
)
def test_refuses_values_out_of_range(text: str) -> None:
    refused(text)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"[build]\ntoolchain = 'w\xe4t'\n",
        b"[build\n",
        b"[build]\n[build]\n",
        b"a = '\0'\n",
        b"a = " + b"[" * 4000,
        b"#\n" * TOML_LIMIT,
        b"a = " + b"9" * 5000,
        b".".join([b"a"] * 100_000) + b" = 1\n",
        b".".join([b"a"] * 2000) + b" = 1\n",
    ],
    ids=[
        *("not-utf8", "latin1", "syntax", "twice", "nul", "deep", "large", "number", "line"),
        "dots",
    ],
)
def test_refuses_what_is_not_strict_toml(data: bytes) -> None:
    with pytest.raises(UsageError) as error:
        Settings.from_toml(data)

    assert error.value.code == "project-invalid"


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.booleans() | st.integers() | st.text(alphabet="abc/*.\0\u202e", max_size=4),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["build", "toolchain", "test", "call", "limits", "fuel", "x"]),
                inner,
            )
        ),
        max_leaves=8,
    )
)
def test_reading_ends_in_settings_or_in_a_refusal(value: object) -> None:
    members = value if isinstance(value, dict) else {"x": value}
    # inline tables and arrays of JSON are TOML but for the colon
    lines = [f"{json.dumps(key)} = {inline(item)}" for key, item in members.items()]
    try:
        result = Settings.from_toml("\n".join(lines).encode())
    except MinisealError as error:
        assert error.code == "project-invalid"  # noqa: PT017 - either end is right
    else:
        assert result.build.toolchain is not None


def inline(value: object) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(k)} = {inline(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(inline, value)) + "]"
        case _:
            return json.dumps(value)


@pytest.mark.parametrize("name", ["greeting", "loan", "tip", "valuta"])
def test_schema_accepts_the_examples(name: str) -> None:
    import tomllib  # only here

    document = tomllib.loads((EXAMPLES / name / "miniseal.toml").read_text(encoding="utf-8"))

    jsonschema.validate(document, Settings.json_schema())


def test_schema_refuses_unknown_members_and_knows_both_kinds_of_tests() -> None:
    schema = Settings.json_schema()
    jsonschema.validate({"build": {"toolchain": "wat"}, "test": {"command": ["x"]}}, schema)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"build": {"toolchain": "wat"}, "test_command": ["x"]}, schema)
