import pytest

from miniseal.pipeline.report.markdown import Sheet, code, lines, text


def test_a_text_is_escaped_and_on_one_line() -> None:
    assert text("<b>&\"'\n\x00") == "&lt;b&gt;&amp;&quot;&#x27;\\n\\x00"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("@octocat", "@\u200boctocat"),
        ("see #12", "see #\u200b12"),
        ("https://evil.example", "https:\u200b//evil.example"),
        ("www.evil.example", "www\u200b.evil.example"),
        ("a@b.example", "a@\u200bb.example"),
    ],
)
def test_a_text_names_nobody_and_leads_nowhere(value: str, shown: str) -> None:
    assert text(value) == shown


def test_code_is_as_it_was() -> None:
    assert code("@a <https://x>") == "<code>@a &lt;https://x&gt;</code>"
    assert code("") == ""


def test_what_is_long_is_cut() -> None:
    assert code("a" * 301) == f"<code>{'a' * 299}…</code>"
    assert text("a" * 300, 300) == "a" * 300


def test_lines_have_no_blank_one_that_would_end_the_block() -> None:
    assert lines(["a", "", " \t", "<b>"]) == "<pre>a\n&#32;\n&#32;\n&lt;b&gt;</pre>"


def test_a_block_that_has_no_room_is_left_out_and_said_to_be() -> None:
    sheet = Sheet(200)
    sheet.add("<p>one</p>")
    sheet.add(f"<p>{'x' * 200}</p>")
    sheet.add("<p>two</p>")

    assert str(sheet).splitlines() == [
        *("<p>one</p>", "", "<p>two</p>", "", "<p>The rest is left out, for want of room.</p>", "")
    ]


def test_rows_that_have_no_room_are_counted() -> None:
    sheet = Sheet(2000)
    sheet.table("Title", ("a",), [(str(number),) for number in range(100)], share=10)

    shown = str(sheet)
    rows = shown.count("<td>")
    assert 0 < rows < 20
    assert f"<p>{100 - rows} more rows left out, for want of room.</p>" in shown


def test_a_table_that_fits_says_nothing_more() -> None:
    sheet = Sheet(2000)
    sheet.table("Title", ("a", "b"), [("1", "2")])

    assert str(sheet) == (
        "<h3>Title</h3>\n<table>\n<tr><th>a</th><th>b</th></tr>\n<tr><td>1</td><td>2</td></tr>\n"
        "</table>\n\n"
    )


@pytest.mark.parametrize("limit", [0, 1, 40, 60, 100, 400, 1000])
def test_a_limit_is_held(limit: int) -> None:
    sheet = Sheet(limit)
    for number in range(30):
        sheet.add(f"<p>{'ü' * number}</p>")
        sheet.table("T", ("ü",), [("ü" * 20,)] * number)

    assert len(str(sheet).encode("utf-8")) <= limit
