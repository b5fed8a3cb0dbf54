import json
from pathlib import Path
from typing import Any

import pytest

from kit.packages import key
from miniseal.attestations import generate_key
from miniseal.attestations.layout import functionary_key
from miniseal.cli.main import main
from miniseal.formats.bundle import Bundle


@pytest.fixture
def public(tmp_path: Path) -> Path:
    path = tmp_path / "ci.pub"
    path.write_bytes(key("ci").public_pem)
    return path


@pytest.fixture
def owner(tmp_path: Path) -> Path:
    generate_key(tmp_path / "owner")
    return tmp_path / "owner"


@pytest.fixture
def draft(tmp_path: Path, public: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "draft.layout"
    said(capsys, "create", "--functionary", f"ci={public}", "-o", path)
    return path


def said(capsys: pytest.CaptureFixture[str], *words: str | Path, code: int = 0) -> dict[str, Any]:
    """The JSON of `miniseal layout WORDS`."""
    assert main(["layout", *map(str, words), "--json"]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    found: dict[str, Any] = document["result"] if code == 0 else document["error"]
    return found


def test_a_draft_names_its_functionaries_for_the_policy(
    tmp_path: Path, public: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = tmp_path / "draft"

    made = said(
        capsys,
        *("create", "--functionary", f"ci={public}", "--functionary", "workflow"),
        *("--without", "rebuild", "-o", draft),
    )

    key_id, _ = functionary_key(public.read_bytes(), "ci")
    assert sorted(made["functionaries"].values()) == ["ci", "workflow"]
    assert made["functionaries"][key_id] == "ci"
    assert "rebuild" not in made["steps"]
    layout = json.loads(draft.read_text())
    assert list(layout["keys"]) == [key_id]
    assert {tuple(step["pubkeys"]) for step in layout["steps"]} == {tuple(made["functionaries"])}


def test_a_draft_is_for_a_policy_to_copy(
    tmp_path: Path, public: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["layout", "create", "--functionary", f"ci={public}", "-o", str(tmp_path / "d")]) == 0
    )

    key_id, _ = functionary_key(public.read_bytes(), "ci")
    assert f'{key_id} = "ci"' in capsys.readouterr().out.splitlines()


def test_no_draft_is_written_over_a_file(
    draft: Path, public: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = draft.read_bytes()

    error = said(capsys, "create", "--functionary", f"ci={public}", "-o", draft, code=2)

    assert (error["code"], draft.read_bytes()) == ("file-unusable", before)


@pytest.mark.parametrize(
    ("functionary", "code"),
    [
        ("={public}", "usage"),
        ("ci={public}x", "file-unusable"),
        ("ci={owner}", "public-key-invalid"),
    ],
)
def test_a_functionary_that_is_none_is_refused(
    functionary: str,
    code: str,
    public: Path,
    owner: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = functionary.format(public=public, owner=owner)
    words = ("create", "--functionary", text, "-o", tmp_path / "draft")

    assert said(capsys, *words, code=2)["code"] == code


def test_a_signed_layout_holds_the_drafts_very_bytes(
    draft: Path, owner: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signed, envelope = tmp_path / "signed", tmp_path / "root.layout"

    said(capsys, "sign", draft, "--key", owner, "-o", signed, "--in-toto", envelope)

    assert Bundle.from_bytes(signed.read_bytes()).envelope.payload == draft.read_bytes()
    assert json.loads(envelope.read_text())["signatures"][0]["keyid"]


def test_a_draft_that_was_spoilt_is_not_signed(
    draft: Path, owner: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draft.write_text(draft.read_text().replace('"inspect": []', '"inspect": [{}]'))

    error = said(capsys, "sign", draft, "--key", owner, "-o", tmp_path / "signed", code=1)

    assert error["code"] == "layout-invalid"
    assert not (tmp_path / "signed").exists()


def test_signing_needs_a_key(
    draft: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "sign", draft, "-o", tmp_path / "signed", code=2)["code"] == "usage"


def test_a_layout_is_shown_signed_or_not(
    draft: Path, owner: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = said(capsys, "show", draft)
    said(capsys, "sign", draft, "--key", owner, "-o", tmp_path / "signed")
    signed = said(capsys, "show", tmp_path / "signed")

    assert (bare["signed"], signed["signed"]) == (False, True)
    assert signed["steps"] == bare["steps"] == json.loads(draft.read_text())["steps"]
    assert (bare["warnings"], signed["warnings"]) == ([], [])


def test_a_layout_is_shown_with_what_it_leaves_open(
    draft: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = json.loads(draft.read_text())
    layout["steps"][1]["expected_materials"] = [["ALLOW", "*"], ["DISALLOW", "*"]]
    draft.write_text(json.dumps(layout))

    assert main(["layout", "show", str(draft)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("warning")] == [
        "warning  step build uses whatever it likes: ALLOW *",
        "warning  step build passes without what it uses: it REQUIREs nothing",
    ]


def test_what_is_no_layout_is_not_shown(owner: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "show", owner, code=1)["code"] == "json-malformed"
