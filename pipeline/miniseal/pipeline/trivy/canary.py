"""What is put beside a scanned tree and must be found: a scan that misses it saw nothing.

For each thing that is looked for there is one: a token that looks like a secret and a lock file; in
a source a licence's text, and a container file with a setting that a check says no to; in a package
a wasm file with a dependency list, and an installed package that names its licence.
"""

import json
import secrets
import zlib
from dataclasses import dataclass
from pathlib import Path

from miniseal.formats.errors import Code, VerificationError
from miniseal.pipeline.trivy.scan import Scan

__all__ = ["CANARY_FOLDER", "SCAN_EMPTY", "Canary", "wasm_canary"]

SCAN_EMPTY = Code(
    "scan-empty",
    VerificationError,
    meaning="a scan did not find what was put there to be found, so it saw nothing",
    cause="the scanner skipped the folder, or does not understand its files in this mode",
    remedy="use the pinned version of the scanner; report the message if it is the pinned one",
)

CANARY_FOLDER = "canary"
_PACKAGE = "miniseal-canary"
_RULE = "github-pat"
_LICENSE = "Apache-2.0"
_CHECK = "DS-0002"
_HEADER = """\
Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """What is put beside a tree and must be found.

    Attributes:
        token: looks like a secret and is none; new for every scan, so that nothing can know it.
        installed: whether it lies beside a package, not beside a source.
        settings: whether configuration files are checked.
    """

    token: str
    installed: bool
    settings: bool

    @classmethod
    def new(cls, *, installed: bool, settings: bool = False) -> "Canary":
        """One that nobody has seen."""
        token = "ghp" + "_" + secrets.token_hex(18)
        return cls(token=token, installed=installed, settings=settings)

    def write(self, folder: Path) -> None:
        """Make the canary's files in `folder`."""
        installed = {"name": _PACKAGE, "version": "1.0.0", "license": _LICENSE}
        texts = {
            "secret.txt": f"token = '{self.token}'\n",
            "Cargo.lock": f'version = 3\n\n[[package]]\nname = "{_PACKAGE}"\nversion = "1.0.0"\n',
            "package.json": json.dumps(installed),
            "license.txt": _HEADER,
            "Dockerfile": "FROM scratch\nUSER root\n",
        }
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="ascii")
        (folder / "app.wasm").write_bytes(wasm_canary())
        (folder / "app.wasm").chmod(0o755)

    def take(self, scan: Scan) -> Scan:
        """`scan` without the canary, all of which must be in it.

        Raises:
            VerificationError: `scan-empty`.
        """
        seen = {
            *((item.target, item.name) for item in scan.packages),
            *((item.target, item.name) for item in scan.licenses),
            *((item.target, item.rule) for item in scan.secrets),
            *((item.target, item.id) for item in scan.misconfigurations),
        }
        missing = sorted(name for name, what in self._wanted() if (_path(name), what) not in seen)
        if missing:
            raise SCAN_EMPTY(
                "the scan did not find its canary", expected=", ".join(map(_path, missing))
            )
        return scan.where(lambda target: not target.startswith(f"{CANARY_FOLDER}/"))

    def _wanted(self) -> tuple[tuple[str, str], ...]:
        both = (("secret.txt", _RULE), ("Cargo.lock", _PACKAGE))
        if self.installed:
            return (*both, ("app.wasm", _PACKAGE), ("package.json", _LICENSE))
        checked = (("Dockerfile", _CHECK),) if self.settings else ()
        return (*both, ("license.txt", _LICENSE), *checked)


def _path(name: str) -> str:
    return f"{CANARY_FOLDER}/{name}"


def wasm_canary() -> bytes:
    """An empty wasm module with a dependency list as `cargo auditable` embeds it."""
    package = {"name": _PACKAGE, "version": "1.0.0", "source": "crates.io", "root": True}
    section = b"\x07.dep-v0" + zlib.compress(json.dumps({"packages": [package]}).encode())
    return b"\0asm\x01\0\0\0\0" + _leb128(len(section)) + section


def _leb128(value: int) -> bytes:
    return bytes([value & 0x7F | 0x80, value >> 7]) if value > 0x7F else bytes([value])
