"""Sizes that are asked several times: what replay does with them is what `generate` does, and all attempts are paid."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from random_policies import KINDS, REPLIES, policy, queries, sizes

from zeta_eval.api.answering import majority
from zeta_eval.evaluation.batch.answers import Answers
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.predict import FeatureCache
from zeta_eval.evaluation.batch.runs import PolicyRuns
from zeta_eval.models import Completion
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.voting import vote_table
from zeta_eval.router import ZetaDynamicRouter

ASKED = {"1B": ("S", 1), "2B": ("S", 3), "4B": ("L", 1), "8B": ("L", 3)}
"""By name of a policy's size, the model behind it and how often it is asked."""


def attempts_at(texts, rng):
    """Three attempts at each text by two models, as they would be given and as the table holds them."""
    given = {}
    for i in range(len(texts)):
        for model in ("S", "L"):
            given[model, i] = [
                Completion(
                    text=str(rng.choice(REPLIES)),
                    mean_logprob=float(-rng.exponential()),
                    min_logprob=float(-rng.exponential()),
                    completion_tokens=int(rng.integers(1, 40)),
                    confidence=float(rng.random()),
                    gpu_s=float(rng.random()),
                )
                for _ in range(3)
            ]
    fields = ("mean_logprob", "min_logprob", "completion_tokens", "confidence", "gpu_s")
    rows = [
        {"task": "made", "query_id": f"q{i}", "query": texts[i], "model": model, "attempt": k}
        | {"score": float(rng.integers(2)), "response": a.text}
        | {name: getattr(a, name) for name in fields}
        for (model, i), answers in given.items()
        for k, a in enumerate(answers)
    ]
    return given, Outcomes.from_frame(pd.DataFrame(rows))


def renamed(table):
    """The table with voted sizes under the names of a random policy's."""
    names = {m if k == 1 else f"{m} x{k}": name for name, (m, k) in ASKED.items()}
    frame = table.frame.assign(model=lambda f: f["model"].map(names))
    return Outcomes.from_frame(frame).with_order(sizes(4))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(KINDS))
def test_replay_asks_and_keeps_voted_sizes_as_the_router_does_and_counts_every_attempt(seed, kind):
    rng = np.random.default_rng(seed)
    rule = policy(rng, kind, 4, cascades=True)
    texts, tasks = queries(rng)
    given, table = attempts_at(texts, rng)
    table = renamed(vote_table(table).outcomes)
    runs = PolicyRuns.of(rule, table, FeatureCache().features(texts, tasks)).at(rule.cost_weight)
    data, router = Evaluator(table, "gpu_s"), ZetaDynamicRouter(rule)
    paid = runs.paid(data.cost) * data.unit_cost
    for q, (text, task) in enumerate(zip(texts, tasks, strict=True)):
        spent = []

        def asking(name, q=q, spent=spent):
            model, k = ASKED[name]
            asked = given[model, q][:k]

            def answer(_):
                # One attempt costs the mean of all in the table, which does not know which of them is drawn.
                spent.append(sum(a.gpu_s for a in asked) if k > 1 else np.mean([a.gpu_s for a in given[model, q]]))
                return asked[0] if k == 1 else majority(asked)

            return answer

        routed = router.generate(text, {name: asking(name) for name in ASKED}, task=task)
        if rule.looks:
            assert [s.size for s in routed.steps] == [sizes(4)[i] for i in np.flatnonzero(runs.ran[q])]
            assert routed.size == sizes(4)[runs.kept[q]]
            assert np.isclose(sum(spent), paid[q])


def test_agreement_is_read_of_voted_sizes_alone():
    texts, _ = queries(np.random.default_rng(0))
    _, table = attempts_at(texts, np.random.default_rng(0))
    plain, voted = Answers.of(table), Answers.of(renamed(vote_table(table).outcomes))
    assert "agreement" not in plain.names((0,)) and "confidence" in plain.names((0,))
    assert ["agreement" in voted.names((k,)) for k in range(3)] == [False, True, False]
