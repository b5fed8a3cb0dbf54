"""Other clients of registries, as tests run them: where the registries are, with their password."""

import subprocess
from pathlib import Path

from kit.cosign import Said
from kit.registry_hosts import Registries

__all__ = ["Client", "Clients", "Said"]

_SECONDS = 120


class Client:
    """One program."""

    def __init__(self, registries: Registries, folder: Path | None, name: str) -> None:
        """Name it.

        Args:
            registries: that it will talk to.
            folder: that it is in; Debian's are found without.
            name: of the program.
        """
        self._registries = registries
        self._program = str(folder / name) if folder else name

    def __call__(self, *words: str | Path, cwd: Path | None = None) -> Said:
        texts = (self._program, *map(str, words))
        with self._registries.inside():
            done = subprocess.run(
                ["/usr/bin/env", *texts],  # which looks for it in the PATH that it is given
                cwd=cwd or self._registries.folder,
                env=self._registries.environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=_SECONDS,
            )
        return Said(words=texts, exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)


class Clients:
    """All of them.

    Attributes:
        oras: 1.2.3.
        regctl: 0.11.7.
        crane: 0.22.1.
        skopeo: Debian's, 1.9.3.
        cosign: 3.1.3.
    """

    def __init__(self, registries: Registries, sigstore: Path) -> None:
        """Find them.

        Args:
            registries: that they will talk to.
            sigstore: the folder that has cosign.
        """
        self.oras = Client(registries, registries.programs, "oras")
        self.regctl = Client(registries, registries.programs, "regctl")
        self.crane = Client(registries, registries.programs, "crane")
        self.skopeo = Client(registries, None, "skopeo")
        self.cosign = Client(registries, sigstore, "cosign")
