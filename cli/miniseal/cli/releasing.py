"""The options of the commands that release or plan one, and what they say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miniseal.cli import access, building, host, performing, scanner
from miniseal.cli.files import read_file
from miniseal.cli.signing import Signing, signing_options

if TYPE_CHECKING:
    from miniseal.pipeline.release import Release

__all__ = ["Releasing", "options", "read"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Releasing:
    """The command line's word on what to publish and how, one member per option."""

    to: str | None
    signing: Signing
    policy: Path | None
    trust: Path | None
    scanning: scanner.Scanning
    resign: bool
    until: str | None
    links: bool
    performed: tuple[str, ...]
    workflow_inputs: str | None

    def destination(self, project: Path) -> str | None:
        """`--to`, else `[publish] to`; the rest of the project is read when it is released.

        Raises:
            UsageError: `project-invalid`.
        """
        from miniseal.packager import Settings  # pydantic

        return self.to or Settings.from_toml(read_file(project / "miniseal.toml")).publish.to

    def release(self, project: Path) -> "Release":
        """What the pipeline is asked for.

        Raises:
            UsageError: `destination-unusable`, and what the key and the policy are refused for.
        """
        from miniseal.cli import workshop  # needs the extra `pipeline`
        from miniseal.pipeline.release import Release

        trusting = host.trusting(self.policy, self.trust) if self.policy else None
        policy = trusting.policy if trusting else None
        store = workshop.open_target(self.destination(project))
        return Release(
            store=store,
            signer=self.signing.signer(),
            scan=self.scanning.settings(policy),
            policy=policy,
            material=trusting.material if trusting else None,
            resign=self.resign,
            until=self.until,
            links=self.links,
            parts=performing.read(self.performed),
            inputs=performing.inputs(self.workflow_inputs),
        )


_OPTIONS = (
    click.option("--to", help="The repository to publish to; [publish] to by default."),
    access.options,
    signing_options,
    click.option(
        "--policy",
        type=click.Path(path_type=Path),
        help="A platform's policy that the release must satisfy before it is tagged.",
    ),
    host.trust_option,
    scanner.options,
    click.option("--resign", is_flag=True, help="Sign again what is published already."),
    click.option("--until", metavar="STEP", help="Stop after STEP; nothing gets a tag then."),
    click.option("--links", is_flag=True, help="Let each step leave a signed in-toto link."),
    performing.option,
    click.option(
        "--workflow-inputs",
        metavar="JSON",
        help="The inputs of the workflow that signs: it then is the builder in the provenance.",
    ),
    building.options,
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give `command` the options of `Releasing` and of `building.Building`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read(given: Mapping[str, Any]) -> tuple[Releasing, building.Building]:
    """What the options, by their names, say."""
    own = {each.name for each in fields(Releasing)}
    return (
        Releasing(**{name: value for name, value in given.items() if name in own}),
        building.Building(**{name: value for name, value in given.items() if name not in own}),
    )
