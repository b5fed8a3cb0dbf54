"""The referrers of a manifest in a registry: by its API, or under the fallback tag.

What a registry says of itself is not asked (some send `OCI-Subject` without the API, others have
the API and do not send it): the API is. An entry that one writes is looked for afterwards until it
stays, because registries and other clients write lists without a lock. Lists are hints: a referrer
is what its own bytes say it is.
"""

from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial

from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, EnvironmentalError, FormatError, VerificationError
from miniseal.formats.oci import INDEX_TYPE, MANIFEST_LIMIT, Descriptor
from miniseal.registry import referrers
from miniseal.registry.ahead import ahead
from miniseal.registry.remote.codes import REGISTRY_MALFORMED, REGISTRY_UNREACHABLE
from miniseal.registry.remote.manifests import Manifests
from miniseal.registry.remote.pages import pages
from miniseal.registry.remote.session import Request, Session
from miniseal.registry.store import CONTENT_MISSING

__all__ = ["REFERRERS_UNSTABLE", "Referrers"]

REFERRERS_UNSTABLE = Code(
    "referrers-unstable",
    EnvironmentalError,
    meaning="a manifest is stored, but its entry among the referrers of its subject does not stay",
    cause="many writers at the same time, some of which write the list without a second look, or a "
    "registry that does not know referrers",
    remedy="let the other writers end, then run `miniseal repair` with the subject's reference",
)

_SIGHTINGS = 3
_MOST_ROUNDS = 40
_SECONDS_EACH = 0.1
_GLANCES = 3
"""How often an API is asked for an entry before the manifest is put again."""


