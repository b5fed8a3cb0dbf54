from pathlib import Path

import pytest

from miniseal.formats.errors import EnvironmentalError
from miniseal.pipeline.engines.dagger.dockerfile import Item, items, text
from miniseal.pipeline.engines.sandbox import Step


def test_a_command_is_one_run_without_a_network(tmp_path: Path) -> None:
    (tmp_path / "input0").mkdir()
    (tmp_path / "output0").mkdir()
    steps = (
        Step("rw", "/build/src", str(tmp_path / "input0")),
        Step("ro", "/build/tools/node", "/cache/node"),
        Step("rw", "/build/out", str(tmp_path / "output0")),
    )

    written = text(items(steps, tmp_path), ["/usr", "/lib64"])

    assert written == (
        "FROM scratch\n"
        'COPY ["accounts/", "/etc/"]\n'
        'COPY --chown=65534:65534 ["left/", "/run/miniseal/left/"]\n'
        'COPY --chown=65534:65534 ["input0/", "/build/src/"]\n'
        'COPY --chown=65534:65534 ["output0/", "/build/out/"]\n'
        "USER 65534:65534\n"
        "RUN --network=none --mount=type=tmpfs,target=/tmp"
        " --mount=type=bind,source=program,target=/run/miniseal/program"
        " --mount=type=bind,source=base/usr,target=/usr"
        " --mount=type=bind,source=base/lib64,target=/lib64"
        " --mount=type=bind,source=item1,target=/build/tools/node"
        ' ["/usr/bin/python3", "-I", "-S", "-B", "/run/miniseal/program/inside.py"]\n'
    )


def test_a_socket_is_forwarded_only_where_it_is_asked_for() -> None:
    mount = "--mount=type=ssh,target=/run/miniseal/lines,uid=65534,gid=65534,mode=0600"

    assert mount in text((), [], lines=True)
    assert "ssh" not in text((), [])


def test_a_file_is_copied_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "input0").write_text("x")

    written = text(items((Step("rw", "/build/one", str(tmp_path / "input0")),), tmp_path), [])

    assert 'COPY --chown=65534:65534 ["input0", "/build/one"]\n' in written


@pytest.mark.parametrize(
    "path",
    [
        *("/build/a b", "/build/a,readonly=false", "/build/$HOME", "/build/a\nRUN id", '/build/"'),
        *("/build/a#b", "/build/ä", "/build/a=b", "/build/\\x", "/build/a;b", "/build/*"),
    ],
)
def test_a_path_that_a_dockerfile_would_read_otherwise_is_refused(
    tmp_path: Path, path: str
) -> None:
    with pytest.raises(EnvironmentalError) as error:
        items((Step("ro", path, "/x"),), tmp_path)

    assert error.value.code == "engine-failed"


@pytest.mark.parametrize("path", ["/build/in", "/build/in/deeper"])
def test_nothing_is_written_inside_of_what_is_read_only(tmp_path: Path, path: str) -> None:
    steps = (Step("ro", "/build/in", "/x"), Step("rw", path, str(tmp_path / "output0")))

    with pytest.raises(EnvironmentalError) as error:
        items(steps, tmp_path)

    assert error.value.code == "engine-failed"
    assert error.value.found == path


def test_a_neighbour_with_a_longer_name_is_not_inside(tmp_path: Path) -> None:
    steps = (Step("ro", "/build/in", "/x"), Step("rw", "/build/inner", str(tmp_path / "output0")))

    assert items(steps, tmp_path)[1] == Item(
        name="output0", path="/build/inner", host=tmp_path / "output0", writable=True
    )
