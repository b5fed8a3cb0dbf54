"""The same layouts and links through `check_layout` and through in-toto's own verification.

in-toto reads links of its own format, from files, and needs the layout's key ids: both are made of
the same facts. What Miniseal refuses beyond in-toto is in `test_layout`.
"""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, reject, settings
from hypothesis import strategies as st
from in_toto.exceptions import RuleVerificationError  # type: ignore[import-untyped]
from in_toto.models._signer import load_public_key_from_file  # type: ignore[import-untyped]
from in_toto.models.link import FILENAME_FORMAT  # type: ignore[import-untyped]
from in_toto.models.link import Link as InTotoLink
from in_toto.models.metadata import Envelope as InTotoEnvelope  # type: ignore[import-untyped]
from in_toto.models.metadata import Metadata
from in_toto.verifylib import in_toto_verify  # type: ignore[import-untyped]
from securesystemslib.signer import CryptoSigner

from kit.packages import NOW, POLICY, key
from miniseal.attestations import FileSigner
from miniseal.attestations.layout import functionary_key, in_toto_envelope, sign_layout
from miniseal.formats.digest import sha256
from miniseal.formats.errors import FormatError, VerificationError
from miniseal.formats.layout import PACKAGE, Layout, LayoutStep
from miniseal.formats.predicates.link import Link
from miniseal.formats.predicates.resource import Resource
from miniseal.formats.statement import Subject
from miniseal.verifier.checks.layout import check_layout
from miniseal.verifier.evidence import SIGNATURE_INVALID, Collected, Evidence
from miniseal.verifier.policy import model
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.signatures.keys import PublicKey
from miniseal.verifier.signatures.signatory import Signatory

NAMES = ("a", "b", "dir/a", PACKAGE)
DIGESTS = tuple(sha256(name.encode()).removeprefix("sha256:") for name in "xy")
STEPS = ("first", "last")
DENY = ("DISALLOW", "*")
REQUIRE = ("REQUIRE", PACKAGE)
END = "2099-01-01T00:00:00Z"
"""in-toto asks the machine's clock."""
OWNER, MADE = key("owner"), CryptoSigner.generate_ecdsa()
CI = FileSigner.from_pem(MADE.private_bytes, what="ci")
SIGNERS = "\n[signer.owner]\nkeys = [{file = 'owner'}]\n[signer.ci]\nkeys = [{file = 'ci'}]\n"
FILES = {
    "acme.pub": key("acme").public_pem,
    "scanner.pub": key("scanner").public_pem,
    "owner": OWNER.public_pem,
    "ci": CI.public_pem,
}
WHO = Policy.from_toml((POLICY + SIGNERS).encode(), FILES.__getitem__)
KEY_ID, KEY = functionary_key(CI.public_pem, "ci")
RULE = model.Layout(file="x", signers=("owner",), functionaries={KEY_ID: "ci"})

Links = dict[str, tuple[dict[str, str], dict[str, str]]]
Case = tuple[Layout, Links]

artifacts = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(DIGESTS), max_size=3)
patterns = st.sampled_from(("*", "a", "?", "dir/*", "*a", PACKAGE))
prefixes = st.sampled_from(((), ("IN", "dir")))


@st.composite
def rules(draw: st.DrawFn, own: str, source: str, required: bool) -> tuple[tuple[str, ...], ...]:
    """A few rules of one list, the last `DISALLOW *`; MATCH rules look back alone."""
    found: list[tuple[str, ...]] = [REQUIRE] if required else []
    for _ in range(draw(st.integers(0, 3))):
        word = draw(st.sampled_from(("ALLOW", "CREATE", "DELETE", "MODIFY", "DISALLOW", "MATCH")))
        if word != "MATCH":
            found.append((word, draw(patterns)))
        elif source:
            kinds = ("MATERIALS", "PRODUCTS") if source != own else ("MATERIALS",)
            kind = draw(st.sampled_from(kinds))
            found.append(
                (
                    word,
                    draw(patterns),
                    *draw(prefixes),
                    "WITH",
                    kind,
                    *draw(prefixes),
                    "FROM",
                    source,
                )
            )
    return (*found, DENY)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Two steps that in-toto takes too, in no circle, and a link of each."""
    first = LayoutStep(
        name="first",
        materials=draw(rules("first", "", required=False)),
        products=draw(rules("first", "first", required=False)),
        functionaries=(KEY_ID,),
    )
    last = LayoutStep(
        name="last",
        materials=draw(rules("last", "first", required=False)),
        products=draw(rules("last", draw(st.sampled_from(STEPS)), required=True)),
        functionaries=(KEY_ID,),
    )
    try:
        layout = Layout(steps=(first, last), expires=END, keys={KEY_ID: KEY})
    except FormatError:
        reject()
    made = {PACKAGE: DIGESTS[0]}
    links = {
        "first": (draw(artifacts), draw(artifacts)),
        "last": (draw(artifacts), {**draw(artifacts), **made}),
    }
    return layout, links


def ours(layout: Layout, links: Links) -> bool:
    public = PublicKey.from_pem(CI.public_pem, what="ci", code=SIGNATURE_INVALID)
    who = Signatory(id=public.digest, not_after=None, times=(), certificate=None)
    evidence = tuple(
        Evidence(
            bundle=sha256(name.encode()),
            data=b"",
            predicate=Link(
                name=name,
                materials=tuple(
                    Resource(name=each, digest={"sha256": digest})
                    for each, digest in materials.items()
                ),
            ),
            subjects=tuple(
                Subject(name=each, digest={"sha256": digest}) for each, digest in products.items()
            ),
            signatory=who,
            signers=frozenset({"ci"}),
        )
        for name, (materials, products) in links.items()
    )
    data = sign_layout(layout.to_bytes(), OWNER)
    collected, package = Collected(evidence=evidence), f"sha256:{DIGESTS[0]}"
    try:
        check_layout(RULE, data, collected, WHO, package=package, now=NOW)
    except VerificationError as error:
        if error.code != "link-rule":
            raise
        return False
    return True


def theirs(folder: Path, layout: Layout, links: Links) -> bool:
    for name, (materials, products) in links.items():
        written = InTotoLink(
            name=name,
            materials={each: {"sha256": digest} for each, digest in materials.items()},
            products={each: {"sha256": digest} for each, digest in products.items()},
        )
        envelope = InTotoEnvelope.from_signable(written)
        envelope.create_signature(MADE)
        envelope.dump(str(folder / FILENAME_FORMAT.format(step_name=name, keyid=KEY_ID)))
    root, public = folder / "root.layout", folder / "owner.pub"
    bundle = sign_layout(layout.to_bytes(), OWNER)
    root.write_bytes(in_toto_envelope(bundle, OWNER.public_pem))
    public.write_bytes(OWNER.public_pem)
    verification_key = load_public_key_from_file(str(public))
    try:
        in_toto_verify(
            Metadata.load(str(root)),
            {verification_key["keyid"]: verification_key},
            link_dir_path=str(folder),
        )
    except RuleVerificationError:
        return False
    return True


def test_both_say_the_same() -> None:
    seen: Counter[bool] = Counter()

    @settings(max_examples=300, deadline=None)
    @given(cases())
    def compare(case: Case) -> None:
        said = ours(*case)
        with TemporaryDirectory() as folder:
            assert said is theirs(Path(folder), *case)
        seen[said] += 1

    compare()

    assert min(seen[True], seen[False]) > 0
