import json
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.mutations import mutated
from kit.packages import POLICY, key
from kit.policies import FILES, WHOLE, read
from miniseal.attestations import FileSigner, sign_statement
from miniseal.formats.bundle import Bundle
from miniseal.formats.digest import sha256
from miniseal.formats.dsse import Envelope, pae
from miniseal.formats.errors import MinisealError
from miniseal.formats.predicates.policy import PREDICATE_TYPE, PolicyFiles
from miniseal.formats.statement import Statement, Subject
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.policy.signed import read_signed, statement_of
from miniseal.verifier.policy.values import POLICY_INVALID
from miniseal.verifier.signatures.keys import PublicKey


def public(signer: FileSigner) -> PublicKey:
    return PublicKey.from_pem(signer.public_pem, what="a key", code=POLICY_INVALID)


OWNER = public(key("owner"))
CONTENTS: Mapping[str, bytes] = read(POLICY).contents


def signed(policy: Policy, signer: FileSigner | None = None) -> bytes:
    return sign_statement(statement_of(policy), signer or key("owner"))


def statement(
    files: Mapping[str, bytes] = CONTENTS,
    *,
    subjects: tuple[Subject, ...] | None = None,
    serial: int = 1,
    kind: str = PREDICATE_TYPE,
) -> bytes:
    """A bundle by the right key around any statement."""
    about = tuple(Subject.of(sha256(content), name) for name, content in files.items())
    made = Statement(
        subjects=about if subjects is None else subjects,
        predicate_type=kind,
        predicate=PolicyFiles(serial=serial, files=dict(files)).to_json(),
    )
    return sign_statement(made.to_bytes(), key("owner"))


def code(bundle: bytes, *keys: PublicKey) -> str:
    with pytest.raises(MinisealError) as error:
        read_signed(bundle, keys or (OWNER,))
    return error.value.code


@pytest.mark.parametrize("text", [POLICY, WHOLE], ids=["plain", "whole"])
def test_a_signed_policy_is_the_policy(text: str) -> None:
    policy = read(text)

    assert read_signed(signed(policy), (OWNER,)) == policy
    assert read_signed(signed(policy), (OWNER,)).contents == policy.contents


def test_one_of_several_keys_is_enough() -> None:
    assert read_signed(signed(read(POLICY)), (public(key("other")), OWNER)).serial == 1


def test_ed25519_signs_policies_too() -> None:
    signer = key("owner", ed=True)

    assert read_signed(signed(read(POLICY), signer), (public(signer),)).serial == 1


def test_the_statement_is_about_every_file() -> None:
    made = Statement.from_bytes(statement_of(read(WHOLE)))

    assert made.predicate_type == PREDICATE_TYPE
    assert {each.name for each in made.subjects} == dict(read(WHOLE).files).keys()
    assert all(made.names(digest) for _, digest in read(WHOLE).files)


def test_another_key_is_refused() -> None:
    assert code(signed(read(POLICY), key("stranger"))) == "signature-invalid"


def test_no_key_at_all_accepts_nothing() -> None:
    with pytest.raises(MinisealError) as error:
        read_signed(signed(read(POLICY)), ())

    assert error.value.code == "signature-invalid"


def test_another_payload_type_is_refused() -> None:
    kind, payload = "application/vnd.other+json", statement_of(read(POLICY))
    envelope = Envelope(
        payload=payload, payload_type=kind, signatures=(key("owner").sign(pae(kind, payload)),)
    )

    assert code(Bundle(envelope=envelope).to_bytes()) == "signature-invalid"


def test_another_payload_under_the_signature_is_refused() -> None:
    good = Bundle.from_bytes(signed(read(POLICY))).envelope
    other = statement_of(read(POLICY.replace("serial = 1", "serial = 2")))
    forged = Envelope(payload=other, payload_type=good.payload_type, signatures=good.signatures)

    assert code(Bundle(envelope=forged).to_bytes()) == "signature-invalid"


