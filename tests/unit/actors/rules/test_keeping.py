"""Rules over trajectories that are written down by hand: what breaks each, where, and how they go together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopwright.actors import rules
from loopwright.actors.rules import Breach, Rule, Trail
from loopwright.actors.rules.trail import Child, Claim, Deed, Spend


def deeds(*names: str, start: int = 10, **told: object) -> tuple[Deed, ...]:
    """Calls one after the other."""
    return tuple(
        Deed(seq=start + place, step="work", attempt=1, name=name, **told)  # type: ignore[arg-type]
        for place, name in enumerate(names)
    )


def broken(rule: Rule, trail: Trail) -> list[tuple[int, ...]]:
    return [breach.evidence for breach in rule(trail)]


LOOKED = Trail(deeds=deeds("lookup", "refund", "lookup", "refund"))


@pytest.mark.parametrize(
    ("rule", "evidence"),
    [
        (rules.required("lookup", 2), []),
        (rules.required("refund", 3), [(11, 13)]),
        (rules.required("approve"), [()]),
        (rules.at_most("refund", 2), []),
        (rules.at_most("refund", 1), [(13,)]),
        (rules.forbidden("re*"), [(11,), (13,)]),
        (rules.forbidden("delete_*"), []),
        (rules.ordered("lookup", "refund"), []),
        (rules.ordered("refund", "lookup"), [(10,)]),
        (rules.ordered("approve", "refund"), [(11,), (13,)]),
        (rules.when("refund", rules.required("approve")), [()]),
        (rules.when("ship", rules.required("approve")), []),
        (rules.any_of(rules.required("approve"), rules.required("lookup")), []),
        (rules.any_of(rules.required("approve"), rules.forbidden("lookup")), [(), (10,), (12,)]),
        (rules.all_of(rules.at_most("refund", 1), rules.required("approve")), [(13,), ()]),
        (rules.in_step("other", rules.forbidden("refund")), []),
    ],
)
def test_a_rule_tells_where_it_was_broken(rule: Rule, evidence: list[tuple[int, ...]]) -> None:
    assert broken(rule, LOOKED) == evidence


def test_what_was_refused_breaks_and_fulfils_nothing() -> None:
    trail = Trail(deeds=deeds("refund", happened=False))
    assert broken(rules.forbidden("refund"), trail) == []
    assert broken(rules.required("refund"), trail) == [()]


def test_a_fact_that_nobody_had_told_is_no_evidence_when_it_comes_later() -> None:
    evidence = ((1, '{"ask": "ORD-1"}'), (10, '"ORD-2"'), (30, '"ORD-3"'))
    stated = [Claim(20, "work", 1, {"orders": ["ORD-1", "ORD-2", "ORD-3"], "again": "ORD-3, ORD-3"})]
    found = rules.founded(r"ORD-\d+")(Trail(claims=tuple(stated), evidence=evidence))
    assert found == (Breach("founded", "Attempt 1 states 'ORD-3', which nobody had told it.", (20,)),)


def test_only_what_changes_something_comes_too_late_after_a_cancellation() -> None:
    trail = Trail(
        deeds=(*deeds("ship", changes=True), *deeds("ship", "bill", start=30, changes=True), *deeds("look", start=40)),
        cancelled=20,
    )
    assert broken(rules.nothing_after_cancel(), trail) == [(20, 30), (20, 31)]
    assert broken(rules.nothing_after_cancel(), Trail(deeds=trail.deeds)) == []
    lost = Trail(deeds=trail.deeds, lost={(trail.deeds[0].step, trail.deeds[0].attempt): 30})
    assert broken(rules.nothing_after_cancel(), lost) == [(30, 31)]


def test_a_goal_is_not_met_over_a_part_that_failed() -> None:
    children = (Child(5, "outline", True), Child(9, "draft", False))
    assert broken(rules.no_success_over_failed_child(), Trail(children=children, succeeded=12)) == [(9, 12)]
    assert broken(rules.no_success_over_failed_child(), Trail(children=children)) == []
    assert broken(rules.ALWAYS, Trail(children=children, succeeded=12)) == [(9, 12)]


def test_a_budget_has_a_shape() -> None:
    spends = (
        Spend("work", 1, 5, calls=3, tokens=100, score=0.9),
        Spend("work", 2, 8, calls=9, tokens=600, score=0.9),
        Spend("work", 3, 11, calls=1, tokens=300),
    )
    trail = Trail(spends=spends)
    assert broken(rules.spend(calls_per_attempt=3), trail) == [(8,)]
    assert broken(rules.spend(tokens_per_attempt=200), trail) == [(8,), (11,)]
    assert [each.why for each in rules.spend(after_best=0.5)(trail)] == [
        "90% of the tokens came after the best attempt; 50% may."
    ]
    assert broken(rules.spend(after_best=0.9), trail) == []
    assert broken(rules.spend(after_best=0.0), Trail()) == []


def test_an_attempt_is_judged_by_what_it_did_and_by_all_that_was_told() -> None:
    second = tuple(Deed(seq=20, step="work", attempt=2, name="lookup") for _ in range(1))
    trail = Trail(deeds=(*deeds("refund"), *second), evidence=((3, "x"),), spends=(Spend("work", 1, 9, 1, 1),))
    seen = trail.of_attempt("work", 2)
    assert (seen.deeds, seen.spends, seen.evidence) == (second, (), ((3, "x"),))


names = st.lists(st.sampled_from(["a", "b", "c"]), max_size=8)


@given(names)
def test_each_rule_says_what_it_means_of_any_order_of_calls(called: list[str]) -> None:
    trail = Trail(deeds=deeds(*called))
    assert bool(rules.required("a")(trail)) == ("a" not in called)
    assert len(rules.forbidden("a")(trail)) == called.count("a")
    assert bool(rules.at_most("a", 2)(trail)) == (called.count("a") > 2)
    first = called.index("a") if "a" in called else len(called)
    assert len(rules.ordered("a", "b")(trail)) == called[:first].count("b")


@given(names, names)
def test_a_breach_stays_one_whatever_is_done_later(before: list[str], after: list[str]) -> None:
    early, whole = Trail(deeds=deeds(*before)), Trail(deeds=deeds(*before, *after))
    for rule in (rules.forbidden("a"), rules.at_most("b", 1), rules.ordered("a", "b")):
        assert bool(rule(early)) <= bool(rule(whole))


@pytest.mark.parametrize("build", [lambda: rules.ordered("a"), rules.any_of])
def test_a_rule_that_demands_nothing_is_not_made(build: object) -> None:
    with pytest.raises(ValueError, match=r"two calls at least|one of which is to be kept"):
        build()  # type: ignore[operator]
