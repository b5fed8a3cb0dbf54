import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.registry import Access, Credential
from miniseal.registry.remote.credentials import find

HOST = "registry.example:5000"
WORD, COLON = "hush", "hu:sh"
FOUND = Credential(username="user", secret=WORD)
Config = Callable[..., Path]
Install = Callable[[str], Path]


def auth(text: str) -> dict[str, str]:
    return {"auth": b64encode(text.encode()).decode()}


def found(*paths: Path, host: str = HOST, repository: str = "acme/tip") -> Credential | None:
    return find(host, repository, Access(auth_files=paths, helper_seconds=5.0))


def refused(*paths: Path) -> None:
    with pytest.raises(MinisealError) as error:
        found(*paths)
    assert error.value.code == "credentials-unusable"
    assert WORD not in str(error.value)


def answer(username: str, secret: str = WORD) -> str:
    said = json.dumps({"ServerURL": "", "Username": username, "Secret": secret})
    return f'read server; echo "$server" > "$0.asked"; echo \'{said}\''


@pytest.mark.parametrize("key", [HOST, f"https://{HOST}", f"https://{HOST}/v1/", f"{HOST}/v2/"])
def test_a_registry_is_found_however_its_key_is_written(config: Config, key: str) -> None:
    assert found(config(auths={key: auth("user:hush")})) == FOUND


@pytest.mark.parametrize(
    "key", ["registry.example", f"x{HOST}", f"{HOST}0", f"evil.example/{HOST}", "example:5000"]
)
def test_another_registry_is_not_taken_for_it(config: Config, key: str) -> None:
    assert found(config(auths={key: auth("user:hush")})) is None


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io"])
def test_docker_hub_has_keys_of_its_own(config: Config, key: str) -> None:
    assert found(config(auths={key: auth("user:hush")}), host="docker.io") == FOUND


def test_podmans_entry_for_the_repository_comes_first(config: Config) -> None:
    path = config(
        auths={
            HOST: auth("user:wrong"),
            f"{HOST}/acme": auth("user:hush"),
            f"{HOST}/acme/other": auth("user:wrong"),
        }
    )

    assert found(path) == FOUND


@pytest.mark.parametrize(
    ("entry", "credential"),
    [
        (auth("user:hu:sh"), Credential(username="user", secret=COLON)),
        ({"username": "user", "password": WORD}, FOUND),
        ({"identitytoken": WORD}, Credential(username="", secret=WORD)),
        ({**auth("user:x"), "identitytoken": WORD}, Credential(username="", secret=WORD)),
        ({}, None),
        ({"auth": ""}, None),
    ],
    ids=["colon", "members", "token", "token-first", "empty", "empty-auth"],
)
def test_an_entry_is_read(
    config: Config, entry: dict[str, str], credential: Credential | None
) -> None:
    assert found(config(auths={HOST: entry})) == credential


def test_files_are_asked_in_their_order(config: Config, tmp_path: Path) -> None:
    first = config("first.json", auths={"other.example": auth("user:wrong")})
    second = config("second.json", auths={HOST: auth("user:hush")})
    third = config("third.json", auths={HOST: auth("user:wrong")})

    assert found(tmp_path / "none.json", first, second, third) == FOUND


def test_the_callers_own_credential_comes_first(config: Config) -> None:
    path = config(auths={HOST: auth("user:wrong")})
    access = Access(credentials={HOST: FOUND}, auth_files=(path,))

    assert find(HOST, "acme/tip", access) == FOUND


def test_what_the_environment_holds_comes_before_files(config: Config) -> None:
    text = json.dumps({"auths": {HOST: auth(f"user:{WORD}")}})
    path = config(auths={HOST: auth("user:wrong"), "other.example": auth(f"user:{WORD}")})
    access = Access(auth_text=text, auth_files=(path,))

    assert find(HOST, "acme/tip", access) == FOUND
    assert find("other.example", "acme/tip", access) == FOUND
    assert find("another.example", "acme/tip", access) is None


def test_a_helper_that_the_environment_names_is_asked(config: Config, helper: Install) -> None:
    helper(answer("user"))
    path = config(auths={HOST: auth("user:wrong")})
    access = Access(auth_text='{"credsStore":"test"}', auth_files=(path,), helper_seconds=5.0)

    assert find(HOST, "acme/tip", access) == FOUND


