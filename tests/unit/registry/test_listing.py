import json
from collections.abc import Callable
from pathlib import Path

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import (
    INDEX_TYPE,
    MANIFEST_LIMIT,
    MANIFEST_TYPE,
    REF_NAME,
    Descriptor,
    Index,
)
from miniseal.registry import LayoutStore, referrers
from miniseal.registry.folder import LayoutFolder
from miniseal.registry.index import LayoutIndex
from miniseal.registry.listing import list_referrers

Make = Callable[..., bytes]
Entries = Callable[[], list[dict[str, object]]]
Where = Callable[[Descriptor], Path]


@pytest.fixture
def subject(store: LayoutStore, manifest: Make) -> Descriptor:
    descriptor = store.put_manifest(manifest())
    store.tag("1.0.0", descriptor)
    return descriptor


@pytest.fixture
def tag(subject: Descriptor) -> str:
    return subject.digest.replace(":", "-")


@pytest.fixture
def relist(path: Path, store: LayoutStore, tag: str) -> Callable[[list[object]], None]:
    """Puts a list of referrers of somebody else's making in place."""

    def write(items: list[object]) -> None:
        document = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": items}
        data = json.dumps(document).encode()
        entry = store.put(data, INDEX_TYPE).to_json() | {"annotations": {REF_NAME: tag}}
        index = json.loads((path / "index.json").read_bytes())
        others = [e for e in index["manifests"] if e.get("annotations") != {REF_NAME: tag}]
        index["manifests"] = [*others, entry]
        (path / "index.json").write_text(json.dumps(index))

    return write


def test_referrer_is_listed_as_its_manifest_describes_it(
    store: LayoutStore, manifest: Make, subject: Descriptor
) -> None:
    descriptor = store.put_manifest(manifest(b"proof", subject))

    assert store.referrers(subject) == (descriptor,)
    assert descriptor.artifact_type == "application/vnd.test"
    assert descriptor.annotations == {"kind": "proof"}


def test_list_is_an_index_under_the_fallback_tag(
    store: LayoutStore, manifest: Make, subject: Descriptor, entries: Entries, tag: str
) -> None:
    descriptor = store.put_manifest(manifest(b"proof", subject))

    entry = next(e for e in entries() if e.get("annotations") == {REF_NAME: tag})
    listed = Index.from_bytes(store.read(Descriptor.from_json(entry), limit=MANIFEST_LIMIT))
    assert entry["mediaType"] == INDEX_TYPE
    assert listed.manifests == (descriptor,)


def test_nothing_refers_to_an_unknown_subject(
    store: LayoutStore, manifest: Make, subject: Descriptor
) -> None:
    store.put_manifest(manifest(b"proof", subject))

    assert store.referrers(Descriptor.of(b"other", MANIFEST_TYPE)) == ()


def test_putting_a_referrer_twice_lists_it_once_and_writes_nothing(
    path: Path, store: LayoutStore, manifest: Make, subject: Descriptor
) -> None:
    store.put_manifest(manifest(b"proof", subject))
    before = (path / "index.json").stat().st_ino
    store.put_manifest(manifest(b"proof", subject))

    assert len(store.referrers(subject)) == 1
    assert (path / "index.json").stat().st_ino == before


def test_superseded_lists_are_removed(
    path: Path, store: LayoutStore, manifest: Make, subject: Descriptor
) -> None:
    before = len(list((path / "blobs" / "sha256").iterdir()))
    for number in range(20):
        store.put_manifest(manifest(b"%d" % number, subject))

    assert len(list((path / "blobs" / "sha256").iterdir())) == before + 20 + 1


def test_list_that_has_another_name_too_is_kept(
    store: LayoutStore, manifest: Make, subject: Descriptor, entries: Entries, tag: str
) -> None:
    store.put_manifest(manifest(b"one", subject))
    old = next(e for e in entries() if e.get("annotations") == {REF_NAME: tag})
    store.tag("old", Descriptor.from_json(old))
    store.put_manifest(manifest(b"two", subject))

    assert store.has(store.resolve("old"))
    assert len(store.referrers(subject)) == 2


def test_fallback_tags_are_not_tags(
    store: LayoutStore, manifest: Make, subject: Descriptor
) -> None:
    store.put_manifest(manifest(b"proof", subject))

    assert store.tags() == {"1.0.0": subject}


def test_digest_of_a_referrer_resolves(
    store: LayoutStore, manifest: Make, subject: Descriptor
) -> None:
    descriptor = store.put_manifest(manifest(b"proof", subject))

    assert store.resolve(descriptor.digest) == descriptor


def test_form_of_oras_is_read(
    path: Path, store: LayoutStore, manifest: Make, subject: Descriptor
) -> None:
    ours = store.put_manifest(manifest(b"ours", subject))
    data = manifest(b"theirs", subject)
    bare = store.put(data, MANIFEST_TYPE)
    index = json.loads((path / "index.json").read_bytes())
    index["manifests"].append(bare.to_json())
    (path / "index.json").write_text(json.dumps(index))

    found = store.referrers(subject)
    assert {d.digest for d in found} == {ours.digest, bare.digest}
    assert {d.annotations["kind"] for d in found} == {"ours", "theirs"}


