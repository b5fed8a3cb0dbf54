"""Layouts to a registry on loopback and back, whole: what their tags name, and what refers to that.

A copier for tests, with no ambition: no retries, no authentication, everything in memory.
"""

import hashlib
import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from kit.layouts import blob
from kit.sigstore import PrivateSigstore
from miniseal.formats.oci import INDEX_TYPE, MANIFEST_TYPE, Descriptor
from miniseal.registry import LayoutStore

__all__ = ["Registry"]

_NAME = "org.opencontainers.image.ref.name"
_REFERRERS = "sha256-"
_ACCEPT = {"Accept": f"{MANIFEST_TYPE}, {INDEX_TYPE}"}


class Registry:
    """The registry of a private Sigstore."""

    def __init__(self, stack: PrivateSigstore) -> None:
        self._stack = stack

    def reference(self, repository: str, name: str) -> str:
        """What clients call a tag or a digest."""
        return f"{self._stack.registry}/{repository}{'@' if ':' in name else ':'}{name}"

    def push(self, layout: Path, repository: str) -> None:
        """Copy every tag with its referrers, which the registry finds by their subject."""
        for entry in json.loads((layout / "index.json").read_bytes())["manifests"]:
            name = entry.get("annotations", {}).get(_NAME, "")
            if name.startswith(_REFERRERS):
                for referrer in json.loads(blob(layout, entry["digest"]))["manifests"]:
                    self._push(layout, repository, referrer, referrer["digest"])
            elif name:
                self._push(layout, repository, entry, name)

    def pull(self, repository: str, layout: Path) -> None:
        """Copy every tag with its referrers into a new layout."""
        assert not layout.exists()
        store = LayoutStore(layout)
        for tag in self._read(f"{repository}/tags/list")["tags"]:
            if not tag.startswith(_REFERRERS):
                subject = self._pull(repository, tag, store)
                store.tag(tag, subject)
                found = self._read(f"{repository}/referrers/{subject.digest}")
                for referrer in found["manifests"]:
                    self._pull(repository, referrer["digest"], store)

    def _push(self, layout: Path, repository: str, described: dict[str, Any], name: str) -> None:
        data = blob(layout, described["digest"])
        for part in _parts(data):
            self._push_blob(repository, part["digest"], blob(layout, part["digest"]))
        headers = {"Content-Type": described["mediaType"]}
        self._ask("PUT", f"{repository}/manifests/{name}", data, headers)

    def _push_blob(self, repository: str, digest: str, data: bytes) -> None:
        answer, _ = self._ask("POST", f"{repository}/blobs/uploads/")
        there = urlsplit(answer["Location"])
        query = "&".join(filter(None, (there.query, urlencode({"digest": digest}))))
        self._ask("PUT", f"{there.path.removeprefix('/v2/')}?{query}", data)

    def _pull(self, repository: str, name: str, store: LayoutStore) -> Descriptor:
        answer, data = self._ask("GET", f"{repository}/manifests/{name}", headers=_ACCEPT)
        for part in _parts(data):
            _, content = self._ask("GET", f"{repository}/blobs/{part['digest']}")
            assert f"sha256:{hashlib.sha256(content).hexdigest()}" == part["digest"]
            store.put(content, part["mediaType"])
        return store.put_manifest(data, answer["Content-Type"])

    def _read(self, path: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self._ask("GET", path)[1])
        return value

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[http.client.HTTPMessage, bytes]:
        with self._stack.inside():
            connection = http.client.HTTPConnection(self._stack.registry, timeout=30)
            try:
                connection.request(method, f"/v2/{path}", body, dict(headers or {}))
                answer = connection.getresponse()
                data = answer.read()
            finally:
                connection.close()
        assert answer.status < http.client.BAD_REQUEST, (method, path, answer.status, data)
        return answer.headers, data


def _parts(manifest: bytes) -> list[dict[str, Any]]:
    document = json.loads(manifest)
    return [document["config"], *document["layers"]]
