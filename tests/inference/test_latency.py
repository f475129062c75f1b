import numpy as np
import pytest

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.inference.run.latency import LatencyModel
from zeta_eval.models import Completion
from zeta_eval.outcomes.latency import least_squares


def measured(n, *, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    made = []
    for prompt, written in zip(rng.integers(5, 500, n).tolist(), rng.integers(1, 300, n).tolist(), strict=True):
        latency = 0.03 + 0.0001 * prompt + 0.007 * written + rng.normal(0, noise)
        ttft = 0.02 + 0.0001 * prompt
        made.append(
            Completion(text="", prompt_tokens=prompt, completion_tokens=written, latency_s=latency, ttft_s=ttft)
        )
    return made


def test_known_coefficients_are_recovered():
    model = LatencyModel.fit(measured(24))
    assert (model.base_s, model.per_prompt_token_s, model.per_completion_token_s) == pytest.approx((0.03, 1e-4, 7e-3))
    assert (model.ttft_base_s, model.ttft_per_prompt_token_s) == pytest.approx((0.02, 1e-4))
    assert model.r2 == pytest.approx(1) and model.ttft_r2 == pytest.approx(1) and model.n == 24
    assert model.predict(100, 10) == pytest.approx((0.11, 0.03))


def test_noise_lowers_r2():
    model = LatencyModel.fit(measured(200, noise=0.3))
    assert 0.5 < model.r2 < 0.95
    assert model.per_completion_token_s == pytest.approx(0.007, rel=0.1)


def test_no_coefficient_is_negative_and_the_fit_is_the_best_such():
    from scipy.optimize import nnls

    rng = np.random.default_rng(1)
    for _ in range(200):
        x, y = np.abs(rng.normal(size=(12, 3))), rng.normal(size=12)
        coefficients, _ = least_squares(x, y)
        assert min(coefficients) >= 0
        assert coefficients == pytest.approx(nnls(x, y)[0].tolist(), abs=1e-9)


def test_errors_are_left_out_and_one_measured_query_is_enough():
    model = LatencyModel.fit([Completion(text="", error="too long"), *measured(1)])
    assert model.n == 1 and model.r2 is None
    assert model.predict(0, 0)[1] <= model.predict(0, 0)[0]


def test_nothing_measured_is_refused():
    with pytest.raises(InvalidInputError, match="None of 1 answers"):
        LatencyModel.fit([Completion(text="", error="too long")])
