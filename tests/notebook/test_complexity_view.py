from dataclasses import replace

import numpy as np
import pytest

from zeta_eval.notebook.complexity_view import EXAMPLE, complexity_view
from zeta_eval.notebook.explained import chance, expected_right
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.estimators.seed import USUAL
from zeta_eval.router.policy import RoutingPolicy

HARD = "Prove that the integral of the polynomial equals 12, and explain why each step follows."


@pytest.fixture
def view():
    return complexity_view(RoutingPolicy.seed())


def test_the_shares_are_those_of_the_estimator_the_greatest_first(view):
    found = view.frame(HARD)
    features = view.decision(HARD).complexity.features
    assert found["value"].tolist() == [features[name] for name in found["feature"]]
    seed = view.policy.estimator
    usual = seed.difficulty(dict.fromkeys(features, 0.0) | USUAL)
    assert found["share"].sum() + usual == pytest.approx(seed.difficulty(features))
    assert found["share"].abs().is_monotonic_decreasing


def test_the_shares_of_a_tuned_policy_add_up_to_the_complexity_of_an_average_query_and_more(tuned):
    outcomes, report = tuned
    forest = report.policy.estimator.forest
    view = complexity_view(report.policy, outcomes.split("test").queries[0])
    features = view.decision().complexity.features
    roots = [forest.value_of[start][0] for start in forest.starts]
    assert view.frame()["share"].sum() == pytest.approx(np.mean(roots) - forest.mean(features)[0], abs=1e-6)


def test_typing_changes_what_is_shown_at_once(view):
    field, page = view.widget.children
    before, decision = page.value, ZetaDynamicRouter(view.policy).route(HARD)
    assert field.value == EXAMPLE
    field.value = HARD
    assert page.value != before and view.query == HARD
    assert f"<b>{decision.size}</b>" in page.value
    for reason in decision.reasons:
        assert reason.split(":")[0] in page.value and reason in view.text()


def test_any_text_can_be_typed(view):
    field, page = view.widget.children
    for text in ("", "?!", "Embed this sentence: hello", "<script>alert(1)</script>", "\x00", "x" * 10_000):
        field.value = text
        assert "<script" not in page.value
        assert view.decision().size in page.value
        assert view.figure().axes


def test_the_figure_shows_features_complexity_and_sizes(view):
    features, line, sizes = view.figure(HARD).axes
    assert features.get_xlabel() == "Makes the query harder by"
    assert line.get_xlim()[0] <= 0 and line.get_xlim()[1] >= 1
    complexity = view.decision(HARD).complexity
    assert line.get_title(loc="left") + line.get_title() == f"Complexity {complexity.score:.2f}: {complexity.label}"
    chances = [bar.get_width() for bar in sizes.patches]
    assert chances == pytest.approx(list(view.decision(HARD).p.values()))
    assert f"{view.decision(HARD).size} (chosen)" in [t.get_text() for t in sizes.get_yticklabels()]


def test_without_widgets_it_is_a_picture_and_a_text(view):
    page = view.page()
    assert "<img" in page["text/html"] and page["text/plain"].splitlines()[0] == EXAMPLE


def test_it_takes_a_file(view, tmp_path):
    assert complexity_view(view.policy.save(tmp_path / "p.json"), HARD).query == HARD


def test_a_chance_that_rules_of_thumb_take_is_no_number(view):
    decision = view.decision("Write a poem about the sea.")
    unknown, sure = replace(decision, familiarity=0.0), replace(decision, p=dict.fromkeys(decision.p, 0.9999))
    assert chance(unknown, unknown.size) == "by a rule" and expected_right(unknown) == "chosen by rules of thumb"
    assert chance(sure, sure.size) == "> 0.99" and expected_right(sure) == "expected right more than 99%"
    view.decision = lambda query=None: unknown
    assert "chance of being right: not measured" in view.text() and "by a rule" in view.html()
    assert view.plot().figure.axes[2].get_xlabel().startswith("Taken by a rule of thumb")
