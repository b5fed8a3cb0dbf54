"""Lock files of other ecosystems, as a source tree has them for the scanner to read."""

import json

__all__ = ["NPM_LOCK"]

NPM_LOCK = json.dumps(
    {
        "name": "a",
        "lockfileVersion": 3,
        "packages": {
            "": {"name": "a", "dependencies": {"minimist": "1.2.5"}},
            "node_modules/minimist": {
                "version": "1.2.5",
                "resolved": "https://registry.example/minimist/-/minimist-1.2.5.tgz",
                "license": "MIT",
            },
        },
    }
)
"""A `package-lock.json` with one package, in which the tests' database has CVE-2021-44906."""
