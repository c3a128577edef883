"""What was served: which requests make one second, whose they are, and that it stays small."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarytest.core.bands import ERROR_RATE
from canarytest.core.betting import Bets
from canarytest.core.measure import EndpointTally, Tally
from canarytest.core.reach import Version
from canarytest.core.served import MOST_ENDPOINTS, OTHERS, PROBE, Served
from canarytest.core.sketch import Sketch
from canarytest.core.versus import Pair
from tests.core.steps import POLICY, tally

CANARY, STABLE = Version.CANARY, Version.STABLE
WARNING = POLICY.bands[ERROR_RATE].warning
P95 = "latency_p95_ms"


def entry(version: Version | None, seen: Tally, endpoint: str = "GET /") -> EndpointTally:
    return EndpointTally(version, endpoint, seen)


def load(served: Served, at_s: float, *entries: EndpointTally, is_dark: bool = False) -> Served:
    return served.with_load(entries, at_s, POLICY, is_dark=is_dark)


def probe(
    served: Served, at_s: float, version: Version | None, seen: Tally, *, is_dark: bool = False
) -> Served:
    return served.with_probe(entry(version, seen, PROBE), at_s, POLICY, is_dark=is_dark)


def bets(*shares: float) -> Bets:
    """Return the bets against the warning bound after seconds with such *shares* of failures."""
    found = Bets()
    for share in shares:
        found = found.after(share, WARNING)
    return found


def bets_of(served: Served, version: Version = CANARY) -> Bets:
    return served.of(version).bets.get(ERROR_RATE, Bets())


def lost(served: Served) -> Bets:
    """Return the bets of what nobody answered, load and probe together."""
    return served.unanswered.bets[ERROR_RATE]


def test_load_and_probe_of_a_second_are_one_bet() -> None:
    served = probe(Served(), 0.5, None, tally(5, 5))
    served = load(served, 1.0, entry(CANARY, tally(15)))

    assert lost(served) == bets(5 / 20)


def test_nothing_is_told_of_a_second_before_it_is_over() -> None:
    served = load(Served(), 0.5, entry(CANARY, tally(20, 20)))

    assert served.of(CANARY).total == Tally()
    assert served.closed(0.6, POLICY, is_dark=False).of(CANARY).total == tally(20, 20)


def test_the_probe_alone_cuts_seconds_of_its_own() -> None:
    served = Served()
    for at_s in (0.4, 0.8, 1.2, 1.6, 2.3):
        served = probe(served, at_s, CANARY, tally(1, 1))
    served = served.closed(3.0, POLICY, is_dark=False)

    assert bets_of(served) == bets(1, 1, 1)  # before 1.2, before 2.3, and the rest
    assert served.of(CANARY).total.requests == 5


def test_beside_a_load_the_probe_does_not_cut_its_second_in_two() -> None:
    served = load(Served(), 1.0, entry(CANARY, tally(10)))
    served = probe(served, 2.05, None, tally(10, 10))
    served = load(served, 2.1, entry(CANARY, tally(10)))

    assert lost(served) == bets(0, 1 / 2)


def test_where_the_load_has_fallen_silent_the_probe_closes_its_second() -> None:
    served = load(Served(), 1.0, entry(CANARY, tally(10)))
    served = probe(served, 1.5, None, tally(1, 1))
    served = probe(served, 2.6, CANARY, tally(1))

    assert lost(served) == bets(0, 1)
    assert len(served.open) == 1


def test_what_comes_late_is_of_the_next_second() -> None:
    served = Served()
    for second in range(1, 4):
        served = load(served, second, entry(CANARY, tally(10)))
        served = load(served, second + 0.05, entry(STABLE, tally(10)))
    served = served.closed(3.5, POLICY, is_dark=False)

    # Two loads side by side: the line of the stable version's comes after the cut.
    assert served.versus[ERROR_RATE].seen == Pair(0, 20, 0, 20)
    assert served.of(STABLE).total.requests == served.of(CANARY).total.requests == 30


@pytest.mark.parametrize(
    ("is_dark", "endpoint", "canary", "unanswered"),
    [
        pytest.param(False, "GET /", Tally(), tally(12, 12), id="at-the-edge-nobody-s"),
        pytest.param(True, "GET /", tally(12, 12), Tally(), id="in-the-dark-the-canary-s"),
        pytest.param(True, PROBE, Tally(), tally(12, 12), id="the-probe-is-at-the-edge-even-then"),
    ],
)
def test_whose_a_request_is_that_nobody_answered(
    is_dark: bool, endpoint: str, canary: Tally, unanswered: Tally
) -> None:
    served = load(Served(), 1.0, entry(None, tally(12, 12), endpoint), is_dark=is_dark)

    assert served.of(CANARY).total == canary
    assert served.unanswered.total.failures == unanswered.failures
    assert served.unanswered.total.requests == unanswered.requests


def test_in_the_dark_the_probe_alone_never_blames_the_canary() -> None:
    served = probe(Served(), 0.5, None, tally(12, 12), is_dark=True)
    served = served.closed(1.0, POLICY, is_dark=True)

    assert served.of(CANARY).total == Tally()
    assert served.unanswered.total == Tally(12, 12)


def test_beside_a_load_the_probe_does_not_water_its_failures_down() -> None:
    served = load(Served(), 1.0, entry(CANARY, tally(10, 5)))
    served = probe(served, 1.5, CANARY, tally(90))
    served = load(served, 2.0, entry(CANARY, tally(10, 5)))

    assert served.of(CANARY).total == tally(20, 10)
    assert served.endpoints[PROBE].of(CANARY).total == tally(90)


def test_the_unanswered_are_a_part_of_all_at_the_edge() -> None:
    served = load(
        Served(),
        1.0,
        entry(CANARY, tally(5, 5)),
        entry(STABLE, tally(35)),
        entry(None, tally(4, 4)),
    )

    assert (served.unanswered.total.requests, served.unanswered.total.failures) == (44, 4)
    assert served.unanswered.bets[ERROR_RATE] == bets(4 / 44)


def test_the_tail_of_the_stable_version_is_what_it_served_before() -> None:
    """A bound that hung on the second it is held against would be no bet."""
    both = (entry(CANARY, tally(50, slow=50)), entry(STABLE, tally(50)))
    first = load(Served(), 1.0, *both)
    second = load(first, 2.0, *both)

    assert first.versus[P95].seen == Pair(0, 0, 0, 0)
    assert second.versus[P95].seen == Pair(50, 50, 0, 50)


def test_endpoints_are_kept_apart_and_all_together() -> None:
    served = load(
        Served(), 1.0, entry(CANARY, tally(9, 9), "GET /a"), entry(CANARY, tally(91), "GET /b")
    )

    assert list(served.endpoints) == ["GET /a", "GET /b"]
    assert served.endpoints["GET /a"].of(CANARY).total == tally(9, 9)
    assert served.endpoints["GET /a"].of(STABLE).total == Tally()
    assert bets_of(served) == bets(9 / 100)


def test_of_an_endpoint_without_end_the_rest_is_one() -> None:
    served = Served()
    for number in range(MOST_ENDPOINTS + 50):
        served = load(served, number + 1.0, entry(CANARY, tally(2, 1), f"GET /owners/{number}"))

    assert len(served.endpoints) == MOST_ENDPOINTS + 1
    assert served.endpoints[OTHERS].of(CANARY).total == tally(100, 50)
    assert served.of(CANARY).total == tally(300, 150)


def test_one_second_with_too_many_endpoints_is_cut_as_well() -> None:
    names = [f"GET /owners/{number}" for number in range(MOST_ENDPOINTS + 50)]
    served = load(Served(), 1.0, *(entry(CANARY, tally(2), name) for name in names))

    assert list(served.endpoints) == [*names[:MOST_ENDPOINTS], OTHERS]


def leaves(value: Any) -> Iterable[Any]:
    """Yield the numbers and names that *value* is made of: what it keeps in memory."""
    if is_dataclass(value):
        yield from leaves([getattr(value, each.name) for each in fields(value)])
    elif isinstance(value, Mapping):
        yield from leaves([*value.keys(), *value.values()])
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from leaves(each)
    else:
        yield value


def after_seconds(seconds: int, requests: int) -> Served:
    served = Served()
    for second in range(seconds):
        seen = Tally(requests, 1, Sketch(dict.fromkeys(range(100, 150), requests // 50)))
        served = load(served, second + 1.0, entry(CANARY, seen), entry(STABLE, seen))
        served = probe(served, second + 1.5, STABLE, tally(1))
    return served


def test_it_does_not_grow_with_the_number_of_requests() -> None:
    size = len(list(leaves(after_seconds(3, 100))))

    assert len(list(leaves(after_seconds(3, 1_000_000)))) == size
    assert len(list(leaves(after_seconds(200, 100)))) == size


some_entry = st.builds(
    lambda version, endpoint, ms, failures: EndpointTally(
        version, endpoint, Tally(len(ms), min(failures, len(ms)), Sketch.of(ms))
    ),
    st.sampled_from([CANARY, STABLE, None]),
    st.sampled_from(["GET /a", "GET /b", PROBE]),
    st.lists(st.sampled_from([1.0, 20.0, 600.0, 3000.0]), min_size=1, max_size=60),
    st.integers(0, 60),
)
some_seconds = st.lists(st.lists(some_entry, max_size=6), max_size=5)


def numbers(served: Served) -> dict[str, float]:
    """Return all that *served* says, by name; the order of the endpoints is left out."""
    found = {}
    places = {"": served.series, **{name: at.series for name, at in served.endpoints.items()}}
    for name, series in places.items():
        for version, each in series.items():
            found[f"{name} {version} n"] = float(each.total.requests)
            found[f"{name} {version} slow"] = float(each.total.latency.above(500.0))
            found |= {f"{name} {version} {m}": bets.log_e for m, bets in each.bets.items()}
    found |= {f"versus {metric}": each.log_e for metric, each in served.versus.items()}
    found |= {f"versus {name}": at.errors.log_e for name, at in served.endpoints.items()}
    return {**found, "unanswered": served.unanswered.log_e(ERROR_RATE)}


@given(some_seconds, st.randoms(use_true_random=False), st.booleans())
def test_the_order_within_a_second_does_not_matter(
    seconds: list[list[EndpointTally]], random_: Any, is_dark: bool
) -> None:
    given_, shuffled = Served(), Served()
    for index, second in enumerate(seconds):
        other = random_.sample(second, len(second))
        given_ = given_.with_load(second, index + 1.0, POLICY, is_dark=is_dark)
        for each in other[:-1]:  # in pieces, too, as the probe's come
            shuffled = shuffled.with_load([each], index + 0.1, POLICY, is_dark=is_dark)
        shuffled = shuffled.with_load(other[-1:], index + 1.0, POLICY, is_dark=is_dark)

    assert numbers(shuffled) == pytest.approx(numbers(given_), abs=1e-9)


of_load = some_entry.filter(lambda entry: entry.endpoint != PROBE)


@given(st.lists(st.lists(of_load, max_size=6), max_size=5))
def test_no_request_is_lost_or_counted_twice(seconds: list[list[EndpointTally]]) -> None:
    served = Served()
    for index, second in enumerate(seconds):
        served = served.with_load(second, index + 1.0, POLICY, is_dark=False)

    for version in Version:
        sent = sum(e.tally.requests for second in seconds for e in second if e.version is version)
        by_endpoint = sum(at.of(version).total.requests for at in served.endpoints.values())
        assert served.of(version).total.requests == by_endpoint == sent
    everything = sum(e.tally.requests for second in seconds for e in second)
    assert served.unanswered.total.requests == everything
    assert all(math.isfinite(value) for value in numbers(served).values())
