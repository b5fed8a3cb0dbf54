"""Trivy as a subprocess: which binary, which database, what it found, and what it did not see."""

from miniseal.pipeline.trivy.binary import Trivy
from miniseal.pipeline.trivy.database import Database
from miniseal.pipeline.trivy.run import Scanner
from miniseal.pipeline.trivy.scan import (
    Finding,
    License,
    Misconfiguration,
    Package,
    Scan,
    Secret,
)

__all__ = [
    "Database",
    "Finding",
    "License",
    "Misconfiguration",
    "Package",
    "Scan",
    "Scanner",
    "Secret",
    "Trivy",
]
