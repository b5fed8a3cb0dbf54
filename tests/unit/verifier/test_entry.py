import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from kit.fakesigstore import NOW, FakeSigstore, Json
from miniseal.formats.errors import MinisealError
from miniseal.formats.members import Members
from miniseal.verifier.signatures.clocks import Leaf, Material
from miniseal.verifier.signatures.entry import LOG_ENTRY_INVALID, LogEntry

FAKE = FakeSigstore()


def material(rekor: int = 1) -> Json:
    return FAKE.dsse(FAKE.leaf(), b"{}", rekor=rekor)["verificationMaterial"]


def entry(rekor: int = 1, **members: Any) -> LogEntry:
    value = {**material(rekor)["tlogEntries"][0], **members}
    return LogEntry.from_members(Members(value, "entry", LOG_ENTRY_INVALID))


def refusal(rekor: int = 1, **members: Any) -> str:
    with pytest.raises(MinisealError) as caught:
        entry(rekor, **members)
    assert caught.value.code == "log-entry-invalid"
    return caught.value.message


def test_an_entry_of_rekor_v1_promises_a_time() -> None:
    found = entry()

    assert (found.kind, found.version, found.promised) == ("dsse", "0.0.1", NOW)
    assert not found.of_second_generation


def test_an_entry_of_rekor_v2_promises_nothing() -> None:
    found = entry(2)

    assert (found.kind, found.version, found.promised) == ("hashedrekord", "0.0.2", None)
    assert found.of_second_generation


def test_a_time_without_a_promise_is_none() -> None:
    assert entry(2, integratedTime=str(NOW)).promised is None


@pytest.mark.parametrize("time", ["0", "", "-1", "1e9", "253402300800", NOW, None])
def test_a_promise_at_no_time_is_refused(time: object) -> None:
    refusal(integratedTime=time)


@pytest.mark.parametrize("index", ["-1", "", "1.0", "٣", "9" * 19, "1" * 20, 1, None])
def test_an_index_that_no_log_has_is_refused(index: object) -> None:
    refusal(logIndex=index)


def test_another_kind_than_the_bodys_is_refused() -> None:
    message = refusal(kindVersion={"kind": "hashedrekord", "version": "0.0.1"})

    assert "another kind" in message


@pytest.mark.parametrize(
    "body", ["e30=", "W10=", "e30", "/w=="], ids=["empty", "list", "cut", "byte"]
)
def test_a_body_that_is_no_entry_is_refused(body: str) -> None:
    refusal(canonicalizedBody=body)


def test_an_index_of_rekor_v2_is_the_proven_one() -> None:
    assert "proven" in refusal(2, logIndex="2")


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"logIndex": "3"}, id="index outside"),
        pytest.param({"treeSize": "4"}, id="size"),
        pytest.param({"treeSize": "03"}, id="size written otherwise"),
        pytest.param({"hashes": ["AAAA"] * 65}, id="many hashes"),
        pytest.param({"checkpoint": {}}, id="empty checkpoint"),
        pytest.param({"checkpoint": {"envelope": "a"}}, id="one line"),
        pytest.param({"checkpoint": {"envelope": "a\n3\n" + "b" * 70_000}}, id="large checkpoint"),
    ],
)
def test_a_proof_of_no_tree_is_refused(changed: dict[str, object]) -> None:
    proof = material()["tlogEntries"][0]["inclusionProof"]

    refusal(inclusionProof={**proof, **changed})


def test_a_member_by_its_other_name_is_refused() -> None:
    bundle = FAKE.dsse(FAKE.leaf(), b"{}")
    holder = bundle["verificationMaterial"]["tlogEntries"][0]
    holder["inclusion_promise"] = holder["inclusionPromise"]

    with pytest.raises(MinisealError, match="another form") as caught:
        Material.from_bytes(json.dumps(bundle).encode())

    assert caught.value.code == "bundle-malformed"


def test_another_certificate_than_ours_is_refused() -> None:
    theirs = x509.load_der_x509_certificate(FAKE.leaf(key="x").certificate or b"")

    with pytest.raises(MinisealError, match="two ways") as caught:
        Leaf(FAKE.leaf().certificate or b"").verify(theirs)

    assert caught.value.code == "certificate-invalid"


def test_an_authoritys_certificate_is_refused() -> None:
    root = FAKE.root

    with pytest.raises(MinisealError, match="authority's") as caught:
        Leaf(root.public_bytes(Encoding.DER)).verify(root)

    assert caught.value.code == "certificate-invalid"
