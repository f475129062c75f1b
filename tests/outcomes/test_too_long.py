import hashlib

import numpy as np
import pandas as pd
import pytest

from zeta_eval.exceptions import OutcomesError
from zeta_eval.inference.server.failures import Fault, Refusal, failure
from zeta_eval.outcomes import Outcomes, summary
from zeta_eval.outcomes.schema import ADDED, COLUMNS
from zeta_eval.router.too_long import is_too_long

OURS = "The prompt has 5000 tokens, the model's context 4096; shorten it"
WORDINGS = [
    OURS,
    "HTTP 400: This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4488 in the "
    "messages, 512 in the completion). Please reduce the length of the messages or completion",
    '{"error": {"code": "context_length_exceeded"}}',
    "HTTP 400: The decoder prompt (length 5000) is longer than the maximum model length of 4096",
    "Input prompt (35247 tokens) is too long and exceeds limit of 1000",
    "HTTP 400: The input (61709 tokens) is longer than the model's context length (40960 tokens)",
    "HTTP 400: Input length (5000 tokens) exceeds the maximum allowed length (4090 tokens)",
    "HTTP 400: the request exceeds the available context size, try increasing it",
    "HTTP 400: request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it",
    "HTTP 500: Context size has been exceeded",
    "Requested tokens (2285) exceed context window of 2048",
    "HTTP 422: Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens",
    "HTTP 422: Input validation error: `inputs` must have less than 1024 tokens. Given: 2000",
    "prompt is too long: 210000 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)",
    "Your input exceeds the context window of this model. Please adjust your input and try again",
    "litellm.ContextWindowExceededError: no room",
]
OTHERS = [
    "HTTP 503: no free worker",
    "HTTP 429: Rate limit reached: 4096 tokens per minute",
    "No whole answer within 120 s",
    "The prompt is empty; give it some text",
    "The scorer failed: the answer is too long to compare",
    "CUDA out of memory. Tried to allocate 20.00 MiB",
    "HTTP 400: max_tokens must be at least 1, got 0",
    "HTTP 404: The model `8k-context` does not exist",
    None,
]


def table(*rows, **columns):
    """Two sizes on some queries; each row is the small size's score, error and cost."""
    small = [
        {"task": "t", "query_id": f"q{i}", "query": f"query {i}", "model": "1B", "score": s, "error": e, "gpu_s": c}
        for i, (s, e, c) in enumerate(rows)
    ]
    large = [{**row, "model": "9B", "score": 1.0, "error": None, "gpu_s": 3.0} for row in small]
    return pd.DataFrame([*small, *large]).assign(**columns)


@pytest.mark.parametrize("error", WORDINGS)
def test_an_error_for_length_is_known_by_its_wording(error):
    assert is_too_long(error)


@pytest.mark.parametrize("error", OTHERS)
def test_any_other_error_is_not_one_for_length(error):
    assert not is_too_long(error)


def test_a_query_that_was_too_long_is_the_size_s_failure_and_other_errors_stay_excluded():
    outcomes = Outcomes.from_frame(table((None, OURS, None), (None, "HTTP 503: busy", None), (1.0, None, 0.5)))
    assert outcomes.query_ids.tolist() == ["q0", "q2"] and outcomes.n_incomplete == 1
    assert outcomes.matrix("score").tolist() == [[0.0, 1.0], [1.0, 1.0]]
    assert outcomes.too_long.tolist() == [[True, False], [False, False]]
    assert outcomes.sizes == ("1B", "9B") and outcomes.cost_columns == ("gpu_s",)


def test_a_refused_call_costs_nothing_unless_the_table_says_what_it_cost():
    outcomes = Outcomes.from_frame(table((None, OURS, None), (None, OURS, 0.25), (0.0, None, None)))
    assert outcomes.matrix("gpu_s")[:2, 0].tolist() == [0.0, 0.25]
    assert np.isnan(outcomes.matrix("gpu_s")[2, 0])  # a call that answered did cost something
    assert np.isnan(outcomes.frame["gpu_s"][0])  # the table itself stays as it was


def test_a_score_that_the_source_gives_stays():
    assert Outcomes.from_frame(table((0.5, OURS, 1.0))).matrix("score")[0, 0] == 0.5


def test_the_summary_counts_queries_that_were_too_long_apart():
    rows = summary(Outcomes.from_frame(table((None, OURS, 1.0), (None, "HTTP 503: busy", 1.0), (1.0, None, 1.0))))
    small = rows.iloc[0]
    assert (small["n_errors"], small["n_too_long"], small["n_unscored"], small["accuracy"]) == (2, 1, 1, 0.5)
    assert rows.iloc[1]["n_too_long"] == 0


def test_the_context_is_a_number_of_tokens_or_nothing(tmp_path):
    Outcomes.from_frame(table((1.0, None, 1.0), context=4096)).save(tmp_path / "t.parquet")
    assert Outcomes.load(tmp_path / "t.parquet").matrix("context").tolist() == [[4096.0, 4096.0]]
    assert np.isnan(Outcomes.from_frame(table((1.0, None, 1.0))).matrix("context")).all()
    for wrong in (0, -1, 10.5, "long"):
        with pytest.raises(OutcomesError, match="context"):
            Outcomes.from_frame(table((1.0, None, 1.0), context=wrong))


def test_a_table_without_contexts_keeps_the_hash_that_it_had_before_there_were_any():
    plain = Outcomes.from_frame(table((1.0, None, 1.0)))
    hashed = pd.util.hash_pandas_object(plain.frame[[c for c in COLUMNS if c not in ADDED]], index=False)
    assert plain.sha256 == hashlib.sha256(np.sort(hashed.to_numpy()).astype("<u8").tobytes()).hexdigest()
    assert Outcomes.from_frame(table((1.0, None, 1.0), context=4096)).sha256 != plain.sha256


@pytest.mark.parametrize(("status", "body"), [(500, "Context size has been exceeded."), (400, OURS)])
def test_a_server_that_refuses_for_length_is_not_asked_again(status, body):
    assert isinstance(failure(status, body, None), Refusal)
    assert isinstance(failure(500, "broken", None), Fault)