def test_what_cosign_copy_leaves_under_the_tag_is_no_list(
    path: Path,
    store: LayoutStore,
    manifest: Make,
    subject: Descriptor,
    tag: str,
) -> None:
    index = json.loads((path / "index.json").read_bytes())
    index["manifests"] = [subject.to_json() | {"annotations": {REF_NAME: tag}}]
    (path / "index.json").write_text(json.dumps(index))
    before = store.referrers(subject)
    descriptor = store.put_manifest(manifest(b"proof", subject))

    assert before == ()
    assert store.referrers(subject) == (descriptor,)
    assert store.resolve(subject.digest).digest == subject.digest


def test_several_lists_are_read_and_become_one(
    path: Path, store: LayoutStore, manifest: Make, subject: Descriptor, tag: str
) -> None:
    index = json.loads((path / "index.json").read_bytes())
    for content in (b"one", b"two"):
        referrer = store.put(manifest(content, subject), MANIFEST_TYPE)
        listed = store.put(Index(manifests=(referrer,)).to_bytes(), INDEX_TYPE)
        index["manifests"].append(listed.to_json() | {"annotations": {REF_NAME: tag}})
    (path / "index.json").write_text(json.dumps(index))
    before = store.referrers(subject)
    store.put_manifest(manifest(b"three", subject))

    names = [
        entry.get("annotations", {}).get(REF_NAME)
        for entry in json.loads((path / "index.json").read_bytes())["manifests"]
    ]
    assert len(before) == 2
    assert len(store.referrers(subject)) == 3
    assert names.count(tag) == 1


def test_junk_in_a_list_hides_nothing(
    store: LayoutStore,
    manifest: Make,
    subject: Descriptor,
    blob: Where,
    relist: Callable[[list[object]], None],
) -> None:
    good = store.put(manifest(b"good", subject), MANIFEST_TYPE)
    damaged = store.put(manifest(b"damaged", subject), MANIFEST_TYPE)
    blob(damaged).write_bytes(b"x" * damaged.size)
    folder = store.put(manifest(b"folder", subject), MANIFEST_TYPE)
    blob(folder).unlink()
    blob(folder).mkdir()
    other = Descriptor.of(b"other", MANIFEST_TYPE)
    items = [
        None,
        "text",
        {},
        {"digest": "sha512:" + "0" * 128, "mediaType": MANIFEST_TYPE, "size": 2},
        {"digest": "sha256:../../etc/passwd", "mediaType": MANIFEST_TYPE, "size": 2},
        good.to_json() | {"size": 3},
        good.to_json() | {"size": 2**53 - 1},
        damaged.to_json(),
        folder.to_json(),
        Descriptor.of(b"missing", MANIFEST_TYPE).to_json(),
        store.put(manifest(b"elsewhere", other), MANIFEST_TYPE).to_json(),
        store.put(subject.digest.encode(), MANIFEST_TYPE).to_json(),
        store.put(manifest(subject.digest.encode(), other), MANIFEST_TYPE).to_json(),
        store.put(manifest(subject.digest.encode()), MANIFEST_TYPE).to_json(),
        store.put(b"wasm", "application/wasm").to_json(),
        good.to_json() | {"annotations": {"kind": "lie"}, "artifactType": "application/lie"},
    ]
    relist([*items, *items[::-1]])

    found = store.referrers(subject)
    assert [d.digest for d in found] == [good.digest]
    assert found[0].annotations == {"kind": "good"}
    assert found[0].artifact_type == "application/vnd.test"


def test_junk_in_a_list_stays_when_the_list_is_written(
    store: LayoutStore,
    manifest: Make,
    subject: Descriptor,
    entries: Entries,
    relist: Callable[[list[object]], None],
    tag: str,
) -> None:
    foreign: dict[str, object] = {"digest": "sha512:" + "0" * 128, "mediaType": "x/y", "size": 2}
    relist([foreign, None])
    store.put_manifest(manifest(b"proof", subject))

    entry = next(e for e in entries() if e.get("annotations") == {REF_NAME: tag})
    data = store.read(Descriptor.from_json(entry), limit=MANIFEST_LIMIT)
    items = json.loads(data)["manifests"]
    assert len(items) == 3
    assert foreign in items


def test_damaged_list_is_an_error_to_readers_and_writers(
    store: LayoutStore,
    manifest: Make,
    subject: Descriptor,
    entries: Entries,
    blob: Where,
    tag: str,
) -> None:
    store.put_manifest(manifest(b"proof", subject))
    entry = next(e for e in entries() if e.get("annotations") == {REF_NAME: tag})
    listed = Descriptor.from_json(entry)
    blob(listed).write_bytes(b"x" * listed.size)

    with pytest.raises(MinisealError) as read:
        store.referrers(subject)
    with pytest.raises(MinisealError) as written:
        store.put_manifest(manifest(b"more", subject))

    assert read.value.code == "digest-mismatch"
    assert written.value.code == "digest-mismatch"