class Referrers:
    """Lists of referrers in one repository."""

    def __init__(
        self, session: Session, manifests: Manifests, repository: str, parallel: int
    ) -> None:
        """Ask for nothing yet; `parallel` manifests are read at a time."""
        self._session = session
        self._manifests = manifests
        self._base = f"/v2/{repository}/referrers"
        self._parallel = parallel

    def of(self, subject: str) -> tuple[Descriptor, ...]:
        """What has the digest `subject` as its subject, by digest; junk left out.

        Raises:
            FormatError: `registry-malformed`, `oci-malformed`, `json-malformed`, `too-large`: of a
                list.
            VerificationError: `redirect-refused`, `digest-mismatch` of a list.
            EnvironmentalError: `referrers-limit`, and what a `Session` raises.
        """
        listed = self._listed(subject)
        if listed is None:
            listed = referrers.candidates(self._tagged(subject) or _NO_LIST)
        return self._verified(subject, listed)

    def add(self, subject: str, referrer: Descriptor, data: bytes) -> None:
        """List a manifest that is stored, whose bytes are `data`, under its subject.

        Raises:
            EnvironmentalError: `referrers-unstable`, `referrers-limit`, and what a `Session`
                raises.
            FormatError, VerificationError: as `of`.
        """
        if self._listed(subject) is None:
            self._until_it_stays(lambda: self._add_tagged(subject, [referrer]))
        else:
            self._until_it_stays(lambda: self._add_listed(subject, referrer, data))

    def repair(self, subject: str, known: Iterable[Descriptor]) -> tuple[Descriptor, ...]:
        """List what refers to a subject: what is listed now, and what of `known` does.

        A list under the fallback tag is written anew, without junk. Where the registry has the API,
        what it does not list is stored again, which lists it.

        Raises:
            EnvironmentalError: `referrers-unstable`, `referrers-limit`, and what a `Session`
                raises.
        """
        listed = self._listed(subject)
        try:
            tagged = referrers.candidates(self._tagged(subject) or _NO_LIST)
        except FormatError:
            tagged = ()
        found = self._verified(subject, (*(listed or ()), *tagged, *known))
        if listed is None:
            self._write_tagged(subject, found)
            self._until_it_stays(lambda: self._add_tagged(subject, found))
            return found
        there = {each.digest for each in listed}
        for each in found:
            if each.digest not in there:
                data, _ = self._manifests.get(each.digest)
                self._until_it_stays(partial(self._add_listed, subject, each, data))
        return found

    def _listed(self, subject: str) -> tuple[Descriptor, ...] | None:
        """What the API lists; None if there is no API."""
        request = Request(
            method="GET",
            url=f"{self._base}/{subject}",
            headers={"Accept": INDEX_TYPE},
            accept=frozenset({200, 404, 405, 501}),
            most=MANIFEST_LIMIT,
        )
        found: list[Descriptor] = []
        for answer, body in pages(self._session, request):
            if answer.status != 200:
                if found:
                    raise REGISTRY_MALFORMED("list of referrers lacks a page")
                return None
            media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
            if media_type != INDEX_TYPE:
                raise REGISTRY_MALFORMED(
                    "list of referrers is something else",
                    found=repr(media_type)[:100],
                    expected=INDEX_TYPE,
                )
            found += referrers.candidates(body)
            referrers.check_bounds(len(found), 0)
        return tuple(found)

    def _tagged(self, subject: str) -> bytes | None:
        """The list under the fallback tag; None if there is none."""
        data, media_type = self._manifests.find(referrers.fallback_tag(subject)) or (b"", "")
        # some registries and clients have the subject itself under this name: that is no list
        return data if media_type == INDEX_TYPE and sha256(data) != subject else None

    def _verified(self, subject: str, listed: Iterable[Descriptor]) -> tuple[Descriptor, ...]:
        sizes: dict[str, set[int]] = {}  # an entry with a wrong one hides no other
        for each in listed:
            if each.media_type in referrers.REFERRER_TYPES:
                sizes.setdefault(each.digest, set()).add(each.size)
        referrers.check_bounds(len(sizes), 0)
        found: dict[str, Descriptor] = {}
        size = 0
        until = self._session.deadline() + len(sizes) * _SECONDS_EACH
        look = partial(self._content, until)
        with closing(ahead(look, sizes, parallel=self._parallel)) as contents:
            for digest, data in zip(sizes, contents, strict=True):
                names_it = subject.encode() in data
                size += referrers.weight(data) if names_it else len(data)
                referrers.check_bounds(len(found), size)
                known = referrers.read(data) if names_it and len(data) in sizes[digest] else None
                if known and known[1] == subject:
                    found[digest] = known[0]
        return tuple(found[digest] for digest in sorted(found))

    def _content(self, until: float, digest: str) -> bytes:
        """A manifest's bytes, or none if it is not there or not what it is called."""
        if self._session.pace.clock() > until:
            raise REGISTRY_UNREACHABLE("registry takes too long to serve referrers")
        try:
            return self._manifests.get(digest)[0]
        except (FormatError, VerificationError):
            return b""
        except EnvironmentalError as error:
            if error.code != CONTENT_MISSING.name:
                raise
            return b""

    def _until_it_stays(self, add: Callable[[], bool]) -> None:
        """Call `add`, which says whether the entry was there, until it was several times."""
        seen, turn = 0, 0
        until = self._session.deadline()
        for turn in range(_MOST_ROUNDS):
            seen = seen + 1 if add() else 0
            if seen == _SIGHTINGS:
                return
            if self._session.pace.clock() > until:
                break
            spread = 0.05 if seen else 0.02 * min(2**turn, 16)
            self._session.pace.pause(0.01 + spread * self._session.pace.chance())
        raise REFERRERS_UNSTABLE(
            "entry among the referrers does not stay", found=f"gone after {turn + 1} looks"
        )

    def _add_tagged(self, subject: str, entries: Iterable[Descriptor]) -> bool:
        """Whether all entries are in the list under the fallback tag; they are added if not."""
        changed = referrers.add([self._tagged(subject) or _NO_LIST], *entries)
        if changed is None:
            return True
        self._manifests.put(referrers.fallback_tag(subject), changed, INDEX_TYPE)
        return False

    def _write_tagged(self, subject: str, entries: Iterable[Descriptor]) -> None:
        data = referrers.compose(entries)
        if data != (self._tagged(subject) or _NO_LIST):
            self._manifests.put(referrers.fallback_tag(subject), data, INDEX_TYPE)

    def _add_listed(self, subject: str, referrer: Descriptor, data: bytes) -> bool:
        """Whether the API lists an entry; the manifest is put again if not."""
        for _ in range(_GLANCES):
            if any(d.digest == referrer.digest for d in self._listed(subject) or ()):
                return True
            self._session.pace.pause(0.02 + 0.05 * self._session.pace.chance())
        self._manifests.put(referrer.digest, data, referrer.media_type)
        return False


_NO_LIST = b'{"manifests":[],"mediaType":"' + INDEX_TYPE.encode() + b'","schemaVersion":2}'
