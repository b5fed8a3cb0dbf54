import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from miniseal.attestations import FileSigner, KeylessSigner, generate_key
from miniseal.cli.main import main
from miniseal.cli.outcome import Outcome, Verb
from miniseal.cli.signing import Signing, ask, new_password, open_key, signing_options
from miniseal.formats.errors import EnvironmentalError, UsageError
from miniseal.formats.extras import need

WORD = "a pässword"
TOKEN = "eyJh.eyJi.c2ln"  # noqa: S105 - nobody's

Say = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEY", "KEY_PASSWORD", "IDENTITY_TOKEN", "TRUST_CONFIG"):
        monkeypatch.delenv(f"MINISEAL_{name}", raising=False)
    monkeypatch.delenv("SIGSTORE_ID_TOKEN", raising=False)


@pytest.fixture
def encrypted(tmp_path: Path) -> Path:
    generate_key(tmp_path / "key", password=WORD)
    return tmp_path / "key"


@click.command("signs", cls=Verb)
@signing_options
@click.option("--other")
def signs(signing: Signing, other: str | None) -> Outcome:
    config = str(signing.trust_config) if signing.trust_config else None
    names = {"key": signing.key, "keyless": signing.keyless, "token": signing.identity_token}
    return Outcome(result={**names, "config": config, "other": other, "given": signing.given})


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def run(*words: str) -> dict[str, Any]:
        main([*words, "--json"], signs)
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    return run


