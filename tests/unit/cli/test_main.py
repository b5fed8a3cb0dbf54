import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from miniseal.cli.main import cli, main
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.errors import Code, VerificationError

DENIED = Code("no-way", VerificationError, meaning="m", cause="c", remedy="try less")


@click.command("yes", cls=Verb)
def yes() -> Outcome:
    return Outcome(result={"answer": 42}, lines=("forty-two",))


@click.command("no", cls=Verb)
def no() -> Outcome:
    raise DENIED("not allowed", found="this", expected="that")


@click.command("late", cls=Verb)
def late() -> Outcome:
    raise KeyboardInterrupt


@click.command("odd", cls=Verb)
def odd() -> Outcome:
    raise ZeroDivisionError("by nothing")


@click.command("half", cls=Verb)
def half() -> Outcome:
    return Outcome(result={}, lines=("a no without an error",), exit_code=1)


@click.command("bare", cls=Verb, extra="pipeline")
def bare() -> Outcome:
    raise ModuleNotFoundError("No module named 'cyclonedx'", name="cyclonedx")


def _run(
    capsys: pytest.CaptureFixture[str], command: click.Command, *words: str
) -> tuple[int, str, str]:
    program = click.Group("miniseal", commands=[command])
    code = main([command.name or "", *words], program)
    out, err = capsys.readouterr()
    return code, out, err


def test_a_result_is_text_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(capsys, yes) == (0, "forty-two\n", "")


def test_a_result_is_one_object_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, yes, "--json")

    assert code == 0
    assert json.loads(out) == {
        "schema": "miniseal/yes/v1",
        "ok": True,
        "result": {"answer": 42},
        "error": None,
    }


def test_a_refusal_is_talk_with_found_expected_and_hint(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _run(capsys, no)

    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "error: not allowed [no-way]",
        "  found:    this",
        "  expected: that",
        "  hint:     try less",
    ]


def test_a_refusal_is_one_object_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, no, "--json")

    assert code == 1
    assert json.loads(out)["error"]["code"] == "no-way"


def test_an_answer_of_no_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, half, "--json")

    assert code == 1
    assert json.loads(out)["ok"] is False


def test_an_interrupt_ends_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _run(capsys, late)

    assert (code, out) == (130, "")
    assert "Traceback" not in err


def test_an_interrupt_is_one_object_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, late, "--json")

    assert code == 130
    assert json.loads(out)["error"]["code"] == "interrupted"


def test_the_unexpected_ends_with_2_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, odd, "--json")

    assert code == 2
    assert json.loads(out)["error"]["code"] == "unexpected"


def test_a_traceback_is_there_for_who_asks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MINISEAL_TRACEBACK", "1")

    with pytest.raises(ZeroDivisionError, match="by nothing"):
        _run(capsys, odd)


def test_a_missing_package_names_the_extra(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, bare, "--json")

    error = json.loads(out)["error"]
    assert (code, error["code"]) == (2, "extra-missing")
    assert error["hint"] == "install miniseal[pipeline]"


@pytest.mark.parametrize(
    "words", [["no-such-command"], ["load"], ["load", "--nope"], ["verify", "--json"]]
)
def test_wrong_words_end_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = main([*words, "--json"])

    assert code == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"


def test_every_command_explains_itself() -> None:
    context = click.Context(cli)
    for name in cli.list_commands(context):
        result = CliRunner().invoke(cli, [name, "--help"])

        assert result.exit_code == 0
        command = cli.get_command(context, name)
        assert command is not None
        assert command.help


TERMINATED = """
import asyncio, os, signal
from miniseal.cli import main
signal.signal(signal.SIGTERM, main._terminate)

async def work():
    os.kill(os.getpid(), signal.SIGTERM)
    print("not in the middle of anything", flush=True)
    await asyncio.sleep(60)

try:
    asyncio.run(work())
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_term_signal_cancels_and_never_raises_in_the_middle_of_the_work() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TERMINATED], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.splitlines() == ["not in the middle of anything", "interrupted"]
