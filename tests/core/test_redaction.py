"""Secrets are taken out wherever they are planted; what is none stays as it is."""

import base64
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarytest.core import events
from canarytest.core.errors import ConfigError
from canarytest.core.finding import Finding, Zone
from canarytest.core.redaction import REDACTED, Redactor, compiled, known, secrets_of
from canarytest.core.secrets import names_secret

R = Redactor()
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nq83v\n-----END RSA PRIVATE KEY-----"
AWS = "AKIAABCDEFGHIJKLMNOP"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-_x"

NAMES = st.sampled_from(
    ["password", "passwd", "client_secret", "accessToken", "X-Api-Key", "Authorization", "Cookie",
     "Set-Cookie", "SECRET_KEY", "PGPASSWORD", "refresh_token", "privateKey", "csrf"]
)  # fmt: skip
# A mark of its own in each secret, so that no other text has a part of it.
MARK = "Zq7"
SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"])).map(
    lambda text: f"{MARK}{text.replace(REDACTED, '')}{MARK}"
)
AROUND = st.text("abcdg xyz\n", max_size=20)  # no name of a secret can be spelt with these
PLACES: dict[str, Callable[[str, str], str]] = {
    "json": lambda name, secret: json.dumps({"a": 1, name: secret, "b": "c"}),
    "json, not ascii": lambda name, secret: json.dumps({name: secret, "b": 2}, ensure_ascii=False),
    "json in json": lambda name, secret: json.dumps(json.dumps({name: secret, "b": 2})),
    "json in json in json": lambda name, secret: json.dumps(
        json.dumps(json.dumps({"b": 2, name: secret}))
    ),
    "repr": lambda name, secret: repr({"a": 1, name: secret, "b": "c"}),
    "repr of bytes": lambda name, secret: repr({name: secret.encode()}),
    "pairs": lambda name, secret: repr([("a", "b"), (name, secret)]),
    "form": lambda name, secret: urlencode({"a": "b", name: secret, "c": "d"}),
    "query": lambda name, secret: f"GET /x?{name}={quote(secret, safe='')}&c=d HTTP/1.1",
    "header": lambda name, secret: f"GET / HTTP/1.1\r\nHost: x\r\n{name}: {secret}\r\nAccept: y",
    "user": lambda _, secret: f"ask https://{quote(secret, safe='')}@host.example/x now",
    "password": lambda _, secret: f"ask amqp://me:{quote(secret, safe='')}@host.example:5672/x",
    "basic": lambda _, secret: f"said Basic {base64.b64encode(f'me:{secret}'.encode()).decode()}.",
    "html": lambda name, secret: f"<{name}>{secret.replace('<', '&lt;')}</{name}>",
    "nested": lambda name, secret: json.dumps({name: {"x": secret, "y": [secret]}, "b": "c"}),
    "nested repr": lambda name, secret: repr({name: ({"x": secret},), "b": "c"}),
    "part": lambda name, secret: (
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{secret}\r\n--b--'
    ),
    "assertion": lambda name, secret: f"E   assert {name.replace('-', '_')} == {secret!r}",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@given(NAMES, SECRETS, AROUND, AROUND)
def test_a_secret_by_name_never_survives(
    place: Callable[[str, str], str], name: str, secret: str, before: str, after: str
) -> None:
    clean = R.text(f"{before}\n{place(name, secret)}\n{after}")

    assert MARK not in clean
    assert base64.b64encode(f"me:{secret}".encode()).decode() not in clean
    assert clean.startswith(before)
    assert R.text(clean) is clean


@given(NAMES, SECRETS, AROUND)
def test_nor_in_nested_data(name: str, secret: str, around: str) -> None:
    planted: dict[str, Any] = {
        "plain": {name: secret},
        "deep": [{"x": ({name: [secret, {"y": secret}]},)}],
        "headers": [[name, secret], (name, secret.encode())],
        "parameters": [{"name": name, "value": secret}],
        f"see {name}={quote(secret, safe='')}": around,
    }
    clean = R.data({"around": around, "n": 5, **planted})

    assert MARK not in repr(clean)
    assert clean["around"] is around
    assert clean["n"] == 5
    assert R.data(clean) == clean


@pytest.mark.parametrize(
    "place",
    [
        *(PLACES[name] for name in ("json", "json, not ascii", "repr", "form", "user")),
        lambda _, secret: f"nothing names it: {secret}",
        lambda _, secret: json.dumps(secret),
        lambda _, secret: base64.b64encode(secret.encode()).decode(),
    ],
)
@given(SECRETS.filter(lambda secret: len(secret.strip()) >= 8), AROUND)
def test_a_known_secret_never_survives(
    place: Callable[[str, str], str], secret: str, around: str
) -> None:
    redactor = Redactor(values=known(secrets_of({"DEPLOY_TOKEN": secret})))
    clean = redactor.text(f"{around}{place('it', secret)}{around}")

    assert MARK not in clean
    assert base64.b64encode(secret.encode()).decode() not in clean
    assert redactor.text(clean) is clean


@given(st.integers(4, 19), st.integers(4, 19), AROUND)
def test_nor_what_is_left_of_a_known_one_that_was_cut(first: int, last: int, around: str) -> None:
    secret = "Qw1Er2Ty3Ui4Op5As6Df"
    redactor = Redactor(values=known([secret]))
    clean = f"a{around}{REDACTED}{around}a"

    assert redactor.text(f"a{around}{secret[:first]}...{secret[-last:]}{around}a") == clean
    assert redactor.text(f"a{around}{secret[:first]}...{around}a") == clean
    assert redactor.text(f"a{around}...{secret[-last:]}{around}a") == clean
    assert (
        redactor.text(f"and so on... {secret[:3]}... done") == f"and so on... {secret[:3]}... done"
    )


@pytest.mark.parametrize("secret", [PEM, PEM.replace("\n", "\\n"), AWS, JWT, f"Bearer {MARK}abcd"])
@given(AROUND, AROUND)
def test_what_looks_like_a_secret_never_survives(secret: str, before: str, after: str) -> None:
    clean = R.text(f"{before} {secret} {after}")

    assert secret not in clean
    assert REDACTED in clean
    assert (clean.startswith(before), clean.endswith(after)) == (True, True)
    assert R.text(clean) is clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("get(x, auth=('me', 'abc'), y=1)", f"get(x, auth={REDACTED}, y=1)"),
        ("get(x, auth=Basic('me', 'a(b'))", f"get(x, auth={REDACTED}"),
        ('"cookies": {"sid": "a}b"}, "c": 1', f'"cookies": {REDACTED}, "c": 1'),
        ("curl --token abc -d x", f"curl --token {REDACTED} -d x"),
        ("password: a b\nnext: c", f"password: {REDACTED}\nnext: c"),
    ],
)
def test_where_a_secret_ends(text: str, clean: str) -> None:
    assert R.text(text) == clean


