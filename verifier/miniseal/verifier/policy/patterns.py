"""The little languages inside a policy: patterns of apps, hosts and texts, import keys, ages.

Every pattern matches in full and on the boundaries of what it names, never as a substring, and in
time linear in the text: none becomes a regular expression. Texts
that are not of their language match nothing; `rules` refuses them when a policy is read.
"""

import re

__all__ = [
    "app_matches",
    "codes",
    "host_matches",
    "identity_matches",
    "import_matches",
    "is_app_pattern",
    "is_email_pattern",
    "is_host_pattern",
    "offers",
    "patterns_meet",
    "seconds",
    "specificity",
    "text_matches",
]

_LABEL = r"[a-z][a-z0-9-]*"
_APP = re.compile(rf"{_LABEL}(\.{_LABEL})+|{_LABEL}(\.{_LABEL})*\.\*")
_HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_EMAIL = re.compile(r"[^@/:\s]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_AGE = re.compile(r"([1-9][0-9]{0,5})([dhms])")
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_CODES = re.compile(r"([0-9]{1,16})|([0-9]{1,16})?\.\.([0-9]{1,16})?")
_NUMBERS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,2}")


def is_app_pattern(text: str) -> bool:
    """Whether `text` is an app_id or `prefix.*` (FORMATS section 1)."""
    return len(text) <= 257 and _APP.fullmatch(text) is not None


def app_matches(pattern: str, app_id: str) -> bool:
    """Whether an app_id is the pattern, or below its prefix; the prefix itself is not below it."""
    if pattern.endswith(".*"):
        return app_id.startswith(pattern[:-1]) and len(app_id) >= len(pattern)
    return app_id == pattern


def specificity(pattern: str) -> tuple[bool, int]:
    """Sorts patterns that match the same app_id; the most specific is the greatest."""
    return not pattern.endswith(".*"), pattern.count(".")


def is_host_pattern(text: str) -> bool:
    """Whether `text` is a lower-case host name or `*.domain`."""
    return len(text) <= 255 and _HOST.fullmatch(text) is not None


def host_matches(pattern: str, host: str) -> bool:
    """Whether a host name is the pattern, or has at least one label below its domain."""
    if not is_host_pattern(host) or host.startswith("*"):
        return False
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return host == pattern


def text_matches(pattern: str, text: str) -> bool:
    """Whether all of `text` is the pattern, in which `*` stands for any characters, also none."""
    head, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    *middle, tail = rest
    at, end = len(head), len(text) - len(tail)
    if end < at or not (text.startswith(head) and text.endswith(tail)):
        return False
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def patterns_meet(one: str, other: str) -> bool:
    """Whether some text may match both; never False where one does."""
    if "*" not in one:
        return text_matches(other, one)
    if "*" not in other:
        return text_matches(one, other)
    starts = one.partition("*")[0], other.partition("*")[0]
    ends = one.rpartition("*")[2], other.rpartition("*")[2]
    shared_start = starts[0].startswith(starts[1]) or starts[1].startswith(starts[0])
    return shared_start and (ends[0].endswith(ends[1]) or ends[1].endswith(ends[0]))


def is_email_pattern(text: str) -> bool:
    """Whether `text` is an e-mail address, or a pattern of some at one exact domain."""
    return len(text) <= 320 and _EMAIL.fullmatch(text) is not None


def identity_matches(pattern: str, identity: str) -> bool:
    """Whether a certificate's subject alternative name is as `pattern` says.

    A pattern of e-mail addresses matches no URI: a workflow's ref may end like an address.
    """
    if is_email_pattern(pattern) and not is_email_pattern(identity):
        return False
    return text_matches(pattern, identity)


def import_matches(allowed: str, key: str) -> bool:
    """Whether an import key is the one allowed, or a version that the cut version stands for.

    `ns:pkg/iface@1` stands for every released `1.y.z`; a pre-release only for itself.
    """
    if allowed == key:
        return True
    name, _, version = allowed.rpartition("@")
    found_name, _, found = key.rpartition("@")
    if not name or name != found_name or not (_numbers(version) and _numbers(found)):
        return False
    wanted = version.split(".")
    return found.split(".")[: len(wanted)] == wanted


def offers(interfaces: dict[str, str], key: str) -> bool:
    """Whether a host that implements `interfaces` can serve an import key.

    The versions have to be compatible by SemVer (below 1.0 the second number is the major one),
    and the host's has to be the same or newer. A key without a version only has to be there.
    """
    name, at, wanted = key.rpartition("@")
    if not at:
        return key in interfaces
    offered = interfaces.get(name)
    if offered is None or offered == wanted:
        return offered is not None
    has, wants = _numbers(offered), _numbers(wanted)
    if len(has) != 3 or len(wants) != 3:
        return False
    # 1.y.z are compatible with each other, 0.1.z among themselves, 0.0.1 only with itself.
    fixed = next((index for index, number in enumerate(wants) if number), 2) + 1
    return has[:fixed] == wants[:fixed] and has >= wants


def seconds(text: str) -> int | None:
    """An age such as `14d`, `36h`, `90m` or `30s` in seconds, or None where it is not one."""
    match = _AGE.fullmatch(text)
    return int(match[1]) * _UNITS[match[2]] if match else None


def codes(text: str) -> tuple[int, int | None] | None:
    """`3`, `1..2`, `4..` or `..2` as lowest and highest (None: no end), or None for no range."""
    match = _CODES.fullmatch(text)
    if match is None or text == "..":
        return None
    if match[1]:
        return int(match[1]), int(match[1])
    lowest, highest = int(match[2] or 0), int(match[3]) if match[3] else None
    return None if highest is not None and highest < lowest else (lowest, highest)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split("."))) if _NUMBERS.fullmatch(version) else ()
