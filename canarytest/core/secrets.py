"""
What a secret looks like in text, and where it begins and ends.

Every rule looks at a character a bounded number of times, so that a log of any size takes time in
proportion to it: repetitions are possessive or bounded, and what was found is not looked at again.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Span = tuple[int, int]
Spans = Callable[[str], Iterator[Span]]  # of what is secret in a text, in order

# What a name ends in whose value is a secret. A plural of "token" is a count more often than not.
_WORDS = (
    "passwords?",
    "passw(?:d|ort)",
    "passphrases?",
    "pwd",
    "secrets?",
    "token",
    "authorization",
    "cookies?",
    "(?:api|access|private|secret|client|account|signing|encryption)[_-]?keys?",
    "credentials?",
    "[jx]?session[_-]?id",
    "[cx]srf",
    "jwt",
    r"\bauth",
)
_NAME = rf"(?:{'|'.join(_WORDS)})\d{{0,2}}"
# Lower case, and short: text without any of them holds no such name, and that is cheap to know.
NAMED = (
    *("passw", "passphrase", "pwd", "secret", "token", "auth", "cookie", "key", "credential"),
    *("session", "srf", "jwt"),
)

_IS_NAME = re.compile(rf"(?i:{_NAME})\Z")
_KEY = re.compile(
    rf"(?P<name>(?i:{_NAME}))"
    r"(?P<close>\\*+[\"']?+\]?+)"
    r"(?P<sep>[ \t]{0,8}+(?:=>|[=!]=?=|:?=|:)[ \t]{0,8}+|>"
    r"|,[ \t]{0,8}+(?=[bu]?\\*+[\"']|[\[({])|[ \t]++value=|(?<=\w)[ \t]++(?=\S))"
)
_FLAG = re.compile(r"(?:^|[\s\"'])--?[\w-]{0,64}\Z")
_OPENING = re.compile(r"(?:[bBuUrRfF]{1,2})?+(?P<escape>\\*+)(?P<quote>\"\"\"|'''|\"|')")
_CLOSING = {
    **{mark: re.compile(rf"(?<!\\)(?P<run>\\*+){mark}|\n") for mark in ('"', "'")},
    **{mark: re.compile(rf"(?<!\\)(?P<run>\\*+){mark}") for mark in ('"""', "'''")},
}
_BARE = re.compile(r"[^\s&;,\"'<]++")
_LINE = re.compile(r"[^\r\n]++")
_ELEMENT = re.compile(r"[^<]++")
_LITERAL = re.compile(r"(?:None|null|[Tt]rue|[Ff]alse)\b")
_CODE = re.compile(r"(?:await[ ])?+[A-Za-z_][\w.]*+[(\[]")  # what is assigned is computed
_CALLED = re.compile(r"[A-Za-z_][\w.]*+\(")
_LEAD = re.compile(r"[ \t>|<*E-]{0,12}[\w.-]{0,64}\Z")
_BRACKETS = re.compile(r"(?<!\\)\\*+[\"']|[\[\](){}\n]")
_MOST_NESTED = 20_000  # characters of a value in brackets
_ALL_OF_LINE = ("cookie", "cookies", "authorization")  # as headers: their values have blanks

_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_REST = re.compile(r"[A-Za-z0-9+/=\\\s:,-]*+")  # of one that is cut off
_MOST_PEM = 20_000

