import pytest
from IPython.core.completer import provisionalcompleter

import zeta_eval as ze
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.testing import make_outcomes


@pytest.fixture
def complete(notebook, tmp_path):
    (tmp_path / "mine.json").write_text("{}")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "data.parquet").write_text("")
    table = make_outcomes(30)
    notebook.variables.update({"table_a": table, "frame_a": table.frame, "mypolicy": RoutingPolicy.seed(), "n": 3})

    def of(line):
        with provisionalcompleter():
            found = list(notebook.shell.Completer.completions(line, len(line)))
        return [line[: c.start].split(" ")[-1] + c.text for c in found]

    return of


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%zeta rep", {"replay"}),
        ("r = %zeta com", {"compare"}),
        ("%zeta tune ta", {"table_a"}),
        ("%zeta tune fr", {"frame_a"}),
        ("%zeta tune sub/", {"sub/data.parquet"}),
        ("%zeta replay m", {"mine.json", "mypolicy"}),
        ("%zeta replay mine.json ta", {"table_a"}),
        ("%zeta replay mine.json table_a --spl", {"--split"}),
        ("%zeta replay mine.json --split va", {"validate"}),
        ("%zeta use mine.json --ladder q", {"qwen3", "qwen3-vllm"}),
        ("%zeta bench --tasks copy,rev", {"copy,reverse"}),
        ("%zeta import lm", {"lm-eval"}),
        ("%zeta tune table_a --estimator kn", {"knn"}),
        ("%zeta tune table_a --cost gp", {"gpu_s"}),
        ("%zeta bench --mcq ", {"generate", "logits"}),
        ("%zeta gpu-check --scale t", {"tiny"}),
        ("%zeta rescore table_a --tasks sums-", {"sums-1", "sums-2", "sums-3"}),
        ("%zeta bench --tasks copy frame_a --columns prompt=qu", {"prompt=query", "prompt=query_id"}),
        ("%zeta replay models:/ZetaDynamicRouter@cham", {"models:/ZetaDynamicRouter@champion"}),
        ("%zeta history ex", {"export"}),
        ("%zeta feedback abc w", {"wrong"}),
        ("%%zeta --exp", {"--explain"}),
        ("%%zeta --size 4", {"45K", "456K"}),
        ("%%zeta --task gsm", {"gsm8k"}),
    ],
)
def test_tab_completes(complete, line, expected):
    assert set(complete(line)) == expected


def test_other_lines_are_left_alone(notebook, complete):
    assert "table_a" in complete("table_")
    assert complete("%zetax re") == [] or "replay" not in complete("%zetax re")


def test_figures_complete_figures_alone(complete):
    complete("import zeta_eval as ze")
    assert dir(ze.figures) == ["accuracy_by_complexity", "calibration", "importance", "latency"]


@pytest.mark.slow
def test_registered_versions_complete_where_mlflow_is_loaded(complete):
    settings = ze.TuningSettings(n_trials=1, estimator="heuristic")
    ze.tune(make_outcomes(200), settings=settings, tracker=ze.MlflowTracker("sqlite:///mlruns/mlflow.db"))
    found = complete("%zeta replay models:/ZetaDynamicRouter")
    assert {"models:/ZetaDynamicRouter/1", "models:/ZetaDynamicRouter@champion"} <= set(found)
