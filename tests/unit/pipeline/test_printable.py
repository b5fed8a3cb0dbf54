import pytest

from miniseal.pipeline.printable import one_line, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("\x1b[2J", "\\x1b[2J", id="escape"),
        pytest.param("\u202egnp", "\\u202egnp", id="right-to-left"),
        pytest.param("\x9b2J", "\\x9b2J", id="c1"),
        pytest.param("a\u2028b", "a\\u2028b", id="line-separator"),
        pytest.param("\udc80", "\\udc80", id="no-text"),
        pytest.param("Grüße, 宽 🦀", "Grüße, 宽 🦀", id="letters"),
        pytest.param("[bold]x[/bold]", "[bold]x[/bold]", id="markup"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text: str, shown: str) -> None:
    assert printable(text) == one_line(text) == shown


def test_line_ends_stay_or_are_shown() -> None:
    assert printable("a\n\tb") == "a\n\tb"
    assert one_line("a\r\n\tb") == "a\\r\\n b"
