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
"""

from canarytest.core.expressions.evaluator import Expression, evaluate, parse
from canarytest.core.expressions.values import EvaluationError, Value

__all__ = ["EvaluationError", "Expression", "Value", "evaluate", "parse"]
