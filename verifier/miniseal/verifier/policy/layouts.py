"""What a rule about a layout leaves open, in words for `advice`; the layout itself is opened."""

from collections.abc import Iterator

from miniseal.formats.errors import MinisealError
from miniseal.formats.layout import Layout
from miniseal.formats.times import to_text
from miniseal.verifier.checks.layout import open_layout
from miniseal.verifier.policy import model
from miniseal.verifier.policy.policy import Policy

__all__ = ["layout_doubts"]


def layout_doubts(
    rule: model.Layout, publishers: tuple[str, ...], policy: Policy, *, now: int, soon: int
) -> Iterator[str]:
    """A line for each.

    Args:
        rule: of one namespace.
        publishers: of that namespace.
        policy: has the layout.
        now: seconds since 1970.
        soon: seconds from which on an end is far enough.
    """
    try:
        layout, end = open_layout(rule, policy.layouts[rule.file], policy, now)
    except MinisealError as error:
        yield f"nothing follows the layout {rule.file}: {error.message}"
        return
    if end - now < soon:
        yield f"nothing follows the layout {rule.file} from {to_text(end)} on"
    yield from _steps(rule, layout)
    if set(rule.functionaries.values()) <= set(publishers):
        yield "every step of the layout is a publisher's own word"


def _steps(rule: model.Layout, layout: Layout) -> Iterator[str]:
    used = {key_id for step in layout.steps for key_id in step.functionaries}
    for key_id in rule.functionaries:
        if key_id not in used:
            yield f"layout.functionaries: no step of {rule.file} is for {key_id}"
    for step in layout.steps:
        who = {
            rule.functionaries[each] for each in step.functionaries if each in rule.functionaries
        }
        if len(who) < step.threshold:
            yield (
                f"the step {step.name} of {rule.file} takes {step.threshold} functionaries, and "
                f"layout.functionaries has {len(who)} of them: nothing can follow it"
            )
