"""Admission: a verification whose outcome becomes a record that `load` goes by.

The package is examined without the lock, however slow its store is; what depends on the state (the
policy's serial, the clock, versions seen before) is checked under the lock, in the moment in which
the state is changed. Every decision is logged, and a refusal under a newer policy makes that policy
the host's too: putting the old file back would otherwise undo what the new one denies.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import Descriptor
from miniseal.verifier.checks.version import check_highest
from miniseal.verifier.core import Trusting
from miniseal.verifier.examine import Examined, examine, refusing
from miniseal.verifier.host.admission import Admission
from miniseal.verifier.host.audit import entry, refusal
from miniseal.verifier.host.head import AppHead, Head
from miniseal.verifier.host.load import check_clock
from miniseal.verifier.host.reader import NOT_INSTALLED, record_of
from miniseal.verifier.host.record import Blob, Record
from miniseal.verifier.host.serial import check_serial
from miniseal.verifier.host.state import State
from miniseal.verifier.host.stored import StoredSource
from miniseal.verifier.host.summary import Summary, summarise
from miniseal.verifier.host.trust import needed_material
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.source import Source

__all__ = ["Admitter"]


class Admitter:
    """Admits programs into one state under one policy."""

    def __init__(self, policy: str, state: State, clock: Callable[[], float]) -> None:
        """Keep the policy's path, the state and the clock; nothing is read."""
        self._policy = policy
        self._state = state
        self._clock = clock

    def install(self, app_id: str, source: Source, reference: str) -> Admission:
        """Admit what `reference` names in `source` as `app_id`; see `Verifier.install`."""
        policy, now = Policy.load(self._policy), int(self._clock())
        with self._deciding("install", app_id, policy, now), refusing():
            examined = examine(app_id, source, reference, self._trusting(policy, now))
            return self._commit("install", examined, policy, now)

    def readmit(self, app_id: str) -> Admission:
        """Admit the installed program again, by what is stored; see `Verifier.readmit`."""
        policy, now = Policy.load(self._policy), int(self._clock())
        with self._deciding("readmit", app_id, policy, now), refusing():
            return self._state.reader.steadily(
                lambda head: self._readmit(head, app_id, policy, now), record_of(app_id)
            )

    def _readmit(self, head: Head, app_id: str, policy: Policy, now: int) -> Admission:
        record = self._state.reader.record(head, app_id)
        source = StoredSource(self._state.reader, record)
        digest = record.package.digest
        examined = examine(app_id, source, digest, self._trusting(policy, now))
        return self._commit("readmit", examined, policy, now)

    def remove(self, app_id: str) -> None:
        """Remove a program and keep its highest version; see `Verifier.remove`."""
        now = int(self._clock())
        with refusing(), self._state.locked():
            head = self._state.reader.head()
            app = head.apps.get(app_id)
            if app is None or app.record is None:
                raise NOT_INSTALLED("program is not installed", found=repr(app_id)[:300])
            generation = head.generation + 1
            removed = AppHead(
                code=app.code, package=app.package, record=None, generation=generation
            )
            line = entry("remove", app_id, "removed", now, code=app.code, package=app.package)
            anchor = self._state.log(head.audit, line)
            following = head.next(apps={**head.apps, app_id: removed}, audit=anchor)
            self._state.write_head(following)
            self._state.sweep(following)

    def _trusting(self, policy: Policy, now: int) -> Trusting:
        material = needed_material(self._state.reader, policy)
        return Trusting(policy=policy, now=now, material=material)

    def _commit(self, event: str, examined: Examined, policy: Policy, now: int) -> Admission:
        verdict = examined.verdict
        app_id = verdict.app_id
        with self._state.locked():
            head = self._state.head(policy.mark)
            check_serial(head.policy, policy.mark)
            check_clock(head, now)
            known = head.apps.get(app_id)
            if event == "readmit" and (known is None or known.record is None):
                raise NOT_INSTALLED("the program was removed meanwhile", found=app_id)
            check_highest(known, verdict.config.manifest.version_code, verdict.package.digest)
            code, package = verdict.config.manifest.version_code, verdict.package.digest
            details: dict[str, str | int] = {
                "code": code,
                "package": package,
                "policy": policy.serial,
            }
            anchor = self._state.log(head.audit, entry(event, app_id, "admitted", now, **details))
            summary = summarise(
                self._state, verdict, policy, examined.evidence, host=head.host, anchor=anchor
            )
            for data in (*_contents(examined), summary.bundle):
                self._state.write_blob(data)
            record = _record(examined, head, summary)
            app = AppHead(
                code=code,
                package=package,
                record=self._state.write_record(record),
                generation=record.generation,
            )
            following = head.next(
                apps={**head.apps, app_id: app}, policy=policy.mark, time=now, audit=anchor
            )
            self._state.write_head(following)
            if known is not None:
                self._state.sweep(following)
        return Admission(record)

    @contextmanager
    def _deciding(self, event: str, app_id: str, policy: Policy, now: int) -> Generator[None]:
        """Log a refusal, as far as that is possible, and keep a newer policy as the host's."""
        try:
            yield
        except MinisealError as error:
            with suppress(MinisealError):
                self._refused(event, app_id, policy, now, error)
            raise

    def _refused(
        self, event: str, app_id: str, policy: Policy, now: int, error: MinisealError
    ) -> None:
        with self._state.locked():
            first = event == "install"
            head = self._state.head(policy.mark) if first else self._state.reader.head()
            line = refusal(event, app_id, error, now, policy=policy.serial)
            newer = policy.mark if policy.serial > head.policy.serial else None
            anchor = self._state.log(head.audit, line)
            self._state.write_head(head.next(policy=newer, audit=anchor))


def _contents(examined: Examined) -> tuple[bytes, ...]:
    fetched, content = examined.fetched, examined.content
    bundles = (evidence.data for evidence in examined.evidence)
    assets = () if content.assets is None else (content.assets,)
    return (fetched.manifest, fetched.config_bytes, content.wasm, *assets, *bundles)


def _record(examined: Examined, head: Head, summary: Summary) -> Record:
    verdict, package = examined.verdict, examined.fetched.package
    return Record(
        host=head.host,
        app_id=verdict.app_id,
        namespace=verdict.namespace,
        version_code=verdict.config.manifest.version_code,
        version_name=verdict.config.manifest.version_name,
        package=_blob(verdict.package),
        config=_blob(package.config),
        wasm=_blob(package.wasm),
        assets=None if package.assets is None else _blob(package.assets),
        grants=verdict.grants,
        policy_serial=verdict.policy_serial,
        policy_digest=verdict.policy_digest,
        trust=verdict.trust_digest,
        evidence=(*(each.to_json() for each in verdict.evidence), summary.to_json()),
        generation=head.generation + 1,
        admitted=verdict.verified_at,
        expires=verdict.ends_at,
    )


def _blob(descriptor: Descriptor) -> Blob:
    return Blob(digest=descriptor.digest, size=descriptor.size)
