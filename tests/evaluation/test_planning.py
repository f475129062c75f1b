import numpy as np
import pytest

from zeta_eval.evaluation.measures.guarantee import betting
from zeta_eval.evaluation.measures.planning import POWER, Margin, chance_to_certify, queries_needed

ALPHA = 0.05


def drawn(rng, n, *, kept, alone=0.03, accuracy=0.7):
    """Scores (n,) of a policy that keeps a share of the largest size's accuracy, and of the largest size."""
    u = rng.random(n)
    largest = (u >= alone) & (u < alone + accuracy)
    return (u < kept * accuracy).astype(float), largest.astype(float)


def margin(share, *groups):
    return Margin.of([(p[:, None], s) for p, s in groups], share)


def test_pooled_groups_have_the_mean_and_spread_of_all_queries():
    rng = np.random.default_rng(0)
    a, b = drawn(rng, 50, kept=0.9), drawn(rng, 80, kept=0.9)
    z = np.concatenate([p - 0.8 * s for p, s in (a, b)])
    found = margin(0.8, a, b)
    assert found.n == 130
    assert found.mean == pytest.approx([z.mean()]) and found.spread == pytest.approx([z.std()])


def test_the_queries_needed_have_the_chance_that_is_planned_for():
    mean, spread = 0.03, 0.3
    seen = Margin(n=10**9, mean=np.array([mean]), spread=np.array([spread]))
    needed = queries_needed(mean, spread, 0.95, ALPHA)
    assert chance_to_certify(seen, needed - 250, 0.95, ALPHA)[0] < POWER
    # The queries that rare losses cost count for the normal part too, so a few less would do.
    assert chance_to_certify(seen, needed, 0.95, ALPHA)[0] == pytest.approx(POWER, abs=0.03)


@pytest.mark.parametrize("kept", [0.965, 0.98])
def test_the_chance_told_from_other_queries_comes_true(kept):
    rng, runs, n = np.random.default_rng(1), 300, 700
    seen = [margin(0.95, drawn(rng, 4 * n, kept=kept)) for _ in range(runs)]
    told = [chance_to_certify(m, n, 0.95, ALPHA)[0] for m in seen]
    policy, largest = drawn(rng, (n, runs), kept=kept)
    came = betting(policy, largest, np.full(runs, 0.95), ALPHA) <= ALPHA
    assert np.mean(told) == pytest.approx(came.mean(), abs=0.09)


def test_fewer_queries_seen_make_a_likely_certificate_less_sure():
    mean, spread = np.array([0.05]), np.array([0.3])
    few, many = (Margin(n=n, mean=mean, spread=spread) for n in (300, 30_000))
    chances = [chance_to_certify(m, 700, 0.95, ALPHA)[0] for m in (few, many)]
    assert POWER < chances[0] < chances[1]


def test_without_a_margin_or_with_too_few_queries_there_is_no_chance():
    seen = Margin(n=500, mean=np.array([-0.1, 0.0, 0.04, 0.04]), spread=np.array([0.3, 0.0, 0.1, 0.0]))
    assert chance_to_certify(seen, 100, 0.95, ALPHA).tolist() == [0, 0, 0, 0]
    assert chance_to_certify(seen, 200, 0.95, ALPHA)[3] == 1
    assert queries_needed(0.0, 0.3, 0.95, ALPHA) is None