_BASIC = re.compile(r"(?i:\bbasic)[ \t]{1,4}+([A-Za-z0-9+/]{4,4096}+={0,2})")
_BEARER = re.compile(
    r"(?i:\bbearer)[ \t]{1,4}+"
    r"(?!(?i:realm|scheme|token|auth\w{0,20}|error)\b(?!-))([A-Za-z0-9._~+/=-]{6,})"
)
_USERINFO = re.compile(r"://([^\s/?#\"'<>]{1,2048}+)")
_PARAMETER = re.compile(
    r"(?i:[?&](?:key|sig|signature|x-amz-signature|code|auth))=([^\s&#\"'<>]++)"
)
# A form in parts: the value stands behind the part's own headers.
_PART = re.compile(
    rf"(?i:\bname=\"?[\w.-]{{0,64}}?{_NAME})\"?[^\r\n]{{0,200}}\r?\n"
    r"(?:[^\r\n]{1,200}\r?\n){0,4}\r?\n"
)
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{16,}+(?:\.[A-Za-z0-9_-]*+){0,4}")
_KNOWN = re.compile(  # keys that say themselves whose they are
    r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{30,255}|glpat-[\w-]{20,255}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,255}|AIza[\w-]{35}|[rs]k_(?:live|test)_[A-Za-z0-9]{16,255})"
)
_KNOWN_SIGNS = (
    *("AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat"),
    *("xox", "AIza", "k_live_", "k_test_"),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Finds one kind of secret in text that has one of *signs* in it."""

    signs: tuple[str, ...]
    spans: Spans
    ignores_case: bool = False  # then the signs are lower case


def names_secret(name: str) -> bool:
    """Whether what is called *name* is a secret: "X-Api-Key", "clientSecret", "PGPASSWORD"."""
    return _IS_NAME.search(name[-80:]) is not None


def _named(text: str) -> Iterator[Span]:
    end = 0
    for key in _KEY.finditer(text):
        if key.start() < end:
            continue  # within a value
        span = _value(text, key)
        if span is not None:
            end = span[1]
            yield span


def _value(text: str, key: re.Match[str]) -> Span | None:
    begin, sep = key.end(), key["sep"]
    if not sep.strip() and not _FLAG.search(text[max(0, key.start() - 70) : key.start()]):
        return None  # words of a sentence
    if sep == ">":
        return _span(_ELEMENT, text, begin)
    if text[begin : begin + 1] in ("{", "[", "("):
        return begin, _after_brackets(text, begin)
    return _quoted(text, begin) or _bare(text, key)


def _bare(text: str, key: re.Match[str]) -> Span | None:
    """Return what stands behind *key* without quotes: of a header it is the rest of the line."""
    begin, name, sep = key.end(), key["name"].lower(), key["sep"]
    is_header = ":" in sep and not key["close"]
    if is_header and (name in _ALL_OF_LINE or _begins_line(text, key)):
        return _span(_LINE, text, begin)
    if _LITERAL.match(text, begin) or (sep.startswith(" ") and _CODE.match(text, begin)):
        return None
    if called := _CALLED.match(text, begin):
        return begin, _after_brackets(text, called.end() - 1)
    return _span(_BARE, text, begin)


def _span(pattern: re.Pattern[str], text: str, begin: int) -> Span | None:
    found = pattern.match(text, begin)
    return found.span() if found else None


def _quoted(text: str, begin: int) -> Span | None:
    """Return what is between quotes at *begin*; to the end of the line if nothing closes them."""
    opening = _OPENING.match(text, begin)
    if opening is None:
        return None
    depth = len(opening["escape"])
    for closing in _CLOSING[opening["quote"]].finditer(text, opening.end()):
        run = closing["run"]
        if run is None:
            return opening.end(), closing.start()
        # In JSON within a string a quote of the value itself has more backslashes before it.
        over = len(run) - depth
        if over <= 0 or over % (2 * (depth + 1)) == 0:
            return opening.end(), closing.end() - len(opening["quote"]) - min(depth, len(run))
    return opening.end(), len(text)


def _after_brackets(text: str, begin: int) -> int:
    """Return where the brackets at *begin* are closed: on the same line, or there it ends."""
    depth, at, last = 0, begin, min(len(text), begin + _MOST_NESTED)
    while found := _BRACKETS.search(text, at, last):
        mark, at = found[0], found.end()
        if mark == "\n":
            return found.start()
        if quoted := _quoted(text, found.start()):
            is_closed = text.startswith(mark, quoted[1])
            at = min(last, quoted[1] + (len(mark) if is_closed else 0))
            continue
        depth += 1 if mark in "[({" else -1
        if depth == 0:
            return at
    return last


def _begins_line(text: str, key: re.Match[str]) -> bool:
    before = text[max(0, key.start() - 80) : key.start()]
    line = before.rpartition("\n")[2]
    is_whole = line != before or key.start() <= 80  # noqa: PLR2004  as above
    return is_whole and _LEAD.match(line) is not None


def _private_keys(text: str) -> Iterator[Span]:
    end: re.Match[str] | None = None
    is_last, at = False, 0
    for begin in _PEM.finditer(text):
        if begin.start() < at:
            continue
        if not is_last and (end is None or end.start() < begin.end()):
            end = _PEM_END.search(text, begin.end())
            is_last = end is None
        if end is not None and 0 <= end.start() - begin.end() <= _MOST_PEM:
            at = end.end()
        else:
            rest = _PEM_REST.match(text, begin.end(), begin.end() + _MOST_PEM)
            at = rest.end() if rest else begin.end()
        yield begin.start(), at


def _basic(text: str) -> Iterator[Span]:
    for found in _BASIC.finditer(text):
        try:
            is_pair = b":" in base64.b64decode(found[1] + "=" * (-len(found[1]) % 4))
        except binascii.Error:
            continue
        if is_pair:
            yield found.span(1)


def _userinfo(text: str) -> Iterator[Span]:
    for found in _USERINFO.finditer(text):
        user, at, _ = found[1].rpartition("@")
        if at:
            yield found.start(1), found.start(1) + len(user)


def _parts(text: str) -> Iterator[Span]:
    at = 0
    for part in _PART.finditer(text):
        if part.start() >= at:
            found = text.find("\n--", part.end())
            at = len(text) if found == -1 else found
            yield part.end(), at


def _all(pattern: re.Pattern[str]) -> Spans:
    group = pattern.groups  # 0: all of it
    return lambda text: (found.span(group) for found in pattern.finditer(text))


RULES = (
    Rule(("PRIVATE KEY",), _private_keys),
    Rule(NAMED, _named, ignores_case=True),
    Rule(("form-data",), _parts, ignores_case=True),
    Rule(("basic",), _basic, ignores_case=True),
    Rule(("bearer",), _all(_BEARER), ignores_case=True),
    Rule(("eyJ",), _all(_JWT)),
    Rule(("://",), _userinfo),
    Rule(("key=", "sig=", "signature=", "code=", "auth="), _all(_PARAMETER), ignores_case=True),
    Rule(_KNOWN_SIGNS, _all(_KNOWN)),
)