def test_a_statement_of_another_kind_is_no_policy() -> None:
    assert code(statement(kind="https://slsa.dev/provenance/v1")) == "signed-policy-invalid"


@pytest.mark.parametrize(
    "files",
    [
        {**CONTENTS, "left-over.pub": b"x"},
        {name: content for name, content in CONTENTS.items() if name != "policy.toml"},
        {"Policy.toml": POLICY.encode(), **{n: c for n, c in CONTENTS.items() if n[0] != "p"}},
    ],
    ids=["left over", "no policy", "another name"],
)
def test_other_files_than_the_policys_are_refused(files: dict[str, bytes]) -> None:
    assert code(statement(files)) == "signed-policy-invalid"


def test_a_missing_file_is_refused() -> None:
    files = {name: content for name, content in CONTENTS.items() if name != "acme.pub"}

    assert code(statement(files)) == "policy-invalid"


@pytest.mark.parametrize(
    "subjects",
    [
        (Subject.of(sha256(b"x"), "policy.toml"),),
        tuple(Subject.of(sha256(content)) for content in CONTENTS.values()),
        tuple(Subject.of(sha256(content), name) for name, content in CONTENTS.items())[:2],
        tuple(Subject.of(sha256(content), name) for name, content in CONTENTS.items()) * 2,
        tuple(
            Subject(name=name, digest={"sha256": sha256(content)[7:], "md5": "00"})
            for name, content in CONTENTS.items()
        ),
    ],
    ids=["another digest", "no names", "too few", "twice", "another digest besides"],
)
def test_a_statement_about_something_else_is_refused(subjects: tuple[Subject, ...]) -> None:
    assert code(statement(subjects=subjects)) == "signed-policy-invalid"


def test_another_serial_than_the_policys_is_refused() -> None:
    assert code(statement(serial=2)) == "signed-policy-invalid"


def test_a_signed_policy_that_demands_nothing_is_refused() -> None:
    start, end = POLICY.index("[namespace.require.prov"), POLICY.index("[permission.")
    bare = f"{POLICY[:start]}[namespace.require]\n\n{POLICY[end:]}".encode()

    assert code(statement({**CONTENTS, "policy.toml": bare})) == "policy-invalid"


def test_a_file_that_leads_out_of_the_folder_is_refused() -> None:
    toml = POLICY.replace('"acme.pub"', '"../acme.pub"').encode()
    files = {"policy.toml": toml, "../acme.pub": FILES["acme.pub"], **CONTENTS}

    assert code(statement({**files, "policy.toml": toml})) == "policy-invalid"


def test_a_bundle_that_names_a_certificate_is_not_the_keys() -> None:
    document = json.loads(signed(read(POLICY)))
    document["verificationMaterial"] = {"certificate": {"rawBytes": "AAAA"}}

    assert code(json.dumps(document).encode()) == "signature-invalid"


def test_two_signatures_are_refused() -> None:
    good = Bundle.from_bytes(signed(read(POLICY)))
    data = signed(read(POLICY))
    start = data.index(b'"signatures":[') + len(b'"signatures":[')
    end = data.index(b"]", start)
    twice = data[:end] + b"," + data[start:end] + data[end:]

    assert len(good.envelope.signatures) == 1
    assert code(twice) == "bundle-malformed"


def test_a_policy_too_large_for_a_bundle_is_not_signed() -> None:
    files = {"acme.pub": FILES["acme.pub"] + b"\n" * 5_000_000}

    with pytest.raises(MinisealError) as error:
        signed(read(POLICY, files))

    assert error.value.code == "too-large"


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_damaged_bundle_is_the_same_policy_or_refused(data: st.DataObject) -> None:
    whole = read(POLICY)
    damaged = data.draw(mutated(json.loads(signed(whole))))

    with suppress(MinisealError):
        assert read_signed(damaged, (OWNER,)) == whole
