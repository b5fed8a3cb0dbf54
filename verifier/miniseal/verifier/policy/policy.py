"""A policy as a whole: `policy.toml`, read strictly, the files it names, and one digest over all.

The policy's author is trusted; whoever can replace the file is not stopped here but by the serial
and digest in the host's state. Nothing is verified here, and of trusted roots and layouts only the
form is looked at.
"""

import json
import os
import stat
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from miniseal.formats.bundle import Bundle
from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, FormatError, VerificationError
from miniseal.formats.strictjson import canonical, loads
from miniseal.formats.times import to_text
from miniseal.verifier.host.head import PolicyMark
from miniseal.verifier.host.load import POLICY_FILE, POLICY_FILE_LIMIT
from miniseal.verifier.policy.independence import check_independence
from miniseal.verifier.policy.model import Document, Namespace, Trust
from miniseal.verifier.policy.patterns import app_matches, seconds, specificity
from miniseal.verifier.policy.rules import check_document
from miniseal.verifier.policy.values import POLICY_INVALID, invalid
from miniseal.verifier.signatures.keys import PublicKey

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["NAMESPACE_UNKNOWN", "Policy"]

_LINE_LIMIT = 16 * 1024
# tomllib needs time quadratic in the number of dots of one key
_FILES_LIMIT = 1000
_TOTAL_LIMIT = 16 * POLICY_FILE_LIMIT
_TRUSTED_ROOT = "application/vnd.dev.sigstore.trustedroot"

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
        keys: the public keys of each signer; none of a keyless one.
        files: name and digest of each file that the policy consists of, `policy.toml` first.
        digest: over `files`.
        trusted_root: the Sigstore trusted root of `[trust]`, or None where it has no file.
        tuf_root: the TUF root metadata that `[trust.tuf]` starts from, or None.
        layouts: the signed in-toto layouts, by the file names that rules have for them.
        contents: of each of `files`.
    """

    document: Document
    keys: dict[str, tuple[PublicKey, ...]]
    files: tuple[tuple[str, str], ...]
    digest: str
    trusted_root: bytes | None = None
    tuf_root: bytes | None = None
    layouts: dict[str, bytes] = field(default_factory=dict[str, bytes])
    contents: dict[str, bytes] = field(default_factory=dict[str, bytes], repr=False)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Policy":
        """Read a policy and the files that it names, below the policy's folder.

        Raises:
            UsageError: `policy-invalid`.
        """
        own = Path(path)
        folder = _folder(own)
        return cls.from_toml(
            _read(folder / own.name, POLICY_FILE), lambda name: _read(folder / name, name)
        )

    @classmethod
    def from_toml(cls, data: bytes, read: Callable[[str], bytes]) -> "Policy":
        """Read a policy from its bytes; `read` gives those of a file that it names.

        Raises:
            UsageError: `policy-invalid`.
        """
        document = _document(data)
        check_document(document)
        folder = _Folder(data, read)
        keys = {
            name: tuple(
                folder.key(f"signer.{name}.keys", key.file, key.not_after) for key in signer.keys
            )
            for name, signer in document.signer.items()
        }
        digests = {name: frozenset(key.digest for key in owned) for name, owned in keys.items()}
        for name, owned in keys.items():
            if len(digests[name]) != len(owned):
                raise invalid(f"signer.{name}.keys", "has the same key in two files")
        check_independence(document, digests)
        trusted_root, tuf_root = _trust(folder, document.trust)
        layouts = _layouts(folder, document.namespace)
        files = folder.files
        listed = [{"name": name, "digest": digest} for name, digest in sorted(files)]
        return cls(
            document=document,
            keys=keys,
            files=files,
            digest=sha256(canonical(listed)),
            trusted_root=trusted_root,
            tuf_root=tuf_root,
            layouts=layouts,
            contents=folder.contents,
        )

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


class _Folder:
    """The files of a policy: each is read once, below the policy's own folder, within bounds."""

    def __init__(self, own: bytes, read: Callable[[str], bytes]) -> None:
        self.contents = {POLICY_FILE: own}
        self._read = read

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        return tuple((name, sha256(content)) for name, content in self.contents.items())

    def content(self, where: str, name: str) -> bytes:
        if name == POLICY_FILE or not _is_inside(name):
            raise invalid(where, "leads out of the policy's folder", name, "a path below it")
        if name not in self.contents:
            self.contents[name] = self._read(name)
            total = sum(map(len, self.contents.values()))
            if len(self.contents) > _FILES_LIMIT or total > _TOTAL_LIMIT:
                expected = f"at most {_FILES_LIMIT} files, of {_TOTAL_LIMIT} bytes together"
                raise POLICY_INVALID("policy names too many files", expected=expected)
        return self.contents[name]

    def key(self, where: str, name: str, not_after: datetime | None) -> PublicKey:
        return PublicKey.from_pem(
            self.content(where, name),
            what=f"policy: {name}",
            code=POLICY_INVALID,
            not_after=_seconds(not_after),
        )

    def json(self, where: str, name: str) -> tuple[bytes, dict[str, object]]:
        data = self.content(where, name)
        try:
            value = loads(data, limit=POLICY_FILE_LIMIT, what=name, floats=True)
        except FormatError as error:
            raise invalid(where, f"is not JSON: {error.message}", name) from error
        if not isinstance(value, dict):
            raise invalid(where, "is no JSON object", name)
        return data, value  # pyright: ignore[reportUnknownVariableType]


def _trust(folder: _Folder, trust: Trust | None) -> tuple[bytes | None, bytes | None]:
    """The bytes of the trusted root and of the TUF root, whichever `[trust]` has."""
    if trust is None:
        return None, None
    if trust.tuf is not None:
        where = "trust.tuf.root"
        data, value = folder.json(where, trust.tuf.root)
        signed = value.get("signed")
        if not isinstance(signed, dict) or signed.get("_type") != "root":  # pyright: ignore[reportUnknownMemberType]
            raise invalid(where, "is no TUF root metadata", trust.tuf.root, "such as 1.root.json")
        return None, data
    where, name = "trust.trusted_root", trust.trusted_root or ""
    data, value = folder.json(where, name)
    if not str(value.get("mediaType")).startswith(_TRUSTED_ROOT):
        expected = f"{_TRUSTED_ROOT}+json, as `cosign trusted-root create` writes it"
        raise invalid(where, "is no Sigstore trusted root", value.get("mediaType"), expected)
    if not value.get("certificateAuthorities"):
        raise invalid(where, "has no certificate authorities: it could never verify", name)
    return data, None


def _layouts(folder: _Folder, namespaces: tuple[Namespace, ...]) -> dict[str, bytes]:
    layouts = dict[str, bytes]()
    for index, namespace in enumerate(namespaces):
        rule = namespace.require.layout
        if rule is None:
            continue
        where = f"namespace[{index}].require.layout.file"
        layouts[rule.file] = folder.content(where, rule.file)
        try:
            Bundle.from_bytes(layouts[rule.file])
        except FormatError as error:
            expected = "what `miniseal layout sign` writes"
            raise invalid(where, f"is no bundle: {error.message}", rule.file, expected) from error
    return layouts


def _is_inside(name: str) -> bool:
    return all(part not in {"", ".", ".."} for part in name.split("/")) and not (
        set(name) & {"\\", "\0", ":"}
    )


def _folder(path: Path) -> Path:
    """The policy's folder, once and for all: a link such as `current` may be changed meanwhile."""
    try:
        return Path(os.path.realpath(path.parent))
    except (OSError, ValueError) as error:
        raise POLICY_INVALID("policy: there is no such folder", found=str(path)[:300]) from error


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
