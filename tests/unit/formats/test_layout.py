import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from in_toto.models.layout import Layout as InTotoLayout  # type: ignore[import-untyped]

from fuzz.fuzz_layout import fuzz_one
from fuzz.mutations import mutated
from miniseal.formats.errors import FormatError
from miniseal.formats.layout import (
    ARTIFACT_LENGTH,
    LAYOUT_LIMIT,
    PACKAGE,
    Layout,
    LayoutKey,
    LayoutStep,
    is_artifact,
)

ID = "ab" * 32
DENY = ("DISALLOW", "*")
BUILD = LayoutStep(
    name="build",
    materials=(("ALLOW", "source"), DENY),
    products=(("CREATE", "app.wasm"), DENY),
    functionaries=(ID,),
    command=("asc", "main.ts"),
)
PACK = LayoutStep(
    name="pack",
    materials=(("MATCH", "app.wasm", "WITH", "PRODUCTS", "FROM", "build"), DENY),
    products=(("REQUIRE", PACKAGE), ("CREATE", PACKAGE), DENY),
    functionaries=(ID,),
)
FULL = Layout(
    steps=(BUILD, PACK),
    expires="2027-01-01T00:00:00Z",
    keys={ID: LayoutKey(keytype="ed25519", public="cd" * 32)},
    readme="How it is made.",
)


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FULL.to_bytes())
    return found


def refusal(value: object) -> FormatError:
    with pytest.raises(FormatError) as error:
        Layout.from_bytes(json.dumps(value).encode())
    return error.value


def test_what_is_written_is_read_back() -> None:
    assert Layout.from_bytes(FULL.to_bytes()) == FULL


def test_what_is_written_is_a_layout_to_in_toto() -> None:
    read = InTotoLayout.read(document())

    assert read.get_step_name_list() == ["build", "pack"]
    assert read.get_functionary_key_id_list() == [ID]


def test_a_step_knows_which_steps_it_matches_with() -> None:
    both = replace(
        PACK,
        materials=(
            ("MATCH", "*", "IN", "out", "WITH", "PRODUCTS", "IN", "WITH", "FROM", "build"),
            DENY,
        ),
        products=(*PACK.products[:1], ("MATCH", "*", "WITH", "MATERIALS", "FROM", "pack"), DENY),
    )

    assert both.sources == {"build", "pack"}
    assert [*both.matches()] == [
        ("MATERIALS", "build", "PRODUCTS"),
        ("PRODUCTS", "pack", "MATERIALS"),
    ]


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(["REQUIRE", "out/app.wasm"], id="require"),
        pytest.param(["CREATE", "out/*.wasm"], id="create"),
        pytest.param(["DELETE", "tmp/?"], id="delete"),
        pytest.param(["MODIFY", "a"], id="modify"),
        pytest.param(["ALLOW", "src/*"], id="allow"),
        pytest.param(["DISALLOW", "secret"], id="disallow"),
        pytest.param(["MATCH", "*", "WITH", "PRODUCTS", "FROM", "build"], id="match"),
        pytest.param(["MATCH", "*", "IN", "a", "WITH", "MATERIALS", "FROM", "build"], id="in"),
        pytest.param(
            ["MATCH", "*", "WITH", "PRODUCTS", "IN", "b/c", "FROM", "build"], id="from-in"
        ),
    ],
)
def test_a_rule_of_in_totos_is_read(rule: list[str]) -> None:
    value = document()
    value["steps"][1]["expected_materials"].insert(0, rule)

    assert Layout.from_bytes(json.dumps(value).encode()).steps[1].materials[0] == tuple(rule)


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param([], id="nothing"),
        pytest.param(["ALLOW"], id="no-pattern"),
        pytest.param(["allow", "*"], id="lower-case"),
        pytest.param(["PERMIT", "*"], id="unknown-word"),
        pytest.param(["ALLOW", "a", "b"], id="too-many-words"),
        pytest.param(["REQUIRE", "*.wasm"], id="require-with-a-wildcard"),
        pytest.param(["ALLOW", "../*"], id="traversal"),
        pytest.param(["ALLOW", "/etc/*"], id="absolute"),
        pytest.param(["ALLOW", "a//b"], id="empty-part"),
        pytest.param(["ALLOW", "a\\b"], id="backslash"),
        pytest.param(["ALLOW", "[!a]*"], id="class"),
        pytest.param(["ALLOW", "*a" * 9], id="too-many-stars"),
        pytest.param(["ALLOW", "a" * (ARTIFACT_LENGTH + 1)], id="too-long"),
        pytest.param(["ALLOW", "a\nb"], id="line-break"),
        pytest.param(["MATCH", "*"], id="match-with-nothing"),
        pytest.param(["MATCH", "*", "WITH", "BYPRODUCTS", "FROM", "build"], id="byproducts"),
        pytest.param(["MATCH", "*", "WITH", "PRODUCTS", "FROM", "ship"], id="unknown-step"),
        pytest.param(["MATCH", "*", "WITH", "PRODUCTS", "FROM"], id="from-nowhere"),
        pytest.param(
            ["MATCH", "*", "IN", "..", "WITH", "PRODUCTS", "FROM", "build"], id="in-above"
        ),
        pytest.param(
            ["MATCH", "*", "WITH", "PRODUCTS", "IN", "/", "FROM", "build"], id="from-in-root"
        ),
        pytest.param(
            ["MATCH", "*", "IN", "a", "IN", "b", "WITH", "PRODUCTS", "FROM", "build"], id="in-in"
        ),
    ],
)
def test_a_rule_that_is_not_followed_is_refused(rule: list[str]) -> None:
    value = document()
    value["steps"][1]["expected_materials"].insert(0, rule)

    assert refusal(value).code == "layout-invalid"


