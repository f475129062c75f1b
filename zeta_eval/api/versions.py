"""Versions of a policy: learn a new one from feedback, put it into use, take it back, and read it by its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from zeta_eval.exceptions import InvalidInputError, TrackingError
from zeta_eval.files import loaded, replacing
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy

if TYPE_CHECKING:
    from zeta_eval.feedback import History
    from zeta_eval.tracking import MlflowTracker, Promotion
    from zeta_eval.tuning import TuningReport, TuningSettings
    from zeta_eval.tuning.learning_report import LearningReport


def learn(
    policy: RoutingPolicy | str | Path,
    history: History | str | Path,
    *,
    out: str | Path | None = None,
    outcomes: Outcomes | str | Path | None = None,
    trusted: Sequence[str] = (),
    force: bool = False,
    settings: TuningSettings | None = None,
    tracker: MlflowTracker | None = None,
) -> LearningReport:
    """Tune a new version of a policy on feedback, and promote it only if it is shown to be better than the old one.

    Args:
        policy: The policy in use: itself, its file or its registered name in the tracker's store.
        history: The store of feedback: a history, its file or database URL.
        out: File that gets a promoted version; a file that is there stays if none is promoted.
        outcomes: A benchmark of the policy's sizes to tune on as well, and to compare on.
        trusted: Sources of feedback that can't lie, such as a scorer of one's own: their ratings count in full.
        force: Promote the new version whatever the comparison says; its provenance records the force.
        settings: How to tune; the cost column, the name and the trade-off stay the policy's.
        tracker: Where the new version is registered, and made champion if it is promoted; None records nothing.

    Raises:
        ZetaError: a history without feedback, too few queries, or a table or policy that can't be used.

    Examples:
        >>> import zeta_eval as ze
        >>> from zeta_eval.testing import make_outcomes
        >>> policy, outcomes = ze.RoutingPolicy.seed(), make_outcomes(300)
        >>> with ze.History("history.db") as history:  # every query is answered by 14B, and every answer is wrong
        ...     for text in outcomes.queries:
        ...         decision = ze.route(policy, text, cost_weight=0.0)
        ...         history.feedback(history.record(decision, text), right=False)
        >>> settings = ze.TuningSettings(n_trials=10, estimator="heuristic")
        >>> ze.learn(policy, "history.db", outcomes=outcomes, settings=settings).promoted
        True
    """
    from zeta_eval.tuning.learn import learn as learn_from

    parent = load_policy(policy, store=None if tracker is None else tracker.uri)
    table = None if outcomes is None else loaded(Outcomes, outcomes)
    if tracker is not None:
        tracker.open()
    with opened(history) as store:
        report = learn_from(parent, store, table, settings=settings, trusted=trusted, force=force)
    if report.promoted and out is not None:
        report.new.save(out)
    if tracker is not None:
        _register(tracker, report)
    return report


@contextmanager
def opened(history: History | str | Path) -> Iterator[History]:
    """Open a history that exists, and close it at the end if it was named by its file or URL."""
    from zeta_eval.feedback import History

    if isinstance(history, History):
        yield history
        return
    if "://" not in str(history) and not Path(history).is_file():
        raise InvalidInputError(
            f"No history at {history}; give the file or URL of one that decisions were recorded in."
        )
    with History(history) as made:
        yield made


def load_policy(policy: RoutingPolicy | TuningReport | str | Path, *, store: str | None = None) -> RoutingPolicy:
    """Return a policy as it is, that of a report, or read it from its file or by its registered name.

    Args:
        policy: A policy, a report with one, a file, models:/ZetaDynamicRouter@champion or models:/ZetaDynamicRouter/3.
        store: MLflow store of registered names; None takes MLFLOW_TRACKING_URI, else mlruns/mlflow.db here.

    Raises:
        PolicyError: no such version, or a file that can't be used.
    """
    from zeta_eval.tracking import is_registered_name

    if isinstance(policy, str) and is_registered_name(policy):
        return _tracker(store).registry.load(policy)
    return loaded(RoutingPolicy, getattr(policy, "policy", policy))


def promote(
    policy: RoutingPolicy | str | Path, *, store: str | None = None, out: str | Path | None = None
) -> Promotion:
    """Put a version of the registered policy into use: it becomes the champion. A new policy becomes a version first.

    Args:
        policy: A version (3, challenger, models:/ZetaDynamicRouter/3), or a policy or its file.
        store: MLflow store, as in `load_policy`.
        out: File that gets the champion's, byte for byte; None writes none.

    Raises:
        ZetaError: no such version, or a policy that can't be used.

    Examples:
        >>> import zeta_eval as ze
        >>> ze.promote(ze.RoutingPolicy.seed(), store="sqlite:///mlflow.db").version
        '1'
    """
    from zeta_eval.tracking import is_version

    tracker = _tracker(store)
    version = str(policy) if is_version(policy) else _version(tracker, policy)
    return _written(tracker.registry.promote(version), out)


def rollback(*, store: str | None = None, out: str | Path | None = None) -> Promotion:
    """Take the last promotion back: the version that was in use before is champion again. Arguments as in `promote`.

    Raises:
        PolicyError: no version was champion before.

    Examples:
        >>> from dataclasses import replace
        >>> import zeta_eval as ze
        >>> seed, store = ze.RoutingPolicy.seed(), "sqlite:///mlflow.db"
        >>> versions = [ze.promote(p, store=store).version for p in (seed, replace(seed, cost_weight=1.0))]
        >>> versions, ze.rollback(store=store).version
        (['1', '2'], '1')
    """
    return _written(_tracker(store).registry.rollback(), out)


def track(folder: str | Path | None = None, *, store: str | None = None) -> dict[str, dict[str, str]]:
    """Send runs to MLflow that were kept because it did not answer; what it has already is not sent again.

    Args:
        folder: Where runs are kept, or one of them; None takes mlruns/unsent.
        store: MLflow store, as in `load_policy`.

    Returns:
        By the name of each record that was kept: the ids of its runs.

    Raises:
        ZetaError: no such folder, or a server that does not answer: what is not sent stays.

    Examples:
        >>> import zeta_eval as ze
        >>> from pathlib import Path
        >>> Path("mlruns/unsent").mkdir(parents=True)
        >>> ze.track()
        {}
    """
    return _tracker(store).send(folder)


def _register(tracker: MlflowTracker, report: LearningReport) -> None:
    """Register the new version; if it is promoted it follows its parent as champion, so that rollback finds that."""
    if not tracker.log_learning(report) or not report.promoted:
        return
    for policy in (report.old, report.new):
        tracker.registry.promote(_version(tracker, policy))


def _tracker(store: str | None) -> MlflowTracker:
    from zeta_eval.tracking import MlflowTracker

    return MlflowTracker(store)


def _version(tracker: MlflowTracker, policy: RoutingPolicy | str | Path) -> str:
    """The version that has exactly this policy's file; it is registered first where there is none."""
    with TemporaryDirectory() as folder:
        file = policy.save(Path(folder, "policy.json")) if isinstance(policy, RoutingPolicy) else Path(policy)
        if (found := tracker.registry.find(file)) is not None:
            return found
        if not tracker.log_policy(file):
            raise TrackingError("The policy could not be registered; nothing is promoted.")
        return str(tracker.registry.find(file))


def _written(promotion: Promotion, out: str | Path | None) -> Promotion:
    if out is not None:
        with replacing(out) as temp:
            temp.write_bytes(promotion.content)
    return promotion
