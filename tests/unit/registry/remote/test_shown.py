import pytest

from miniseal.registry.remote import shown


def test_a_text_is_cut_and_has_nothing_that_a_screen_obeys() -> None:
    assert shown.text("a\x1b[2J\n\u202eb\x9b", 8) == "a?[2J??b"
    assert shown.text("a" * 300) == "a" * 200


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/b?c=d", "https://a.example/b"),
        ("https://a.example#b", "https://a.example"),
        ("https://user:pw@a.example/b@c", "https://...@a.example/b@c"),
        ("//user@a@b/", "//...@b/"),
        ("https://a.example?//b@c", "https://a.example"),
        ("/v2/a@b", "/v2/a@b"),
        ("https://a\x1b/?b\nc", "https://a?/"),
    ],
)
def test_a_place_is_shown_without_the_key_to_it(url: str, expected: str) -> None:
    assert shown.place(url) == expected