@pytest.mark.parametrize("step", [0, 1], ids=["first-step", "last-step"])
@pytest.mark.parametrize("kind", ["expected_materials", "expected_products"])
@pytest.mark.parametrize(
    "end", [None, ["ALLOW", "*"], ["DISALLOW", "*.wasm"], ["disallow", "*"]], ids=repr
)
def test_every_list_of_rules_ends_in_disallow(step: int, kind: str, end: list[str] | None) -> None:
    value = document()
    rules = value["steps"][step][kind]
    rules[:] = rules[:-1] if end is None else [*rules[:-1], end]

    assert refusal(value).code == "layout-invalid"


def test_an_empty_list_of_rules_is_refused() -> None:
    value = document()
    value["steps"][0]["expected_materials"] = []

    assert refusal(value).code == "layout-invalid"


def test_an_inspection_is_refused() -> None:
    value = document()
    value["inspect"] = [
        {
            "_type": "inspection",
            "name": "unpack",
            "run": ["sh", "-c", "touch /tmp/run"],
            "expected_materials": [["DISALLOW", "*"]],
            "expected_products": [["DISALLOW", "*"]],
        }
    ]

    error = refusal(value)

    assert error.code == "layout-invalid"
    assert "inspection" in error.message


def test_a_last_step_that_does_not_require_the_package_is_refused() -> None:
    value = document()
    value["steps"][1]["expected_products"] = [["CREATE", PACKAGE], ["DISALLOW", "*"]]

    error = refusal(value)

    assert (error.code, error.expected) == ("layout-invalid", "REQUIRE package")


def test_the_steps_order_says_which_is_the_last() -> None:
    value = document()
    value["steps"].reverse()

    assert refusal(value).code == "layout-invalid"


