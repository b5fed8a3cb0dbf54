from pathlib import Path

import pytest

from miniseal.cli.access import access, auth_files, login_file
from miniseal.formats.errors import MinisealError
from miniseal.registry import Credential


def test_podmans_files_come_before_dockers() -> None:
    environ = {
        "REGISTRY_AUTH_FILE": "/named.json",
        "XDG_RUNTIME_DIR": "/run/user",
        "HOME": "/home/somebody",
    }

    assert auth_files(environ) == (
        Path("/named.json"),
        Path("/run/user/containers/auth.json"),
        Path("/home/somebody/.config/containers/auth.json"),
        Path("/home/somebody/.docker/config.json"),
    )


def test_folders_may_be_elsewhere() -> None:
    environ = {"XDG_CONFIG_HOME": "/config", "DOCKER_CONFIG": "/docker", "HOME": "/home/somebody"}

    assert auth_files(environ) == (
        Path("/config/containers/auth.json"),
        Path("/docker/config.json"),
    )


def test_nobody_has_no_files() -> None:
    assert auth_files({}) == ()


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"HOME": "/home/somebody"}, "/home/somebody/.docker/config.json"),
        ({"HOME": "/home/somebody", "DOCKER_CONFIG": "/docker"}, "/docker/config.json"),
        ({"HOME": "/home/somebody", "REGISTRY_AUTH_FILE": "/named.json"}, "/named.json"),
    ],
)
def test_a_login_has_one_place(environ: dict[str, str], path: str) -> None:
    assert login_file(environ) == Path(path)


def test_a_login_of_nobody_has_no_place() -> None:
    with pytest.raises(MinisealError) as error:
        login_file({})

    assert error.value.code == "file-unusable"


def test_a_credential_of_the_environment_is_for_one_registry() -> None:
    environ = {
        "MINISEAL_REGISTRY_HOST": "registry.example",
        "MINISEAL_REGISTRY_USER": "somebody",
        "MINISEAL_REGISTRY_PASSWORD": "hush",
    }

    given = access(environ)

    assert given.credentials == {
        "registry.example": Credential(
            username="somebody", secret=environ["MINISEAL_REGISTRY_PASSWORD"]
        )
    }
    assert "hush" not in repr(given)


@pytest.mark.parametrize("name", ["HOST", "USER", "PASSWORD"])
def test_a_part_of_a_credential_is_refused(name: str) -> None:
    with pytest.raises(MinisealError) as error:
        access({f"MINISEAL_REGISTRY_{name}": "hush"})

    assert error.value.code == "credentials-incomplete"
    assert "hush" not in str(error.value)


def test_a_configuration_of_the_environment_is_taken_and_not_shown() -> None:
    text = '{"auths":{"registry.example":{"username":"somebody","password":"hush"}}}'

    given = access({"DOCKER_AUTH_CONFIG": text})

    assert given.auth_text == text
    assert "hush" not in repr(given)
