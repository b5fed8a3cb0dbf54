"""What a check of something published says, as markdown: for the page of a workflow's run."""

from collections.abc import Mapping, Sequence

from miniseal.pipeline.report.markdown import SIZE, Sheet, code, lines, text

__all__ = ["render"]


def render(
    what: str, said: Sequence[str], error: Mapping[str, str | None] | None, limit: int = SIZE
) -> str:
    """A summary of at most `limit` bytes as UTF-8.

    Args:
        what: was checked.
        said: the result for people, line by line.
        error: why the answer is no, as `MinisealError.to_json` gives it, or None.
        limit: as above.
    """
    sheet = Sheet(limit)
    sheet.add(f"<h2>{'❌' if error else '✅'} {code(what)}: {'refused' if error else 'good'}</h2>")
    if error:
        words = {"code": "Error", "message": "Message", "found": "Found", "expected": "Expected"}
        rows = [(word, text(error.get(name) or "")) for name, word in words.items()]
        rows.append(("To do", text(error.get("hint") or "")))
        sheet.table("Why", (), [row for row in rows if row[1]], share=50)
    if said:
        sheet.add(lines(said[:500]))
    return str(sheet)
