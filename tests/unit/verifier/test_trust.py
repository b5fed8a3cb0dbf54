"""Trust material is believed as far as the pinned root vouches for it, and no longer."""

import dataclasses
import json
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations, TargetFile

from kit.packages import NOW, POLICY, key
from kit.tufs import DAY, PATH, ROOT_FILE, TRUSTED_ROOT, Repository, trusting
from miniseal.formats.digest import sha256
from miniseal.formats.errors import MinisealError, VerificationError
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.signatures.material import ROTATION_LIMIT, TARGET_LIMIT, Material
from miniseal.verifier.signatures.trust import TrustedRoot, TufRepository, of_policy
from miniseal.verifier.signatures.tuf import Chain

ROLES = ("root", "timestamp", "snapshot", "targets")
OTHER = b'{"other":1}'
MUTANTS, SEED = 3_000, 20261121


@pytest.fixture
def repository() -> Repository:
    return Repository(NOW)


def read(
    repository: Repository,
    material: Material,
    *,
    pinned: bytes | None = None,
    days: int = 300,
    now: int = NOW,
) -> tuple[TrustedRoot, Chain]:
    """What a host reads in the file of this material."""
    named = TufRepository(
        url="https://tuf.example",
        root=pinned or repository.pinned,
        target=PATH,
        max_age=days * DAY,
    )
    return named.read(Material.from_bytes(material.to_bytes()), now)


def refusal(repository: Repository, material: Material, *, days: int = 300, now: int = NOW) -> str:
    """The code with which it is refused."""
    with pytest.raises(MinisealError) as error:
        read(repository, material, days=days, now=now)
    return error.value.code


def test_the_trusted_root_is_read(repository: Repository) -> None:
    root, chain = read(repository, repository.material())

    assert root.data == TRUSTED_ROOT
    assert root.digest == sha256(TRUSTED_ROOT)
    assert chain.versions == {"root": 1, "timestamp": 1, "snapshot": 1, "targets": 1}


@pytest.mark.parametrize("role", ROLES)
def test_it_ends_with_the_first_metadata_to_expire(role: str) -> None:
    repository = Repository(NOW)
    repository.days[role] = 3
    repository.rotate(role)
    repository.publish()

    root, _ = read(repository, repository.material())

    assert root.ends == NOW + 3 * DAY
    assert refusal(repository, repository.material(), now=NOW + 3 * DAY) == "trust-stale"


def test_it_ends_at_the_policys_longest_age(repository: Repository) -> None:
    root, _ = read(repository, repository.material(), days=2)

    assert root.ends == NOW + 2 * DAY
    assert refusal(repository, repository.material(), days=2, now=NOW + 2 * DAY) == "trust-stale"


def test_a_refresh_in_the_future_is_refused(repository: Repository) -> None:
    assert read(repository, repository.material(NOW + 300))[0].data == TRUSTED_ROOT
    assert refusal(repository, repository.material(NOW + 301)) == "trust-invalid"


@pytest.mark.parametrize("role", ROLES)
def test_rotated_keys_are_followed(repository: Repository, role: str) -> None:
    repository.rotate(role)
    repository.rotate(role)
    repository.publish(OTHER)

    root, chain = read(repository, repository.material())

    assert root.data == OTHER
    assert chain.versions["root"] == 3


def test_a_policy_may_pin_a_later_root_than_the_material_begins_with(
    repository: Repository,
) -> None:
    repository.rotate("root")
    repository.rotate("timestamp")
    repository.publish_timestamp()

    root, _ = read(repository, repository.material(), pinned=repository.files["2.root.json"])

    assert root.data == TRUSTED_ROOT


def test_an_expired_root_in_the_middle_does_no_harm(repository: Repository) -> None:
    repository.days["root"] = 1
    repository.rotate("root")
    repository.days["root"] = 365
    repository.rotate("root")

    assert read(repository, repository.material(), now=NOW + 2 * DAY)[0].data == TRUSTED_ROOT


@pytest.mark.parametrize("part", ["timestamp", "snapshot", "targets"])
def test_metadata_of_another_repository_are_refused(repository: Repository, part: str) -> None:
    other = getattr(Repository(NOW).material(), part)
    material = dataclasses.replace(repository.material(), **{part: other})

    assert refusal(repository, material) == "trust-invalid"