def test_a_private_key_that_is_cut_off_is_taken_out_to_its_end() -> None:
    assert R.text(f"a {PEM[:48]}") == f"a {REDACTED}"


HARMLESS = [
    '{"app": {"version": "v101"}, "tokens": 12, "n": [1, 2.5, null]}',
    "GET http://127.0.0.1:1234/petclinic/login?page=2 -> 401 in 12 ms",
    "suites/test_token.py::test_secret_is_kept[10%]",
    ">       token = login(canary)\nE       assert token == None",
    "E   AssertionError: 401 != 200: password is wrong",
    "basic information, bearer of news; the csrf-token is missing",
    "max_tokens: 5, tokenizer: x, secret_name=foo, token_count=4",
    "WWW-Authenticate: Bearer realm=x",
    "git@github.com:a/b.git mail to me@example.com",
    "git 8f14e45fceea167a5a36dedd4bea2543 sha256:2c26b46b68ffc68ff99b453c1d304134",
    "petclinic v100 → v101 on staging",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_harmless_stays_the_same(text: str) -> None:
    assert R.text(text) is text


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | AROUND,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(AROUND, inner, max_size=3),
    )
)
def test_data_without_secrets_is_the_same_object(data: Any) -> None:
    if not isinstance(data, str) or data == R.text(data):
        assert R.data(data) is data


