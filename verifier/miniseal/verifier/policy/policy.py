"""A policy as a whole: `policy.toml` read strictly, with the keys it names and one digest over all.

The policy's author is trusted; whoever can replace the file is not stopped here but by the serial
and digest in the host's state. Nothing is verified here.
"""

import json
import os
import stat
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, VerificationError
from miniseal.formats.strictjson import canonical
from miniseal.formats.times import to_text
from miniseal.verifier.host.head import PolicyMark
from miniseal.verifier.host.load import POLICY_FILE, POLICY_FILE_LIMIT
from miniseal.verifier.policy.model import Document, KeyFile, Namespace
from miniseal.verifier.policy.patterns import app_matches, seconds, specificity
from miniseal.verifier.policy.rules import POLICY_INVALID, check_document, invalid
from miniseal.verifier.signatures.keys import PublicKey

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["NAMESPACE_UNKNOWN", "Policy"]

_LINE_LIMIT = 16 * 1024
# tomllib needs time quadratic in the number of dots of one key

NAMESPACE_UNKNOWN = Code(
    "namespace-unknown",
    VerificationError,
    meaning="no namespace of the policy is about this program",
    cause="the platform does not know the program's publisher, or the app_id is misspelt",
    remedy="ask the platform for a [[namespace]] that covers the app_id",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy that was read and found consistent.

    Attributes:
        document: the members of policy.toml.
        keys: the public keys of each signer.
        files: name and digest of each file that the policy consists of, `policy.toml` first.
        digest: over `files`.
    """

    document: Document
    keys: dict[str, tuple[PublicKey, ...]]
    files: tuple[tuple[str, str], ...]
    digest: str

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Policy":
        """Read a policy and the files that it names, below the policy's folder.

        Raises:
            UsageError: `policy-invalid`.
        """
        own = Path(path)
        return cls.from_toml(_read(own, POLICY_FILE), lambda name: _read(own.parent / name, name))

    @classmethod
    def from_toml(cls, data: bytes, read: Callable[[str], bytes]) -> "Policy":
        """Read a policy from its bytes; `read` gives those of a file that it names.

        Raises:
            UsageError: `policy-invalid`.
        """
        document = _document(data)
        check_document(document)
        contents = {POLICY_FILE: data}
        keys: dict[str, tuple[PublicKey, ...]] = {}
        for name, signer in document.signer.items():
            where = f"signer.{name}.keys"
            keys[name] = tuple(_key(where, entry, contents, read) for entry in signer.keys)
            if len({key.digest for key in keys[name]}) != len(keys[name]):
                raise invalid(where, "has the same key in two files")
        files = tuple((name, sha256(content)) for name, content in contents.items())
        listed = [{"name": name, "digest": digest} for name, digest in sorted(files)]
        return cls(document=document, keys=keys, files=files, digest=sha256(canonical(listed)))

    @staticmethod
    def json_schema() -> dict[str, object]:
        """The JSON Schema of policy.toml."""
        return _adapter().json_schema()

    @property
    def serial(self) -> int:
        """Rises with every change."""
        return self.document.serial

    @property
    def expires(self) -> str:
        """`YYYY-MM-DDTHH:MM:SSZ`."""
        return to_text(self.end)

    @property
    def end(self) -> int:
        """When it expires, seconds since 1970."""
        return int(self.document.expires.timestamp())

    @property
    def signers(self) -> tuple[str, ...]:
        """The names of everybody whom the policy knows."""
        return tuple(self.document.signer)

    @property
    def namespaces(self) -> tuple[Namespace, ...]:
        """In the order of the file, which means nothing."""
        return self.document.namespace

    @property
    def max_admission_age(self) -> int:
        """Seconds."""
        return seconds(self.document.max_admission_age) or 0

    @property
    def mark(self) -> PolicyMark:
        """What the head of a state says about the policy."""
        return PolicyMark(serial=self.serial, digest=self.digest, files=self.files)

    def namespace(self, app_id: str) -> Namespace:
        """The rules for `app_id`: of the patterns that match, the most specific alone.

        Raises:
            VerificationError: `namespace-unknown`.
        """
        matching = [each for each in self.document.namespace if app_matches(each.apps, app_id)]
        if not matching:
            raise NAMESPACE_UNKNOWN(
                "no namespace of the policy covers the program", found=repr(app_id)[:300]
            )
        return max(matching, key=lambda each: specificity(each.apps))


@cache
def _adapter() -> "TypeAdapter[Document]":
    from pydantic import TypeAdapter  # 100 ms that only reading a policy needs

    return TypeAdapter(Document)


def _document(data: bytes) -> Document:
    from pydantic import ValidationError

    if len(data) > POLICY_FILE_LIMIT:
        raise POLICY_INVALID("policy is too large", expected=f"at most {POLICY_FILE_LIMIT} bytes")
    if max(map(len, data.split(b"\n"))) > _LINE_LIMIT:
        raise POLICY_INVALID("policy has too long a line", expected=f"at most {_LINE_LIMIT} bytes")
    try:
        # As JSON, in which strict validation takes objects for dataclasses and arrays for tuples.
        text = json.dumps(tomllib.loads(data.decode()), default=_text)
        return _adapter().validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        found = None if first["type"] == "missing" else first["input"]
        raise invalid(where or "as a whole", f"is refused: {first['msg']}", found) from error
    except (ValueError, RecursionError) as error:
        raise POLICY_INVALID(f"policy is not TOML: {str(error)[:200]}") from error


def _text(value: object) -> str:
    """A TOML date or time as the text that JSON has for it."""
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    raise ValueError(f"policy has a {type(value).__name__}")


def _key(
    where: str, entry: KeyFile, contents: dict[str, bytes], read: Callable[[str], bytes]
) -> PublicKey:
    name = entry.file
    if name == POLICY_FILE or not _is_inside(name):
        raise invalid(where, "leads out of the policy's folder", name, "a path below it")
    if name not in contents:
        contents[name] = read(name)
    not_after = _seconds(entry.not_after)
    return PublicKey.from_pem(
        contents[name], what=f"policy: {name}", code=POLICY_INVALID, not_after=not_after
    )


def _is_inside(name: str) -> bool:
    return all(part not in {"", ".", ".."} for part in name.split("/")) and not (
        set(name) & {"\\", "\0", ":"}
    )


def _read(path: Path, name: str) -> bytes:
    try:
        # not to hang on a pipe
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(file, "rb") as stream:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise POLICY_INVALID(f"policy: {name} is not a regular file", found=str(path))
            data = stream.read(POLICY_FILE_LIMIT + 1)
    except (OSError, ValueError) as error:
        raise POLICY_INVALID(f"policy: {name} cannot be read", found=str(path)) from error
    if len(data) > POLICY_FILE_LIMIT:
        raise POLICY_INVALID(f"policy: {name} is too large", found=str(path))
    return data


def _seconds(time: datetime | None) -> int | None:
    return None if time is None else int(time.timestamp())
