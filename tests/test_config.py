"""A table of configuration is read key by key, and what is wrong with it is said."""

import re
from typing import Any

import pytest

from canarytest.config import Table, nearest
from canarytest.core.errors import ConfigError


@pytest.mark.parametrize(
    ("kind", "value", "taken"),
    [
        (str, "a", "a"),
        (str, "", ""),
        (int, 3, 3),
        (float, 3, 3.0),
        (float, 0.5, 0.5),
        (bool, True, True),
        (list, [1, "a"], [1, "a"]),
        (dict, {"a": 1}, {"a": 1}),
        (object, 3, 3),
        (object, "a", "a"),
    ],
)
def test_a_value_of_its_kind_is_taken(kind: type[Any], value: object, taken: object) -> None:
    found = Table({"key": value}, "top").take("key", kind)

    assert found == taken
    assert type(found) is type(taken)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (str, 3, "top.key: 3 is not a string"),
        (int, "3", "top.key: '3' is not a whole number"),
        (int, 3.0, "top.key: 3.0 is not a whole number"),
        (int, True, "top.key: True is not a whole number"),
        (float, "x", "top.key: 'x' is not a number"),
        (float, False, "top.key: False is not a number"),
        (float, float("nan"), "top.key: nan is not a finite number"),
        (float, float("inf"), "top.key: inf is not a finite number"),
        (object, float("-inf"), "top.key: -inf is not a finite number"),
        (object, True, "top.key: True is not a value"),
        (bool, 1, "top.key: 1 is not true or false"),
        (list, "a", "top.key: 'a' is not a list"),
        (dict, [], "top.key: [] is not a table"),
    ],
)
def test_a_value_of_another_kind_is_refused(kind: type[Any], value: object, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(said)}$"):
        Table({"key": value}, "top").take("key", kind)


def test_a_default_is_given_where_there_is_no_value() -> None:
    assert Table({}, "top").take("key", str, "default") == "default"
    assert Table({}, "top").take("key", str, None) is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "top: 'rollout' is missing; expected a string"),
        ({"image": 1}, "top: 'rollout' is missing; expected a string"),
        (
            {"rolout": "x"},
            ("top: 'rollout' is missing; expected a string; did you mean it by 'rolout'?"),
        ),
    ],
)
def test_a_key_without_default_is_needed(values: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(said)}$"):
        Table(values, "top").take("rollout", str)


@pytest.mark.parametrize("values", [3, "a", ["a"], None])
def test_what_is_no_table_is_refused(values: object) -> None:
    with pytest.raises(ConfigError, match=r"top: .* is not a table"):
        Table(values, "top")


def test_a_key_is_there_until_it_is_taken() -> None:
    table = Table({"key": 1}, "top")
    assert table.has("key")
    assert not table.has("other")

    table.take("key", int)
    assert not table.has("key")


@pytest.mark.parametrize(
    ("value", "taken"), [(["a", "b"], ("a", "b")), ([], ()), (None, ("default",))]
)
def test_strings_are_taken(value: list[str] | None, taken: tuple[str, ...]) -> None:
    table = Table({} if value is None else {"key": value}, "top")

    assert table.strings("key", ["default"]) == taken


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("ab", "top.key: 'ab' is not a list"),
        (["a", 1], "top.key: ['a', 1] is not a list of strings"),
    ],
)
def test_what_are_no_strings_is_refused(value: object, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(said)}$"):
        Table({"key": value}, "top").strings("key", [])


def test_a_choice_is_one_of_those_allowed() -> None:
    assert Table({"key": "ask"}, "top").choice("key", ("auto", "ask"), "auto") == "ask"
    assert Table({}, "top").choice("key", ("auto", "ask"), "auto") == "auto"

    said = "top.key: 'aks' is not one of 'auto', 'ask'; did you mean 'ask'?"
    with pytest.raises(ConfigError, match=f"^{re.escape(said)}$"):
        Table({"key": "aks"}, "top").choice("key", ("auto", "ask"), "auto")


def test_a_table_below_knows_where_it_stands() -> None:
    table = Table({"below": {"key": 1}}, "top")

    with pytest.raises(ConfigError, match=r"^top\.below\.key: 1 is not a string$"):
        table.table("below").take("key", str)
    table.table("other").finish()  # empty, where there is none


def test_what_nobody_took_is_unknown() -> None:
    table = Table({"users": 1, "user": 2}, "top", known=["file"])
    table.take("users", int)
    table.take("rate", float, None)

    said = "top: unknown key 'user'; did you mean 'users'? Allowed: file, rate, users."
    with pytest.raises(ConfigError, match=f"^{re.escape(said)}$"):
        table.finish()


def test_the_rest_is_taken_as_it_is() -> None:
    table = Table({"a": 1, "b": 2}, "top")
    table.take("a", int)

    assert table.rest() == {"b": 2}
    table.finish()


def test_the_users_own_values_are_left_alone() -> None:
    values = {"a": 1}
    Table(values, "top").take("a", int)

    assert values == {"a": 1}


@pytest.mark.parametrize(
    ("word", "hint"), [("smok", "; did you mean 'smoke'?"), ("entirely other", ""), ("", "")]
)
def test_the_nearest_word_is_a_hint(word: str, hint: str) -> None:
    assert nearest(word, ["smoke", "split"]) == hint
    assert nearest(word, []) == ""