def test_an_event_keeps_its_form() -> None:
    finding = Finding("error_rate", Zone.NORMAL, "fine: token=abc", 5)
    event = events.StepJudged(1.5, 0, "dark", "failed", f"{JWT} is bad", 2.0, {"a": 1}, (finding,))
    clean = R.data(event)

    assert clean.reason == f"{REDACTED} is bad"
    assert clean.findings == (Finding("error_rate", Zone.NORMAL, f"fine: token={REDACTED}", 5),)
    assert (clean.time, clean.tests) == (1.5, {"a": 1})


def test_what_has_no_end_has_one() -> None:
    deep: list[Any] = []
    deep.append(deep)

    assert REDACTED in repr(R.data(deep))


@given(st.text() | st.text("token=\"'\\:[{ \n-BEGIN PRIVATE KEY://@?&", max_size=60))
def test_any_text_is_taken_and_twice_changes_nothing(text: str) -> None:
    clean = R.text(text)

    assert R.text(clean) is clean
    assert len(clean) <= len(text) * len(REDACTED)
    assert REDACTED in clean or clean is text


@given(
    st.text("abc redacted«»", max_size=30),
    st.sampled_from(["a+", r"\ba", "b(?=c)", "redac", "«", r"\w+", "(?i)A.c", "^a", "c$"]),
)
def test_twice_changes_nothing_with_patterns_of_ones_own(text: str, pattern: str) -> None:
    redactor = Redactor(compiled([pattern], "redact"))
    clean = redactor.text(text)

    assert redactor.text(clean) == clean


@given(st.binary(max_size=60))
def test_bytes_that_hold_no_secret_are_the_same(data: bytes) -> None:
    if b"token=" not in data:
        assert R.raw(data + b"\xff") == data + b"\xff"
    assert R.raw(data + b"\n\xfftoken=abc\n") == R.raw(data) + f"\n\udcfftoken={REDACTED}\n".encode(
        "utf-8", "surrogateescape"
    )


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        *(
            (name, True)
            for name in ("password", "Proxy-Authorization", "clientSecret", "DB_PASSWD")
        ),
        *((name, True) for name in ("auth", "X-Auth", "_csrf")),
        *((name, True) for name in ("X-API-KEY", "AWS_SESSION_TOKEN", "PGPASSWORD", "password2")),
        *((name, False) for name in ("tokens", "token_count", "outcome", "passed", "key", "keys")),
        *((name, False) for name in ("author", "secret_name", "historyId", "cookies_enabled")),
    ],
)
def test_what_names_a_secret(name: str, is_secret: bool) -> None:
    assert names_secret(name) is is_secret


def test_which_variables_of_the_environment_are_secret() -> None:
    environment = {
        "API_TOKEN": "abcdefgh", "PWD": "/home/someone", "SHORT_SECRET": "abc", "HOME": "/home/me",
        "CI_JOB_TOKEN": " padded-12 ", "TOKENS": "12345678",
    }  # fmt: skip

    assert set(secrets_of(environment)) == {"abcdefgh", "padded-12"}


def test_a_pattern_of_ones_own_is_taken_out_whole() -> None:
    assert Redactor(compiled(["emp-[0-9]+"], "redact")).text("by emp-12!") == f"by {REDACTED}!"


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("a(b", "is no regular expression: missing ), unterminated subpattern at position 1; exp"),
        ("a*", "matches where there is nothing; expected one that matches at least a character"),
    ],
)
def test_a_bad_pattern_is_refused(pattern: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"redact[1]: {pattern!r} {said}")):
        compiled(["fine", pattern], "redact")


@given(NAMES, SECRETS)
def test_a_line_that_holds_a_secret_is_suspected(name: str, secret: str) -> None:
    redactor = Redactor(values=known([f"known-{secret}"]))
    for data in ({"m": f"{name}: {secret}"}, {"m": f"known-{secret}"}, {name: secret}, {"m": PEM}):
        for as_ascii in (True, False):
            assert redactor.suspects(json.dumps(data, ensure_ascii=as_ascii))
    assert not redactor.suspects('{"event": "TestFinished", "outcome": "passed", "step": 0}')
