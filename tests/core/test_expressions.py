"""Conditions: what they say of a result, and what is refused."""

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from canarytest.core.errors import ConfigError
from canarytest.core.expressions import EvaluationError, Expression, evaluate, parse

NAN, INF = math.nan, math.inf
TREE = json.loads(
    '{"rate": 2.5, "ok": true, "name": "petclinic", "none": null, "list": [1, 2, 3], "empty": [],'
    ' "pods": [{"ready": true, "restarts": 0}, {"ready": false, "restarts": 2}], "not": 5}',
    parse_int=float,
)


@pytest.mark.parametrize(
    ("text", "result", "expected"),
    [
        # What is written down
        ("result == 0x10 && 0b11 == 3 && 0o17 == 15 && 1_000 == 1e3", 16.0, True),
        ("result == .5 && .5 == 0.5 && 017 == 17", 0.5, True),
        (r"result == 'it\'s\t\u0041\u{42}'", "it's\tAB", True),
        ("result == `raw \\n and ``quoted```", "raw \\n and `quoted`", True),
        ("result > 1 // a comment\n && /* another */ result < 3", 2.0, True),
        # What binds more
        ("1 + 2 * 3 == 7 and 10 - 2 - 3 == 5 and 8 / 2 / 2 == 2", None, True),
        ("true || false && false", None, True),
        ("!true == false", None, True),
        ("not result in [1]", None, "refused"),
        ("result not in [1] && true", 2.0, True),
        ("-2 * 3 == -6 && 2 * -3 == -6", None, True),
        ("1 < result < 3", 2.0, True),
        ("1 < result < 2", 2.0, False),
        ("(1 < 2) == true", None, True),
        ("result.none ?? 1 == 1", TREE, "refused"),
        ("(result.none ?? 1) == 1", TREE, True),
        # Numbers are Go's
        ("result / 0 > 1e308", 1.0, True),
        ("result / 0 < -1e308", -1.0, True),
        ("isNaN(result / 0)", 0.0, True),
        ("7 / 2 == 3.5", None, True),
        ("-7 % 3 == -1", None, True),
        ("result % 2 == 1", 3, True),
        ("result % 2 == 1", 3.0, "error"),
        ("5 % (len(result) - 2) == 1", (1.0, 2.0), "error"),
        ("9223372036854775807 + len(result) < 0", (1.0,), True),
        ("round(2.5) == 3 && round(-2.5) == -3 && round(0.49999999999999994) == 0", None, True),
        ("ceil(result) == result && floor(result) == result", INF, True),
        ("abs(-3) == 3 && abs(result) == 1.5", -1.5, True),
        ("asInt(result) == 1", 1.9, True),
        ("asInt(result) == 7", "007", True),
        ("asInt(result) == 1", "1_0", "error"),
        ("asInt(result) < 5", NAN, "error"),
        ("asInt(result) < 5", INF, "error"),
        ("asFloat(result) == 1000", "1e3", True),
        ("asFloat(result) > 0", "1e999", "error"),
        ("asFloat(result) > 0", " 1", "error"),
        ("isNaN(asFloat(result))", "NaN", True),
        # NaN meets nothing
        ("result == result", NAN, False),
        ("result < 1 || result >= 1", NAN, False),
        ("!(result < 1)", NAN, True),
        ("isNaN(result)", 1.0, False),
        ("isNaN(1 + 1) || isInf(-1)", None, False),
        ("isNaN(len(result))", (1.0,), "error"),
        ("isInf(result)", -INF, True),
        ("max(result) < 1", (NAN, 0.5), False),
        ("max(result) < 1", (0.5, NAN), True),
        # A bool is no number, and no number is a bool
        ("result == 1", True, "error"),
        ("result.ok == 1", TREE, False),
        ("result.rate && true", TREE, "error"),
        ("result.rate", TREE, "error"),
        ("true && result.rate", TREE, "error"),
        ("result.ok ? result.ok : result.rate", TREE, True),
        ("result.rate ? true : false", TREE, "error"),
        ("false ?: result.ok", TREE, True),
        # Members
        ("result.list[0] == 1 && result['list'][-1] == 3", TREE, True),
        ("result.not == 5", TREE, True),
        ("result.missing == nil && result.none == nil", TREE, True),
        ("result.missing.deeper == nil", TREE, "error"),
        ("result.missing?.deeper.still == nil", TREE, True),
        ("result.missing?.[0] == nil", TREE, True),
        ("result[0] > 1", (), "error"),
        ("result[-3] > 1", (1.0, 2.0), "error"),
        ("result['a'] == 1", (1.0,), "error"),
        ("result.rate.deeper == 1", TREE, "error"),
        ("'rate' in result && 'rat' not in result", TREE, True),
        ("2 in result", (1.0, 2.0), True),
        ("result in 1..3", 2.5, False),
        ("result in 1..3", 2.0, True),
        ("result in ['a', 'b']", "b", True),
        ("result.rate in ['a', 'b']", TREE, "error"),
        ("result.name in ['a', 1]", TREE, False),
        ("1 in result.none", TREE, False),
        # Texts
        ("result contains 'cli' && result startsWith 'pet'", "petclinic", True),
        ("result endsWith 'nic' && result not endsWith 'pet'", "petclinic", True),
        ("result.none contains 'a'", TREE, False),
        ("result.rate contains 'a'", TREE, "error"),
        ("result < 'q' && len(result) == 9 && result + 's' == 'petclinics'", "petclinic", True),
        ("result == 'a'", 1.0, "error"),
        # Lists
        ("all(result.pods, .ready) || any(result.pods, {#.restarts > 1})", TREE, True),
        ("none(result, # > 5) && one(result, # > 1)", (1.0, 2.0), True),
        ("count(result.pods, .ready) == 1 && count([true, false]) == 1", TREE, True),
        ("sum(result) == 3 && sum(result, # * 2) == 6 && mean(result) == 1.5", (1.0, 2.0), True),
        ("median(result) == 2 && min(result) == 1 && max(result, 9) == 9", (3.0, 1.0, 2.0), True),
        ("len(filter(result, # > 1)) == 1 && map(result, # * 2)[1] == 4", (1.0, 2.0), True),
        ("any([[1], [2]], {any(#, # == 2)})", None, True),
        ("all(result.name, # > 0)", TREE, True),  # Go takes a text for its bytes
        ("all(result.rate, # > 0)", TREE, "error"),
        ("all(result, # > 0)", [], True),
        ("all(result, #)", [True, 1.0], "error"),
        ("mean(result) < 5", [], True),
        ("max(result) < 5", [], "error"),
        ("sum(result) == 0", [], True),
        ("[1, 2] == result && result == [1, 2.0] && result == 1..2", [1.0, 2.0], True),
        ("result == 1..2", (1.0, 2.0), False),
        # Of the whole result, whatever the argument
        ("isNil(5)", None, True),
        ("isNil(result.none)", TREE, False),
        ("isNil(result)", [], False),
        ("default(5, 0) == 2", 2.0, True),
        ("default(result, 0) == 0", None, True),
        ("default(result[0], 0) == 0", (), "error"),
        ("len(result) == 0", None, "error"),
        ("result != nil", None, False),
    ],
)  # fmt: skip
def test_a_condition_is_true_false_or_an_error(text: str, result: Any, expected: object) -> None:
    assert outcome(text, result) == expected