@pytest.mark.parametrize(
    ("materials", "products"),
    [
        pytest.param("PRODUCTS FROM build", None, id="with-what-comes-out"),
        pytest.param("MATERIALS FROM build", None, id="with-itself"),
        pytest.param("PRODUCTS FROM pack", "MATERIALS FROM build", id="over-another-step"),
    ],
)
def test_rules_that_match_in_a_circle_are_refused(materials: str, products: str | None) -> None:
    value = document()
    rules = value["steps"][0]["expected_materials"]
    rules.insert(0, ["MATCH", "*", "WITH", *materials.split()])
    value["steps"][0]["expected_products"].insert(
        0, ["MATCH", "*", "WITH", "MATERIALS", "FROM", "build"]
    )
    if products is not None:
        value["steps"][1]["expected_products"].insert(1, ["MATCH", "*", "WITH", *products.split()])

    error = refusal(value)

    assert (error.code, error.message) == ("layout-invalid", "rules match in a circle")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"_type": "link"}, id="a-link"),
        pytest.param({"steps": []}, id="no-steps"),
        pytest.param({"steps": {}}, id="steps-as-an-object"),
        pytest.param({"expires": ""}, id="no-end"),
        pytest.param({"inspect": None}, id="inspect-null"),
        pytest.param({"readme": 3}, id="readme"),
        pytest.param({"rootcas": {}}, id="certificates"),
        pytest.param({"keys": {"root": {}}}, id="a-key-id-that-is-not-hex"),
        pytest.param({"keys": {ID: {"keytype": "rsa", "scheme": "rsassa-pss-sha256"}}}, id="rsa"),
        pytest.param(
            {"keys": {ID: {"keytype": "ed25519", "scheme": "ed25519", "keyid": "ff" * 8}}},
            id="a-key-under-another-id",
        ),
        pytest.param(
            {
                "keys": {
                    ID: {
                        "keytype": "ed25519",
                        "scheme": "ed25519",
                        "keyval": {"public": "00", "private": "00"},
                    }
                }
            },
            id="a-private-key",
        ),
        pytest.param(
            {"keys": {ID: {"type": "eddsa", "method": "pgp+eddsa-ed25519", "subkeys": {}}}},
            id="a-gpg-key-with-subkeys",
        ),
    ],
)
def test_another_document_is_refused(change: dict[str, Any]) -> None:
    assert refusal({**document(), **change}).code == "layout-invalid"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"_type": "inspection"}, id="an-inspection"),
        pytest.param({"name": "../build"}, id="name-with-a-path"),
        pytest.param({"name": "pack"}, id="two-of-one-name"),
        pytest.param({"threshold": 0}, id="threshold-of-none"),
        pytest.param({"threshold": -1}, id="threshold-below-none"),
        pytest.param({"threshold": True}, id="threshold-as-a-word"),
        pytest.param({"threshold": 2}, id="threshold-nobody-can-meet"),
        pytest.param({"pubkeys": []}, id="nobody"),
        pytest.param({"pubkeys": [ID, ID], "threshold": 2}, id="one-key-twice"),
        pytest.param({"pubkeys": [ID.upper()]}, id="upper-case"),
        pytest.param({"cert_constraints": [{"common_name": "*"}]}, id="certificates"),
        pytest.param({"run": ["sh"]}, id="a-command-to-run"),
        pytest.param({"expected_command": "sh"}, id="command-as-text"),
        pytest.param({"expected_materials": [[]]}, id="an-empty-rule"),
        pytest.param({"expected_materials": ["DISALLOW *"]}, id="a-rule-as-text"),
        pytest.param(
            {"expected_materials": [["ALLOW", "a"]] * 40 + [["DISALLOW", "*"]]}, id="long"
        ),
    ],
)
def test_another_step_is_refused(change: dict[str, Any]) -> None:
    value = document()
    value["steps"][0].update(change)

    assert refusal(value).code == "layout-invalid"


def test_too_many_steps_are_refused() -> None:
    value = document()
    value["steps"] = [{**value["steps"][0], "name": f"s{index}"} for index in range(40)]
    value["steps"].append(document()["steps"][1])

    assert refusal(value).code == "layout-invalid"


def test_a_time_that_is_none_is_refused() -> None:
    assert refusal({**document(), "expires": "2027-13-01T00:00:00Z"}).code == "time-malformed"


def test_a_layout_beyond_the_limit_is_refused() -> None:
    assert refusal({**document(), "readme": "x" * LAYOUT_LIMIT}).code == "too-large"


def test_a_key_twice_in_one_object_is_refused() -> None:
    data = FULL.to_bytes().replace(b'"inspect":[]', b'"inspect":[],"inspect":[]')

    with pytest.raises(FormatError) as error:
        Layout.from_bytes(data)

    assert error.value.code == "json-malformed"


@pytest.mark.parametrize("name", ["a", "src/main.ts", "*", "ä b", ".hidden", "a..b", "x" * 512])
def test_a_plain_path_is_an_artifact(name: str) -> None:
    assert is_artifact(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "/a", "a/", "a/../b", "./a", "a//b", "a\\b", "a\0", "a\n", "x" * 513]
)
def test_another_path_is_not(name: str) -> None:
    assert not is_artifact(name)


@settings(max_examples=300, deadline=None)
@given(mutated(document()))
def test_a_layout_from_outside_is_read_or_refused(data: bytes) -> None:
    fuzz_one(data)
