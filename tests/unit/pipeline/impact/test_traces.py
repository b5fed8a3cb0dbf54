import base64
from typing import Any

import pytest

from miniseal.formats.digest import sha256
from miniseal.formats.errors import UsageError
from miniseal.formats.predicates.provenance import Provenance
from miniseal.formats.predicates.resource import Resource
from miniseal.pipeline.impact.traces import Query, Trace, traces

DIGEST = sha256(b"something")
DIGITS = DIGEST.removeprefix("sha256:")
LONG = "ab" * 64
COMMIT = "0123456789abcdef0123456789abcdef01234567"
ENCODED = base64.b64encode(bytes.fromhex(DIGITS)).decode()
BUILDER = "https://builders.example/one@v1"


def _provenance(**members: Any) -> dict[str, object]:
    return Provenance(
        build_type="https://builders.example/type", **({"builder_id": BUILDER} | members)
    ).to_json()


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        (DIGEST, DIGITS),
        (DIGITS, DIGITS),
        (DIGITS.upper(), DIGITS),
        (f"sha512:{LONG}", LONG),
        (f"sha512-{base64.b64encode(bytes.fromhex(LONG)).decode()}", LONG),
        (f"sha256-{ENCODED}", DIGITS),
        (ENCODED, DIGITS),
        (COMMIT, COMMIT),
        (f"gitCommit:{COMMIT}", COMMIT),
        (BUILDER, None),
        ("pkg:npm/long@5.3.2", None),
    ],
)
def test_a_digest_is_read_in_every_spelling_and_an_identifier_as_it_is(
    text: str, digits: str | None
) -> None:
    query = Query.parse(text)

    assert (query.text, query.digits) == (text, digits)


@pytest.mark.parametrize(
    "text",
    [
        *("", "tip", "com.example.tip", DIGEST[:-1], DIGITS[:-2], f"{DIGEST}00", "sha256:", "a b"),
        *("sha256:" + "g" * 64, 'https://a.example/"', "https://a.example/\\", "https://a\n"),
        *("https://a.example/\x01", "md5:" + "0" * 32 + " ", "sha1:" + "0" * 41),
    ],
)
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot tell what to look for") as error:
        Query.parse(text)

    assert error.value.code == "query-malformed"


def test_only_what_can_be_a_sha256_has_a_digest() -> None:
    found = [Query.parse(text).digest for text in (DIGITS, LONG, COMMIT, BUILDER)]

    assert found == [DIGEST, None, None, None]


@pytest.mark.parametrize(
    "text",
    [
        *(DIGEST, DIGITS, DIGITS.upper(), f"pkg:generic/trivy@1?checksum=sha256%3A{DIGITS}"),
        *(f"sha256-{ENCODED}", ENCODED.rstrip("="), f"oci://images.example/a@{DIGEST}"),
    ],
)
def test_a_digest_is_seen_in_every_spelling(text: str) -> None:
    assert Query.parse(DIGEST).matches(text)


@pytest.mark.parametrize("text", ["", DIGITS[:-1], ENCODED.lower(), BUILDER])
def test_another_text_is_not_the_digest(text: str) -> None:
    assert not Query.parse(DIGEST).matches(text)


def test_an_identifier_is_only_itself() -> None:
    query = Query.parse(BUILDER)

    assert [query.matches(text) for text in (BUILDER, f"{BUILDER}0", BUILDER[:-1])] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("resource", "role", "end"),
    [
        (Resource(name="source", digest={"sha256": DIGITS}), "source", "digest.sha256"),
        (
            Resource(
                name="wat", uri="https://miniseal.dev/toolchains/wat", digest={"sha256": DIGITS}
            ),
            "toolchain",
            "digest.sha256",
        ),
        (
            Resource(uri="oci://images.example/base", digest={"sha256": DIGITS}),
            "base image",
            "digest.sha256",
        ),
        (Resource(uri="pkg:pypi/wasmtime@50", digest={"sha256": DIGITS}), "tool", "digest.sha256"),
        (
            Resource(uri="pkg:pypi/wasmtime@50", annotations={"accepted_sha256": ["0", DIGITS]}),
            "tool",
            "annotations.accepted_sha256[1]",
        ),
        (Resource(uri="https://example.org/x", digest={"sha256": DIGITS}), "dependency", None),
        (Resource(uri=f"pkg:oci/base@{DIGEST}"), "base image", "uri"),
    ],
)
def test_a_dependency_of_a_build_is_told_by_its_uri(
    resource: Resource, role: str, end: str | None
) -> None:
    predicate = _provenance(dependencies=(Resource(uri="https://other.example"), resource))

    (trace,) = traces(predicate, Query.parse(DIGEST))

    assert trace.role == role
    assert trace.path == f"buildDefinition.resolvedDependencies[1].{end or 'digest.sha256'}"


def test_a_commit_is_told_from_the_digest_of_the_tree() -> None:
    source = Resource(name="source", digest={"sha256": DIGITS, "gitCommit": COMMIT})
    external = {"source": {"digest": {"sha256": DIGITS, "gitCommit": COMMIT}}}
    predicate = _provenance(dependencies=(source,), external_parameters=external)

    assert [trace.role for trace in traces(predicate, Query.parse(COMMIT))] == ["source commit"]
    assert [trace.role for trace in traces(predicate, Query.parse(DIGEST))] == ["source"]


@pytest.mark.parametrize(
    ("predicate", "trace"),
    [
        (_provenance(builder_id=BUILDER), Trace(role="builder", path="runDetails.builder.id")),
        ({"scanner": {"uri": BUILDER}}, Trace(role="scanner", path="scanner.uri")),
        ({"scanner": {"db": {"uri": BUILDER}}}, Trace(role="database", path="scanner.db.uri")),
        (
            {"components": [{"name": "a"}, {"purl": BUILDER}]},
            Trace(role="component", path="components[1].purl"),
        ),
        ({"any": [{"thing": [[BUILDER]]}]}, Trace(role="mentioned", path="any[0].thing[0][0]")),
        ({"names": {BUILDER: 1}}, Trace(role="mentioned", path=f"names.{BUILDER}")),
        (
            {"buildDefinition": {"resolvedDependencies": [BUILDER]}},
            Trace(role="dependency", path="buildDefinition.resolvedDependencies[0]"),
        ),
        ({"buildDefinition": {"resolvedDependencies": BUILDER}}, None),
    ],
)
def test_every_string_of_every_kind_of_statement_is_looked_at(
    predicate: dict[str, object], trace: Trace | None
) -> None:
    found = traces(predicate, Query.parse(BUILDER))

    path = "buildDefinition.resolvedDependencies"
    assert found == ((trace or Trace(role="mentioned", path=path)),)


def test_of_each_role_the_first_place_is_told() -> None:
    predicate = {"components": [{"purl": BUILDER}, {"purl": BUILDER}], "other": BUILDER}

    assert traces(predicate, Query.parse(BUILDER)) == (
        Trace(role="component", path="components[0].purl"),
        Trace(role="mentioned", path="other"),
    )


def test_a_statement_that_does_not_say_it_gives_nothing() -> None:
    assert traces(_provenance(), Query.parse(DIGEST)) == ()