@pytest.mark.parametrize("part", ["timestamp", "snapshot", "targets", "target"])
def test_parts_of_two_states_do_not_mix(repository: Repository, part: str) -> None:
    old = getattr(repository.material(), part)
    repository.publish(OTHER)
    material = dataclasses.replace(repository.material(), **{part: old})

    assert refusal(repository, material) == "trust-invalid"


def test_an_old_snapshot_does_not_pass_for_the_one_that_is_named(repository: Repository) -> None:
    old = repository.material()
    repository.publish(OTHER)
    repository.timestamp.snapshot_meta.hashes = None
    repository.timestamp.snapshot_meta.length = None
    repository.files["timestamp.json"] = repository.sign("timestamp")
    material = dataclasses.replace(
        repository.material(), snapshot=old.snapshot, targets=old.targets, target=old.target
    )

    assert refusal(repository, material) == "trust-invalid"


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_two_metadata_of_one_version_are_told_apart_by_their_hashes(
    repository: Repository, role: str
) -> None:
    getattr(repository, role).expires += timedelta(days=1)
    material = dataclasses.replace(repository.material(), **{role: repository.sign(role)})

    assert refusal(repository, material) == "trust-invalid"


@pytest.mark.parametrize(
    ("place", "other"), [("timestamp", "snapshot"), ("snapshot", "targets"), ("targets", "root")]
)
def test_one_role_does_not_speak_for_another(
    repository: Repository, place: str, other: str
) -> None:
    parts = {"root": repository.pinned, "snapshot": repository.material().snapshot}
    parts["targets"] = repository.material().targets
    material = dataclasses.replace(repository.material(), **{place: parts[other]})

    assert refusal(repository, material) == "trust-invalid"


def test_a_role_that_shares_its_key_does_not_speak_for_another(repository: Repository) -> None:
    shared = repository.signers["targets"]
    repository.root.add_key(shared.public_key, "timestamp")
    repository.publish_root(repository.signers["root"])
    material = dataclasses.replace(repository.material(), timestamp=repository.material().targets)

    assert refusal(repository, material) == "trust-invalid"


@pytest.mark.parametrize("signers", ["old", "new", "stranger", "nobody"])
def test_a_root_is_signed_by_the_old_key_and_the_new(repository: Repository, signers: str) -> None:
    old = repository.signers["root"]
    repository.rotate("root")
    stranger = CryptoSigner.generate_ed25519()
    chosen = {"old": [old], "new": [repository.signers["root"]], "stranger": [stranger]}
    repository.root.version -= 1
    repository.publish_root(*chosen.get(signers, []))

    assert refusal(repository, repository.material()) == "trust-invalid"


def test_a_threshold_is_of_distinct_keys(repository: Repository) -> None:
    second = CryptoSigner.generate_ed25519()
    repository.root.add_key(second.public_key, "timestamp")
    repository.root.roles["timestamp"].threshold = 2
    repository.publish_root(repository.signers["root"])
    repository.publish_timestamp()
    assert refusal(repository, repository.material()) == "trust-invalid"
    repository.files["timestamp.json"] = repository.sign("timestamp", second)

    assert read(repository, repository.material())[0].data == TRUSTED_ROOT


def test_a_chain_has_no_gap(repository: Repository) -> None:
    repository.rotate("timestamp")
    repository.rotate("timestamp")
    repository.publish_timestamp()
    material = repository.material()

    assert (
        refusal(repository, dataclasses.replace(material, roots=material.roots[1:]))
        == "trust-invalid"
    )


def test_a_chain_has_an_end(repository: Repository) -> None:
    for _ in range(ROTATION_LIMIT):
        repository.publish_root(repository.signers["root"])
    assert read(repository, repository.material())[0].data == TRUSTED_ROOT
    repository.publish_root(repository.signers["root"])

    assert refusal(repository, repository.material()) == "trust-invalid"


def test_the_target_is_the_one_that_the_policy_names() -> None:
    repository = Repository(NOW, path="other.json")

    assert refusal(repository, repository.material()) == "trust-invalid"
    material = dataclasses.replace(repository.material(), path=PATH)
    assert refusal(repository, material) == "trust-invalid"


