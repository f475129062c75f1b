import json
import re
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from zeta_eval.models import Ladder
from zeta_eval.notebook.cell import cell_parser, code_of, run, start
from zeta_eval.notebook.routed_cell import DONE, INTERRUPTED, RoutedCell
from zeta_eval.notebook.session import Session
from zeta_eval.notebook.talks import Talks
from zeta_eval.notebook.waiting import wait_for
from zeta_eval.router import Routed, Step, ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.testing import build_tiny_model

TEXT = "Write WZDPD again."


def asked(text):
    """A turn that stands alone."""
    return Talks().turn(text, None, most=10)


def shown(done):
    """What a cell displayed, as plain text and as HTML."""
    data = done.outputs[-1].data
    return data["text/plain"], data["text/html"]


@pytest.fixture(scope="module")
def endless(tmp_path_factory):
    """A session whose two models write until they are stopped."""
    folder = tmp_path_factory.mktemp("endless")
    rungs = ""
    for i in range(2):
        build_tiny_model(folder / f"m{i}", seed=i, context=20_000)
        rungs += f'[[models]]\nsize = "R{i}"\nmodel = "m{i}"\ndevice_map = "cpu"\n'
    (folder / "l.toml").write_text(f"max_new_tokens = 15000\n{rungs}")
    return Session(None, Ladder.load(folder / "l.toml"))


def test_a_cell_is_routed_answered_and_recorded(notebook):
    done = notebook.run(f"%%zeta -o answer\n{TEXT}")
    answer = notebook.variables["answer"]
    assert isinstance(answer, Routed) and answer.text == "WZDPD"
    for text in shown(done):
        for word in (
            f"{answer.size} answered",
            "WZDPD",
            "complexity",
            "17K",
            "456K",
            answer.reasons[0],
            "%zeta feedback",
        ):
            assert word in text
    frame = notebook.magics._judging().history.frame()
    assert list(frame["query"]) == [TEXT]


@pytest.mark.parametrize("size, said", [("4B", "at 40% of the largest size's cost"), ("14B", "the dearest size")])
def test_the_dearest_size_is_not_compared_with_itself(size, said):
    policy = RoutingPolicy.seed()
    decision = ZetaDynamicRouter(policy).route(TEXT)
    cost = {"4B": 0.4, "7B": 0.7, "14B": 1.01}
    cell = RoutedCell(decision=replace(decision, size=size, cost=cost), policy=policy)
    assert said in cell.title() and "101%" not in cell.title()


def test_text_of_models_and_users_is_escaped():
    decision = ZetaDynamicRouter().route("<b>x</b>")
    cell = RoutedCell(decision=decision, policy=RoutingPolicy.seed(), notes=["<i>note</i>"])
    evil = "<script>alert(1)</script>"
    cell.steps.append((Step(size="7B", text=evil, latency_s=1.0, p_right=0.5, error=None), evil))
    for compared in (False, True):
        cell.compared = compared
        html = cell._repr_html_()
        assert "<script" not in html and "<i>" not in html and "&lt;script&gt;" in html
        assert evil in cell.text()


def test_a_size_can_be_forced(notebook):
    notebook.run(f"%%zeta --size 456K -o a\n{TEXT}")
    assert notebook.variables["a"].size == "456K" and len(notebook.variables["a"].steps) == 1
    notebook.fails(f"%%zeta --size 456\n{TEXT}", "Did you mean '456K'")


@pytest.fixture(scope="module")
def embedding_ladder(tmp_path_factory):
    """A file of a ladder whose size "E" embeds."""
    folder = tmp_path_factory.mktemp("embedding")
    build_tiny_model(folder / "writes", seed=0)
    build_tiny_model(folder / "embeds", seed=1, role="embed")
    rungs = '[[models]]\nsize = "W"\nmodel = "writes"\ndevice_map = "cpu"\n'
    rungs += '[[models]]\nsize = "E"\nmodel = "embeds"\nrole = "embed"\ndevice_map = "cpu"\n'
    (folder / "l.toml").write_text(rungs)
    return folder / "l.toml"


def test_a_text_that_asks_for_an_embedding_gets_its_vector(notebook, embedding_ladder):
    notebook.run(f"%config ZetaMagics.ladder = '{embedding_ladder}'")
    done = notebook.run("%%zeta -o answer\nEmbed this sentence: good morning")
    vector = notebook.variables["answer"].embedding
    assert len(vector) == 32 and sum(x * x for x in vector) == pytest.approx(1)
    for text in shown(done):
        for word in ("E answered", f"32 numbers: {vector[0]:.4g}, {vector[1]:.4g}", "asks for an embedding"):
            assert word in text
    notebook.run("%%zeta -o words --size W\nEmbed this sentence: good morning")
    assert notebook.variables["words"].size == "W"


def test_an_embedding_model_that_the_ladder_lacks_is_named(notebook):
    notebook.variables["p"] = replace(RoutingPolicy.seed(("17K", "45K", "456K")), embedding_size="E")
    notebook.run("%zeta use p --ladder embedded")
    notebook.fails("%%zeta\nEmbed this sentence: good morning", "which E gives", "'embedded' lacks", "--size")


