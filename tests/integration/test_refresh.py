"""`miniseal refresh` from a real TUF repository on loopback, honest and not."""

import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from kit.commands import run_miniseal
from kit.packages import POLICY, Scene
from kit.tufs import (
    DAY,
    PATH,
    ROOT_FILE,
    TRUSTED_ROOT,
    Answer,
    Repository,
    Server,
    serving,
    trusting,
)
from miniseal.formats.digest import sha256
from miniseal.formats.errors import MinisealError
from miniseal.pipeline.refresh import fetch, refresh
from miniseal.pipeline.trustfile import TrustFile
from miniseal.verifier import Policy, Verifier
from miniseal.verifier.signatures.material import Material
from miniseal.verifier.signatures.trust import TufRepository

OTHER = b'{"other":1}'
SLOW_SECONDS = 1.0
"""The whole time of a refresh that is made to be too slow."""


@pytest.fixture
def repository() -> Repository:
    return Repository(int(time.time()))


@pytest.fixture
def server(repository: Repository) -> Iterator[Server]:
    with serving(repository.files) as server:
        yield server


@pytest.fixture
def policy(server: Server, repository: Repository, tmp_path: Path) -> Path:
    """A platform's policy that has its trusted root from the server."""
    path = Scene(tmp_path, trusting(POLICY, server.url)).path
    (path.parent / ROOT_FILE).write_bytes(repository.pinned)
    return path


@pytest.fixture
def file(policy: Path, tmp_path: Path) -> TrustFile:
    return TrustFile(tmp_path / "trust.json", Policy.load(policy), time.time)


def refreshed(policy: Path, keeper: TrustFile | Verifier, seconds: float = 60.0) -> bytes:
    """The trusted root after a refresh."""
    return refresh(Policy.load(policy), keeper, clock=time.time, seconds=seconds).data


def refusal(policy: Path, keeper: TrustFile | Verifier, seconds: float = 60.0) -> str:
    """The code of a refresh that changes nothing."""
    before = keeper.trust_material()
    with pytest.raises(MinisealError) as error:
        refreshed(policy, keeper, seconds)
    assert keeper.trust_material() == before
    return error.value.code


def test_a_refresh_brings_the_trusted_root(policy: Path, file: TrustFile) -> None:
    assert refreshed(policy, file) == TRUSTED_ROOT


def test_a_host_is_refreshed_as_a_file_is(policy: Path, tmp_path: Path) -> None:
    host = Verifier.open(policy, state=tmp_path / "state")

    assert refreshed(policy, host) == TRUSTED_ROOT
    assert [line["outcome"] for line in host.audit().entries] == ["accepted"]


def test_a_second_refresh_asks_for_what_is_new_alone(
    policy: Path, file: TrustFile, server: Server
) -> None:
    refreshed(policy, file)
    server.asked.clear()

    refreshed(policy, file)

    assert [path for path in server.asked if not path.startswith("targets/")] == [
        "2.root.json",
        "timestamp.json",
    ]


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
def test_rotations_are_followed(
    policy: Path, file: TrustFile, repository: Repository, role: str
) -> None:
    refreshed(policy, file)
    repository.rotate(role)
    repository.rotate("root")
    repository.publish(OTHER)

    assert refreshed(policy, file) == OTHER
    assert len(Material.from_bytes(file.trust_material() or b"").roots) == 2


def test_keys_that_were_rotated_away_sign_nothing(
    policy: Path, file: TrustFile, repository: Repository
) -> None:
    old = repository.signers["timestamp"]
    repository.rotate("timestamp")
    repository.publish_timestamp()
    refreshed(policy, file)
    repository.signers["timestamp"] = old
    repository.publish_timestamp()

    assert refusal(policy, file) == "trust-invalid"


def test_an_older_timestamp_is_a_rollback(
    policy: Path, file: TrustFile, repository: Repository, server: Server
) -> None:
    old = dict(repository.files)
    repository.publish(OTHER)
    refreshed(policy, file)
    server.files = old

    assert refusal(policy, file) == "trust-rollback"


