"""What the building commands share."""

import pytest

from miniseal.cli.workshop import tool_cache

SECRETS = (
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "DOCKER_AUTH_CONFIG",
    "MINISEAL_IDENTITY_TOKEN",
    "MINISEAL_KEY_PASSWORD",
    "MINISEAL_REGISTRY_PASSWORD",
    "SIGSTORE_ID_TOKEN",
)


def test_what_fetches_tools_sees_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")

    environ = tool_cache().environ

    assert not set(SECRETS) & set(environ)
    assert environ["PIP_INDEX_URL"] == "https://index.example/simple"
    assert "secret" not in environ.values()
