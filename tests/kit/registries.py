"""Layouts to a registry on loopback and back, whole: what their tags name, and what refers to that.

A copier for tests, with no ambition: no retries, no authentication, everything in memory.
"""

import hashlib
import http.client
import json
from collections.abc import Mapping
from contextlib import suppress
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
    """A registry inside the network of a private Sigstore."""

    def __init__(self, stack: PrivateSigstore, host: str) -> None:
        self._stack = stack
        self._host = host

    def reference(self, repository: str, name: str) -> str:
        """What clients call a tag or a digest."""
        return f"{self._host}/{repository}{'@' if ':' in name else ':'}{name}"

    def push(self, layout: Path, repository: str, *, bare: bool = False) -> None:
        """Copy every tag, and its referrers unless `bare`, with the list of them under its tag."""
        for entry in json.loads((layout / "index.json").read_bytes())["manifests"]:
            name = entry.get("annotations", {}).get(_NAME, "")
            if name and not (bare and name.startswith(_REFERRERS)):
                self._push(layout, repository, entry, name)

    def pull(self, repository: str, layout: Path) -> None:
        """Copy every tag with its referrers, by the API or by their tag, into a new layout."""
        assert not layout.exists()
        store = LayoutStore(layout)
        for tag in self._read(f"{repository}/tags/list")["tags"]:
            if not tag.startswith(_REFERRERS):
                subject = self._pull(repository, tag, store)
                store.tag(tag, subject)
                for referrer in self._referrers(repository, subject.digest):
                    self._pull(repository, referrer["digest"], store)

    def _push(self, layout: Path, repository: str, described: dict[str, Any], name: str) -> None:
        data = blob(layout, described["digest"])
        for child in json.loads(data).get("manifests", []):
            self._push(layout, repository, child, child["digest"])
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

    def _referrers(self, repository: str, digest: str) -> list[dict[str, Any]]:
        for path in (f"referrers/{digest}", f"manifests/{digest.replace(':', '-')}"):
            with suppress(LookupError):
                found: list[dict[str, Any]] = self._read(f"{repository}/{path}")["manifests"]
                return found
        return []

    def _read(self, path: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self._ask("GET", path, headers=_ACCEPT)[1])
        return value

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[http.client.HTTPMessage, bytes]:
        with self._stack.inside():
            connection = http.client.HTTPConnection(self._host, timeout=30)
            try:
                connection.request(method, f"/v2/{path}", body, dict(headers or {}))
                answer = connection.getresponse()
                data = answer.read()
            finally:
                connection.close()
        if answer.status == http.client.NOT_FOUND:
            raise LookupError(path)
        assert answer.status < http.client.BAD_REQUEST, (method, path, answer.status, data)
        return answer.headers, data


def _parts(manifest: bytes) -> list[dict[str, Any]]:
    document = json.loads(manifest)
    return [document["config"], *document["layers"]] if "layers" in document else []