def test_an_older_snapshot_under_a_new_timestamp_is_a_rollback(
    policy: Path, file: TrustFile, repository: Repository
) -> None:
    repository.publish(OTHER)
    refreshed(policy, file)
    repository.snapshot.version = 1
    repository.publish_timestamp()

    assert refusal(policy, file) == "trust-rollback"


def test_an_older_root_alone_is_not_gone_back_to(
    policy: Path, file: TrustFile, repository: Repository
) -> None:
    repository.rotate("root")
    refreshed(policy, file)
    del repository.files["2.root.json"]

    assert refreshed(policy, file) == TRUSTED_ROOT
    assert len(Material.from_bytes(file.trust_material() or b"").roots) == 1


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
def test_a_repository_that_stands_still_is_noticed(
    policy: Path, file: TrustFile, repository: Repository, role: str
) -> None:
    refreshed(policy, file)
    repository.days[role] = -1
    repository.rotate(role)
    repository.publish()

    assert refusal(policy, file) == "trust-stale"


@pytest.mark.parametrize("part", ["1.snapshot.json", "1.targets.json"])
def test_parts_of_two_states_do_not_mix(
    policy: Path, file: TrustFile, repository: Repository, part: str
) -> None:
    old = repository.files[part]
    repository.publish(OTHER)
    repository.files[part.replace("1", "2")] = old

    assert refusal(policy, file) == "trust-invalid"


def test_another_repository_under_the_same_url_is_refused(
    policy: Path, file: TrustFile, server: Server, repository: Repository
) -> None:
    server.files = {**Repository(repository.now).files, "1.root.json": repository.pinned}

    assert refusal(policy, file) == "trust-invalid"


def target_of(repository: Repository) -> str:
    (path,) = (path for path in repository.files if path.startswith("targets/"))
    return path


def test_a_target_of_other_content_is_refused(
    policy: Path, file: TrustFile, repository: Repository
) -> None:
    path = target_of(repository)
    repository.files[path] = repository.files[path][::-1]

    assert refusal(policy, file) == "trust-invalid"


def test_a_target_that_is_not_there_is_refused(
    policy: Path, file: TrustFile, repository: Repository
) -> None:
    repository.targets.targets = {}
    repository.publish_targets()

    assert refusal(policy, file) == "trust-invalid"


def test_a_target_that_claims_to_be_large_is_not_fetched(
    policy: Path, file: TrustFile, repository: Repository, server: Server
) -> None:
    repository.targets.targets[PATH].length = 1024**4
    repository.publish_targets()

    assert refusal(policy, file) == "trust-invalid"
    assert target_of(repository) not in server.asked


def endless(server: Server) -> Answer:
    """Data without an end, and without a length."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not server.closing.is_set():
            handler.wfile.write(b" " * 65536)

    return answer


def dripping(server: Server) -> Answer:
    """A header that goes on and on, a byte now and then."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not server.closing.wait(0.05):
            handler.wfile.write(b"x")

    return answer


def trickling(server: Server) -> Answer:
    """A body that goes on and on, a byte now and then."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not server.closing.wait(0.05):
            handler.wfile.write(b" ")

    return answer


def truncated(server: Server) -> Answer:
    """Half of what the header says that there is."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        data = server.files[handler.path.lstrip("/")]
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[: len(data) // 2])

    return answer


def shortened(server: Server) -> Answer:
    """Half, and a header that says the same."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        data = server.files[handler.path.lstrip("/")]
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data) // 2))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def elsewhere(server: Server) -> Answer:
    """A redirect to where the file is."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"{server.url}copy{handler.path}")
        handler.end_headers()

    return answer


def broken(_: Server) -> Answer:
    return lambda handler: handler.send_error(500)


def hanging_up(_: Server) -> Answer:
    return lambda handler: handler.wfile.close()


ROTATION, FIRST = "2.root.json", ("timestamp.json", "1.snapshot.json", "1.targets.json")
PLACES = (ROTATION, *FIRST, "target")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("misbehaving", "code"),
    [
        (endless, "trust-invalid"),
        (truncated, "refresh-failed"),
        (shortened, "trust-invalid"),
        (elsewhere, "refresh-failed"),
        (broken, "refresh-failed"),
        (hanging_up, "refresh-failed"),
    ],
    ids=lambda each: each.__name__ if callable(each) else each,
)
def test_a_server_that_misbehaves_is_refused(
    policy: Path,
    file: TrustFile,
    repository: Repository,
    server: Server,
    place: str,
    misbehaving: Callable[[Server], Answer],
    code: str,
) -> None:
    repository.rotate("root")
    path = target_of(repository) if place == "target" else place
    server.answers[path] = misbehaving(server)

    assert refusal(policy, file) == code


