"""The release pipeline as a graph: which step needs which, and what each one's result depends on.

    resolve -> fetch -> build -> pack                   make.py
    rebuild, fetch-runner -> test                       prove.py
    scanner -> scan-source -> sbom, scan-*              scan.py
    gate -> attest -> sign -> push -> verify -> tag     publish.py

What a step does is in `steps/`; here it is declared. Whatever a result depends on is among its
inputs: what is not there must not be able to change it.
"""

from typing import Any

from miniseal.pipeline.flow import make, prove, publish, scan
from miniseal.pipeline.flow.job import Job, Making, Publishing
from miniseal.pipeline.graph import Step

__all__ = ["STEPS", "Job", "Making", "Publishing"]

STEPS: tuple[Step[Job, Any], ...] = (*make.STEPS, *prove.STEPS, *scan.STEPS, *publish.STEPS)
"""Every step of a release, each after those that it needs."""