def test_all_sizes_are_compared_side_by_side(notebook):
    done = notebook.run(f"%%zeta --compare -o all\n{TEXT}")
    steps = notebook.variables["all"]
    assert list(steps) == ["17K", "45K", "456K"] and all(s.latency_s > 0 for s in steps.values())
    text, html = shown(done)
    assert text.count("%zeta feedback") == 3 and html.count("zeta-answer") == 3


def test_a_dry_run_decides_and_loads_no_model(notebook):
    done = notebook.run(f"%%zeta --dry-run --explain -o d\n{TEXT}")
    assert notebook.variables["d"].size in ("17K", "45K", "456K")
    assert notebook.magics.session().loaded == ()
    text, html = shown(done)
    assert "makes the query harder" in text and "cost weight from 0" in text and "chooses" in html
    assert "%zeta feedback" not in text


def test_the_cost_weight_moves_the_choice(notebook):
    for weight, size in (("0", "456K"), ("1000", "17K")):
        notebook.run(f"%%zeta --dry-run -o d --cost-weight {weight}\n{TEXT}")
        assert notebook.variables["d"].size == size


def test_names_in_braces_are_filled_in_unless_raw(notebook):
    notebook.variables["word"] = "WZDPD"
    notebook.run("%%zeta --size 456K -o a\nWrite {word} again.")
    notebook.run("%%zeta --size 456K --raw -o b\nWrite {word} again.")
    assert notebook.variables["a"].text == "WZDPD" != notebook.variables["b"].text


def test_code_becomes_the_next_cell(notebook):
    decision = ZetaDynamicRouter().route(TEXT)
    cell = RoutedCell(decision=decision, policy=RoutingPolicy.seed(), state=DONE)
    text = "Sure:\n```python\nprint(1)\n```"
    cell.steps.append((Step(size="7B", text=text, latency_s=1.0, p_right=0.5, error=None), ""))
    notebook.magics._insert(cell)
    assert notebook.shell.rl_next_input == "print(1)" and "next cell" in cell.notes[-1]


def test_an_answer_without_code_inserts_no_cell(notebook):
    done = notebook.run("%%zeta --code --size 456K -o a\nWrite WZDPD again.")
    assert code_of(notebook.variables["a"].text) is None
    assert not hasattr(notebook.shell, "rl_next_input") and "holds no Python code" in shown(done)[0]


def test_code_is_the_fenced_block_or_an_answer_that_is_python():
    assert code_of("Sure:\n```python\nx = 1\nprint(x)\n```\nDone.") == "x = 1\nprint(x)"
    assert code_of("x = 1\n") == "x = 1"
    assert code_of("```py\nx = {\n") == "x = {"
    assert code_of("There is no code here.") is None and code_of(" ") is None
    for text in ("WZDPD", "42", "yes", "```bash\nrm -r x\n```", "```\nplain words\n```", "Run:\n```sh\nls\n```\n"):
        assert code_of(text) is None
    assert code_of("```sh\nls\n```\n\n```python\nx = 1\n```") == "x = 1"
    assert code_of("So:\n```\nprint(1)\n```") == "print(1)"


def test_a_mistake_on_the_line_is_one_line_and_nothing_runs(notebook):
    notebook.fails(f"%%zeta --dry-rum\n{TEXT}", "Did you mean '--dry-run'")
    notebook.fails(f"%%zeta tune outcomes\n{TEXT}", "below the line")
    notebook.fails("%%zeta\n  \n", "no text")
    notebook.fails(f"%%zeta --size 17K --compare\n{TEXT}", "not both")
    notebook.fails(f"%%zeta -o 1x\n{TEXT}", "no variable's name")
    notebook.fails(f"%%zeta --code --dry-run\n{TEXT}", "--code")
    assert notebook.magics._session is None or notebook.magics.session().loaded == ()


def test_a_failed_model_fails_the_cell_and_says_why(notebook):
    notebook.fails("%%zeta --size 17K\n" + "word " * 5000, "17K failed", "shorten")


def test_an_answer_streams_in_and_stops_when_the_cell_is_interrupted(endless):
    args = cell_parser().parse_args(["--size", "R1"])
    cell, seen = start(args, asked(TEXT), endless), []

    def show():
        if len(cell.writing.get("R1", "")) > 40:
            seen.append(cell.writing["R1"])
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(args, asked(TEXT), endless, cell, show)
    assert cell.state == INTERRUPTED and not cell.steps
    assert seen[1].startswith(seen[0][:20]) and len(seen[1]) > len(seen[0])
    assert cell.writing["R1"].startswith(seen[0][:20]) and "interrupted" in cell.text()
    assert not [t for t in threading.enumerate() if t.name == "zeta"]


def test_what_work_raises_and_returns_comes_back():
    assert wait_for(lambda check: 7, lambda: None) == 7
    with pytest.raises(ValueError, match="no"):
        wait_for(lambda check: int("no"), lambda: None)