class TestOptions:
    def test_a_key_is_a_path_or_a_uri_as_it_stands(self, say: Say) -> None:
        assert say("--key", "awskms:alias/a", "--other", "o")["result"] == {
            "key": "awskms:alias/a",
            "keyless": False,
            "token": None,
            "config": None,
            "other": "o",
            "given": True,
        }

    def test_an_identity_has_token_and_configuration(self, say: Say) -> None:
        words = ("--keyless", "--identity-token", TOKEN, "--trust-config", "c.json")

        result = say(*words)["result"]

        assert (result["keyless"], result["key"]) == (True, None)
        assert (result["token"], result["config"]) == (TOKEN, "c.json")

    @pytest.mark.parametrize("words", [(), ("--bound-token",)], ids=["any", "bound"])
    def test_a_token_is_bound_where_that_is_asked_for(
        self, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        asked: list[Any] = []
        monkeypatch.setattr(KeylessSigner, "open", lambda **given: asked.append(given["bound"]))
        (tmp_path / "c.json").touch()

        @click.command("signs", cls=Verb)
        @signing_options
        def opens(signing: Signing) -> Outcome:
            signing.signer()
            return Outcome(result={})

        main(["--keyless", "--trust-config", str(tmp_path / "c.json"), *words], opens)

        assert asked == [bool(words)]

    def test_nothing_is_nobody(self, say: Say) -> None:
        assert say()["result"]["given"] is False

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("--key", "k", "--keyless"), "--key and --keyless exclude each other"),
            (("--key", "k", "--identity-token", TOKEN), "--identity-token is for --keyless"),
            (("--trust-config", "c"), "--trust-config is for --keyless"),
            (("--bound-token",), "--bound-token is for --keyless"),
            (("--keyless", "--bound-token"), "--bound-token is for --trust-config"),
        ],
        ids=["both", "token", "config", "bound", "bound to nobody"],
    )
    def test_options_that_do_not_go_together_are_refused(
        self, say: Say, words: tuple[str, ...], message: str
    ) -> None:
        error = say(*words)["error"]

        assert (error["code"], error["message"]) == ("usage", message)

    def test_what_the_environment_says_gives_way(
        self, say: Say, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MINISEAL_KEY", "k")
        monkeypatch.setenv("MINISEAL_IDENTITY_TOKEN", TOKEN)
        monkeypatch.setenv("MINISEAL_TRUST_CONFIG", "c.json")

        assert say()["result"]["key"] == "k"
        assert say()["result"]["token"] is None
        assert say("--keyless")["result"]["key"] is None
        assert say("--keyless")["result"]["config"] == "c.json"

    def test_a_token_is_where_other_signers_of_sigstore_look(
        self, say: Say, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SIGSTORE_ID_TOKEN", TOKEN)
        assert say("--keyless")["result"]["token"] == TOKEN

        monkeypatch.setenv("MINISEAL_IDENTITY_TOKEN", "own")
        assert say("--keyless")["result"]["token"] == "own"  # noqa: S105 - nobody's
        assert say("--key", "k")["result"]["token"] is None

    def test_a_signer_that_nobody_named_is_asked_for(self) -> None:
        nobody = Signing(key=None, keyless=False, identity_token=None, trust_config=None)

        with pytest.raises(click.UsageError, match="give --key or --keyless"):
            nobody.signer()


class TestKeyless:
    def test_a_token_may_be_in_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "token").write_text(f"{TOKEN}\n")

        for given in (TOKEN, str(tmp_path / "token")):
            signing = Signing(key=None, keyless=True, identity_token=given, trust_config=None)
            with pytest.raises(UsageError, match="cannot be used") as error:
                signing.signer()
            assert error.value.code == "token-invalid"

    @pytest.mark.parametrize(
        "given", [f" {TOKEN}\n", f"Bearer {TOKEN}", f"{TOKEN}.more.parts", f'"{TOKEN}"']
    )
    def test_a_token_is_never_shown(self, given: str) -> None:
        signing = Signing(key=None, keyless=True, identity_token=given, trust_config=None)

        with pytest.raises(UsageError) as error:
            signing.signer()

        assert error.value.code in {"token-invalid", "file-unusable"}
        assert TOKEN not in str(error.value.to_json())

    def test_a_file_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        for token, config in ((str(tmp_path / "t"), None), (TOKEN, tmp_path / "c")):
            signing = Signing(key=None, keyless=True, identity_token=token, trust_config=config)
            with pytest.raises(UsageError) as error:
                signing.signer()
            assert error.value.code == "file-unusable"


class TestPassword:
    def test_it_comes_from_the_environment(
        self, encrypted: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MINISEAL_KEY_PASSWORD", WORD)

        signer = open_key(str(encrypted))

        assert signer.public_pem == Path(f"{encrypted}.pub").read_bytes()
        assert (ask("x"), new_password("x")) == (WORD, WORD)

    def test_an_empty_variable_is_an_empty_password(
        self, encrypted: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MINISEAL_KEY_PASSWORD", "")

        with pytest.raises(UsageError, match="is empty") as error:
            open_key(str(encrypted))

        assert error.value.code == "key-password"

    @pytest.mark.parametrize("unlock", [True, False])
    def test_without_a_terminal_it_is_missing(self, encrypted: Path, unlock: bool) -> None:
        with pytest.raises(UsageError, match="no terminal to ask on") as error:
            open_key(str(encrypted), unlock=unlock)

        assert error.value.code == "key-password"

    def test_another_refusal_is_not_tried_again(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError) as error:
            open_key(str(tmp_path / "nothing"), unlock=False)

        assert error.value.code == "key-invalid"

    def test_a_terminal_is_asked_and_shows_nothing(self, encrypted: Path) -> None:
        exit_code, shown = on_terminal(("keys", "show", str(encrypted)), [WORD])

        assert exit_code == 0, shown
        assert f"The password of {encrypted}:" in shown
        assert WORD not in shown

    def test_a_new_password_is_asked_for_twice(self, tmp_path: Path) -> None:
        path = tmp_path / "new"

        exit_code, shown = on_terminal(
            ("keys", "generate", str(path), "--password"), [WORD, "a slip", WORD, WORD]
        )

        assert exit_code == 0, shown
        assert "do not match" in shown
        assert FileSigner.load(path, ask=lambda _: WORD).hint


def on_terminal(words: tuple[str, ...], answers: list[str]) -> tuple[int, str]:
    """Run `miniseal WORDS` on a terminal, with an answer to each prompt; what it showed there."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "miniseal.cli", *words]
    shown = b""
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        left = list(answers)
        try:
            while data := os.read(ours, 4096):
                shown += data
                if left and shown.endswith(b": "):
                    os.write(ours, f"{left.pop(0)}\n".encode())
        except OSError:  # what Linux says when the other side is closed
            pass
        finally:
            os.close(ours)
    return process.returncode, shown.decode()


def test_a_service_whose_library_is_missing_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "hvac", None)

    with pytest.raises(EnvironmentalError, match="the extra `vault`") as error:
        open_key("hv:release")

    assert error.value.code == "extra-missing"
    assert error.value.hint == "install miniseal[vault]"


@pytest.mark.parametrize(
    "extra", ["aws", "azure", "gcp", "keyless", "layout", "pipeline", "pkcs11", "vault"]
)
def test_every_extra_is_known_by_a_module_that_it_brings(extra: str) -> None:
    need(extra)
