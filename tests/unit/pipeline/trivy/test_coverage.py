from pathlib import Path

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.pipeline.trivy.coverage import (
    check_components,
    check_locks,
    check_modules,
    check_settings,
)
from miniseal.pipeline.trivy.scan import Package, Scan


def listed(target: str, *names: str) -> Scan:
    packages = (Package(target=target, purl="", name=name, version="1") for name in names)
    return Scan(packages=tuple(packages))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("package-lock.json", '{"packages":{"":{},"node_modules/a":{"version":"1"}}}'),
        ("yarn.lock", 'a@1:\n  version "1"\n  resolved "https://example.invalid/a"\n'),
        ("yarn.lock", '"a@npm:1":\n  version: 1\n  resolution: "a@npm:1"\n'),
        ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n\npackages:\n\n  a@1:\n    resolution: {}\n"),
        ("Cargo.lock", '[[package]]\nname = "a"\n'),
        ("uv.lock", '[[package]]\nname = "a"\n'),
        ("poetry.lock", '[[package]]\nname = "a"\n'),
        ("pylock.toml", '[[packages]]\nname = "a"\n'),
        ("Pipfile.lock", '{"default":{"a":{"version":"==1"}}}'),
        ("go.mod", "module example.com/a\n"),
        ("Gemfile.lock", "GEM\n  specs:\n    rack (2.0.1)\n"),
        ("composer.lock", '{"packages":[{"name":"a/b","version":"1"}]}'),
        ("pom.xml", "<project><artifactId>a</artifactId></project>"),
        ("gradle.lockfile", "g:a:1=compileClasspath\n"),
        ("buildscript-gradle.lockfile", "g:a:1=classpath\n"),
        ("requirements.txt", "a==1\n"),
        ("dev-requirements.txt", "a==1\n"),
        ("npm-shrinkwrap.json", '{"packages":{"node_modules/a":{}}}'),
        ("pdm.lock", '[[package]]\nname = "a"\n'),
        ("bun.lockb", "\0"),
        ("deno.lock", '{"npm":{"a@1":{}}}'),
    ],
)
def test_a_lock_file_must_come_back(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / name).write_text(content)

    check_locks(tmp_path, listed(f"deep/{name}", "A"))
    with pytest.raises(MinisealError) as error:
        check_locks(tmp_path, listed(name, "a"))
    assert error.value.code == "scan-incomplete"
    assert f"deep/{name}" in str(error.value.found)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("package-lock.json", '{"lockfileVersion":3,"packages":{"":{"name":"a"}}}'),
        ("yarn.lock", "# yarn lockfile v1\n\n\n"),
        ("Cargo.lock", "version = 3\n"),
        ("requirements.txt", "# nothing\n--index-url https://example.invalid\n\n"),
        ("gradle.lockfile", "# x\nempty=annotationProcessor\n"),
        ("notes.txt", "a==1\n"),
    ],
)
def test_a_lock_file_that_lists_nothing_need_not(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)

    check_locks(tmp_path, Scan())


def test_lock_files_of_dependencies_are_not_the_sources(tmp_path: Path) -> None:
    (tmp_path / "node_modules/a").mkdir(parents=True)
    (tmp_path / "node_modules/a/Cargo.lock").write_text("[[package]]\n")

    check_locks(tmp_path, Scan())


def test_a_requirement_without_an_exact_version_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("my_pkg==1 \\\n    --hash=sha256:0\nflask>=2\n")

    with pytest.raises(MinisealError) as error:
        check_locks(tmp_path, listed("requirements.txt", "My.Pkg"))

    assert error.value.code == "scan-incomplete"
    assert error.value.found == "requirements.txt (flask)"


def test_components_must_come_back() -> None:
    scan = Scan(packages=(Package(target="", purl="pkg:npm/%40a/b@1", name="@a/b", version="1"),))

    check_components(["pkg:npm/%40a/b@1?x=y", "pkg:generic/tool@1"], scan)
    with pytest.raises(MinisealError) as error:
        check_components(["pkg:npm/%40a/b@2"], scan)
    assert error.value.code == "scan-incomplete"


@pytest.mark.parametrize(
    ("ours", "theirs", "name"),
    [
        ("pkg:pypi/My_Pkg@1", "pkg:pypi/my-pkg@1", "My_Pkg"),
        ("pkg:golang/a.b/C@1", "pkg:golang/a.b/C@1", "a.b/C"),
        ("pkg:maven/a.b/c@1", "pkg:maven/a.b/c@1", "a.b:c"),
    ],
)
def test_two_spellings_of_a_component_are_one(ours: str, theirs: str, name: str) -> None:
    package = Package(target="", purl=theirs, name=name, version="1")

    check_components([ours], Scan(packages=(package,)))


@pytest.mark.parametrize(("name", "version"), [("pkg:npm/a@1", "1"), ("b", "1"), ("a", "2")])
def test_a_component_that_is_looked_up_as_another_is_left_out(name: str, version: str) -> None:
    package = Package(target="", purl="pkg:npm/a@1", name=name, version=version)

    with pytest.raises(MinisealError) as error:
        check_components(["pkg:npm/a@1"], Scan(packages=(package,)))

    assert error.value.code == "scan-incomplete"


def test_a_url_that_is_none_is_left_out() -> None:
    with pytest.raises(MinisealError) as error:
        check_components(["left-pad"], Scan())

    assert error.value.code == "scan-incomplete"


@pytest.mark.parametrize(
    "name", ["Dockerfile", "Containerfile", "a/dockerfile.dev", "b.Dockerfile", "c.containerfile"]
)
def test_a_container_file_must_come_back(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("# one\nfrom scratch\n")

    check_settings(tmp_path, Scan(targets=(name,)))
    with pytest.raises(MinisealError) as error:
        check_settings(tmp_path, Scan(targets=("Dockerfile.other",)))
    assert error.value.code == "scan-incomplete"
    assert error.value.found == name


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("Dockerfile", "# nothing\n"),
        ("Dockerfile.dockerignore", "FROM me\n"),
        ("Dockerfiles", "FROM scratch\n"),
    ],
)
def test_other_files_need_not(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)

    check_settings(tmp_path, Scan())


def test_a_module_that_lists_what_it_was_built_from_must_come_back() -> None:
    check_modules(["app.wasm"], listed("app.wasm", "a"))
    with pytest.raises(MinisealError) as error:
        check_modules(["app.wasm", "b.wasm"], listed("app.wasm", "a"))
    assert (error.value.code, error.value.found) == ("scan-incomplete", "b.wasm")
