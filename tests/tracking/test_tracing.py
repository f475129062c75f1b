import mlflow
import pytest

from zeta_eval.models import Completion
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.cascade import Look, Posterior
from zeta_eval.router.estimators.seed import Seed
from zeta_eval.router.policy import RoutingPolicy, Rung
from zeta_eval.tracking import TracedRouter

pytestmark = pytest.mark.filterwarnings("default")  # MLflow's exporter warns in a thread of its own


@pytest.fixture(autouse=True)
def own_store():
    """Tracing sets MLflow's store for the process."""
    before = mlflow.get_tracking_uri()
    yield
    mlflow.set_tracking_uri(before)


@pytest.fixture
def unsure():
    """A router that asks the small size first and goes on after an unsure answer."""
    posteriors = (
        Posterior(size="small", bias=3.0, prior=0.0, own=0.0, weights={"mean_logprob": 3.0}),
        Posterior(size="large", bias=3.0, prior=0.0, own=0.0, weights={}),
    )
    return ZetaDynamicRouter(
        RoutingPolicy(
            name="unsure",
            rungs=(Rung(size="small", cost=0.1), Rung(size="large", cost=1.0)),
            estimator=Seed(weights={}, bias=0.0, ability=(0.5, 3.0), slope=(1.0, 1.0)),
            cost_weight=0.3,
            default_size="large",
            looks=(Look(ran=("small",), spread=0.8, posteriors=posteriors),),
        )
    )


def test_a_trace_holds_the_choice_and_every_call_with_its_reason(unsure, tracker):
    answers = {
        "small": lambda text: Completion(text="perhaps 5", mean_logprob=-4.0, min_logprob=-5.0),
        "large": lambda text: Completion(text="4", mean_logprob=-0.1, min_logprob=-0.2),
    }
    plain = unsure.generate("What is 2 + 2?", answers)
    routed = TracedRouter(unsure, tracker).generate("What is 2 + 2?", answers)
    assert [s.size for s in routed.steps] == [s.size for s in plain.steps] == ["small", "large"]
    mlflow.flush_trace_async_logging()
    (trace,) = mlflow.search_traces(return_type="list")
    spans = {span.name: span for span in trace.data.spans}
    assert set(spans) == {"zeta", "route", "generate small", "generate large"}
    assert spans["zeta"].outputs["answer"] == "4"
    assert "went from small to large" in spans["zeta"].outputs["reasons"][0]
    assert "asked before large, for what its answer may show" in spans["zeta"].outputs["reasons"][0]
    assert spans["route"].outputs["size"] == routed.decision.size
    assert spans["generate small"].parent_id == spans["zeta"].span_id
    assert spans["generate small"].outputs["answer"] == "perhaps 5"


def test_routing_alone_leaves_no_trace(unsure, tracker):
    traced = TracedRouter(unsure, tracker)
    assert traced.route("What is 2 + 2?") == unsure.route("What is 2 + 2?")
    mlflow.flush_trace_async_logging()
    assert not mlflow.search_traces(return_type="list")
