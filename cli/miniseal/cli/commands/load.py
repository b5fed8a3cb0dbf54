"""`miniseal load`: what a host does before it runs a program; the bytes go to files if asked."""

from pathlib import Path

import click

from miniseal.cli import host
from miniseal.cli.files import write_file
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.digest import sha256
from miniseal.verifier import Verifier

__all__ = ["command"]


@click.command("load", cls=Verb)
@click.argument("app_id")
@host.policy_option
@host.state_option
@click.option("--floor", type=int, help="The lowest generation of the state that is accepted.")
@click.option("--wasm", type=click.Path(path_type=Path), help="Write the verified wasm here.")
def command(
    app_id: str, policy: Path, state: Path, floor: int | None, wasm: Path | None
) -> Outcome:
    """Load APP_ID: its verified bytes, or an error with a stable code."""
    program = Verifier.open(policy, state=state).load(app_id, floor=floor)
    if wasm is not None:
        write_file(wasm, program.wasm)
    grants = program.grants
    result = {
        "app_id": app_id,
        "wasm": {"digest": sha256(program.wasm), "size": len(program.wasm)},
        "assets": {name: len(data) for name, data in program.assets.items()},
        "grants": grants.to_json(),
    }
    lines = (
        f"{app_id}: {len(program.wasm)} bytes of wasm, {len(program.assets)} assets, verified",
        f"  permissions  {', '.join(grants.permissions) or 'none'}",
        f"  interfaces   {', '.join(grants.interfaces) or 'none'}",
    )
    return Outcome(result=result, lines=lines)
