import numpy as np
import pytest
from tables import data, drawn, prose

from zeta_eval.evaluation.batch.estimate import chances
from zeta_eval.router.complexity import TextView
from zeta_eval.tuning.estimators import Training, fit_estimator
from zeta_eval.tuning.fit_learned import WEIGHT
from zeta_eval.tuning.fit_tasks import fit_tasks
from zeta_eval.tuning.heuristic import START, HeuristicSearch
from zeta_eval.tuning.selection import fit_level


def world(n, m=3, seed=0, graded=False):
    """A word, the length and the task each say something of what the sizes but the largest can do."""
    rng = np.random.default_rng(seed)
    word, long, task = (rng.integers(0, 2, n) for _ in range(3))
    texts = np.array(
        [
            f"{('sum', 'prove')[w]} {prose(1, [seed, i], 4 + 16 * k)[0]}"
            for i, (w, k) in enumerate(zip(word, long, strict=True))
        ],
        dtype=object,
    )
    hard = 0.3 * word + 0.3 * long + 0.2 * task
    p = 0.95 - hard[:, None] * np.linspace(1.0, 0.0, m)
    score = np.random.default_rng([seed, 1]).binomial(4, p) / 4 if graded else drawn(p, seed)
    return texts, np.array(["easy", "difficult"], dtype=object)[task], score, p


def fitted(texts, tasks, score, name="learned"):
    made = data(texts, score, tasks=tasks)
    found = fit_estimator(name, Training(data=made, heuristic=HeuristicSearch(made).fit([START])))
    level = fit_level(found.p, score)
    return made, found, found.estimator(level, fit_tasks(found.p, score, made.tasks, made.folds)[0])


@pytest.fixture(scope="module")
def large():
    return fitted(*world(2000)[:3])


def asked(estimator, text, task=None):
    from zeta_eval.router.complexity import extract

    return estimator.chances(TextView.of(text), extract(text), task)


def test_a_learned_estimator_tells_which_queries_need_a_larger_size(large):
    texts, tasks, score, p = world(400, seed=9)
    told = chances(large[2], data(texts, score, tasks=tasks).evaluator.features)
    assert np.corrcoef(p[:, 2] - p[:, 0], told[:, 2] - told[:, 0])[0, 1] > 0.8


def test_words_length_and_task_each_count(large):
    def gain(word, length, task):
        p = asked(large[2], f"{word} {prose(1, 5, length)[0]}", task)
        return p[2] - p[0]

    plain = gain("sum", 4, "easy")
    assert gain("prove", 4, "easy") > plain + 0.03
    assert gain("sum", 20, "easy") > plain + 0.1
    assert gain("sum", 4, "difficult") > plain + 0.1


def test_it_is_the_forest_and_the_words_in_fixed_shares(large):
    made, found, _ = large
    heuristic = HeuristicSearch(made).fit([START])
    words = Training(data=made, heuristic=heuristic).words
    assert found.p == pytest.approx((1 - WEIGHT) * heuristic.p + WEIGHT * words.p)


def test_out_of_fold_chances_are_as_good_as_those_of_new_queries(large):
    texts, tasks, score, p = world(2000, seed=3)
    new = chances(large[2], data(texts, score, tasks=tasks).read)
    truth = world(2000)[3]
    assert ((large[1].p - truth) ** 2).mean() == pytest.approx(((new - p) ** 2).mean(), rel=0.4)


def test_an_unknown_task_counts_like_none(large):
    text = prose(1, 8)[0]
    assert asked(large[2], text, "new") == asked(large[2], text) != asked(large[2], text, "difficult")


def test_a_seed_repeats_a_fit():
    texts, tasks, score, _ = world(100)
    first, again = (fitted(texts, tasks, score) for _ in range(2))
    assert first[2] == again[2] and (first[1].p == again[1].p).all()


@pytest.mark.parametrize("name", ["heuristic", "learned"])
@pytest.mark.parametrize(("n", "m", "graded"), [(70, 3, False), (70, 2, True), (300, 4, True)])
def test_small_and_graded_tables_of_any_number_of_sizes_can_be_fitted(n, m, graded, name):
    made, found, estimator = fitted(*world(n, m, graded=graded)[:3], name)
    told = chances(estimator, made.read)
    assert told.shape == found.p.shape == (n, m)
    assert told.min() >= 0.001 and told.max() <= 0.999


def test_sizes_that_never_fail_or_never_answer_get_chances_short_of_certain():
    texts, tasks, score, _ = world(80)
    score[:, 0], score[:, 2] = 0.0, 1.0
    told = chances(fitted(texts, tasks, score)[2], data(texts, score).read)
    assert told[:, 0].max() < 0.2 and told[:, 2].min() > 0.8
    assert told.min() >= 0.001 and told.max() <= 0.999


def test_the_usual_features_of_an_estimator_are_the_means_of_those_that_its_trees_ask_for(large):
    made, _, estimator = large
    assert set(estimator.usual) == set(estimator.forest.features)
    assert estimator.usual["words"] == pytest.approx(made.read.column("words").mean())
