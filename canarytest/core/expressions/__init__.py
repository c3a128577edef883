"""
The conditions of Argo's AnalysisTemplates: `result[0] < 0.05 && !isNaN(result[0])`.

Argo evaluates them with expr-lang/expr (Go). What conditions need of it is read and evaluated here
with the same results; the rest (variables, pipes, regular expressions, dates, powers) is refused
when the condition is read, by name and place, never guessed at.

The parser is written by hand, by precedence climbing: the core imports the standard library only,
and a grammar for a parser generator would be no shorter than the table of operators.

A result is what its provider makes of an answer, in the types of Go:

* None, bool, str and dict as they are; a list is a list of anything (`[]any`, from JSON)
* float: every number of JSON is one (`json.loads(text, parse_int=float)`); int: only Go's own
* tuple of floats: a vector of Prometheus (`[]float64`)

Known differences. Here it is an error, and Argo may let it pass:

* `asInt` and `int` of NaN, infinity and what does not fit; in Go the machine decides, and
  `asInt(result) < 5` is true of NaN on most
* an error beside a constant that settles it: `result[5] > 1 || true`; expr drops the first part
* `asFloat` of a text with underscores or a hexadecimal fraction; a million steps

And there it is an error, which here is not:

* `min(1, result) == 1`: expr takes the smaller for an integer, as the first is one
* `true || 1 % 0 == 1`: expr calculates constants before it looks at what is asked
"""

from canarytest.core.expressions.evaluator import Expression, evaluate, parse
from canarytest.core.expressions.values import EvaluationError, Value

__all__ = ["EvaluationError", "Expression", "Value", "evaluate", "parse"]