def outcome(text: str, result: Any) -> bool | str:
    try:
        return evaluate(parse(text), result)
    except ConfigError:
        return "refused"
    except EvaluationError:
        return "error"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("let a = 1; a > 0", "character 1: a variable ('let') is not evaluated by canarytest"),
        ("if true {true} else {false}", "character 1: an if block ('if') is not evaluated"),
        ("result | len() > 1", "character 8: a pipe ('|') is not evaluated"),
        ("result matches '^a'", "character 8: a regular expression ('matches') is not"),
        ("result not matches '^a'", "character 12: a regular expression ('matches') is not"),
        ("result ** 2 > 1", "character 8: a power ('**') is not evaluated"),
        ("result[1:2] == [1]", "character 7: a slice is not evaluated"),
        ("result[:2] == [1]", "character 7: a slice is not evaluated"),
        ("{'a': 1}.a == 1", "character 1: a map ('{') is not evaluated"),
        ("true; true", "character 5: a sequence (';') is not evaluated"),
        ("now() > result", "character 1: the function 'now' is not evaluated"),
        ("result.Name() == 1", "character 8: the method 'Name' is not evaluated"),
        ("map(result, #index)[0] == 1", "character 13: unexpected '#index': only '#'"),
        ("# > 1", "character 1: unexpected '#': only '#' in a predicate"),
        ("isNaN", "character 1: the function 'isNaN' is not called"),
        ("value > 1", "character 1: unknown name 'value'; what was measured is 'result'"),
        ("result > ", "character 10: unexpected the end"),
        ("(result > 1", "character 12: unexpected the end, expected ')'"),
        ("result > 1)", "character 11: unexpected ')'"),
        ("result = 1", "character 8: unexpected '='"),
        ("result == 'a", "character 11: the string is not closed"),
        (r"result == '\q'", r"character 11: the escape '\\q' is not read"),
        (r"result == '\ud800'", "the escape"),
        ("result /* > 1", "character 8: the comment is not closed"),
        ("result > 5x", "character 10: '5x' is not a number"),
        ("result > 0x", "character 10: '0x' is not a number"),
        ("result > 9223372036854775808", "character 10: '9223372036854775808' is too large"),
        ("result > 1e999", "character 10: '1e999' is too large a number"),
        ("result @ 1", "character 8: '@' is no part of a condition"),
        ("len(result, 1) > 0", "character 1: len takes 1 arguments, not 2"),
        ("max() > 0", "character 1: max takes one or more arguments, not 0"),
        ("all(result)", "character 1: all takes a list and a predicate, e.g. # > 1"),
        ("result not > 1", "character 8: unexpected 'not'"),
        ("", "character 1: unexpected the end"),
        ("len(result)", "a condition is true or false; this is an integer"),
        ("result == 1 + 'a'", "+ of an integer and a string is not defined, whatever is measured"),
        ("len(5) > 1", "an argument of len cannot be an integer, whatever is measured"),
        ("all(result, 5)", "the predicate of all cannot be an integer, whatever is measured"),
    ],
)  # fmt: skip
def test_what_is_not_evaluated_is_refused_by_name_and_place(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse(text)

    assert said in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5_000 + "true" + ")" * 5_000,
        "!" * 9_000 + "true",
        "[" * 9_000,
        "len(" * 2_000,
        "true" + " && true" * 1_200,
        "true" + " ?: true" * 1_200,
        "result" + ".a" * 4_000 + " == 1",
        "result" + "?.a" * 3_000 + " == 1",
        "any(result, " * 200 + "true" + ")" * 200,
        "/*" * 4_000,
        "1 < " * 2_000 + "2 && '" + "a" * 2_000,
        "true " * 2_001,
    ],
    ids=lambda text: f"{text[:8]}…",
)
def test_a_hostile_condition_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("all(1..900, all(1..900, all(1..900, true)))", "more than 1000000 steps"),
        ("len(1..1000000000) > 0", "more than 1000000 steps"),
        ("any(result, any(result, any(result, # == [1])))", "more than 1000000 steps"),
        (
            "any(" + "map(" * 40 + "['aaaa']" + ", # + #)" * 40 + ", # == 'b')",
            "more than 1000000 steps",
        ),
    ],
    ids=["nested loops", "long range", "result in itself", "doubled text"],
)
def test_a_condition_that_would_take_for_ever_is_an_error(text: str, said: str) -> None:
    with pytest.raises(EvaluationError, match=said):
        evaluate(parse(text), [1.0] * 200)


