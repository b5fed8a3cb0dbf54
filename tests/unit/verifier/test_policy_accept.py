from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kit.packages import NOW, POLICY
from kit.policies import FILES, WHOLE, read
from miniseal.formats.errors import MinisealError
from miniseal.verifier.policy.accept import Accepted, accept
from miniseal.verifier.policy.policy import Policy


def serial(number: int, text: str = POLICY) -> Policy:
    return read(text.replace("serial = 1", f"serial = {number}"))


def held(folder: Path) -> Policy:
    return Policy.load(folder / "current" / "policy.toml")


def code(policy: Policy, folder: Path, now: int = NOW) -> str:
    with pytest.raises(MinisealError) as error:
        accept(policy, folder, now=now)
    return error.value.code


def versions(folder: Path) -> list[str]:
    return sorted(path.name.partition("-")[0] for path in folder.iterdir() if path.is_dir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "policies"


def test_a_policy_is_put_in_place_with_every_file(folder: Path) -> None:
    done = accept(read(WHOLE), folder, now=NOW)

    assert done == Accepted(path=folder / "current/policy.toml", replaced=None, changed=True)
    assert held(folder) == read(WHOLE)
    assert (folder / "current/keys/one.pub").read_bytes() == FILES["keys/one.pub"]


def test_everybody_may_read_it(folder: Path) -> None:
    accept(read(WHOLE), folder, now=NOW)

    place = (folder / "current").resolve()
    assert place.stat().st_mode & 0o777 == 0o755
    assert (place / "keys").stat().st_mode & 0o777 == 0o755
    assert (place / "keys/one.pub").stat().st_mode & 0o777 == 0o644


def test_a_newer_policy_replaces_it(folder: Path) -> None:
    accept(serial(1), folder, now=NOW)

    done = accept(serial(3), folder, now=NOW)

    assert (done.replaced, done.changed) == (1, True)
    assert held(folder).serial == 3


def test_an_older_policy_is_refused_and_changes_nothing(folder: Path) -> None:
    accept(serial(3), folder, now=NOW)

    assert code(serial(2), folder) == "policy-rollback"
    assert held(folder).serial == 3
    assert versions(folder) == ["3", "current"]


def test_another_content_under_the_same_serial_is_refused(folder: Path) -> None:
    accept(serial(3), folder, now=NOW)

    assert code(serial(3, POLICY + "\n# more"), folder) == "policy-serial-reused"


def test_the_same_policy_again_changes_nothing(folder: Path) -> None:
    accept(serial(3), folder, now=NOW)
    before = (folder / "current").resolve().stat().st_ino

    done = accept(serial(3), folder, now=NOW)

    assert (done.replaced, done.changed) == (3, False)
    assert (folder / "current").resolve().stat().st_ino == before


def test_an_expired_policy_is_refused(folder: Path) -> None:
    assert code(serial(1), folder, now=serial(1).end) == "policy-expired"
    assert not folder.exists()


def test_who_reads_the_policy_before_is_not_disturbed(folder: Path) -> None:
    accept(serial(1), folder, now=NOW)
    before = (folder / "current").resolve()

    accept(serial(2), folder, now=NOW)

    assert Policy.load(before / "policy.toml").serial == 1


def test_older_ones_are_removed(folder: Path) -> None:
    for number in (1, 2, 3, 4):
        accept(serial(number), folder, now=NOW)

    assert versions(folder) == ["3", "4", "current"]


def test_what_a_crash_left_is_removed(folder: Path) -> None:
    accept(serial(1), folder, now=NOW)
    (folder / ".new-abc" / "keys").mkdir(parents=True)
    (folder / ".new-2-0123456789abcdef").symlink_to("nowhere")

    accept(serial(2), folder, now=NOW)

    assert not list(folder.glob(".new-*"))


@pytest.mark.parametrize("number", [2, 3])
def test_a_crash_before_the_first_policy_was_in_place_is_mended(folder: Path, number: int) -> None:
    accept(serial(2), folder, now=NOW)
    (folder / "current").unlink()

    assert accept(serial(number), folder, now=NOW).changed
    assert held(folder).serial == number


def test_without_current_an_older_policy_is_still_refused(folder: Path) -> None:
    accept(serial(2), folder, now=NOW)
    accept(serial(3), folder, now=NOW)
    (folder / "current").unlink()

    assert code(serial(2), folder) == "policy-rollback"


def test_a_version_that_a_crash_left_is_written_again(folder: Path) -> None:
    accept(serial(1), folder, now=NOW)
    accept(serial(2), folder, now=NOW)
    second = (folder / "current").readlink()
    (folder / "current").unlink()
    (folder / "current").symlink_to(next(folder.glob("1-*")).name)
    (folder / second / "acme.pub").write_bytes(b"half")

    accept(serial(2), folder, now=NOW)

    assert held(folder) == serial(2)


def test_a_policy_that_cannot_be_read_is_not_replaced(folder: Path) -> None:
    accept(serial(3), folder, now=NOW)
    (folder / "current/acme.pub").write_bytes(b"")

    assert code(serial(4), folder) == "policy-folder-unusable"


def test_a_folder_of_somebody_else_is_not_touched(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "policy.toml").write_text(POLICY)

    with pytest.raises(MinisealError, match="other files") as error:
        accept(serial(4), folder, now=NOW)

    assert error.value.code == "policy-folder-unusable"
    assert (folder / "policy.toml").read_text() == POLICY


def test_a_link_in_a_versions_place_is_not_followed(folder: Path, tmp_path: Path) -> None:
    accept(serial(1), folder, now=NOW)
    name = f"2-{serial(2).digest[7:23]}"
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").write_text("kept")
    (folder / name).symlink_to(victim)

    accept(serial(2), folder, now=NOW)

    assert (victim / "file").read_text() == "kept"
    assert held(folder).serial == 2


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_current_is_a_link_or_nothing_works(folder: Path, kind: str) -> None:
    folder.mkdir(parents=True)
    current = folder / "current"
    if kind == "file":
        current.write_text("x")
    else:
        current.mkdir()

    assert code(serial(1), folder) == "policy-folder-unusable"


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "policies").write_text("x")

    assert code(serial(1), tmp_path / "policies") == "policy-folder-unusable"


def test_files_that_no_disk_can_hold_together_are_refused_whole(folder: Path) -> None:
    text = POLICY.replace('"acme.pub"}]', '"a"}, {file = "a/b"}]')
    policy = read(text, {"a": FILES["acme.pub"], "a/b": FILES["second.pub"]})

    assert code(policy, folder) == "policy-folder-unusable"
    assert not (folder / "current").exists()


def test_of_many_at_once_the_newest_stays(folder: Path) -> None:
    def deliver(number: int) -> str:
        try:
            accept(serial(number), folder, now=NOW)
        except MinisealError as error:
            return error.code
        return "accepted"

    with ThreadPoolExecutor(8) as pool:
        said = set(pool.map(deliver, (3, 8, 1, 6, 2, 7, 5, 4) * 3))

    assert said == {"accepted", "policy-rollback"}
    assert held(folder).serial == 8
