import pytest

from miniseal.formats.errors import UsageError
from miniseal.pipeline.engines.choose import choose

SESSION = {"DAGGER_SESSION_PORT": "1", "DAGGER_SESSION_TOKEN": "t"}
HOST = {"_EXPERIMENTAL_DAGGER_RUNNER_HOST": "tcp://engine:1234"}


@pytest.mark.parametrize(
    ("asked", "environ", "engine"),
    [
        (None, {}, "local"),
        ("auto", {}, "local"),
        ("auto", SESSION, "dagger"),
        ("auto", HOST, "dagger"),
        ("auto", {"DAGGER_SESSION_PORT": "1"}, "local"),
        ("local", SESSION | HOST, "local"),
        ("dagger", {}, "dagger"),
        (None, {"MINISEAL_ENGINE": "dagger"}, "dagger"),
        (None, {"MINISEAL_ENGINE": "local"} | HOST, "local"),
        ("auto", {"MINISEAL_ENGINE": "dagger"}, "local"),
        (None, {"MINISEAL_ENGINE": ""} | HOST, "dagger"),
    ],
)
def test_an_engine_is_chosen(asked: str | None, environ: dict[str, str], engine: str) -> None:
    assert choose(asked, environ) == engine


@pytest.mark.parametrize(("asked", "environ"), [("docker", {}), (None, {"MINISEAL_ENGINE": "x"})])
def test_an_unknown_engine_is_refused(asked: str | None, environ: dict[str, str]) -> None:
    with pytest.raises(UsageError) as error:
        choose(asked, environ)

    assert error.value.code == "engine-unknown"
