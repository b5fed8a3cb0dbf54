import json

import click
import pytest
from click.testing import CliRunner

from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.strictjson import TOO_LARGE

HOSTILE = "a\x9b2J\x1b[2J\u202e\u2028\x7f\u00e9b"


def said() -> Outcome:
    return Outcome(result={"text": HOSTILE})


def failed() -> Outcome:
    raise TOO_LARGE("document", found=HOSTILE)


@pytest.mark.parametrize("callback", [said, failed])
def test_json_holds_nothing_that_a_screen_obeys(callback: click.decorators.FC) -> None:
    done = CliRunner().invoke(Verb("try", callback=callback), ["--json"])

    assert all(line.isprintable() for line in done.stdout.split("\n"))
    assert "é" in done.stdout
    document = json.loads(done.stdout)
    found = document["result"]["text"] if document["ok"] else document["error"]["found"]
    assert found == HOSTILE
