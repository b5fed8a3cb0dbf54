"""`miniseal inspect`: what a package or a wasm file is, asks for, offers and weighs."""

from pathlib import Path

import click

from miniseal.cli import access, host
from miniseal.cli.files import read_file
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.config import CONFIG_LIMIT, Config
from miniseal.formats.members import Members
from miniseal.formats.oci import MANIFEST_LIMIT
from miniseal.formats.package import Package
from miniseal.formats.strictjson import JSON_MALFORMED, loads
from miniseal.formats.wasm.inspect import ImportedModule, inspect
from miniseal.formats.wasm.sections import WASM_LIMIT

__all__ = ["command"]


@click.command("inspect", cls=Verb)
@click.argument("what", metavar="REFERENCE|FILE")
@access.options
def command(what: str) -> Outcome:
    """Show what a package, or a wasm file, imports and exports; nothing is verified."""
    if Path(what).is_file():
        return _wasm(Path(what))
    store, name = host.open_source(what)
    descriptor = store.resolve(name)
    package = Package.from_manifest(store.read(descriptor, limit=MANIFEST_LIMIT))
    data = store.read(package.config, limit=CONFIG_LIMIT)
    config = Config.from_bytes(data)
    evidence = store.referrers(descriptor)
    document = Members(
        loads(data, limit=CONFIG_LIMIT, what="config"), "package config", JSON_MALFORMED
    ).values
    result = {"package": descriptor.digest, "config": document, "referrers": len(evidence)}
    manifest = config.manifest
    lines = (
        f"{manifest.app_id} {manifest.version_name} (code {manifest.version_code})",
        f"  package      {descriptor.digest}",
        f"  wasm         {config.wasm.size} bytes, {config.wasm.digest}",
        f"  assets       {f'{config.assets.size} bytes' if config.assets else 'none'}",
        *_module_lines(config.wasm.imports, config.wasm.exports),
        f"  permissions  {', '.join(p.name for p in manifest.req_permissions) or 'none'}",
        f"  referrers    {len(evidence)} (not verified here)",
    )
    return Outcome(result=result, lines=lines)


def _wasm(path: Path) -> Outcome:
    data = read_file(path, limit=WASM_LIMIT)
    module = inspect(data)
    imports = module.import_modules()
    exports = module.export_names()
    result = {
        "size": len(data),
        "imports": [{"name": item.name, "functions": list(item.functions)} for item in imports],
        "exports": list(exports),
    }
    return Outcome(
        result=result,
        lines=(f"{path}: core module, {len(data)} bytes", *_module_lines(imports, exports)),
    )


def _module_lines(imports: tuple[ImportedModule, ...], exports: tuple[str, ...]) -> list[str]:
    asked = [f"{item.name} ({', '.join(item.functions)})" for item in imports]
    return [
        f"  imports      {'; '.join(asked) or 'none'}",
        f"  exports      {', '.join(exports) or 'none'}",
    ]
