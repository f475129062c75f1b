import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from zeta_eval.cli.verb import VERBS
from zeta_eval.notebook.words import split
from zeta_eval.router import Decision
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.testing import make_outcomes

TEXT = "Add up 1, 2 and 3."


@pytest.fixture(scope="module")
def outcomes():
    return make_outcomes(600, seed=1)


@pytest.fixture
def seed():
    return RoutingPolicy.seed()


def test_the_extension_loads_fast_and_without_anything_heavy():
    code = (
        "import time; from IPython.core.interactiveshell import InteractiveShell as S; import sys; s = S.instance();"
        "before = set(sys.modules); t = time.perf_counter(); s.run_line_magic('load_ext', 'zeta_eval');"
        "print(time.perf_counter() - t, [m for m in ('numpy', 'pandas', 'torch', 'ipywidgets', 'matplotlib', 'mlflow',"
        "'sqlalchemy', 'sklearn') if m in set(sys.modules) - before])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, _, heavy = ran.stdout.strip().partition(" ")
    assert heavy == "[]"
    assert float(seconds) < 2  # 0.15 s on an idle machine


def test_zeta_alone_lists_every_verb(notebook):
    card = notebook.run("%zeta").result.result
    for text in (repr(card), re.sub(r"<[^>]+>", " ", card._repr_html_())):
        assert {*VERBS, "use", "status", "feedback", "reset"} <= set(text.split())
        assert "%%zeta [--size S]" in text and "%config ZetaMagics" in text
        assert all(f"%zeta {verb}" in text for verb in VERBS)


def test_every_verb_of_the_card_has_its_group(notebook):
    card = notebook.run("%zeta").result.result
    assert list(card.groups) == ["Measure", "Tune", "Use", "Keep learning"]
    assert card.groups["Tune"][0].name == "tune"


@pytest.mark.parametrize("asked", ["%zeta?", "%%zeta?"])
def test_a_question_mark_shows_all_options_of_all_verbs(notebook, asked, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.core.page.page", lambda data, *_, **__: shown.append(data))
    notebook.run(asked)
    text = shown[0]["text/plain"]
    for words in ("--dry-run", "--continue", "--estimator", "%zeta tune", "--attempts", "%config ZetaMagics"):
        assert words in text


def test_a_verb_explains_itself(notebook):
    assert "example: %zeta tune" in notebook.run("%zeta tune --help").stdout


def test_a_verb_returns_its_report_and_takes_variables_by_name(notebook, outcomes):
    notebook.variables["table"] = outcomes
    notebook.run("r = %zeta tune table --trials 10 --estimator heuristic --mlflow none")
    assert type(notebook.variables["r"]).__name__ == "TuningReport"
    assert "4B / 7B / 14B" in repr(notebook.run("%zeta use r").result.result)
    done = notebook.run("%zeta replay r table --split test")
    assert type(done.result.result).__name__ == "ReplayReport"
    notebook.run("again = _")
    assert notebook.variables["again"] is done.result.result
    shown = notebook.shell.display_formatter.format(done.result.result)[0]
    assert "random mix" in shown["text/plain"] and "<table" in shown["text/html"]


def test_a_frame_and_a_path_stand_for_a_table(notebook, outcomes, seed, tmp_path):
    outcomes.save(tmp_path / "o.parquet")
    notebook.variables.update({"frame": outcomes.frame, "path": tmp_path / "o.parquet", "p": seed})
    reports = [notebook.run(f"%zeta replay p {name}").result.result for name in ("frame", "path", "o.parquet")]
    assert len({report.n for report in reports}) == 1


def test_a_variable_of_another_type_is_refused(notebook, seed):
    notebook.variables.update({"x": 3, "p": seed})
    notebook.fails("%zeta replay p x", "'x' is of type int", "Outcomes")


def test_a_mistake_is_one_line_with_a_suggestion_and_fails_the_cell(notebook, seed):
    notebook.variables["p"] = seed
    notebook.fails("%zeta tuen x", "Did you mean 'tune'")
    notebook.fails("%zeta route p hi --cost-wieght 2", "Did you mean '--cost-weight'")
    notebook.fails("%zeta route none.json hi", "none.json")
    notebook.fails("%zeta route p What's up", "double quotes")
    notebook.fails("%zeta feedback abc right", "Unknown decision id 'abc'")
    notebook.fails("%zeta import tidy nothing.csv", "Nothing at nothing.csv")


def test_names_in_braces_are_filled_in_where_they_exist(notebook, seed):
    notebook.variables.update({"p": seed, "q": "Prove why the triangle's angles add up, and explain.", "folder": "out"})
    filled = notebook.run('%zeta route p "{q}"').result.result
    raw = notebook.run('%zeta route p "{q}" --raw').result.result
    assert isinstance(filled, Decision) and filled.size == "14B"
    assert raw.size == "7B" and "{q}" not in str(filled.complexity.features)


def test_json_goes_to_the_screen_or_to_a_file(notebook, seed, outcomes, tmp_path):
    notebook.variables.update({"p": seed, "t": outcomes})
    done = notebook.run(f'%zeta route p "{TEXT}" --json')
    assert json.loads(done.stdout)["size"] == "7B" and done.result.result is None
    assert notebook.run("%zeta replay p t --json r.json").result.result is not None
    assert json.loads((tmp_path / "r.json").read_text())["split"] == "test"


def test_a_trailing_semicolon_is_no_part_of_a_name(notebook, seed):
    notebook.variables["p"] = seed
    notebook.run("%zeta use p;")


def test_use_sets_the_router_and_status_shows_it(notebook, seed, tmp_path):
    seed.save(tmp_path / "mine.json")
    said = repr(notebook.run("%zeta use mine.json --ladder qwen3").result.result)
    assert "4B / 7B / 14B" in said and "not measured" in said
    assert repr(notebook.run("%zeta status").result.result) == said


def test_a_ladder_that_lacks_the_policys_sizes_is_refused_before_anything_runs(notebook, seed):
    notebook.variables["p"] = seed
    notebook.run("%zeta use p --ladder embedded")
    notebook.fails(f"%%zeta\n{TEXT}", "4B, 7B, 14B", "embedded", "--ladder")
    notebook.run(f"%%zeta --dry-run\n{TEXT}")


def test_options_are_set_by_config(notebook, seed, tmp_path):
    seed.save(tmp_path / "mine.json")
    notebook.run("%config ZetaMagics.policy = 'mine.json'")
    notebook.run("%config ZetaMagics.ladder = 'qwen3'")
    notebook.run("%config ZetaMagics.max_new_tokens = 7")
    lines = dict(notebook.run("%zeta status").result.result.lines)
    assert lines["policy"].startswith("seed@") and lines["ladder"].startswith("qwen3")
    assert lines["longest answer"] == "7 tokens"
    notebook.run("%config ZetaMagics.ladder = 'qwen'")
    notebook.fails("%zeta status", "Did you mean 'qwen3'")


def test_the_extension_can_be_taken_away_and_brought_back(notebook):
    notebook.run("%unload_ext zeta_eval")
    assert "zeta" not in notebook.shell.magics_manager.magics["line"]
    assert not notebook.shell.Completer.custom_matchers
    notebook.run("%load_ext zeta_eval")
    notebook.run("%load_ext zeta_eval")
    assert len(notebook.shell.Completer.custom_matchers) == 1


def test_a_size_joins_a_finished_bench(notebook, tmp_path):
    from zeta_eval.models import LADDERS

    for sizes in (["17K"], ["17K", "45K"]):
        rungs = [f'[[models]]\nsize = "{s}"\nmodel = "{LADDERS / "embedded" / s}"\ndevice_map = "cpu"\n' for s in sizes]
        (tmp_path / "mine.toml").write_text("max_new_tokens = 8\n" + "".join(rungs))
        notebook.run("r = %zeta bench --ladder mine.toml --tasks copy --limit 3 --out o --mlflow none")
        assert notebook.variables["r"].sizes == tuple(sizes)
    lines = (tmp_path / "o" / "rows.jsonl").read_text().splitlines()
    assert [json.loads(line)["model"] for line in lines] == ["17K"] * 3 + ["45K"] * 3


def test_a_bench_that_goes_into_a_variable_says_what_came_of_it(notebook, monkeypatch):
    shown = []
    monkeypatch.setattr("zeta_eval.notebook.loading.Output", lambda silent: lambda line: shown.append(repr(line)))
    notebook.run("r = %zeta bench --ladder embedded --tasks copy --limit 3 --out o --mlflow none")
    assert re.fullmatch(
        r"bench: done in 0:\d\d \u00b7 3 queries, right: 17K .*%, 45K .*%, 456K .*%; kept in o", shown[-1]
    )


def test_bench_takes_the_notebooks_ladder_and_longest_answer(notebook):
    notebook.run("%config ZetaMagics.ladder = 'qwen3'")
    notebook.run("%config ZetaMagics.max_new_tokens = 7")
    args = notebook.magics.parser().parse_args(["bench", "--tasks", "copy", "--out", "b"])
    assert (args.ladder, args.max_new_tokens) == ("qwen3", 7)


def test_policies_are_compared_by_the_names_of_their_variables(notebook, seed, outcomes):
    notebook.variables.update({"mine": seed, "other": replace(seed, cost_weight=3.0), "t": outcomes})
    assert notebook.run("%zeta compare mine other t").result.result.policies == ("mine", "other")
    notebook.fails("%zeta compare mine t", "at least two")


def test_a_task_that_a_policy_does_not_know_gets_a_hint(notebook, seed):
    notebook.variables["p"] = seed
    assert "hint: this policy does not say" in notebook.run("%zeta route p hello --task sums").stderr
    assert notebook.run("%zeta route p hello").stderr == ""


def test_a_decision_shows_its_size_and_reasons_not_its_fields(notebook, seed):
    notebook.variables["p"] = seed
    result = notebook.run("%zeta route p hello").result.result
    data, _ = notebook.shell.display_formatter.format(result)
    assert data["text/plain"].splitlines()[0] == result.size
    assert "Decision(" not in data["text/plain"]


def test_a_comment_may_stand_after_a_line(notebook, seed):
    notebook.variables["p"] = seed
    assert notebook.run("%zeta route p hello # says hello").result.result.size
    assert split("route p 'issue # 3' a#b #c") == ["route", "p", "issue # 3", "a#b", "#c"]
    assert split('route p "say \\" # 1" # "odd') == ["route", "p", 'say " # 1']
    assert split("# all of it") == []


def test_what_was_chosen_outlasts_a_reload(notebook, seed, tmp_path):
    seed.save(tmp_path / "mine.json")
    said = repr(notebook.run("%zeta use mine.json --ladder qwen3").result.result)
    notebook.run("%reload_ext zeta_eval")
    assert repr(notebook.run("%zeta status").result.result) == said


def test_the_last_answer_can_be_judged_by_that_word(notebook):
    notebook.fails("%zeta feedback last right", "no answer yet")
    notebook.run("%%zeta --size 17K\nCopy QWERT.")
    notebook.run("%%zeta --size 456K\nCopy QWERT.")
    assert "456K: right" in repr(notebook.run("%zeta feedback last right").result.result)
