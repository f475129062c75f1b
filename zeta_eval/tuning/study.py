"""Tuning: search the heuristic on `tune`, choose the policy on `validate`, report on `test`."""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from zeta_eval.evaluation.batch.answers import Answers
from zeta_eval.evaluation.batch.evaluator import cost_column
from zeta_eval.evaluation.batch.predict import expect
from zeta_eval.evaluation.measures.gap import mix_corners
from zeta_eval.evaluation.measures.means import apart
from zeta_eval.evaluation.replay import outside_corners, replay
from zeta_eval.exceptions import InvalidInputError, OutcomesError
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.split import families
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning.cuts import best_cut_points
from zeta_eval.tuning.estimators import Fitted, Training, fit_estimator
from zeta_eval.tuning.heuristic import STARTS, Configuration, Data, configure, export, neutral
from zeta_eval.tuning.keeping import TradeOff
from zeta_eval.tuning.on_test import OnTest
from zeta_eval.tuning.report import TuningReport
from zeta_eval.tuning.search_gain import SearchGain, gap_gain, plain_fit
from zeta_eval.tuning.selection import Candidate, Split, with_looks
from zeta_eval.tuning.settings import TuningSettings
from zeta_eval.tuning.trade_off import KEEP, Grid, choose_cost_weight, trade_off
from zeta_eval.tuning.unseen_tasks import Refit, measure_transfer

if TYPE_CHECKING:
    import optuna

ENQUEUED_COST_WEIGHTS = (0.1, 0.3, 0.8)
"""Cost weights at which every fitted start is tried first."""

MOST = 200_000
"""Most queries of a split that are tuned on; of a larger split as many are drawn at random."""

CANDIDATES = 30
"""Most trials within a budget that are compared on held-out queries."""


def tune(outcomes: Outcomes, settings: TuningSettings | None = None) -> TuningReport:
    """Tune a policy on a table of outcomes.

    Without a budget the search has two objectives, score and cost (NSGA-II). The cost weight is the cheapest that keeps
    99 % of the largest size's accuracy; with a share to keep, the cheapest that is likely to be certified.
    With a budget (max_cost) or a floor (min_score) it has one objective under a constraint (TPE).

    Raises:
        OutcomesError: the table has too few queries, one size only, or no usable cost column.
        InvalidInputError: no configuration meets the budget or the floor.
    """
    import sklearn.linear_model  # noqa: F401 - loads the libraries that the limit is for
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):  # arrays are so small that threads would only wait for each other
        return _tune(outcomes, settings or TuningSettings())


