"""Two advisories, enough for a vulnerability database that a scanner accepts (OSV 1.6 form)."""

__all__ = ["ADVISORIES"]

ADVISORIES: dict[str, dict[str, object]] = {
    "CVE-2021-44906": {
        "id": "CVE-2021-44906",
        "summary": "minimist: prototype pollution",
        "modified": "2023-09-11T00:00:00Z",
        "database_specific": {"severity": "CRITICAL"},
        "affected": [
            {
                "package": {"ecosystem": "npm", "name": "minimist"},
                "ranges": [
                    {"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "0.2.4"}]},
                    {"type": "SEMVER", "events": [{"introduced": "1.0.0"}, {"fixed": "1.2.6"}]},
                ],
            }
        ],
    },
    "CVE-2024-22195": {
        "id": "CVE-2024-22195",
        "summary": "jinja2: HTML attribute injection through xmlattr",
        "modified": "2024-01-11T00:00:00Z",
        "database_specific": {"severity": "MODERATE"},
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": "jinja2"},
                "ranges": [
                    {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.3"}]}
                ],
            }
        ],
    },
}
