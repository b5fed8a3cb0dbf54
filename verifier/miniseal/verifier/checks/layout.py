"""An in-toto layout: the steps were performed by whom it says, and everything flowed as it says.

The layout's own signature is checked with the policy's keys, the links' are checked already; whom
its key ids stand for is the policy's. in-toto's engine applies the rules. The last step's product
`package` has to be the very package that is admitted: that, and the flow from step to step, is what
keeps links of another release out.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from miniseal.formats.bundle import Bundle
from miniseal.formats.digest import sha256
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE, Envelope
from miniseal.formats.errors import Code, FormatError, MinisealError, VerificationError
from miniseal.formats.layout import LAYOUT_INVALID, PACKAGE, Layout, LayoutKey, LayoutStep
from miniseal.formats.predicates.link import Link
from miniseal.formats.times import from_text, to_text
from miniseal.verifier.budget import EVIDENCE_LIMIT
from miniseal.verifier.checks.deny import denial
from miniseal.verifier.evidence import KEY_EXPIRED, SUBJECT_MISMATCH, Collected, Evidence
from miniseal.verifier.links.artifacts import broken_rule
from miniseal.verifier.links.performed import Functionaries, Performance, performances
from miniseal.verifier.policy import model
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.signatures.keys import PublicKey
from miniseal.verifier.signatures.signatory import Signatory

__all__ = [
    "LAYOUT_EXPIRED",
    "LAYOUT_UNTRUSTED",
    "LINK_RULE",
    "Followed",
    "check_layout",
    "open_layout",
]

LAYOUT_UNTRUSTED = Code(
    "layout-untrusted",
    VerificationError,
    meaning="the layout is not signed by anybody whom the policy names for it",
    cause="it was changed after it was signed, was never signed, or somebody else signed it",
    remedy="sign it with `miniseal layout sign` and a key of a signer in the rule's signers",
)
LAYOUT_EXPIRED = Code(
    "layout-expired",
    VerificationError,
    meaning="the layout has reached its expires",
    cause="nobody has signed a newer one",
    remedy="look through the layout, give it a later end, and sign it again",
)
LINK_RULE = Code(
    "link-rule",
    VerificationError,
    meaning="what the links tell breaks a rule of the layout",
    cause="a step used or made something that the layout does not allow, or what one step made is "
    "not what the next one used",
    remedy="look at the artifact that the message names, in the links of the step",
)

_TRIES = 512
"""The most times that a step's rules are applied for one admission."""
_ED25519 = bytes.fromhex("302a300506032b6570032100")  # the DER before the key's 32 bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What shows that a layout was followed.

    Attributes:
        evidence: the links.
        end: when the layout, or a key that signed it, reaches its end, seconds since 1970.
    """

    evidence: tuple[Evidence[Link], ...]
    end: int


def check_layout(
    rule: model.Layout,
    data: bytes,
    collected: Collected,
    policy: Policy,
    *,
    package: str,
    now: int,
) -> Followed:
    """The links that follow the layout.

    Args:
        rule: who may have signed the layout, and whom its key ids stand for.
        data: the signed layout.
        collected: the evidence.
        policy: keys and thresholds of signers.
        package: digest of the package's manifest.
        now: seconds since 1970.

    Raises:
        FormatError: `layout-invalid`, `link-malformed`.
        VerificationError: `layout-untrusted`, `layout-expired`, `key-expired`, `denied`,
            `link-missing`, `link-threshold`, `subject-mismatch`, `link-rule`, `evidence-limit`.
    """
    layout, end = open_layout(rule, data, policy, now)
    keys = {key_id: _digest(key_id, key) for key_id, key in layout.keys.items()}
    who = Functionaries(names=rule.functionaries, keys=keys, signers=policy.document.signer)
    performed = {step.name: performances(step, collected, who) for step in layout.steps}
    last = layout.steps[-1].name
    performed[last] = _of_package(last, performed[last], package)
    chain = _Chain(layout.steps, performed).links()
    return Followed(evidence=tuple(chain), end=end)


def open_layout(rule: model.Layout, data: bytes, policy: Policy, now: int) -> tuple[Layout, int]:
    """The layout in a bundle that one of the rule's signers has signed, and when it ends.

    Raises:
        FormatError: `layout-invalid`.
        VerificationError: `layout-untrusted`, `layout-expired`, `key-expired`, `denied`.
    """
    envelope = _envelope(data)
    known = [key for name in rule.signers for key in policy.keys[name]]
    made = [key for key in known if key.verifies(envelope)]
    if not made:
        raise LAYOUT_UNTRUSTED(
            "the layout is not signed with a key that the policy accepts",
            expected=f"a signature by {' or '.join(rule.signers)}",
        )
    denied = denial(policy, Signatory.of_key(made[0]), sha256(data))
    if denied is not None:
        raise denied
    layout = Layout.from_bytes(envelope.payload)
    ends = [key.not_after for key in made if key.not_after is not None]
    if any(now >= end for end in ends):
        raise KEY_EXPIRED("the key that signed the layout is past its end", found=made[0].digest)
    end = from_text(layout.expires)
    if now >= end:
        raise LAYOUT_EXPIRED(
            "the layout has expired", found=to_text(now), expected=f"before {layout.expires}"
        )
    return layout, min(end, *ends) if ends else end


def _envelope(data: bytes) -> Envelope:
    try:
        bundle = Bundle.from_bytes(data)
    except FormatError as error:
        raise LAYOUT_UNTRUSTED(
            "the layout is not in a signed bundle", found=error.message, expected="a bundle v0.3"
        ) from error
    if bundle.envelope.payload_type != IN_TOTO_PAYLOAD_TYPE:
        raise LAYOUT_UNTRUSTED(
            "the layout's envelope is of another type",
            found=repr(bundle.envelope.payload_type)[:100],
            expected=IN_TOTO_PAYLOAD_TYPE,
        )
    return bundle.envelope


def _digest(key_id: str, key: LayoutKey) -> str:
    """What tells the functionary's key from others."""
    what = f"layout: key {key_id}"
    if key.keytype != "ed25519":
        return PublicKey.from_pem(key.public.encode(), what=what, code=LAYOUT_INVALID).digest
    try:
        raw = bytes.fromhex(key.public)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise LAYOUT_INVALID(f"{what} is not an Ed25519 key", expected="64 hex digits")
    return sha256(_ED25519 + raw)