@pytest.mark.parametrize("misbehaving", [dripping, trickling])
def test_a_server_that_takes_its_time_is_left(
    policy: Path, file: TrustFile, server: Server, misbehaving: Callable[[Server], Answer]
) -> None:
    server.answers["timestamp.json"] = misbehaving(server)

    assert refusal(policy, file, SLOW_SECONDS) == "refresh-failed"


def test_a_server_that_is_not_there_is_said_so(policy: Path, file: TrustFile) -> None:
    with serving({}) as gone:
        url = gone.url
    policy.write_text(trusting(POLICY, url), encoding="utf-8")

    assert refusal(policy, file) == "refresh-failed"


@pytest.mark.parametrize("url", ["http://tuf.example/", "ftp://127.0.0.1/", "file:///etc/"])
def test_only_https_or_this_machine_is_asked(repository: Repository, url: str) -> None:
    named = TufRepository(url=url, root=repository.pinned, target=PATH, max_age=DAY)

    with pytest.raises(MinisealError) as error:
        fetch(named, None, now=repository.now, seconds=10.0)

    assert error.value.code == "refresh-failed"


def test_a_policy_without_a_repository_has_nothing_to_refresh(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    assert refusal(scene.path, Verifier.open(scene.path, state=scene.state)) == "trust-missing"


def test_the_command_refreshes_a_host(policy: Path, tmp_path: Path, repository: Repository) -> None:
    words = ("refresh", "--policy", policy, "--state", tmp_path / "state")

    first, second = run_miniseal(*words).ok(), run_miniseal(*words).ok()
    repository.publish(OTHER)
    third = run_miniseal(*words).ok()

    assert first["trusted_root"] == second["trusted_root"] == sha256(TRUSTED_ROOT)
    assert third["trusted_root"] == sha256(OTHER)
    assert [each["changed"] for each in (first, second, third)] == [True, False, True]


def test_the_command_carries_material_to_a_host_without_a_network(
    policy: Path, tmp_path: Path, server: Server, repository: Repository
) -> None:
    file, state = tmp_path / "trust.json", tmp_path / "state"
    run_miniseal("refresh", "--policy", policy, "--trust", file).ok()
    old = tmp_path / "old.json"
    old.write_bytes(file.read_bytes())
    repository.publish(OTHER)
    run_miniseal("refresh", "--policy", policy, "--trust", file).ok()
    server.asked.clear()

    words = ("refresh", "--policy", policy, "--state", state, "--from")
    carried = run_miniseal(*words, file).ok()

    assert carried["trusted_root"] == sha256(OTHER)
    run_miniseal(*words, old).refused("trust-rollback")
    run_miniseal(*words, tmp_path / "nothing").refused("trust-unreadable", 2)
    assert server.asked == []


def test_the_command_wants_one_place(policy: Path, tmp_path: Path) -> None:
    words = ("refresh", "--policy", policy)
    both = ("--state", tmp_path / "state", "--trust", tmp_path / "trust.json")

    run_miniseal(*words).refused("trust-nowhere", 2)
    run_miniseal(*words, *both).refused("trust-nowhere", 2)