def test_missing_list_is_an_error(
    store: LayoutStore,
    manifest: Make,
    subject: Descriptor,
    entries: Entries,
    blob: Where,
    tag: str,
) -> None:
    store.put_manifest(manifest(b"proof", subject))
    entry = next(e for e in entries() if e.get("annotations") == {REF_NAME: tag})
    blob(Descriptor.from_json(entry)).unlink()

    with pytest.raises(MinisealError) as error:
        store.referrers(subject)

    assert error.value.code == "content-missing"


def test_list_over_the_bound_is_refused(
    store: LayoutStore,
    subject: Descriptor,
    manifest: Make,
    relist: Callable[[list[object]], None],
) -> None:
    relist([{"size": number} for number in range(referrers.MOST_REFERRERS + 1)])

    with pytest.raises(MinisealError) as read:
        store.referrers(subject)
    with pytest.raises(MinisealError) as written:
        store.put_manifest(manifest(b"more", subject))

    assert read.value.code == "referrers-limit"
    assert written.value.code == "referrers-limit"


def test_lists_that_no_memory_could_hold_are_refused(
    path: Path, store: LayoutStore, manifest: Make, subject: Descriptor, tag: str
) -> None:
    index = json.loads((path / "index.json").read_bytes())
    index["manifests"] += [
        Descriptor.of(b"%d" % number, INDEX_TYPE).to_json()
        | {"size": MANIFEST_LIMIT, "annotations": {REF_NAME: tag}}
        for number in range(17)
    ]
    (path / "index.json").write_text(json.dumps(index))

    with pytest.raises(MinisealError) as read:
        store.referrers(subject)
    with pytest.raises(MinisealError) as written:
        store.put_manifest(manifest(b"more", subject))

    assert read.value.code == "referrers-limit"
    assert written.value.code == "referrers-limit"


def test_list_that_is_named_again_and_again_is_read_once(
    path: Path, store: LayoutStore, manifest: Make, subject: Descriptor, tag: str
) -> None:
    referrer = store.put_manifest(manifest(b"proof", subject))
    index = json.loads((path / "index.json").read_bytes())
    (entry,) = (e for e in index["manifests"] if e.get("annotations") == {REF_NAME: tag})
    index["manifests"] += [entry] * 10_000
    (path / "index.json").write_text(json.dumps(index))

    assert store.referrers(subject) == (referrer,)


def test_what_one_store_remembers_hides_nothing_that_another_writes(
    path: Path, store: LayoutStore, manifest: Make, subject: Descriptor
) -> None:
    other = LayoutStore(path)
    before = (store.referrers(subject), other.referrers(subject))

    first = store.put_manifest(manifest(b"one", subject))
    second = other.put_manifest(manifest(b"two", subject))
    third = store.put_manifest(manifest(b"three", subject))
    listed = {d.digest for d in (first, second, third)}

    assert before == ((), ())
    assert {d.digest for d in store.referrers(subject)} == listed
    assert {d.digest for d in other.referrers(subject)} == listed
    assert store.tags() == other.tags()


def test_a_subject_that_is_written_in_another_way_is_a_subject(
    store: LayoutStore, manifest: Make, path: Path, subject: Descriptor
) -> None:
    data = manifest(b"proof", subject).replace(b'"subject"', b'"\\u0073ubject"')
    listed = json.loads((path / "index.json").read_bytes())
    entry = store.put(data, MANIFEST_TYPE)
    listed["manifests"].append(entry.to_json())
    (path / "index.json").write_text(json.dumps(listed))

    twice = [[d.digest for d in store.referrers(subject)] for _ in range(2)]

    assert twice == [[entry.digest], [entry.digest]]


class Restless(LayoutFolder):
    """A layout whose list is replaced between the read of its name and of its content."""

    __slots__ = ("changes",)

    changes: int

    def index(self) -> LayoutIndex:
        index = super().index()
        if not self.changes:
            return index
        self.changes -= 1
        old = Descriptor.of(b"%d" % self.changes, INDEX_TYPE)
        others = index.others | {"changes": self.changes}
        gone = LayoutIndex(others=others)
        for name in {e.name for e in index.entries if e.name}:
            gone = gone.with_name(name, old)
        return gone


@pytest.mark.parametrize("changes", [1, 2, 10])
def test_list_replaced_while_it_is_read_is_read_again(
    path: Path, store: LayoutStore, manifest: Make, subject: Descriptor, changes: int
) -> None:
    descriptor = store.put_manifest(manifest(b"proof", subject))

    with Restless.open(str(path)) as folder:
        assert isinstance(folder, Restless)
        folder.changes = changes
        found = list_referrers(folder, subject.digest)

    assert found == (descriptor,)


def test_list_that_never_rests_is_an_error(
    path: Path, store: LayoutStore, manifest: Make, subject: Descriptor
) -> None:
    store.put_manifest(manifest(b"proof", subject))

    with Restless.open(str(path)) as folder:
        assert isinstance(folder, Restless)
        folder.changes = 100_000
        with pytest.raises(MinisealError) as error:
            list_referrers(folder, subject.digest)

    assert error.value.code == "content-missing"