def test_steps_are_shown_as_they_happen(notebook):
    decision = ZetaDynamicRouter(RoutingPolicy.seed(("17K", "45K", "456K"))).route(TEXT)
    cell = RoutedCell(decision=decision, policy=RoutingPolicy.seed(("17K", "45K", "456K")), writing={"17K": "Q"})
    assert re.search("17K is answering", cell.text())
    cell.steps.append((Step(size="17K", text="Q", latency_s=0.1, p_right=0.1, error=None), "went from 17K to 45K"))
    cell.writing = {"45K": "QW"}
    assert "went from 17K to 45K" in cell.text() and cell.text().splitlines()[2] == "QW"


def test_a_cell_carries_on_from_the_last_one(notebook):
    done = notebook.run(f"%%zeta --size 456K -o one\n{TEXT}")
    assert "stands alone" in shown(done)[0]
    done = notebook.run("%%zeta --continue -o two\nAnd what comes after that?")
    assert "turn 2" in shown(done)[0] and "stands alone" not in shown(done)[0]
    (asked_last,) = notebook.magics._judging().history.frame()["query"].tail(1)
    assert TEXT in asked_last and notebook.variables["one"].text in asked_last
    notebook.run("%%zeta\nCopy QWERT.")
    assert "turn 1 of 'draft'" in shown(notebook.run("%%zeta -c draft\nCopy QWERT."))[0]
    assert "draft" in repr(notebook.run("%zeta reset draft").result.result)
    notebook.fails("%zeta reset draft", "draft")
    notebook.run("%zeta reset")
    assert "no earlier answer to carry on from" in shown(notebook.run("%%zeta -c\nCopy QWERT."))[0]


def test_the_turns_of_a_conversation_keep_their_session(notebook):
    notebook.run(f"%%zeta -c a -o one\n{TEXT}")
    notebook.run("%%zeta -c a -o two\nOnce more.")
    first, second = (notebook.variables[name].decision for name in ("one", "two"))
    assert first.session == second.session == "a" and second.held and not first.held


def test_what_was_filled_in_is_said(notebook):
    notebook.variables["n"] = 7
    text, html = shown(notebook.run("%%zeta --dry-run\nWhat is {n} + \\sqrt{n}?"))
    for said in ("Filled in: {n}: 7.", "Left as it stands in code or mathematics: {n}."):
        assert said in text and said in html


def test_the_answer_stands_above_its_folded_grounds(notebook):
    text, html = shown(notebook.run(f"%%zeta --size 456K\n{TEXT}"))
    assert html.index("456K answered") < html.index("WZDPD") < html.index("<details") < html.index("17K")
    assert text.index("456K answered") < text.index("WZDPD") < text.index("17K")
    assert "<details open" not in html
    assert "<details open" in shown(notebook.run(f"%%zeta --dry-run\n{TEXT}"))[1]


def test_an_empty_answer_is_said_to_be_empty():
    decision = ZetaDynamicRouter().route("hello")
    cell = RoutedCell(decision=decision, policy=RoutingPolicy.seed(), state=DONE)
    cell.steps.append((Step(size="7B", text=" \n", latency_s=1.0, p_right=0.5, error=None), ""))
    assert "(the answer is empty)" in cell.text() and "(the answer is empty)" in cell._repr_html_()


def test_served_sizes_are_compared_at_the_same_time(tmp_path):
    both = threading.Barrier(2, timeout=20)

    class Server(BaseHTTPRequestHandler):
        """Answers a completion once both sizes have been asked for one."""

        def log_message(self, *words):
            pass

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if TEXT in json.dumps(body):
                both.wait()
            said = {"role": "assistant", "content": f"by {body['model']}"}
            part = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}
            choice = {"index": 0, "finish_reason": "stop"}
            if body.get("stream"):
                lines = json.dumps(part | {"choices": [choice | {"delta": said}]})
                data, kind = f"data: {lines}\n\ndata: [DONE]\n\n".encode(), "text/event-stream"
            else:
                data = json.dumps(
                    part | {"object": "chat.completion", "choices": [choice | {"message": said}]}
                ).encode()
                kind = "application/json"
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        rungs = (
            f'[[models]]\nsize = "{size}"\nmodel = "m{size}"\nbase_url = "http://127.0.0.1:{server.server_port}/v1"\n'
            for size in ("A", "B")
        )
        (tmp_path / "l.toml").write_text("max_new_tokens = 9\n" + "".join(rungs))
        session = Session(None, Ladder.load(tmp_path / "l.toml"))
        args, turn = cell_parser().parse_args(["--compare"]), asked(TEXT)
        cell = start(args, turn, session)
        made = run(args, turn, session, cell, lambda: None)
        server.shutdown()
    assert {size: (step.text, step.error) for size, step in made.value.items()} == {
        "A": ("by mA", None),
        "B": ("by mB", None),
    }
    assert "A and B were asked at the same time." in cell.notes
    assert [step.size for step, _ in cell.steps] == ["A", "B"]