def _tune(outcomes: Outcomes, settings: TuningSettings) -> TuningReport:
    started = time.perf_counter()
    cost = cost_column(outcomes, settings.cost)
    if len(outcomes.sizes) < 2:
        raise OutcomesError(f"The table holds one size only ({outcomes.sizes[0]}); tuning needs at least two.")
    # Cheapest first by what was measured: a small size that talks too much may cost more than a larger one.
    order = np.argsort(outcomes.matrix(cost).mean(0), kind="stable")
    outcomes = outcomes.with_order([outcomes.sizes[i] for i in order])
    parts = {name: outcomes.split(name) for name in ("tune", "validate", "test")}
    if len(parts["tune"]) < 50 or min(len(p) for p in parts.values()) < 10:
        counts = ", ".join(f"{len(p)} {n}" for n, p in parts.items())
        raise OutcomesError(f"Too few complete queries to tune on ({counts}); benchmark at least 100 queries.")
    sampled = {n: MOST for n in ("tune", "validate") if len(parts[n]) > MOST}
    parts |= {n: parts[n].sample(k, seed=settings.seed) for n, k in sampled.items()}
    data = Data.of(parts["tune"], cost)
    held_out = Data.of(parts["validate"], cost, data.costs)
    study = _search(data, outcomes, cost, settings)
    trial, configuration = _choose_configuration(study, data, held_out, outcomes.sizes)
    provenance: dict[str, object] = {
        "zeta_eval": version("zeta-eval"),
        "optuna": version("optuna"),
        "outcomes_sha256": outcomes.sha256,
        "queries": {n: len(p) for n, p in parts.items()},
        "study": study.study_name,
        "n_trials": sum(t.state.is_finished() for t in study.trials),
        "seed": settings.seed,
        "parameters": dict(trial.params),
    } | ({"sampled": sampled} if sampled else {})
    policy = export(configuration, parts["tune"], data, name=settings.name, cost=cost, provenance=provenance)
    splits = [(part, Answers.of(parts[name])) for name, part in (("tune", data), ("validate", held_out))]
    candidates = [with_looks(candidate(name, policy, splits, settings)) for name in settings.estimators]
    chosen = max(candidates, key=lambda c: c.held_out_area)
    aims = _aims(chosen, settings, len(parts["test"]))
    weight = aims[0].cost_weight if aims else choose_cost_weight(chosen, settings)
    cuts = best_cut_points(data.standard @ configuration.weights, data.score - weight * data.cost)
    refit = _refit(chosen, trial.params, cost, settings)
    domain, unseen = measure_transfer(parts, cost, weight, refit, seed=settings.seed)
    provenance = provenance | {"estimator": chosen.estimator}
    policy = replace(chosen.policy, cost_weight=weight, cut_points=cuts, domain=domain, provenance=provenance)
    test = replay(policy, outcomes, split="test", cost=cost, seed=settings.seed)
    policy = replace(policy, verdict=test.verdict)
    held = Data.of(parts["test"], cost, data.costs)
    on_test = OnTest(policy=policy, table=parts["test"], data=held.evaluator)
    tuned = chosen.scores(chosen.tune, np.array([weight]))[:, 0]
    finished = [t for t in study.trials if t.state.is_finished() and t.values is not None]
    return TuningReport(
        policy=policy,
        test=test,
        tune_score=float(tuned.mean()),
        tune_minus_test=apart(tuned, on_test.at(weight)[0], families(parts["tune"].queries), on_test.families),
        out_of_fold=policy.learned is not None,
        trials=pd.DataFrame([{"number": t.number, **t.user_attrs, **t.params} for t in finished]),
        parameters=dict(trial.params),
        search=_gain(trial, len(finished), data, held, outcomes),
        heuristic=on_test.heuristic(),
        settings=settings,
        seconds=time.perf_counter() - started,
        estimator=chosen.estimator,
        unseen=unseen,
        held_out_area={c.estimator: c.held_out_area for c in candidates},
        certificate=None
        if settings.keep is None
        else on_test.certificate(settings.keep, settings.confidence, settings.seed),
        keeping=on_test.kept(aims),
        calibration=on_test.calibration(settings.seed),
    )


def _aims(chosen: Candidate, settings: TuningSettings, n_test: int) -> list[TradeOff]:
    """The trade-off that keeps the share asked for, and the one for 99 % beside it; none under a budget or a floor."""
    if settings.keep is None or settings.max_cost is not None or settings.min_score is not None:
        return []
    grid, shares = Grid.of(chosen), dict.fromkeys((settings.keep, KEEP))
    return [trade_off(grid, share, settings.confidence, n_test) for share in shares]


def _gain(trial: optuna.trial.FrozenTrial, n_trials: int, data: Data, test: Data, outcomes: Outcomes) -> SearchGain:
    """Compare the chosen trial's heuristic with that of the first trial on the test split."""
    import optuna

    first = neutral(outcomes.sizes, next(iter(STARTS)), ENQUEUED_COST_WEIGHTS[0])
    tuned, start = (
        configure(optuna.trial.FixedTrial(dict(p)), data, outcomes.sizes).predict(test, data)
        for p in (trial.params, first)
    )
    return SearchGain(
        trial=trial.number,
        n_trials=n_trials,
        start=str(first["start"]),
        plain=plain_fit(trial.params, first),
        gap_closed=gap_gain(
            test.evaluator,
            tuned,
            start,
            forced=test.forced,
            corners=outside_corners(outcomes, "test", test.evaluator.cost_unit) or mix_corners(test.evaluator.singles),
            families=families(outcomes.split("test").queries),
        ),
    )


def candidate(
    name: str, policy: RoutingPolicy, splits: Sequence[tuple[Data, Answers]], settings: TuningSettings
) -> Candidate:
    """The tuned heuristic, alone or with an estimator beside it."""
    (data, _), (held_out, _) = splits
    p_tune, features_c = expect(policy, data.read)[0], None
    if name != "heuristic":
        fitted = _fit(name, data, settings)
        policy, p_tune, features_c = replace(policy, learned=fitted.model), fitted.p, fitted.features_c
    p = (p_tune, expect(policy, held_out.read)[0])
    tune, held = (Split(data=d, answers=a, p=q) for (d, a), q in zip(splits, p, strict=True))
    return Candidate(estimator=name, policy=policy, tune=tune, held_out=held, features_c=features_c)


