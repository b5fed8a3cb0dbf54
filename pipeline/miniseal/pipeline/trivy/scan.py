"""What scans find: vulnerabilities, secrets, licences, settings, and what was looked at.

Every record is a plain value in one order, so that scans of the same thing are equal, can be kept
as JSON, and can be put together. Nothing here runs or reads anything.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

__all__ = ["Finding", "License", "Misconfiguration", "Package", "Scan", "Secret", "unique"]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """A known vulnerability in a package.

    Attributes:
        id: for example `CVE-2026-1234`.
        severity: `critical`, `high`, `medium`, `low` or `unknown`.
        purl: the package's URL, or empty.
        name: the package's name.
        installed: the version found.
        fixed: versions that do not have it, separated by commas, or empty.
        target: the file in which the package was found; empty in an SBOM.
        line: where in that file the package stands, from 1; 0 where the scanner does not say.
    """

    target: str
    purl: str
    name: str
    installed: str
    id: str
    severity: str
    fixed: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Secret:
    """Something that looks like a secret; its text is not kept.

    Attributes:
        rule: what it looks like, for example `github-pat`.
        severity: as for `Finding`.
        target: the file.
        line: where it starts, from 1.
    """

    target: str
    line: int
    rule: str
    severity: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Package:
    """A package that was looked up.

    Attributes:
        target: the file in which it was found; empty in an SBOM.
        purl: its URL, or empty.
        name: its name.
        version: its version, or empty.
        licenses: what it says of its licences, all of which hold: SPDX expressions or texts.
    """

    target: str
    purl: str
    name: str
    version: str
    licenses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class License:
    """A licence that a package or a file has.

    Attributes:
        target: the file in which it was found; empty in an SBOM.
        package: the package's name, or empty: the licence is the file's own.
        name: an SPDX identifier, or the text that stands in its place.
        severity: how the scanner classifies the licence, in the words of `Finding`.
    """

    target: str
    package: str
    name: str
    severity: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Misconfiguration:
    """A setting of a configuration file that a check of the scanner's says no to.

    Attributes:
        target: the file.
        id: of the check, for example `DS-0002`.
        title: what it is about.
        severity: as for `Finding`.
        line: where the setting is, from 1; 0 where it is missing, or of the whole file.
    """

    target: str
    id: str
    title: str
    severity: str
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What one run of the scanner saw; every tuple is sorted and without repeats.

    Attributes:
        findings: known vulnerabilities.
        secrets: likely secrets.
        licenses: of packages and files.
        misconfigurations: what checks of configuration files said no to.
        packages: everything that was looked up.
        targets: the files that it read any of these from, or that it checked the settings in.
        version: the scanner's own word for its version.
    """

    findings: tuple[Finding, ...] = ()
    secrets: tuple[Secret, ...] = ()
    licenses: tuple[License, ...] = ()
    misconfigurations: tuple[Misconfiguration, ...] = ()
    packages: tuple[Package, ...] = ()
    targets: tuple[str, ...] = ()
    version: str = field(default="", compare=False)

    def moved(self, place: Callable[[str], str]) -> "Scan":
        """The same with other targets; what then is twice the same is one."""
        return replace(
            self,
            findings=_moved(self.findings, place),
            secrets=_moved(self.secrets, place),
            licenses=_moved(self.licenses, place),
            misconfigurations=_moved(self.misconfigurations, place),
            packages=_moved(self.packages, place),
            targets=unique(map(place, self.targets)),
        )

    def where(self, wanted: Callable[[str], bool]) -> "Scan":
        """What was found in the targets that are `wanted`."""
        return replace(
            self,
            findings=tuple(item for item in self.findings if wanted(item.target)),
            secrets=tuple(item for item in self.secrets if wanted(item.target)),
            licenses=tuple(item for item in self.licenses if wanted(item.target)),
            misconfigurations=tuple(item for item in self.misconfigurations if wanted(item.target)),
            packages=tuple(item for item in self.packages if wanted(item.target)),
            targets=tuple(filter(wanted, self.targets)),
        )

    def joined(self, *others: "Scan") -> "Scan":
        """What this run and the others saw, together."""
        scans = (self, *others)
        return replace(
            self,
            findings=unique(item for scan in scans for item in scan.findings),
            secrets=unique(item for scan in scans for item in scan.secrets),
            licenses=unique(item for scan in scans for item in scan.licenses),
            misconfigurations=unique(item for scan in scans for item in scan.misconfigurations),
            packages=unique(item for scan in scans for item in scan.packages),
            targets=unique(item for scan in scans for item in scan.targets),
        )


_Placed = TypeVar("_Placed", Finding, Secret, License, Misconfiguration, Package)
_Item = TypeVar("_Item", Finding, Secret, License, Misconfiguration, Package, str)


def _moved(items: Iterable[_Placed], place: Callable[[str], str]) -> tuple[_Placed, ...]:
    return unique(replace(item, target=place(item.target)) for item in items)


def unique(items: Iterable[_Item]) -> tuple[_Item, ...]:
    """The items sorted and without repeats."""
    return tuple(sorted(set(items)))
