"""Trivy as a subprocess: which binary, which database, what it found, and what it did not see."""