def test_material_says_which_target_it_has(repository: Repository) -> None:
    material = dataclasses.replace(repository.material(), path="other.json")

    assert refusal(repository, material) == "trust-invalid"


def test_a_target_of_a_delegated_role_is_not_looked_at(repository: Repository) -> None:
    material = repository.material()
    delegate = CryptoSigner.generate_ed25519()
    role = DelegatedRole("more", [delegate.public_key.keyid], 1, terminating=True, paths=["*"])
    repository.targets.delegations = Delegations(
        {delegate.public_key.keyid: delegate.public_key}, {"more": role}
    )
    repository.targets.targets = {}
    repository.publish_targets()

    parts = {"targets": repository.files["2.targets.json"]}
    parts |= {"snapshot": repository.files["2.snapshot.json"]}
    parts |= {"timestamp": repository.files["timestamp.json"]}
    assert refusal(repository, dataclasses.replace(material, **parts)) == "trust-invalid"


def test_a_weak_hash_does_not_name_a_target(repository: Repository) -> None:
    material = repository.material()
    repository.targets.targets = {PATH: TargetFile.from_data(PATH, TRUSTED_ROOT, ["md5"])}
    repository.publish_targets()

    parts = {"targets": repository.files["2.targets.json"]}
    parts |= {"snapshot": repository.files["2.snapshot.json"]}
    parts |= {"timestamp": repository.files["timestamp.json"]}
    assert refusal(repository, dataclasses.replace(material, **parts)) == "trust-invalid"


JUNK: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "not-json": lambda _: b"\xff\xfe",
    "array": lambda _: b"[]",
    "no-signatures": lambda data: json.dumps({**json.loads(data), "signatures": []}).encode(),
    "twice-the-same-key": lambda data: data.replace(b'"signed"', b'"signed": 1, "signed"', 1),
    "deep": lambda _: b"[" * 10_000 + b"]" * 10_000,
    "huge-number": lambda data: data.replace(b'"version":', b'"version":' + b"9" * 5_000, 1),
    "large": lambda data: data + b" " * (3 * 1024 * 1024),
}


@pytest.mark.parametrize("part", ["timestamp", "snapshot", "targets", "root"])
@pytest.mark.parametrize("kind", JUNK)
def test_junk_is_refused(repository: Repository, part: str, kind: str) -> None:
    repository.rotate("timestamp")
    repository.publish_timestamp()
    material = repository.material()
    if part == "root":
        junk = dataclasses.replace(material, roots=(JUNK[kind](material.roots[0]),))
    else:
        junk = dataclasses.replace(material, **{part: JUNK[kind](getattr(material, part))})

    assert refusal(repository, junk) == "trust-invalid"


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{}", b"[]", b'{"format":2}', b"\xff", b'{"format":1,"format":1}'),
        b'{"format":1,"refreshed":"yesterday","root":[],"snapshot":"","target":{},"targets":""}',
    ],
    ids=["empty", "nothing", "array", "format", "bytes", "twice", "time"],
)
def test_what_is_no_material_is_refused(data: bytes) -> None:
    with pytest.raises(MinisealError) as error:
        Material.from_bytes(data)

    assert error.value.code == "trust-invalid"


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just("e30="),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
_MEMBERS = ("format", "refreshed", "root", "snapshot", "target", "targets", "timestamp")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(_MEMBERS, _VALUES),
            "format": st.just(1),
            "refreshed": st.just("2026-11-21T00:00:00Z"),
            "root": st.lists(_VALUES, max_size=3),
        },
    )
)
def test_material_of_any_shape_is_read_or_refused(value: dict[str, object]) -> None:
    data = json.dumps(value).encode()
    try:
        read_back = Material.from_bytes(data)
    except VerificationError as error:
        code = error.code
    else:
        code = "trust-invalid"
        assert Material.from_bytes(read_back.to_bytes()) == read_back

    assert code == "trust-invalid"


@pytest.mark.parametrize("name", ["snapshot", "root", "target"])
def test_base64_is_strict(repository: Repository, name: str) -> None:
    value = json.loads(repository.material().to_bytes())
    bad = {"snapshot": "a\nb=", "root": ["%"], "target": {"path": PATH, "data": "a"}}

    with pytest.raises(MinisealError) as error:
        Material.from_bytes(json.dumps({**value, name: bad[name]}).encode())

    assert error.value.code == "trust-invalid"


