"""What a gateway's hook chooses, by environment variables or by hand."""

import pytest

from zeta_eval.exceptions import InvalidInputError, PolicyError, UnknownNameError
from zeta_eval.feedback import History
from zeta_eval.integrations.chooser import Chooser
from zeta_eval.router.policy import RoutingPolicy

EASY, HARD = "What is the capital of France?", "Prove that the square root of 2 is irrational, step by step."
SEED = RoutingPolicy.seed(("1B", "8B", "70B"))


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.setenv("ZETA_POLICY", str(SEED.save(tmp_path / "policy.json")))
    return monkeypatch.setenv


def test_sizes_are_said_by_the_names_of_the_gateway_and_others_by_their_own():
    chooser = Chooser(SEED, names={"8B": "middle"})
    assert [chooser.choose(q).name for q in (EASY, HARD)] == ["middle", "70B"]


def test_a_cost_weight_overrides_the_policy():
    assert [Chooser(SEED, cost_weight=w).choose(EASY).name for w in (0, 5)] == ["70B", "1B"]


def test_a_choice_is_recorded_where_there_is_a_history(tmp_path):
    with History(tmp_path / "h.db") as history:
        choice = Chooser(SEED, history=history).choose(EASY)
        rows = history.frame()
    assert (rows["query"].tolist(), rows["size"].tolist()) == ([EASY], ["8B"])
    assert len(choice.decision_id) == 32


def test_the_environment_names_policy_names_weight_and_history(environment, tmp_path):
    environment("NAMES", "1B=small, 70B = large")
    environment("ZETA_COST_WEIGHT", "5")
    environment("ZETA_HISTORY", str(tmp_path / "h.db"))
    chooser = Chooser.of_environment("NAMES")
    assert chooser.names == {"1B": "small", "8B": "8B", "70B": "large"}
    assert chooser.choose(HARD).name == "small"
    chooser.history.close()
    assert (tmp_path / "h.db").exists()


def test_default_names_go_to_the_sizes_in_order_unless_there_are_too_few(environment):
    assert Chooser.of_environment("NAMES", ("S", "M", "L", "XL")).names == {"1B": "S", "8B": "M", "70B": "L"}
    assert Chooser.of_environment("NAMES", ("S", "L")).names == {"1B": "1B", "8B": "8B", "70B": "70B"}


@pytest.mark.parametrize(
    "variable, value, error, said",
    [
        ("ZETA_POLICY", "", PolicyError, "ZETA_POLICY is not set"),
        ("ZETA_POLICY", "none.json", PolicyError, "Can't read the policy file none.json"),
        ("NAMES", "1B", InvalidInputError, "NAMES holds '1B'; write SIZE=NAME,SIZE=NAME."),
        ("NAMES", "1B=", InvalidInputError, "NAMES holds '1B='"),
        ("NAMES", "2B=small", UnknownNameError, "Unknown size '2B'"),
        ("ZETA_COST_WEIGHT", "cheap", InvalidInputError, "ZETA_COST_WEIGHT is 'cheap'"),
        ("ZETA_COST_WEIGHT", "-1", InvalidInputError, "cost_weight is -1.0"),
        ("ZETA_HISTORY", "nodialect://x", InvalidInputError, "nodialect"),
    ],
)
def test_a_variable_that_can_not_be_used_is_said_in_one_line(environment, variable, value, error, said):
    environment(variable, value)
    with pytest.raises(error, match=said) as caught:
        Chooser.of_environment("NAMES")
    assert "\n" not in str(caught.value)
