"""The proof: what begins its window anew, and what it takes to be complete."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarytest.core.proof import ProbeSample, Proof, Terms
from canarytest.core.reach import Version

TERMS = Terms(window_s=10, responses=5, within_s=60)
DECIDED = 1000.0


def stable(at: float) -> ProbeSample:
    return ProbeSample(DECIDED + at, Version.STABLE, True, 1.0)


def canary(at: float) -> ProbeSample:
    return ProbeSample(DECIDED + at, Version.CANARY, True, 1.0)


def error(at: float) -> ProbeSample:
    return ProbeSample(DECIDED + at, None, False, 1.0, "connection refused")


def bad(at: float) -> ProbeSample:
    return ProbeSample(DECIDED + at, Version.STABLE, False, 1.0, "status 503")


def proof_of(*samples: ProbeSample, terms: Terms = TERMS) -> Proof:
    proof = Proof(terms, DECIDED)
    for sample in samples:
        proof.see(sample)
    return proof


CLEAN = [stable(t) for t in range(11)]


@pytest.mark.parametrize(
    ("samples", "now", "expected"),
    [
        pytest.param(CLEAN, 10, True, id="clean"),
        pytest.param(CLEAN[:-1], 9, False, id="window-too-short"),
        pytest.param([stable(0), stable(10)], 10, False, id="too-few-responses"),
        pytest.param([], 60, False, id="nothing-seen"),
        pytest.param([*CLEAN[:5], canary(4.5), *CLEAN[5:]], 10, False, id="canary-in-the-window"),
        pytest.param([*CLEAN[:5], error(4.5), *CLEAN[5:]], 10, False, id="error-in-the-window"),
        pytest.param([*CLEAN[:5], bad(4.5), *CLEAN[5:]], 10, False, id="stable-answers-503"),
        pytest.param([canary(0.1), *[stable(t) for t in range(1, 12)]], 11, True, id="then-clean"),
        pytest.param([canary(-0.1), *CLEAN], 10, True, id="the-canary-before-the-decision"),
        pytest.param([*CLEAN, canary(10.1)], 10.1, False, id="the-canary-at-the-last-moment"),
        pytest.param(
            [stable(t / 10) for t in range(10)], 10, False, id="the-edge-fell-silent-after-a-second"
        ),
    ],
)
def test_it_is_complete(samples: list[ProbeSample], now: float, expected: bool) -> None:
    assert proof_of(*samples).is_complete(DECIDED + now) is expected


def test_what_came_before_the_decision_is_not_counted() -> None:
    proof = proof_of(canary(-1), error(-0.5), stable(0))

    assert (proof.probes, proof.errors, proof.responses) == (1, 0, 1)
    assert proof.seconds_to_last_canary is None


def test_it_counts_what_began_the_window_anew() -> None:
    proof = proof_of(stable(0), canary(1), canary(2), stable(3), error(4), stable(5))

    assert (proof.restarts, proof.errors, proof.probes, proof.responses) == (2, 1, 6, 1)
    assert proof.seconds_to_last_canary == 2


def test_a_platform_that_is_not_back_begins_the_window_anew() -> None:
    proof = proof_of(*CLEAN)
    proof.restart()

    assert not proof.is_complete(DECIDED + 10)


def test_it_is_late_after_its_time() -> None:
    proof = proof_of()

    assert not proof.is_late(DECIDED + 60)
    assert proof.is_late(DECIDED + 60.1)


def test_the_sentences_have_their_numbers() -> None:
    proof = proof_of(canary(0.25), error(0.5), *[stable(1 + t / 60) for t in range(600)])

    assert proof.sentence == (
        "0 of 600 responses from the canary in 10 s: below 0.50% with 95 % confidence; "
        "its last response came 0.25 s after the decision; 1 errors"
    )
    assert proof.complaint == (
        "not proven within 60 s: 600 of 5 clean responses of the stable version in a row; "
        "the canary's last response came 0.25 s after the decision; "
        "1 errors at the edge, the last one: connection refused"
    )


def test_nothing_seen_is_said() -> None:
    assert "no response of the canary since the decision" in proof_of().sentence
    assert proof_of().complaint.endswith("in a row; the edge was never asked")


kinds = st.sampled_from([stable] * 30 + [canary, error, bad])


@given(st.lists(st.tuples(st.floats(0, 1), kinds), max_size=120))
def test_what_is_complete_is_clean_over_its_window(steps: list[tuple[float, object]]) -> None:
    terms, at, samples = Terms(window_s=3, responses=5, within_s=60), 0.0, []
    proof = Proof(terms, DECIDED)
    for gap, kind in steps:
        at += gap
        samples.append(kind(at))  # type: ignore[operator]
        proof.see(samples[-1])
        if proof.is_complete(DECIDED + at):
            window = [s for s in samples if s.at > DECIDED + at - terms.window_s]

            assert all(s.is_ok and s.version is Version.STABLE for s in window)
            assert proof.responses >= terms.responses


def test_the_time_for_a_proof_begins_when_the_order_was_taken() -> None:
    proof = Proof(Terms(window_s=10, responses=600, within_s=60), DECIDED)
    proof.taken(DECIDED + 100)

    assert not proof.is_late(DECIDED + 160)
    assert proof.is_late(DECIDED + 160.1)