def test_a_target_has_a_largest_size(repository: Repository) -> None:
    repository.publish(b" " * (TARGET_LIMIT + 1))

    assert refusal(repository, repository.material()) == "trust-invalid"


def test_a_mutant_that_is_accepted_says_the_same(repository: Repository) -> None:
    repository.rotate("root")
    repository.publish()
    genuine, chain = read(repository, repository.material())
    data, chance = repository.material().to_bytes(), random.Random(SEED)  # noqa: S311
    named = TufRepository(
        url="https://tuf.example", root=repository.pinned, target=PATH, max_age=300 * DAY
    )
    accepted = 0
    for _ in range(MUTANTS):
        place, bit = chance.randrange(len(data)), chance.randrange(8)
        mutant = data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
        with suppress(VerificationError):
            root, found = named.read(Material.from_bytes(mutant), NOW)
            assert (root.data, found.versions) == (genuine.data, chain.versions)
            accepted += 1
    assert accepted < MUTANTS / 10


def follows(repository: Repository, known: dict[str, int]) -> str | None:
    """The code with which the repository's state is refused by who knows these versions."""
    _, chain = read(repository, repository.material())
    try:
        chain.check_follows(known)
    except MinisealError as error:
        return error.code
    return None


@pytest.mark.parametrize("role", ROLES)
def test_no_version_goes_down(repository: Repository, role: str) -> None:
    _, chain = read(repository, repository.material())

    assert follows(repository, chain.versions) is None
    assert follows(repository, {**chain.versions, role: 2}) == "trust-rollback"


def test_a_new_root_alone_lets_no_version_go_down(repository: Repository) -> None:
    known = {"root": 1, "timestamp": 9, "snapshot": 1, "targets": 1}
    repository.publish_root(repository.signers["root"])
    repository.rotate("targets")
    repository.publish()

    assert follows(repository, known) == "trust-rollback"


@pytest.mark.parametrize("role", ["timestamp", "snapshot"])
def test_new_keys_let_versions_begin_anew(repository: Repository, role: str) -> None:
    known = {"root": 1, "timestamp": 9, "snapshot": 9, "targets": 9}
    repository.rotate(role)
    repository.publish()

    assert follows(repository, known) is None
    assert follows(repository, {**known, "root": 3}) == "trust-rollback"


def policy(text: str, contents: dict[str, bytes]) -> Policy:
    keys = {f"{name}.pub": key(name).public_pem for name in ("acme", "scanner")}
    return Policy.from_toml(text.encode(), {**keys, **contents}.__getitem__)


def test_a_policy_without_trust_needs_no_material() -> None:
    assert of_policy(policy(POLICY, {}), None, NOW) is None


def test_a_policys_own_trusted_root_has_no_end_of_its_own() -> None:
    text = POLICY.replace("[signer.acme]", '[trust]\ntrusted_root = "t.json"\n[signer.acme]')
    given = policy(text, {"t.json": TRUSTED_ROOT})

    root = of_policy(given, None, NOW)

    assert root == TrustedRoot(data=TRUSTED_ROOT, digest=sha256(TRUSTED_ROOT), ends=None)


def test_a_policy_with_tuf_needs_material(repository: Repository) -> None:
    given = policy(trusting(POLICY), {ROOT_FILE: repository.pinned})

    with pytest.raises(MinisealError) as error:
        of_policy(given, None, NOW)
    root = of_policy(given, repository.material().to_bytes(), NOW)

    assert error.value.code == "trust-missing"
    assert root is not None
    assert root.data == TRUSTED_ROOT


def test_material_is_verified_from_the_policys_own_root(repository: Repository) -> None:
    given = policy(trusting(POLICY), {ROOT_FILE: Repository(NOW).pinned})

    with pytest.raises(MinisealError) as error:
        of_policy(given, repository.material().to_bytes(), NOW)

    assert error.value.code == "trust-invalid"


def test_a_policy_without_tuf_names_no_repository() -> None:
    with pytest.raises(MinisealError) as error:
        TufRepository.of_policy(policy(POLICY, {}))

    assert error.value.code == "trust-missing"
