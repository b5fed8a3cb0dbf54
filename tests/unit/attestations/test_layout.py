import json
from pathlib import Path

import pytest
from in_toto.models._signer import load_public_key_from_file  # type: ignore[import-untyped]
from in_toto.models.metadata import Metadata  # type: ignore[import-untyped]

from kit.packages import key
from miniseal.attestations.layout import functionary_key, in_toto_envelope, sign_layout
from miniseal.formats.bundle import Bundle
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE
from miniseal.formats.errors import FormatError, UsageError
from miniseal.formats.layout import PACKAGE, Layout, LayoutStep

DENY = ("DISALLOW", "*")
LAYOUT = Layout(
    steps=(
        LayoutStep(
            name="pack",
            materials=(DENY,),
            products=(("REQUIRE", PACKAGE), ("CREATE", PACKAGE), DENY),
            functionaries=("ab" * 32,),
        ),
    ),
    expires="2027-01-01T00:00:00Z",
)


@pytest.mark.parametrize("ed", [False, True], ids=["p256", "ed25519"])
def test_a_functionarys_key_and_its_id_are_in_totos(ed: bool, tmp_path: Path) -> None:
    path = tmp_path / "key.pub"
    path.write_bytes(key("ci", ed=ed).public_pem)
    theirs = load_public_key_from_file(str(path))

    key_id, ours = functionary_key(path.read_bytes(), "ci")

    assert (key_id, ours.to_json(key_id)) == (theirs["keyid"], theirs)


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(b"", id="empty"),
        pytest.param(
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", id="private"
        ),
        pytest.param(
            b"-----BEGIN PUBLIC KEY-----\n"
            b"MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEyL6+KeE+A4J4cKQl6iBSRjJaFqE/LQkd\n"
            b"HUz95ydg1i74fFmbcyi2l/z6b9XJfoXusn21rbXjXk4RiZ3kRhXZZnLlU8AWftRB\n"
            b"GpvJG8iqMIoLzOfVLde7AAdmO1X+yOTS\n-----END PUBLIC KEY-----\n",
            id="p384",
        ),
    ],
)
def test_another_key_is_refused(pem: bytes) -> None:
    with pytest.raises(UsageError) as error:
        functionary_key(pem, "ci.pub")

    assert error.value.code == "public-key-invalid"


def test_a_signed_layout_is_a_bundle_around_the_very_bytes() -> None:
    data = json.dumps(json.loads(LAYOUT.to_bytes()), indent=2).encode()

    envelope = Bundle.from_bytes(sign_layout(data, key("owner"))).envelope

    assert (envelope.payload, envelope.payload_type) == (data, IN_TOTO_PAYLOAD_TYPE)


def test_another_document_is_not_signed() -> None:
    with pytest.raises(FormatError) as error:
        sign_layout(LAYOUT.to_bytes().replace(b'"REQUIRE"', b'"ALLOW"'), key("owner"))

    assert error.value.code == "layout-invalid"


@pytest.mark.parametrize("ed", [False, True], ids=["p256", "ed25519"])
def test_in_toto_reads_the_envelope_and_verifies_it(ed: bool, tmp_path: Path) -> None:
    signer = key("owner", ed=ed)
    envelope, public = tmp_path / "root.layout", tmp_path / "owner.pub"
    envelope.write_bytes(
        in_toto_envelope(sign_layout(LAYOUT.to_bytes(), signer), signer.public_pem)
    )
    public.write_bytes(signer.public_pem)

    read = Metadata.load(str(envelope))
    read.verify_signature(load_public_key_from_file(str(public)))

    assert read.get_payload().get_step_name_list() == ["pack"]
