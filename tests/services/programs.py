"""The sets of Go programs that the tests run beside the project. Standard library only."""

from pathlib import Path

from services.golang import GoPrograms

__all__ = ["ACT", "ACTIONLINT", "DAGGER", "DAGGER_VERSION", "REGISTRIES", "SIGSTORE"]

DAGGER_VERSION = "v0.21.8"

_HERE = Path(__file__).parent
_DAGGER = "github.com/dagger/dagger"
_SIGSTORE = "github.com/sigstore"
_OWN = "miniseal.dev/tests/services/sigstore"

ACT = GoPrograms(name="act", source=_HERE / "actions", packages={"github.com/nektos/act": "act"})
"""Runs GitHub workflows; see actions/README.md."""

ACTIONLINT = GoPrograms(
    name="actionlint",
    source=_HERE / "actions",
    packages={"github.com/rhysd/actionlint/cmd/actionlint": "actionlint"},
)
"""Checks GitHub workflows: all that `make check` needs of these programs."""

DAGGER = GoPrograms(
    name="dagger",
    source=_HERE / "dagger",
    packages={
        f"{_DAGGER}/cmd/dagger": "dagger",
        f"{_DAGGER}/cmd/dnsname": "dnsname",
        f"{_DAGGER}/cmd/engine": "dagger-engine",
        f"{_DAGGER}/cmd/init": "dagger-init",
    },
    tags=("dfexcludepatterns", "dfparents"),  # as upstream builds the engine
    linker=f"-X {_DAGGER}/engine.Version={DAGGER_VERSION} -X {_DAGGER}/engine.Tag={DAGGER_VERSION}",
)
"""The Dagger engine and what belongs to it; see dagger/README.md."""

REGISTRIES = GoPrograms(
    name="registries",
    source=_HERE / "registries",
    packages={
        "miniseal.dev/tests/services/registries/distribution": "distribution",
        "github.com/google/go-containerregistry/cmd/crane": "crane",
        "github.com/olareg/olareg/cmd/olareg": "olareg",
        "github.com/regclient/regclient/cmd/regctl": "regctl",
        "oras.land/oras/cmd/oras": "oras",
    },
    data={"github.com/opencontainers/image-spec": "schema/*.json"},
)
"""Registries, clients of registries, and the schemas of what they hold; see its README.md."""

SIGSTORE = GoPrograms(
    name="sigstore",
    source=_HERE / "sigstore",
    packages={
        f"{_OWN}/ctlog": "ctlog",
        f"{_OWN}/registry": "registry",
        f"{_SIGSTORE}/cosign/v3/cmd/cosign": "cosign",
        f"{_SIGSTORE}/fulcio": "fulcio",
        f"{_SIGSTORE}/rekor-tiles/v2/cmd/rekor-server/posix": "rekor-tiles",
        f"{_SIGSTORE}/rekor/cmd/rekor-server": "rekor-server",
        f"{_SIGSTORE}/timestamp-authority/v2/cmd/timestamp-server": "timestamp-server",
    },
)
"""A private Sigstore, a registry, and cosign; see sigstore/README.md."""
