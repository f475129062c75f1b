import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from zeta_eval.arrays import sigmoid
from zeta_eval.evaluation.batch.estimate import predict
from zeta_eval.evaluation.batch.predict import Features
from zeta_eval.tuning.estimators import Training, fit_estimator
from zeta_eval.tuning.stacking import logistic, stack, task_offsets

NAMES = ("hard", "constant", "noise")


def world(n, m=3, seed=0, graded=False):
    """Words, a feature and the task each say something of what the sizes but the largest can do."""
    rng = np.random.default_rng(seed)
    word, task = rng.integers(0, 2, n), rng.integers(0, 2, n)
    x = np.column_stack([rng.normal(size=n), np.full(n, 3.0), rng.normal(size=n)])
    filler = [" ".join(rng.choice([f"w{chr(97 + i)}" for i in range(26)], 6)) for _ in range(n)]
    texts = [f"{['sum', 'prove'][w]} {f}" for w, f in zip(word, filler, strict=True)]
    z = (1.0 - 1.5 * word - 1.5 * task - x[:, 0])[:, None] * np.linspace(1.5, 0.0, m) + np.linspace(0.5, 2.0, m)
    p = sigmoid(z)
    score = rng.binomial(4, p) / 4 if graded else (rng.random(p.shape) < p).astype(float)
    return texts, x, NAMES, np.array(["easy", "difficult"], dtype=object)[task], score, p


def served(model, texts, x, names, tasks):
    return np.array(
        [
            model.logits(text, dict(zip(names, row, strict=True)), task)
            for text, row, task in zip(texts, x.tolist(), tasks, strict=True)
        ]
    )


def twins_agree(model, texts, x, names, tasks):
    logits = predict(model, texts, x, names, tasks)
    assert logits == pytest.approx(served(model, texts, x, names, tasks), abs=1e-9)
    return sigmoid(logits)


def fit_learned(texts, x, names, tasks, score, seed=0):
    rule = np.zeros(len(texts), dtype=np.int8)
    read = Features(names=names, columns=x.T, rule=rule, texts=texts, tasks=tasks)
    return fit_estimator("learned", Training(read=read, score=score, seed=seed))


@pytest.fixture(scope="module")
def large():
    *data, p = world(3000)
    return data, p, fit_learned(*data)


def test_a_learned_model_tells_which_queries_need_a_larger_size(large):
    *data, p = world(400, seed=9)
    got = twins_agree(large[2].model, *data[:4])
    gain, expected = p[:, 2] - p[:, 0], got[:, 2] - got[:, 0]
    assert np.corrcoef(gain, expected)[0, 1] > 0.7


def test_every_part_that_tells_something_counts(large):
    def gain(text, task, hard):
        z = large[2].model.logits(text, {"hard": hard, "constant": 3.0, "noise": 0.0}, task)
        return z[2] - z[0]

    plain = gain("sum", "easy", 0.0)
    assert gain("prove", "easy", 0.0) > plain + 0.1
    assert gain("sum", "difficult", 0.0) > plain + 0.1
    assert gain("sum", "easy", 1.0) > plain + 0.1


def test_out_of_fold_probabilities_are_no_better_than_those_of_new_queries(large):
    _, p, fitted = large
    *new, new_p = world(3000, seed=3)
    logits = predict(fitted.model, new[0], new[1], NAMES, new[3])
    new_error = ((sigmoid(logits) - new_p) ** 2).mean()
    assert ((fitted.p - p) ** 2).mean() == pytest.approx(new_error, rel=0.25)
    assert fitted.p.shape == p.shape


def test_labels_of_pure_chance_give_no_weight_to_speak_of():
    texts, x, names, tasks, score, _ = world(1500)
    chance = (np.random.default_rng(5).random(score.shape) < 0.5).astype(float)
    fitted = fit_learned(texts, x, names, tasks, chance)
    assert np.abs(fitted.p - 0.5).max() < 0.1


def test_a_constant_feature_and_an_unknown_task_add_nothing(large):
    model = large[2].model
    assert set(model.linear.weights) == {"hard", "noise"}
    texts, x, names, _, _, _ = world(5)
    assert (
        twins_agree(model, texts, x, names, ["new"] * 5).tolist()
        == twins_agree(model, texts, x, names, [None] * 5).tolist()
    )


def test_a_seed_repeats_a_fit():
    *data, _ = world(100)
    first, second = fit_learned(*data, seed=4), fit_learned(*data, seed=4)
    assert first.model == second.model
    assert (first.p == second.p).all()
    assert (fit_learned(*data, seed=5).p != first.p).any()


@pytest.mark.parametrize(("n", "m", "graded"), [(60, 3, False), (60, 2, True), (300, 2, False), (300, 4, True)])
def test_small_and_graded_tables_of_any_number_of_sizes_can_be_fitted(n, m, graded):
    *data, _ = world(n, m, graded=graded)
    fitted = fit_learned(*data)
    assert twins_agree(fitted.model, *data[:4]).shape == fitted.p.shape == (n, m)


def test_sizes_that_never_fail_or_never_answer_get_constant_probabilities_short_of_certain():
    *data, _ = world(60)
    data[4][:, 0], data[4][:, 2] = 0.0, 1.0
    fitted = fit_learned(*data)
    got = twins_agree(fitted.model, *data[:4])
    assert got[:, 0] == pytest.approx(0.5 / 61, abs=1e-2)
    assert got[:, 2] == pytest.approx(1 - 0.5 / 61, abs=1e-2)
    assert np.ptp(got[:, 2]) < 0.01


def test_queries_without_a_task_can_be_fitted():
    texts, x, names, _, score, _ = world(60)
    none = np.full(60, None, dtype=object)
    fitted = fit_learned(texts, x, names, none, score)
    assert fitted.model.linear.tasks == {}
    twins_agree(fitted.model, texts, x, names, none)


def test_graded_scores_are_fitted_as_shares_of_successes():
    rng = np.random.default_rng(0)
    x, wins = rng.normal(size=(100, 2)), rng.integers(0, 5, 100)
    weights, bias = logistic(x, (wins / 4)[:, None], 1.0)
    target = (np.arange(4) < wins[:, None]).ravel().astype(float)
    four = LogisticRegression(C=0.25, max_iter=1000).fit(np.repeat(x, 4, axis=0), target)
    assert weights[:, 0] == pytest.approx(four.coef_[0], abs=1e-3)
    assert bias == pytest.approx(four.intercept_, abs=1e-3)


def test_a_task_s_offset_shrinks_when_it_has_few_queries():
    code = np.array([0] * 2 + [1] * 200 + [2] * 202)
    score = np.array([1.0] * 202 + [0.0] * 202)[:, None]
    few, many, none = task_offsets(code, 2, score)[:, 0]
    assert 0 < few < 1 < many
    assert none == 0


def test_stacking_finds_the_part_that_is_right():
    rng = np.random.default_rng(2)
    right, wrong = rng.normal(size=(2, 5000, 3))
    score = (rng.random((5000, 3)) < sigmoid(right)).astype(float)
    a = stack(np.stack([right, wrong, -right]), np.zeros(3), score)
    assert a == pytest.approx([1.0, 0.0, 0.0], abs=0.1)
