"""Many processes attach to one subject at once, and nothing is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kit.registry_clients import Clients
from kit.registry_contents import attach_note, publish
from kit.registry_hosts import Host, Registries
from miniseal.formats.oci import INDEX_TYPE
from miniseal.registry.referrers import fallback_tag
from miniseal.registry.remote import RegistryStore

WRITERS = 16

# Writers are forked from one process: each is a process of its own, and none has to start.
WRITE = """
import os, sys
from pathlib import Path
from kit.registry_contents import attach_note
from miniseal.registry import Access
from miniseal.registry.remote import RegistryStore

host, repository, subject, ca_file, auth_file, token_host, writers = sys.argv[1:]
access = Access(
    ca_file=Path(ca_file) if ca_file else None,
    auth_files=(Path(auth_file),),
    token_hosts=(token_host,),
)
RegistryStore(host, repository, access=access).resolve(subject)  # imports everything
ready, go = os.pipe()
children = []
for number in range(int(writers)):
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(ready, 1)
        store = RegistryStore(host, repository, access=access)
        attach_note(store, store.resolve(subject), f"note {number}")
        os._exit(0)
    children.append(child)
os.close(go)
sys.exit(sum(os.waitpid(child, 0)[1] != 0 for child in children))
"""


def test_every_attachment_to_one_subject_is_kept(
    store: RegistryStore, host: Host, registries: Registries, clients: Clients
) -> None:
    package = publish(store, "one", "1.0.0")
    access = registries.access(host)
    auth = registries.docker_config / "config.json"
    words = (host.address, store.repository, package.digest, str(access.ca_file or ""), str(auth))

    done = subprocess.run(
        [sys.executable, "-c", WRITE, *words, registries.tokens.address, str(WRITERS)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert len(store.referrers(package)) == WRITERS
    reference = host.reference(store.repository, "1.0.0")
    listed = clients.regctl("artifact", "list", "--format", "{{len .Descriptors}}", reference).ok()
    assert int(listed) == WRITERS


@pytest.mark.parametrize("host", ["distribution"], indirect=True)
def test_repair_brings_back_what_another_client_lost(
    store: RegistryStore, host: Host, clients: Clients, tmp_path: Path
) -> None:
    package = publish(store, "one", "1.0.0")
    notes = [attach_note(store, package, text) for text in ("a", "b", "c")]
    empty = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": []}
    (tmp_path / "index.json").write_text(json.dumps(empty))
    listing = host.reference(store.repository, fallback_tag(package.digest))
    clients.oras("manifest", "push", listing, tmp_path / "index.json").ok()
    assert store.referrers(package) == ()

    store.repair(package, notes)

    assert {each.digest for each in store.referrers(package)} == {each.digest for each in notes}
