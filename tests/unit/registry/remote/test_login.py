import json
from collections.abc import Callable
from pathlib import Path

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.registry import Access, Credential
from miniseal.registry.remote.credentials import find
from miniseal.registry.remote.login import forget, keep

HOST = "registry.example"
WORD = "hush"
SOMEBODY = Credential(username="user", secret=WORD)
Config = Callable[..., Path]
Install = Callable[[str], Path]


def kept(path: Path, host: str = HOST) -> Credential | None:
    return find(host, "acme/tip", Access(auth_files=(path,)))


def test_a_credential_is_kept_in_a_new_file_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "docker" / "config.json"

    assert keep(path, HOST, SOMEBODY, 5.0) == str(path)
    assert kept(path) == SOMEBODY
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["config.json"]


def test_what_else_is_in_the_file_stays(config: Config) -> None:
    others = {"other.example": {"auth": "eDp5"}}
    path = config(auths={**others, f"https://{HOST}/v2/": {"auth": "eDp5"}}, psFormat="x")

    keep(path, HOST, SOMEBODY, 5.0)

    document = json.loads(path.read_text())
    assert kept(path) == SOMEBODY
    assert document["psFormat"] == "x"
    assert document["auths"].keys() == {"other.example", HOST}


def test_docker_hub_is_kept_under_its_own_key(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    keep(path, "docker.io", SOMEBODY, 5.0)

    assert list(json.loads(path.read_text())["auths"]) == ["https://index.docker.io/v1/"]


def test_a_link_to_the_file_stays_a_link(config: Config, tmp_path: Path) -> None:
    path = config()
    link = tmp_path / "link.json"
    link.symlink_to(path)

    keep(link, HOST, SOMEBODY, 5.0)

    assert link.is_symlink()
    assert kept(path) == SOMEBODY


def test_a_helper_keeps_it_where_there_is_one(config: Config, helper: Install) -> None:
    program = helper('cat > "$0.$1"')
    path = config(credsStore="test")

    assert keep(path, HOST, SOMEBODY, 5.0) == "docker-credential-test"
    assert json.loads(Path(f"{program}.store").read_text()) == {
        "ServerURL": HOST,
        "Username": "user",
        "Secret": WORD,
    }
    assert WORD not in path.read_text()


def test_a_helper_that_keeps_nothing_is_said(config: Config, helper: Install) -> None:
    helper("exit 1")

    with pytest.raises(MinisealError) as error:
        keep(config(credsStore="test"), HOST, SOMEBODY, 5.0)

    assert error.value.code == "credentials-unusable"


def test_a_credential_is_forgotten(config: Config) -> None:
    path = config(auths={"other.example": {"auth": "eDp5"}})
    keep(path, HOST, SOMEBODY, 5.0)

    assert forget(path, HOST, 5.0)
    assert kept(path) is None
    assert kept(path, "other.example") is not None
    assert not forget(path, HOST, 5.0)


def test_nothing_is_forgotten_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert not forget(tmp_path / "none.json", HOST, 5.0)


def test_a_helper_forgets_it(config: Config, helper: Install) -> None:
    said = '{"Username":"user","Secret":"secret"}'
    program = helper(f'cat > "$0.$1"; [ "$1" = get ] && echo \'{said}\' || true')

    assert forget(config(credsStore="test"), HOST, 5.0)
    assert Path(f"{program}.erase").read_text() == HOST
