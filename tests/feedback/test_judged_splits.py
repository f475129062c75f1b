import zeta_eval as ze
from zeta_eval.feedback import History
from zeta_eval.feedback.judged import Judged
from zeta_eval.outcomes.split import split_name, split_names
from zeta_eval.router.policy import RoutingPolicy


def test_ratings_are_split_with_the_table_that_they_join(tmp_path):
    policy = RoutingPolicy.seed()
    router, benchmark = ze.ZetaDynamicRouter(policy), [f"What is the square of {i}?" for i in range(300, 500)]
    with History(tmp_path / "h.db") as history:
        keys = [
            history.record(router.route(text), text)
            for text in (f"What is the square of {i}?" for i in range(100, 140))
        ]
        history.flush()
        for key in keys:
            history.feedback(key, score=1.0, source="ann")
        alone, joined = (Judged.of(history, policy.sizes, beside=beside).queries for beside in ((), benchmark))
    assert set(alone["split"]) == {split_name(benchmark[0])}  # too few queries to divide their family
    assert joined["split"].tolist() == split_names([*benchmark, *joined["query"]])[200:].tolist()
    assert len(set(joined["split"])) == 3
