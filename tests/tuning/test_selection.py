from dataclasses import replace

import numpy as np
import optuna
import pytest
from tables import data, drawn, prose

from zeta_eval.evaluation.measures.statistics import standard_error
from zeta_eval.tuning.fit_costs import fit_costs
from zeta_eval.tuning.heuristic import START, HeuristicSearch
from zeta_eval.tuning.quality import Closed, Quality
from zeta_eval.tuning.selection import BEST, Candidate, chosen, chosen_fit, fit_level


@pytest.fixture(scope="module")
def parts():
    texts = np.array([prose(1, i, 2 + i % 30)[0] for i in range(500)], dtype=object)
    p = np.column_stack([np.where(np.arange(500) % 30 < 15, 0.9, 0.1), np.full(500, 0.95)])
    made = data(texts, drawn(p))
    return made, p, fit_costs(made), Quality(made.evaluator, made.allowed, made.families)


def candidates(quality, *values, errors):
    """Candidates whose gap closed exceeds the first one's by so much, with such standard errors of the difference."""
    rng = np.random.default_rng(0)
    found = []
    for i, (value, error) in enumerate(zip(values, errors, strict=True)):
        influence = rng.normal(size=500)
        influence *= error / max(standard_error(influence, None), 1e-12)
        closed = Closed(value=value, influence=influence if i else np.zeros(500))
        found.append(Candidate(name=f"c{i}", estimator=None, p=None, tasked=None, closed=closed))
    return found


@pytest.mark.parametrize(
    ("values", "errors", "name"),
    [
        ((0.2, 0.25), (0, 0.06), "c0"),  # better, within a standard error
        ((0.2, 0.25), (0, 0.04), "c1"),
        ((0.2, 0.1), (0, 0.001), "c0"),  # worse for sure
        ((0.2, 0.2), (0, 0.0), "c0"),  # as good: the simpler one stays
        ((0.2, 0.25, 0.3), (0, 0.06, 0.01), "c2"),
    ],
)
def test_a_richer_estimator_is_taken_only_where_it_gains_over_one_standard_error(parts, values, errors, name):
    assert chosen(candidates(parts[3], *values, errors=errors), parts[3]).name == name


def test_chances_that_tell_more_close_more_and_the_same_ones_are_not_better(parts):
    made, p, costs, quality = parts
    blind = np.tile(made.score.mean(axis=0), (500, 1))
    sighted, none = (quality.of_chances(x, costs.open) for x in (p, blind))
    assert sighted.value > none.value + 0.3
    assert quality.better(sighted, none)
    assert not quality.better(none, sighted) and not quality.better(sighted, sighted)
    assert quality.of_chances(made.score, made.cost).value == pytest.approx(1.0)


def test_an_error_counts_families_of_like_queries():
    quality = Quality(*_like(np.repeat(np.arange(100), 5)))
    rng = np.random.default_rng(0)
    influence = np.repeat(rng.normal(size=100), 5)  # queries of a family err alike
    by_query = standard_error(influence, None)
    simpler = Closed(value=0.0, influence=np.zeros(500))
    richer = Closed(value=1.5 * by_query, influence=influence)
    assert not quality.better(richer, simpler)
    assert quality.better(replace(richer, value=3 * by_query), simpler)


def _like(family):
    made = data(prose(500), drawn(np.tile([0.3, 0.9], (500, 1))))
    return made.evaluator, made.allowed, family


def study_of(*trials):
    """A study with trials of these parameters and values."""
    study = optuna.create_study(direction="maximize")
    kinds = {name: optuna.distributions.FloatDistribution(0.0, 1000.0) for name in START}
    for params, value in trials:
        study.add_trial(optuna.trial.create_trial(params=params, distributions=kinds, value=value))
    return study


def test_the_trees_are_shared_out_among_the_best_trials_where_these_beat_the_start(parts, monkeypatch):
    made, p, costs, _ = parts
    poor = {**START, **{name: 0 for name in START if name.startswith("use_")}}
    monkeypatch.setattr("zeta_eval.tuning.selection.START", poor)  # a start that sees no feature
    trials = [({**START, "leaf": 10.0 + i}, 0.01 * i) for i in range(6)]
    found = chosen_fit(study_of((poor, 0.9), *trials[:-1], trials[-1]), {}, HeuristicSearch(made), costs, 0)
    assert found.gain > 0.2
    assert found.parameters == (poor, {**START, "leaf": 15.0})  # of 7 trials the best two
    assert found.fit is not found.start
    assert np.corrcoef(found.fit.p[:, 0], p[:, 0])[0, 1] > np.corrcoef(found.start.p[:, 0], p[:, 0])[0, 1]


def test_the_untuned_start_is_kept_where_the_best_trials_gain_nothing_sure(parts):
    made, _, costs, _ = parts
    like = [({**START, "leaf": 59.0}, 0.9), (dict(START), 0.5), (dict(START), 0.4)]
    found = chosen_fit(study_of(*like), {}, HeuristicSearch(made), costs, 0)
    assert found.parameters == (START,) and found.fit is found.start
    assert abs(found.gain) < 0.1


def test_at_most_so_many_trials_share_the_trees(parts, monkeypatch):
    made, _, costs, _ = parts
    blind = {**START, **{name: 0 for name in START if name.startswith("use_")}}
    study = study_of(*[({**START, "leaf": float(10 + i)}, float(i)) for i in range(40)])
    monkeypatch.setattr("zeta_eval.tuning.selection.START", blind)  # a start that is beaten
    seen = []

    class Spy(HeuristicSearch):
        def fit(self, several):
            seen.append(len(several))
            return super().fit(several)

    chosen_fit(study, {}, Spy(made), costs, 0)
    assert seen == [1, BEST]


def test_a_search_of_the_start_alone_gains_nothing(parts):
    made, _, costs, _ = parts
    found = chosen_fit(study_of((dict(START), 0.3)), {}, HeuristicSearch(made), costs, 0)
    assert found.fit is found.start and found.gain == 0.0


def test_a_level_stretches_easy_and_hard_apart_by_as_much_as_scores_move():
    rng = np.random.default_rng(0)
    ease = rng.uniform(-0.3, 0.3, 2000)
    score = np.column_stack([0.4 + ease, 0.6 + ease])
    level = fit_level(0.5 + (score - 0.5) / 1.6, score)
    assert level.stretch == pytest.approx(1.6)
    assert level.mean == pytest.approx(0.5 + (score.mean() - 0.5) / 1.6)
    assert fit_level(np.full((10, 2), 0.5), score[:10]).stretch == 1.0
    assert fit_level(0.5 + (score - 0.5) / 100, score).stretch == 2.0
    assert fit_level(score, 1 - score).stretch == 0.5
