import numpy as np
import pytest

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.tasks import Query, Score, get_task
from zeta_eval.tasks.embedding import REQUEST, mean_ranks, score_embeddings, sentence_pairs


def vectors_with(cosines):
    """Pairs of plane vectors with the given cosines."""
    first = np.tile([1.0, 0.0], (len(cosines), 1))
    c = np.asarray(cosines)
    return first, 3 * np.stack([c, np.sqrt(1 - c**2)], axis=1)


def test_the_right_order_scores_one_and_the_opposite_order_least():
    first, second = vectors_with([-0.5, 0.0, 0.3, 0.8, 0.9])
    gold = np.arange(5.0)
    assert score_embeddings(first, second, gold) == pytest.approx(np.ones(5))
    assert score_embeddings(first, second, -gold) == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_an_order_at_random_scores_about_two_thirds():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 4000, 8))
    scores = score_embeddings(first, second, rng.normal(size=4000))
    assert scores.mean() == pytest.approx(2 / 3, abs=0.02)
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_only_ranks_count():
    rng = np.random.default_rng(1)
    first, second, gold = rng.normal(size=(50, 4)), rng.normal(size=(50, 4)), rng.uniform(0, 5, 50)
    scores = score_embeddings(first, second, gold)
    assert score_embeddings(7 * first, second, np.exp(gold)) == pytest.approx(scores)


def test_ties_share_their_mean_rank():
    assert mean_ranks(np.array([2.0, 1.0, 2.0, 5.0])).tolist() == [2.5, 1.0, 2.5, 4.0]


def test_what_has_no_rank_is_unscored():
    first, second = vectors_with([0.1, 0.2, 0.3])
    assert np.isnan(score_embeddings(first[:1], second[:1], [1.0])).all()
    assert score_embeddings(first[:0], second[:0], []).shape == (0,)
    second[1] = 0
    scores = score_embeddings(first, second, [1, 2, 3])
    assert np.isnan(scores).tolist() == [False, True, False]
    second[1] = np.nan
    assert np.isnan(score_embeddings(first, second, [1, 2, 3])).sum() == 1


def test_shapes_that_do_not_fit_are_refused():
    first, second = vectors_with([0.1, 0.2])
    with pytest.raises(InvalidInputError, match=r"shapes \(2, 2\), \(2, 2\) and gold values \(3,\)"):
        score_embeddings(first, second, [1, 2, 3])


def test_queries_give_the_sentences_to_embed_and_words_are_no_vector():
    query = Query(prompt=REQUEST + "A man eats.", target=("Someone eats.", "4.2"))
    assert sentence_pairs([query]) == (["A man eats."], ["Someone eats."], [4.2])
    assert get_task("embedding").kind == "embed"
    assert get_task("embedding").score(query, "Sure, here it is") == Score(0.0, unparsed=True)