@pytest.mark.parametrize("text", ["hush", "[]", '{"auths":{"registry.example:5000":"hush"}}'])
def test_a_damaged_configuration_in_the_environment_is_said(text: str) -> None:
    with pytest.raises(MinisealError) as error:
        find(HOST, "acme/tip", Access(auth_text=text))

    assert error.value.code == "credentials-unusable"
    assert "DOCKER_AUTH_CONFIG" in str(error.value)
    assert WORD not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"auths":[]}',
        '{"auths":{"registry.example:5000":7}}',
        '{"auths":{"registry.example:5000":{"auth":"?hush?"}}}',
        '{"credsStore":"../../bin/sh"}',
        '{"credsStore":"no-such-helper"}',
    ],
)
def test_a_damaged_file_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)

    refused(path)


def test_a_folder_in_a_files_place_is_said(tmp_path: Path) -> None:
    refused(tmp_path)


@pytest.mark.parametrize("members", [{"credsStore": "test"}, {"credHelpers": {HOST: "test"}}])
def test_a_helper_is_asked_for_the_registry(
    config: Config, helper: Install, members: dict[str, object]
) -> None:
    program = helper(answer("user"))

    assert found(config(**members)) == FOUND
    assert Path(f"{program}.asked").read_text() == f"{HOST}\n"


def test_a_helper_for_another_registry_is_not_asked(config: Config, helper: Install) -> None:
    program = helper(answer("user"))

    assert found(config(credHelpers={"other.example": "test"})) is None
    assert not Path(f"{program}.asked").exists()


def test_a_helper_may_have_a_refresh_token(config: Config, helper: Install) -> None:
    helper(answer("<token>"))

    assert found(config(credsStore="test")) == Credential(username="", secret=WORD)


def test_a_helper_that_has_nothing_leaves_it_to_the_file(config: Config, helper: Install) -> None:
    helper("echo credentials not found in native keychain; exit 1")

    path = config(credsStore="test", auths={HOST: auth("user:hush")})
    assert found(path) == FOUND


@pytest.mark.parametrize(
    "script",
    ["echo hush is broken; exit 1", "echo hush", "echo '{\"Username\":7}'", "exit 3"],
)
def test_a_helper_that_fails_is_said(config: Config, helper: Install, script: str) -> None:
    helper(script)

    refused(config(credsStore="test"))


def test_a_helper_that_does_not_end_is_ended_with_its_children(
    config: Config, helper: Install, tmp_path: Path
) -> None:
    helper(f"(sleep 2; touch {tmp_path}/survived) & sleep 60")
    path = config(credsStore="test")

    with pytest.raises(MinisealError) as error:
        find(HOST, "acme/tip", Access(auth_files=(path,), helper_seconds=0.3))

    assert error.value.code == "credentials-unusable"
    assert not (tmp_path / "survived").exists()


def test_a_credential_does_not_show_its_secret() -> None:
    assert WORD not in repr(FOUND)


@pytest.mark.parametrize(
    "entry",
    [
        {"username": "user", "password": 20260101},
        {"identitytoken": 20260101},
        {"auth": 20260101},
        {"auth": b64encode(b"user:20260101\xff").decode()},
    ],
    ids=["password", "token", "auth", "no-text"],
)
def test_no_error_shows_what_a_file_holds(config: Config, entry: dict[str, object]) -> None:
    with pytest.raises(MinisealError) as error:
        found(config(auths={HOST: entry}))

    chain: BaseException | None = error.value
    while chain is not None:
        assert "20260101" not in f"{chain} {chain!r}"
        chain = chain.__cause__ or chain.__context__


def test_no_error_shows_what_a_helper_says(config: Config, helper: Install) -> None:
    helper('echo \'{"Username":"user","Secret":20260101}\'')

    with pytest.raises(MinisealError) as error:
        found(config(credsStore="test"))

    assert error.value.code == "credentials-unusable"
    assert "20260101" not in str(error.value)


@pytest.mark.parametrize("members", [{"credsStore": ""}, {"credHelpers": {HOST: ""}}])
def test_a_helper_without_a_name_is_none(config: Config, members: dict[str, object]) -> None:
    path = config(**{"credsStore": "no-such-helper"} | members, auths={HOST: auth("user:hush")})

    assert found(path) == FOUND