def _refit(chosen: Candidate, parameters: Mapping[str, object], cost: str, settings: TuningSettings) -> Refit:
    """Return a function that fits other outcomes with the parameters and the estimator chosen, without looks."""
    name = chosen.estimator

    def refit(outcomes: Outcomes) -> RoutingPolicy:
        import optuna

        data = Data.of(outcomes, cost)
        configuration = configure(optuna.trial.FixedTrial(dict(parameters)), data, outcomes.sizes)
        policy = export(configuration, outcomes, data, name=name, cost=cost, provenance={})
        if name == "heuristic":
            return policy
        return replace(policy, learned=_fit(name, data, settings, chosen.features_c).model)

    return refit


def _fit(name: str, data: Data, settings: TuningSettings, features_c: float | None = None) -> Fitted:
    training = Training(
        read=data.read, score=data.score, seed=settings.seed, embedder=settings.embedder, features_c=features_c
    )
    return fit_estimator(name, training)


def _search(data: Data, outcomes: Outcomes, cost: str, settings: TuningSettings) -> optuna.Study:
    """Run (or resume) the study; its name stands for the table and all that the values of its trials depend on."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sizes, budget = outcomes.sizes, settings.max_cost is not None or settings.min_score is not None
    up, down = optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE
    identity = (outcomes.sha256, sizes, cost, settings.max_cost, settings.min_score, settings.seed)
    try:
        study = optuna.create_study(
            study_name=f"{settings.name}-{hashlib.sha256(repr(identity).encode()).hexdigest()[:8]}",
            storage=settings.storage,
            directions=[up, down] if not budget else [up] if settings.max_cost is not None else [down],
            load_if_exists=True,
        )
    except Exception as e:  # whatever the storage's own driver raises
        reason = " ".join(str(e).split())
        raise InvalidInputError(
            f"Optuna can't use the storage {settings.storage!r} ({reason}); give one like sqlite:///study.db."
        ) from e
    done = sum(t.state.is_finished() for t in study.trials)
    seed = settings.seed + done  # a resumed search must not draw the same configurations again
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        tpe, nsga = optuna.samplers.TPESampler, optuna.samplers.NSGAIISampler
        study.sampler = tpe(seed=seed) if budget else nsga(seed=seed, population_size=50)
    plain = [neutral(sizes, start, weight) for weight in ENQUEUED_COST_WEIGHTS for start in STARTS]
    for parameters in plain[: settings.n_trials]:  # no more than will run
        study.enqueue_trial(parameters, skip_if_exists=True)

    def objective(trial: optuna.Trial) -> float | tuple[float, float]:
        configuration = configure(trial, data, sizes)
        chances = configuration.predict(data, data)
        score, cost = data.evaluator.point(*chances, configuration.cost_weight, data.forced)
        trial.set_user_attr("score", score)
        trial.set_user_attr("cost", cost * data.evaluator.unit_cost)
        if settings.max_cost is not None:
            trial.set_constraint("cost", cost * data.evaluator.unit_cost - settings.max_cost)
            return score
        if settings.min_score is not None:
            trial.set_constraint("score", settings.min_score - score)
            return cost
        return score, cost

    study.optimize(objective, n_trials=max(0, settings.n_trials - done))
    return study


def _choose_configuration(
    study: optuna.Study, data: Data, held_out: Data, sizes: tuple[str, ...]
) -> tuple[optuna.trial.FrozenTrial, Configuration]:
    """The candidate whose whole cost-quality curve has the greatest area on the held-out split.

    Candidates are the study's front (under a budget, its best feasible trials) and every plain start.
    """
    finished = [t for t in study.trials if t.values is not None]
    plain = [t for t in finished if "fixed_params" in t.system_attrs]
    best: tuple[float, optuna.trial.FrozenTrial, Configuration] | None = None
    for trial in {t.number: t for t in (*plain, *_front(study, finished))}.values():
        configuration = configure(trial, data, sizes)
        value = held_out.evaluator.curve_auc(*configuration.predict(held_out, data), held_out.forced)
        if best is None or value > best[0]:
            best = (value, trial, configuration)
    assert best is not None
    return best[1], best[2]


def _front(study: optuna.Study, finished: list[optuna.trial.FrozenTrial]) -> list[optuna.trial.FrozenTrial]:
    """The trials of the two-objective front, or the best feasible ones under a budget."""
    if len(study.directions) > 1:
        return list(study.best_trials)
    feasible = [t for t in finished if all(v <= 0 for v in t.constraints.values())]
    sign = -1 if study.direction.name == "MAXIMIZE" else 1
    return sorted(feasible, key=lambda t: sign * cast(float, t.value))[:CANDIDATES]