def _of_package(
    step: str, performed: tuple[Performance, ...], package: str
) -> tuple[Performance, ...]:
    """The performances of the last step that made, or passed on, this package."""
    products = [each.artifacts.products.get(PACKAGE) for each in performed]
    if package not in products:
        raise SUBJECT_MISMATCH(
            f"no link of step {step} is about this package",
            found=f"{PACKAGE} {products[0] or 'missing'}",
            expected=package,
        )
    return tuple(each for each, found in zip(performed, products, strict=True) if found == package)


@dataclass(slots=True)
class _Chain:
    """Chooses one performance of each step, so that no rule is broken.

    It goes from the last step, which is bound to the package, back to the first, and applies a
    step's rules as soon as all is chosen that they look at: links of another release are dropped
    where they meet the first one of this.
    """

    steps: tuple[LayoutStep, ...]
    performed: dict[str, tuple[Performance, ...]]
    tries: int = 0
    furthest: int = -1
    problem: MinisealError | None = field(default=None)

    def links(self) -> Iterable[Evidence[Link]]:
        """The links of the chosen performances.

        Raises:
            VerificationError: `link-rule`, of the choice that went furthest; `evidence-limit`.
        """
        chosen = self._complete(self.steps, {})
        if chosen is None:
            raise self.problem or LINK_RULE("no links fit together")
        return [link for step in self.steps for link in chosen[step.name].links]

    def _complete(
        self, left: tuple[LayoutStep, ...], chosen: dict[str, Performance]
    ) -> dict[str, Performance] | None:
        if not left:
            return chosen
        step = left[-1]
        for performance in self.performed[step.name]:
            more = {**chosen, step.name: performance}
            if self._fits(step, more):
                complete = self._complete(left[:-1], more)
                if complete is not None:
                    return complete
        return None

    def _fits(self, new: LayoutStep, chosen: dict[str, Performance]) -> bool:
        for step in self.steps:
            needed = {step.name, *step.sources}
            if new.name in needed and needed <= chosen.keys():
                self._count()
                said = broken_rule(step, {name: chosen[name].artifacts for name in needed})
                if said is not None:
                    self._note(step, said, len(chosen))
                    return False
        return True

    def _count(self) -> None:
        self.tries += 1
        if self.tries > _TRIES:
            raise EVIDENCE_LIMIT("too many links may belong together", expected=f"{_TRIES} tries")

    def _note(self, step: LayoutStep, said: str, depth: int) -> None:
        if depth > self.furthest:
            self.furthest = depth
            self.problem = LINK_RULE(f"the links of step {step.name} break a rule", found=said)