def test_a_chain_of_comparisons_evaluates_each_operand_once() -> None:
    text = "1"
    for _ in range(16):  # twice at each level would be 65 000 times
        text = f"(0 < {text} < 9 ? 1 : 0)"

    assert evaluate(parse(f"all(1..1000, {text} == 1)"), None)


def test_a_result_too_deep_to_compare_is_an_error() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(EvaluationError, match="nested too deeply"):
        evaluate(parse("result == result"), deep)


@given(
    st.text(max_size=40) | st.text("result[]().#{}<>=!&|?:,+-*/%\"'`\\_ 019eainotr", max_size=40)
)
@example("\\")
@example("'\\")
@example("0")
@example("²")
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(parse(text), Expression)


_ATOMS = st.sampled_from(
    ["result", "result.a", "result[0]", "1", "0", "2.5", "'a'", "true", "nil", "#", "[1, 'a']"]
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = (
        "==", "!=", "<", ">=", "+", "-", "*", "/", "%", "in", "not in", "&&", "||", "??", "..",
        "contains",
    )  # fmt: skip
    functions = (
        "len", "max", "mean", "median", "asInt", "asFloat", "isNaN", "isNil", "abs", "round", "!",
    )  # fmt: skip
    return st.one_of(
        st.tuples(inner, st.sampled_from(operators), inner).map(
            lambda p: f"({p[0]} {p[1]} {p[2]})"
        ),
        st.tuples(st.sampled_from(functions), inner).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(st.sampled_from(("all", "any", "filter", "map", "sum")), inner, inner).map(
            lambda p: f"{p[0]}({p[1]}, {p[2]})"
        ),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} ? {p[1]} : {p[2]})"),
        st.tuples(inner, inner).map(lambda p: f"{p[0]}[{p[1]}]"),
    )


CONDITIONS = st.recursive(_ATOMS, _grown, max_leaves=8).flatmap(
    lambda inner: st.sampled_from([inner, f"{inner} == 1", f"any(result, {inner})", f"!{inner}"])
)
RESULTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", ""]), inner, max_size=3)
    ),
    max_leaves=8,
) | st.lists(st.floats(), max_size=4).map(tuple)


@given(CONDITIONS, RESULTS)
def test_any_result_is_true_false_or_the_one_error(text: str, result: Any) -> None:
    assert outcome(text, result) in (True, False, "refused", "error")
