"""What the two directions share: a release, as its bytes."""

from pathlib import Path

import pytest

from kit.cosign import Cosign
from kit.exchange import CosignKey, Published, sign_something
from kit.registries import Registry
from kit.sigstore import PrivateSigstore


@pytest.fixture(scope="session")
def tip(released: Path) -> Published:
    """The release of the example `tip`, in its layout."""
    return Published(layout=released / "registry-tip", policy=released / "policy-tip")


@pytest.fixture(scope="session")
def pushed(tip: Published, registry: Registry) -> str:
    """The repository that has the release, with everything attached to it."""
    registry.push(tip.layout, "pushed")
    return "pushed"


@pytest.fixture(scope="session")
def cosign_key(cosign: Cosign, tmp_path_factory: pytest.TempPathFactory) -> CosignKey:
    """A key that cosign made."""
    prefix = tmp_path_factory.mktemp("cosign") / "own"
    cosign("generate-key-pair", "--output-key-prefix", prefix).ok()
    return CosignKey(private=prefix.with_suffix(".key"), public=prefix.with_suffix(".pub"))


@pytest.fixture(scope="session")
def in_use(
    sigstore: PrivateSigstore, cosign: Cosign, tmp_path_factory: pytest.TempPathFactory
) -> PrivateSigstore:
    """The private Sigstore, with a first entry in both logs: that is a case of its own."""
    folder = tmp_path_factory.mktemp("first")
    for version in ("v1", "v2"):
        sign_something(sigstore, cosign, folder, version, folder / f"{version}.json")
    return sigstore
