from pathlib import Path

import pytest

from miniseal.pipeline.trivy.settings import may_configure

EXAMPLES = Path(__file__).parents[4] / "examples"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("Dockerfile", ""),
        ("docker/app.Containerfile.txt", ""),
        ("main.tf", ""),
        ("deploy.yaml", ""),
        ("values.YML", ""),
        ("chart.tgz", ""),
        ("stack.template", "{}"),
        ("unknown", ""),
        ("ansible.cfg", ""),
        (".hidden", ""),
        ("stack.json", '{"Resources": {}}'),
        ("pod.json", '{"apiVersion": "v1"}'),
        ("azure.json", '{"$schema": "", "contentVersion": ""}'),
        ("plan.JSON", '{"planned_values": {}}'),
        ("escaped.json", '{"\\u0052esources": {}}'),
        ("escaped.json", '{"api\\U0056ersion": 1, "\\u": 1}'),
    ],
)
def test_a_tree_with_what_may_be_configuration_is_checked(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / "a.ts").touch()
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(content)

    assert may_configure(tmp_path)


def test_a_file_that_is_too_large_to_look_at_is_checked(tmp_path: Path) -> None:
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(20 * 1024 * 1024)

    assert may_configure(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("src/main.ts", "Resources"),
        ("package-lock.json", '{"packages": {}}'),
        ("README.MD", ""),
        ("miniseal.lock", ""),
        ("LICENSE", ""),
    ],
)
def test_a_tree_without_any_is_not(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(content)

    assert not may_configure(tmp_path)


@pytest.mark.parametrize("name", ["tip", "loan", "greeting"])
def test_the_examples_have_none(name: str) -> None:
    assert not may_configure(EXAMPLES / name)
