"""Tuning: everything that is not the split `test` is fitted and chosen on, out of fold; `test` gives the verdict."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version

import numpy as np

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.batch.answers import Answers
from zeta_eval.evaluation.batch.choice import curve_weights
from zeta_eval.evaluation.batch.context import choosable
from zeta_eval.evaluation.batch.estimate import costs as expected_costs
from zeta_eval.evaluation.batch.estimate import forest_means
from zeta_eval.evaluation.batch.evaluator import Evaluator, cost_column
from zeta_eval.evaluation.measures.means import apart
from zeta_eval.evaluation.replay import outside_corners, replay
from zeta_eval.exceptions import OutcomesError
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.complexity import is_embedding_request
from zeta_eval.router.policy import RoutingPolicy, Rung
from zeta_eval.router.rules_of_thumb import rules_without_costs
from zeta_eval.tuning.cascade import Curve, fit_cascade
from zeta_eval.tuning.data import Data
from zeta_eval.tuning.domain import fit_domain
from zeta_eval.tuning.estimators import Training
from zeta_eval.tuning.fit_costs import Costs, fit_costs
from zeta_eval.tuning.fit_prefill import fit_prefill
from zeta_eval.tuning.forests import forest_of
from zeta_eval.tuning.heuristic import HeuristicSearch
from zeta_eval.tuning.keeping import TradeOff
from zeta_eval.tuning.memory import check_memory
from zeta_eval.tuning.on_test import OnTest
from zeta_eval.tuning.progress import Board, board
from zeta_eval.tuning.quality import Quality
from zeta_eval.tuning.report import TuningReport
from zeta_eval.tuning.search import ran, search, trial_table
from zeta_eval.tuning.search_gain import SearchGain, gap_gain
from zeta_eval.tuning.selection import Candidate, Found, candidate, chosen, chosen_fit
from zeta_eval.tuning.settings import TuningSettings
from zeta_eval.tuning.trade_off import KEEP, Grid, choose_cost_weight, trade_off
from zeta_eval.tuning.unseen_tasks import measure_unseen

MOST = 200_000
"""Most queries that are tuned on; of a larger table as many are drawn at random."""

LEAST, LEAST_TEST = 70, 10
"""Fewest queries to fit to, and fewest of the split `test`."""


def tune(outcomes: Outcomes, settings: TuningSettings | None = None) -> TuningReport:
    """Tune a policy on a table of outcomes.

    Without a budget (max_cost) or a floor (min_score) the cost weight chosen is the cheapest that keeps 99 % of the
    largest size's accuracy.

    Raises:
        OutcomesError: the table has too few queries, one size only, or no usable cost column.
        InvalidInputError: no cost weight meets the budget or the floor, or the memory is too small.
    """
    check_memory(len(outcomes))
    import sklearn.linear_model  # noqa: F401 - loads the libraries that the limit is for
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):  # arrays are so small that threads would only wait for each other
        settings = settings or TuningSettings()
        with board(settings.n_trials) as told_of:
            return _tune(outcomes, settings, told_of)


def _tune(outcomes: Outcomes, settings: TuningSettings, told_of: Board) -> TuningReport:
    started = time.perf_counter()
    told_of.say("reading the table")
    unit = cost_column(outcomes, settings.cost)
    if len(outcomes.sizes) < 2:
        raise OutcomesError(f"The table holds one size only ({outcomes.sizes[0]}); tuning needs at least two.")
    # Cheapest first by what was measured: a small size that talks too much may cost more than a larger one.
    order = np.argsort(outcomes.matrix(unit).mean(0), kind="stable")
    outcomes = outcomes.with_order([outcomes.sizes[i] for i in order])
    fitted, test, counts = _parts(outcomes, settings.seed)
    data = Data(fitted, unit, settings.seed)
    costs, heuristic = fit_costs(data), HeuristicSearch(data)
    quality = Quality(data.evaluator, data.allowed, data.families)
    told: dict[int, Floats] = {}
    told_of.say("searching")
    study = search(data, settings, told, told_of)
    told_of.say("fitting what was found")
    found = chosen_fit(study, told, heuristic, costs, settings.seed)
    training = Training(data=data, heuristic=found.fit, embedder=settings.embedder)
    candidates = []
    for name in settings.estimators:
        told_of.say(f"fitting the {name} estimator")
        candidates.append(candidate(name, training, costs, quality))
    best = chosen(candidates, quality)
    provenance: dict[str, object] = {
        "zeta_eval": version("zeta-eval"),
        "optuna": version("optuna"),
        "outcomes_sha256": outcomes.sha256,
        "queries": counts,
        "study": study.study_name,
        "n_trials": len(ran(study)),
        "seed": settings.seed,
        "parameters": [dict(one) for one in found.parameters],
        "estimator": best.name,
        "keep": settings.keep,
    }
    policy = replace(_policy(best, data, costs, settings, provenance), embedding_size=_embedder(outcomes))
    told_of.say("weighing whether to look at answers")
    answers = Answers.of(fitted)
    cascade = fit_cascade(policy, data, best.p, costs.open, answers, quality)
    if cascade is not None and quality.better(cascade.closed, best.closed):
        policy, curve = replace(policy, looks=cascade.looks), cascade.curve
    else:
        curve = _plain_curve(data, best.p, costs.open)
    grid = Grid.of(curve, data)
    aims = _aims(grid, settings, len(test))
    weight = aims[0].cost_weight if aims else choose_cost_weight(grid, settings)
    policy = replace(policy, cost_weight=weight)
    told_of.say("testing on unseen queries")
    report = replay(policy, outcomes, split="test", cost=unit, seed=settings.seed)
    policy = replace(policy, verdict=report.verdict)
    on_test = OnTest(policy=policy, table=test, data=Evaluator(test, unit))
    tuned = curve.at(np.array([weight]))[1][:, 0]
    trials = trial_table(study)
    told_of.say("testing on tasks left out of the fit")
    tuned_report = TuningReport(
        policy=policy,
        test=report,
        tune_score=float(tuned.mean()),
        tune_minus_test=apart(tuned, on_test.at(weight)[0], data.families, on_test.families),
        trials=trials,
        parameters=[dict(one) for one in found.parameters],
        search=_gain(found, len(trials), on_test, data, outcomes),
        answers_stored=answers.stored,
        escalation_fitted=cascade is not None,
        heuristic=on_test.heuristic(),
        settings=settings,
        seconds=time.perf_counter() - started,
        estimator=best.name,
        unseen=measure_unseen(best.name, found.parameters, fitted, test, policy, settings),
        gap_closed={c.name: c.closed.value for c in candidates},
        certificate=None
        if settings.keep is None
        else on_test.certificate(settings.keep, settings.confidence, settings.seed),
        keeping=on_test.kept(aims),
        calibration=on_test.calibration(settings.seed),
    )
    told_of.say("tuned")
    return tuned_report


def _parts(outcomes: Outcomes, seed: int) -> tuple[Outcomes, Outcomes, Mapping[str, int]]:
    """The queries to fit to and those of `test`, and how many there are of each split."""
    names = outcomes.splits
    counts = {name: int((names == name).sum()) for name in ("tune", "validate", "test")}
    rows = np.flatnonzero(names != "test")
    if len(rows) < LEAST or counts["test"] < LEAST_TEST:
        told = ", ".join(f"{n} {name}" for name, n in counts.items())
        raise OutcomesError(f"Too few complete queries to tune on ({told}); benchmark at least 100 queries.")
    if len(rows) > MOST:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:MOST])
        counts["sampled"] = MOST
    return outcomes.take(rows), outcomes.split("test"), counts


def _policy(
    best: Candidate, data: Data, costs: Costs, settings: TuningSettings, provenance: Mapping[str, object]
) -> RoutingPolicy:
    """The policy of a candidate, without cascade, at a cost weight of 0."""
    outcomes = data.outcomes
    latency, mean = outcomes.matrix("latency_s").mean(0), data.cost.mean(axis=0)
    reading = fit_prefill(outcomes, data.cost_unit)
    rungs = tuple(
        Rung(
            size=size,
            cost=float(mean[i]),
            latency_s=float(latency[i]) if np.isfinite(latency[i]) else None,
            prefill=None if (x := reading[i]) is None else x / data.evaluator.unit_cost,
        )
        for i, size in enumerate(outcomes.sizes)
    )
    policy = RoutingPolicy(
        name=settings.name,
        rungs=rungs,
        estimator=best.estimator,
        cost_weight=0.0,
        default_size=outcomes.sizes[-1],
        cost_unit=data.cost_unit,
        unit_cost=data.evaluator.unit_cost,
        costs=costs.model,
        domain=fit_domain(data),
        fallback=rules_without_costs(len(rungs)) if settings.unknown == "seed" else None,
        provenance=provenance,
    )
    return data.contexts.put_into(policy)


def _plain_curve(data: Data, p: Floats, cost: Floats) -> Curve:
    """The curve of a policy that keeps its first answer, by out-of-fold chances and expected costs, each (Q, M)."""
    weights = curve_weights(p, cost)
    weights = weights[np.isfinite(weights)]
    _, paid, score = data.evaluator.curve(p, cost, data.allowed, weights=weights)
    return Curve(weights=weights, cost=paid, score=score)


def _aims(grid: Grid, settings: TuningSettings, n_test: int) -> list[TradeOff]:
    """The trade-off that keeps the share asked for, and the one for 99 % beside it; none under a budget or a floor."""
    if settings.keep is None or settings.max_cost is not None or settings.min_score is not None:
        return []
    shares = dict.fromkeys((settings.keep, KEEP))
    return [trade_off(grid, share, settings.confidence, n_test) for share in shares]


def _gain(found: Found, n_trials: int, on_test: OnTest, data: Data, outcomes: Outcomes) -> SearchGain:
    """Compare the heuristic that was found with the untuned start on the test split, where nobody names the task."""
    read, test = on_test.data.features_without_task, on_test.data
    assert on_test.policy.costs is not None
    expected, names = expected_costs(on_test.policy.costs, read), data.read.names
    tuned, start = (forest_means(forest_of(fit.several, names), read) for fit in (found.fit, found.start))
    gain = gap_gain(
        test,
        (tuned, expected),
        (start, expected),
        allowed=choosable(on_test.policy, read),
        corners=outside_corners(outcomes, "test", test.cost_unit),
        families=on_test.families,
    )
    configurations = 0 if found.fit is found.start else len(found.parameters)
    return SearchGain(n_trials=n_trials, configurations=configurations, out_of_fold=found.gain, gap_closed=gain)


def _embedder(outcomes: Outcomes) -> str | None:
    """The model beside the ladder that answered embedding requests alone, or None."""
    frame = outcomes.frame
    others = frame[~frame["model"].isin(outcomes.sizes) & frame["score"].notna()]
    for model, rows in others.groupby("model", sort=False):
        if rows["query"].map(is_embedding_request).all():
            return str(model)
    return None
