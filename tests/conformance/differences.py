"""Where our judge says something else than Kayenta's and PipeCD's, and why it is to stay so."""

FEW = (
    "five to thirty points are too few for an answer that bears being looked at after each: where "
    "both versions are asked as much, a second at most doubles the evidence"
)
NO_DATA = "no data is neither good nor bad: it is looked at longer, and never promoted"
NO_VOTES = "there are no weights: one bad metric is not outvoted by good ones"
NOT_INVENTED = "what is missing is not made up, as a zero or as anything else"
KEPT = "nothing that was measured is taken out: the spike may be the very thing to see"
ONE_PEAK = "of a query's last answers the median decides: one peak is no breach"
NO_MEAN = "neither means nor deviations are kept: a mean hides the tail that users complain of"
NO_ZERO = "no answer takes no time: 0 counts as 10 microseconds, so that each ratio is a number"
RANK = "a quantile is a latency that was measured, not one between two of them"
NOTHING = "of nothing there is no least and no greatest"
TIES = "where all are equal neither version is slower: that is an answer, and no error"
NO_SHIFT = "latency is compared by its tail, and intervals are of shares and quantiles: of no shift"
NO_RANKS = "there is no rank test, and no normal approximation: the test is sequential"
NO_BAND = "a metric without a band is refused before the run: the judge never sees one"


def _cases(reason: str, *numbers: int) -> dict[str, str]:
    return {f"judge-{number:03}": reason for number in numbers}


DIFFERENCES = {
    **_cases(FEW, 9, 15, 16, 17, 18, 20, 21, 29, 30, 31, 32, 33, 35, 36, 111, 112, 113),
    **_cases(NO_DATA, 26, 78, 79, 87, 114),
    **_cases(NO_VOTES, 82),
    **_cases(NOT_INVENTED, 75),
    **_cases(KEPT, 67, 68, 69, 70, 72),
    **_cases(ONE_PEAK, 117),
    **_cases(NO_BAND, 115),
    **_cases(NO_MEAN, 51, 56, 57),
    **_cases(NO_ZERO, 50, 59, 65),
    **_cases(RANK, 60, 62),
    **_cases(NOTHING, 58),
    **_cases(TIES, 95),
    **_cases(NO_SHIFT, 41, 42, 43, 44, 45),
    **_cases(NO_RANKS, 38, 39, 40, 119, 120, 121, 122),
}
