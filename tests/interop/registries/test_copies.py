"""Packages and evidence go from any store to any other, and arrive whole."""

import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kit.commands import Run
from kit.exchange import Published
from kit.layouts import tags
from kit.registry_clients import Clients
from kit.registry_hosts import HOSTS, Host, Registries
from miniseal.formats.oci import DOCKER_INDEX_TYPE, DOCKER_MANIFEST_TYPE
from miniseal.packager.image import Archive, platform
from miniseal.registry import LayoutStore, Store, open_store
from miniseal.registry.remote import RegistryStore

APP = "com.example.tip"
Command = Callable[..., Run]


def everything(store: Store) -> dict[str, set[str]]:
    """What is attached to what the tags name."""
    return {
        tag: {found.digest, *(each.digest for each in store.referrers(found))}
        for tag, found in store.tags().items()
    }


def test_there_and_back(
    command: Command,
    host: Host,
    store: RegistryStore,
    tip: Published,
    tmp_path: Path,
) -> None:
    there, archive = f"{host.address}/{store.repository}", f"oci-archive:{tmp_path / 'a.tar'}"
    again, back = f"{there}-again", f"oci:{tmp_path / 'back'}"
    wanted = everything(LayoutStore(tip.layout))

    command("push", "--all", f"oci:{tip.layout}", there).ok()
    command("copy", "--all", there, again).ok()
    command("pull", "--all", again, archive).ok()
    command("copy", "--all", archive, back).ok()

    assert everything(store) == wanted
    assert everything(open_store(archive)) == wanted
    assert everything(open_store(back)) == wanted
    assert tags(tmp_path / "back") == tags(tip.layout)
    policy = ("--policy", tip.policy / "policy.toml")
    command("verify", f"{back}:{tip.tag}", "--app", APP, *policy).ok()


@pytest.mark.parametrize("host", ["olareg"], indirect=True)
@pytest.mark.parametrize("other", [name for name in HOSTS if name != "olareg"])
def test_from_one_registry_to_another(
    other: str,
    command: Command,
    host: Host,
    store: RegistryStore,
    registries: Registries,
    tip: Published,
) -> None:
    target = HOSTS[other]
    here, there = f"{host.address}/{store.repository}", f"{target.address}/{store.repository}"
    variables = registries.variables(target)
    plain = ("--plain-http", host.address)
    command("push", "--all", f"oci:{tip.layout}", here).ok()

    command("copy", "--all", *plain, here, there, env=variables).ok()

    copied = RegistryStore(target.address, store.repository, access=registries.access(target))
    assert everything(copied) == everything(LayoutStore(tip.layout))


def test_one_package_with_its_evidence(
    command: Command, host: Host, store: RegistryStore, tip: Published, tmp_path: Path
) -> None:
    reference = host.reference(store.repository, tip.tag)
    layout = LayoutStore(tip.layout)
    wanted = {each.digest for each in layout.referrers(layout.resolve(tip.tag))}
    command("push", f"oci:{tip.layout}:{tip.tag}", reference).ok()

    shown: dict[str, Any] = command("discover", reference).ok()
    repaired = command("repair", reference).ok()
    command("pull", host.reference(store.repository, tip.digest), f"oci:{tmp_path / 'one'}").ok()

    assert {each["digest"] for each in shown["subject"]["referrers"]} == wanted
    assert repaired
    assert store.tags().keys() == {tip.tag}
    pulled = LayoutStore(tmp_path / "one")
    assert {each.digest for each in pulled.referrers(pulled.resolve(tip.digest))} == wanted


@pytest.mark.parametrize("host", ["distribution", "nginx"], indirect=True)
def test_an_image_in_the_form_of_docker(
    command: Command,
    host: Host,
    store: RegistryStore,
    clients: Clients,
    tip: Published,
    tmp_path: Path,
) -> None:
    """As most base images are; crane makes nothing else."""
    there, back = (f"{host.address}/{store.repository}{end}" for end in ("", "-back"))
    archive = f"oci-archive:{tmp_path / 'base.tar'}"
    with tarfile.open(tmp_path / "layer.tar", "w") as layer:
        layer.add(__file__, "file")
    clients.crane("append", "-f", tmp_path / "layer.tar", "-t", f"{there}:bare").ok()
    clients.crane(
        "mutate", "--set-platform", platform(), "-t", f"{there}:image", f"{there}:bare"
    ).ok()
    clients.crane(
        *("index", "append", "--docker-empty-base", "-m", f"{there}:image", "-t", f"{there}:1")
    ).ok()
    image, index = (store.resolve(tag) for tag in ("image", "1"))
    assert (image.media_type, index.media_type) == (DOCKER_MANIFEST_TYPE, DOCKER_INDEX_TYPE)

    command("pull", f"{there}@{index.digest}", archive).ok()
    command("copy", "--tag", "1", f"{archive}@{index.digest}", back).ok()

    assert clients.crane("digest", f"{back}:1").ok().strip() == index.digest
    clients.crane("validate", "--remote", f"{back}@{image.digest}").ok()
    assert Archive.read(tmp_path / "base.tar", platform()).names == {image.digest, index.digest}
    policy = ("--policy", tip.policy / "policy.toml")
    for tag in ("image", "1"):
        words = ("verify", f"{there}:{tag}", "--app", APP)
        command(*words, *policy).refused("oci-malformed")
