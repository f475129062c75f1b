"""What a server keeps and tells: history, feedback, shadow, counters, keys, limits, and the policy that it follows."""

import dataclasses
import json
import logging
import re
import socket
import time

import httpx
import openai
import pytest
from running import EASY, HARD, SIZES, rung, running, soon
from scripted_server import DONE, ScriptedServer, chat, pieces

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.feedback import History
from zeta_eval.router.cascade import Look, Posterior
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.serving.settings import ServeSettings

SEED = RoutingPolicy.seed(SIZES)


def by_model(body, number):
    if body.get("stream"):
        return 200, [*pieces(f"of {body['model']}"), DONE]
    return 200, chat(f"of {body['model']}")


@pytest.fixture
def upstream():
    with ScriptedServer(by_model) as server:
        yield server


def priced(upstream):
    prices = dict(zip(SIZES, (1.0, 2.0, 10.0), strict=True))
    return [rung(s, upstream.url, usd_per_mtok=prices[s]) for s in SIZES]


def test_every_decision_is_a_row_with_its_steps_tokens_and_price(tmp_path, upstream):
    file = tmp_path / "h.db"
    with running(tmp_path, priced(upstream), history=str(file)) as served:
        ids = [served.chat(EASY).zeta["id"], [*served.chat(HARD, stream=True)][-1].zeta["id"]]
        named = served.chat(EASY, "4B")
        assert set(named.zeta) == {"id", "size"} and named.zeta["id"] not in ids
        assert ids[0] < named.zeta["id"]  # ids begin with their time
        assert ids[:2] == sorted(ids)
    with History(file) as history:
        rows = history.frame()
    assert rows["decision_id"].tolist() == ids and rows["query"].tolist() == [EASY, HARD]
    assert rows["final_size"].tolist() == ["7B", "14B"]
    assert rows["completion_tokens"].tolist() == [3, 3]
    assert rows["cost_usd"].tolist() == pytest.approx([10 * 2e-6, 10 * 10e-6])
    assert [[s["size"] for s in steps] for steps in rows["steps"]] == [["7B"], ["14B"]]


def test_a_history_without_text_keeps_none(tmp_path, upstream):
    with running(tmp_path, priced(upstream), history=str(tmp_path / "h.db"), keep_text=False) as served:
        served.chat(EASY)
    assert b"capital" not in b"".join(f.read_bytes() for f in tmp_path.glob("h.db*"))


def test_feedback_is_on_the_disk_when_it_is_answered(tmp_path, upstream):
    with running(tmp_path, priced(upstream), history=str(tmp_path / "h.db")) as served:
        ids = [served.chat(EASY).zeta["id"] for _ in range(3)]
        given = ({"right": True}, {"score": 0.25, "source": "scorer"}, {"right": False, "answer": "Paris", "by": "Ada"})
        for each, one in zip(ids, given, strict=True):
            assert served.post("/v1/feedback", {"id": each, **one}).json() == {"id": each, "object": "feedback"}
        with History(tmp_path / "h.db") as history:
            rows = history.frame()
        assert rows["score"].tolist() == [1.0, 0.25, 0.0] and rows["answer"].tolist()[2] == "Paris"
        assert set(rows["source"]) == {"person"}  # without keys nobody chooses whose word it is
        assert served.metric('zeta_feedback_total{kind="right"}') == 2.0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"right": True}, "`id` is missing"),
        ({"id": "0" * 32, "right": True}, "Unknown decision id"),
        ({"id": None, "right": True}, "`id` is missing"),
        ({"id": "KNOWN"}, "The feedback is empty"),
        ({"id": "KNOWN", "right": None, "score": None}, "give `right` (true or false)"),
        ({"id": "KNOWN", "score": 3}, "give a number in"),
        ({"id": "KNOWN", "score": True}, "`score` is no number"),
        ({"id": "KNOWN", "score": 1.0, "right": True}, "Both `right` and `score` are given"),
        ({"id": "KNOWN", "right": True, "by": True}, "`by` is no text"),
        ({"id": "KNOWN", "right": True, "source": {"a": None}}, "`source` is no text"),
        ({"id": "KNOWN", "right": "yes"}, "`right` is no boolean"),
    ],
)
def test_feedback_that_says_nothing_is_refused(tmp_path, upstream, body, said):
    with running(tmp_path, priced(upstream), history=str(tmp_path / "h.db")) as served:
        known = served.chat(EASY).zeta["id"]
        answer = served.post("/v1/feedback", {k: known if v == "KNOWN" else v for k, v in body.items()})
        told = answer.json()["error"]["message"]
        assert answer.status_code == 400 and said in told
        assert not {"True", "False", "None", "record"} & {*re.findall(r"\w+", told)}  # words of Python


def test_a_history_that_is_deleted_is_begun_anew_and_that_is_said_and_counted(tmp_path, upstream, caplog):
    file = tmp_path / "h.db"
    with running(tmp_path, priced(upstream), history=str(file)) as served:
        served.chat(EASY)
        soon(lambda: served.metric("zeta_history_queued") == 0.0)
        assert served.get("/health").json()["history"] == {"queued": 0, "lost": 0, "begun_anew": 0}
        file.unlink()
        ids = [served.chat(EASY).zeta["id"] for _ in range(3)]
        assert served.post("/v1/feedback", {"id": ids[1], "right": True}).status_code == 200
        assert served.metric("zeta_history_begun_anew") == 1.0
        assert served.get("/health").json()["history"]["begun_anew"] == 1
    assert len([r for r in caplog.records if "a new one is begun" in r.getMessage()]) == 1
    with History(file) as history:
        assert history.frame()["decision_id"].tolist() == ids


def test_a_shadow_decides_beside_the_policy_and_is_recorded(tmp_path, upstream):
    shadow = dataclasses.replace(SEED, name="other", cost_weight=9.0).save(tmp_path / "shadow.json")
    with running(tmp_path, priced(upstream), history=str(tmp_path / "h.db"), shadow=str(shadow)) as served:
        assert served.chat(HARD).zeta["size"] == "14B"
        assert served.metric('zeta_shadow_decisions_total{shadow="4B",size="14B"}') == 1.0
    with History(tmp_path / "h.db") as history:
        (found,) = history.frame()["shadow"]
    assert found["size"] == "4B" and found["policy"].startswith("other@") and set(found["p"]) == set(SIZES)


def test_counters_tell_requests_sizes_tokens_cost_and_savings(tmp_path, upstream):
    with running(tmp_path, priced(upstream)) as served:
        served.chat(EASY)
        served.chat(HARD)
        served.chat(EASY, stream=True)
        with pytest.raises(openai.NotFoundError):
            served.chat(EASY, "none")
        assert served.metric('zeta_requests_total{path="/v1/chat/completions",status="200"}') == 3.0
        assert served.metric('zeta_requests_total{path="/v1/chat/completions",status="404"}') == 1.0
        soon(lambda: served.metric('zeta_answers_total{size="7B"}') == 2.0)
        assert served.metric('zeta_answers_total{size="14B"}') == 1.0
        assert served.metric('zeta_tokens_total{kind="prompt_tokens",size="7B"}') == 14.0
        assert served.metric("zeta_cost_usd_total") == pytest.approx(10e-6 * (2 + 2 + 10))
        assert served.metric("zeta_largest_cost_usd_total") == pytest.approx(10e-6 * 30)
        assert served.metric("zeta_expected_cost_total") == pytest.approx(0.65 * 2 + 1.0)
        assert served.metric("zeta_largest_expected_cost_total") == pytest.approx(3.0)
        assert served.metric('zeta_answer_seconds_count{size="7B"}') == 2.0
        assert served.metric('zeta_first_token_seconds_count{size="7B"}') == 1.0


def test_a_change_of_the_queries_shows_in_health_and_counters(tmp_path, upstream):
    with running(tmp_path, priced(upstream)) as served:
        notes = served.app.notes
        for n in range(600):
            notes._found(notes.drift.complexity(0.2 if n < 300 else 0.9, at_s=float(n)))
        assert served.metric('zeta_drift_events_total{what="complexity"}') >= 1.0
        assert "complexity changed from" in served.get("/health").json()["drift"][0]


def test_a_caller_needs_one_of_the_keys(tmp_path, upstream, monkeypatch):
    monkeypatch.setenv("ZETA_KEYS", "first-key, second-key")
    with running(tmp_path, priced(upstream), keys_env="ZETA_KEYS", history=str(tmp_path / "h.db")) as served:
        for key in ("first-key", "second-key"):
            assert served.client(key).models.list().data
        for key in ("third-key", "first-key, second-key", "first-ke", " "):
            with pytest.raises((openai.AuthenticationError, openai.APIConnectionError)):
                served.client(key).models.list()
        for path in ("/metrics", "/v1/models"):
            assert served.get(path).status_code == 401
        assert served.get("/health").json() == {"status": "ok"}
        head = {"Authorization": "Bearer second-key"}
        assert "policy" in served.get("/health", headers=head).json()
        body = {"model": "zeta", "messages": [{"role": "user", "content": EASY}]}
        known = served.post("/v1/chat/completions", body, headers=head).json()["zeta"]["id"]
        rating = {"id": known, "right": True, "source": "scorer"}
        assert served.post("/v1/feedback", rating).status_code == 401
        assert served.post("/v1/feedback", rating, headers=head).status_code == 200
        assert served.app.notes.history.frame()["source"].tolist() == ["scorer"]
    assert all("Authorization" not in headers for headers in upstream.headers)  # a caller's key stays here


def test_other_machines_are_let_in_only_with_keys(monkeypatch):
    files = {"policy": "p.json", "ladder": "embedded"}
    for host in ("0.0.0.0", "::", "10.0.0.7", "example.org"):
        with pytest.raises(InvalidInputError, match="open to other machines, and no key is asked for"):
            ServeSettings(host=host, **files)
    for host in ("127.0.0.1", "::1", "localhost"):
        assert ServeSettings(host=host, **files).keys() == ()
    monkeypatch.setenv("ZETA_KEYS", " , ")
    with pytest.raises(InvalidInputError, match="Environment variable ZETA_KEYS holds no key"):
        ServeSettings(host="0.0.0.0", keys_env="ZETA_KEYS", **files).keys()


LONG = json.dumps({"model": "zeta", "messages": [{"role": "user", "content": "x" * 20_000}]}).encode()


def in_chunks(body):
    """A body whose length is not told, in chunks of 1000 bytes."""
    parts = [body[i : i + 1000] for i in range(0, len(body), 1000)]
    return [*(b"%x\r\n%b\r\n" % (len(part), part) for part in parts), b"0\r\n\r\n"]


@pytest.mark.parametrize(
    "sent",
    [
        [b"Content-Length: %d\r\n\r\n" % len(LONG), LONG],
        [b"Content-Length: %d\r\n\r\n" % len(LONG), *(LONG[i : i + 1000] for i in range(0, len(LONG), 1000))],
        [b"Content-Length: %d\r\n\r\n" % 10**12, LONG],
        [b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(in_chunks(LONG))],
        [b"Transfer-Encoding: chunked\r\n\r\n", *in_chunks(LONG)],
    ],
    ids=["told", "told, in pieces", "told, and never whole", "untold, at once", "untold, in pieces"],
)
def test_a_body_over_the_limit_is_refused_however_it_comes_and_the_connection_closed(
    tmp_path, upstream, sent, monkeypatch
):
    monkeypatch.setattr("zeta_eval.serving.exchange.LINGER_S", 0.3)
    with running(tmp_path, priced(upstream), max_body_mb=0.01) as served:
        with socket.create_connection(("127.0.0.1", served.port)) as caller:
            caller.settimeout(20)
            caller.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n")
            for part in sent:
                caller.sendall(part)
            said = b"".join(iter(lambda: caller.recv(65536), b""))  # until the server closes
        head, _, body = said.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 413 ") and b"connection: close" in head
        assert "larger than 10000 bytes" in json.loads(body)["error"]["message"]
        assert not upstream.bodies and served.chat("Hi").choices


def test_a_client_that_sends_on_gets_to_read_why_its_body_is_refused(tmp_path, upstream):
    def slowly():
        for part in range(0, len(LONG), 1000):
            yield LONG[part : part + 1000]
            time.sleep(0.01)

    with running(tmp_path, priced(upstream), max_body_mb=0.01) as served:
        for content in (LONG, slowly()):
            answer = httpx.post(f"{served.url}/v1/chat/completions", content=content, trust_env=False)
            assert answer.status_code == 413 and answer.headers["connection"] == "close"
            assert "larger than 10000 bytes" in answer.json()["error"]["message"]


def test_no_query_is_in_the_log_unless_asked(tmp_path, upstream, caplog):
    caplog.set_level(logging.DEBUG)
    for asked in (False, True):
        with running(tmp_path, priced(upstream), log_prompts=asked) as served:
            ids = [served.chat(EASY, model).zeta["id"] for model in ("zeta", "4B")]
        said = [r.getMessage() for r in caplog.records if r.name.startswith(("zeta_eval", "uvicorn", "aiohttp"))]
        assert [any(EASY in line and each in line for line in said) for each in ids] == [asked, asked]


def test_a_new_policy_file_is_taken_over_and_a_broken_one_leaves_the_old_in_use(tmp_path, upstream, caplog):
    with running(tmp_path, priced(upstream)) as served:
        assert served.chat(EASY).zeta["size"] == "7B"
        new = dataclasses.replace(SEED, name="new", cost_weight=0.0)
        new.save(tmp_path / "policy.json")
        assert soon(lambda: served.chat(EASY).zeta["size"] == "14B")
        (tmp_path / "policy.json").write_text("{", encoding="utf-8")
        problem = soon(lambda: served.get("/health").json()["problem"])
        assert "is no JSON" in problem and any("The policy in use stays" in r.getMessage() for r in caplog.records)
        assert served.chat(EASY).zeta["policy"].startswith("new@")
        RoutingPolicy.seed(("1B", "2B")).save(tmp_path / "policy.json")
        assert soon(lambda: "Unknown rung '1B'" in (served.get("/health").json()["problem"] or ""))
        (tmp_path / "policy.json").unlink()
        assert soon(lambda: "Can't read the policy file" in served.get("/health").json()["problem"])
        SEED.save(tmp_path / "policy.json")
        assert soon(lambda: served.chat(EASY).zeta["size"] == "7B")
        assert served.get("/health").json()["problem"] is None
        assert served.metric('zeta_policy_reloads_total{result="taken over"}') == 2.0


def test_a_session_goes_on_under_a_new_version_of_the_policy(tmp_path, upstream):
    head = {"x-zeta-session": "user-7"}
    with running(tmp_path, priced(upstream)) as served:
        assert served.chat(EASY, extra_headers=head).zeta["size"] == "7B"
        dataclasses.replace(SEED, name="new").save(tmp_path / "policy.json")
        soon(lambda: served.chat(EASY).zeta["policy"].startswith("new@"))
        answer = served.chat(HARD, extra_headers=head).zeta
        assert answer["size"] == "7B" and any("the session stays at 7B" in reason for reason in answer["reasons"])


def test_a_champion_that_is_promoted_or_taken_back_is_in_use_without_a_restart(tmp_path, upstream, tracker):
    import zeta_eval as ze

    for i, weight in enumerate((0.5, 0.0)):
        file = dataclasses.replace(SEED, name=f"policy-{i + 1}", cost_weight=weight).save(tmp_path / f"{i}.json")
        tracker.log_policy(file, metrics={}, tags={"verdict": "not measured"})
    ze.promote("1", store=tracker.uri)
    name = "models:/ZetaDynamicRouter@champion"
    with running(tmp_path, priced(upstream), named=name, mlflow=tracker.uri) as served:
        assert served.chat(EASY).zeta["policy"].startswith("policy-1@")
        ze.promote("2", store=tracker.uri)
        assert soon(lambda: served.chat(EASY).zeta["policy"].startswith("policy-2@"))
        assert served.chat(EASY).zeta["size"] == "14B"
        ze.rollback(store=tracker.uri)
        assert soon(lambda: served.chat(EASY).zeta["policy"].startswith("policy-1@"))


def test_a_registered_name_without_a_version_is_refused(tmp_path, upstream, tracker, capfd):
    from zeta_eval.exceptions import PolicyError

    with (
        pytest.raises(PolicyError, match="could not be read"),
        running(tmp_path, priced(upstream), named="models:/ZetaDynamicRouter/7", mlflow=tracker.uri),
    ):
        pass
    assert "has no version 7" in capfd.readouterr().err


def test_a_policy_whose_sizes_the_ladder_lacks_is_refused(tmp_path, upstream):
    with (
        pytest.raises(UnknownNameError, match=r"Unknown rung '14B'.*each needs a rung in the ladder"),
        running(tmp_path, priced(upstream)[:2]),
    ):
        pass


def cascading():
    """The small size's answer shows by its log-probability whether it is right."""
    own = Posterior(size="4B", bias=3.0, prior=1.0, own=0.0, weights={"mean_logprob": 10.0})
    costs = (0.02, 0.3, 1.0)
    rungs = tuple(dataclasses.replace(r, cost=c) for r, c in zip(SEED.rungs, costs, strict=True))
    return dataclasses.replace(SEED, rungs=rungs, looks=(Look(ran=("4B",), spread=0.9, posteriors=(own,)),))


class Sure:
    """Answers with log-probabilities where they are asked for."""

    def __init__(self, logprob):
        self.logprob = logprob

    def __call__(self, body, number):
        if body.get("stream"):
            return 200, [*pieces(f"of {body['model']}"), DONE]
        reply = chat(f"of {body['model']}")
        if body.get("logprobs"):
            token = {"token": "x", "logprob": self.logprob, "top_logprobs": []}
            reply["choices"][0]["logprobs"] = {"content": [token]}
        return 200, reply


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("logprob", "called"), [(-0.01, ["4B"]), (-3.0, ["4B", "14B"])])
def test_a_cascade_goes_on_where_the_answer_looks_doubtful(tmp_path, stream, logprob, called):
    with ScriptedServer(Sure(logprob)) as up:
        rungs = [rung(s, up.url) for s in SIZES]
        with running(tmp_path, rungs, cascading(), history=str(tmp_path / "h.db")) as served:
            answer = served.chat(EASY, stream=stream)
            chunks = list(answer) if stream else []
            told = chunks[-1].zeta if stream else answer.zeta
            text = "".join(c.choices[0].delta.content or "" for c in chunks) if stream else None
            assert (text if stream else answer.choices[0].message.content) == f"of model-{told['size']}"
            assert told["steps"][0]["size"] == "4B" and told["size"] in ("4B", "7B", "14B")
            assert (told["size"] == "4B") == (called == ["4B"])
            assert stream or not answer.choices[0].logprobs  # nobody asked for them
            assert served.metric("zeta_escalations_total") == float(len(called) > 1)
        assert up.bodies[0]["logprobs"] is True and not up.bodies[0].get("stream")
        assert up.bodies[0]["model"] == "model-4B" and len(up.bodies) == len(told["steps"])


def test_a_step_up_that_is_late_leaves_the_answer_that_was_there(tmp_path):
    def slow_above(body, number):
        time.sleep(0.0 if body["model"] == "model-4B" else 1.5)
        return by_model(body, number)

    with ScriptedServer(slow_above) as up, running(tmp_path, [rung(s, up.url) for s in SIZES], cascading()) as served:
        answer = served.chat(EASY, extra_headers={"x-zeta-deadline-s": "0.4"})
        assert answer.choices[0].message.content == "of model-4B"
        (first, late) = answer.zeta["steps"]
        assert first["size"] == "4B" and late["error"] == "no answer by the deadline"


def test_a_server_that_gives_no_log_probabilities_is_asked_without(tmp_path):
    def strict(body, number):
        if "logprobs" in body:
            return 400, {"error": {"message": "Unexpected field: logprobs", "type": "invalid_request_error"}}
        return 200, chat("plain")

    with ScriptedServer(strict) as up, running(tmp_path, [rung(s, up.url) for s in SIZES], cascading()) as served:
        assert served.chat(EASY).choices[0].message.content == "plain"
        asked = len(up.bodies)
        served.chat(EASY)
        assert not any("logprobs" in body for body in up.bodies[asked:])


def test_a_session_stays_at_its_size_and_a_task_is_named_by_headers(tmp_path, upstream):
    with running(tmp_path, priced(upstream), history=str(tmp_path / "h.db")) as served:
        head = {"x-zeta-session": "user-7", "x-zeta-task": "sums"}
        assert served.chat(HARD, extra_headers=head).zeta["size"] == "14B"
        assert any("session" in reason for reason in served.chat(EASY, extra_headers=head).zeta["reasons"])
        assert not any("session" in reason for reason in served.chat(EASY).zeta["reasons"])
        served.get("/health")  # an answer is noted once it is sent, before the next request
        assert served.app.notes.history.frame()["task"].fillna("").tolist() == ["sums", "sums", ""]


def test_a_page_of_another_site_cannot_ask_a_server_that_wants_no_key(tmp_path, upstream):
    body = {"model": "zeta", "messages": [{"role": "user", "content": EASY}]}
    with running(tmp_path, priced(upstream)) as served:
        for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
            answer = served.post("/v1/chat/completions", body, headers={"Sec-Fetch-Site": site})
            assert answer.status_code == status


def test_an_answer_that_cannot_be_noted_is_an_answer_all_the_same(tmp_path, upstream, caplog):
    with running(tmp_path, priced(upstream), history=str(tmp_path / "h.db")) as served:
        served.app.notes.history.record = None  # calling it fails
        assert served.chat(EASY).choices
        assert soon(lambda: "could not be noted" in caplog.text)


def test_ratings_move_the_choice_at_once_and_a_restarted_server_still_knows_them(tmp_path, upstream):
    kept = {"history": str(tmp_path / "h.db"), "online": str(tmp_path / "online")}
    task = {"x-zeta-task": "capitals"}
    with running(tmp_path, priced(upstream), **kept) as served:
        before = served.chat(EASY, extra_headers=task).zeta
        for _ in range(60):
            answer = served.chat(EASY, extra_headers=task)
            assert served.post("/v1/feedback", {"id": answer.zeta["id"], "score": 0.0}).status_code == 200
        after = served.chat(EASY, extra_headers=task).zeta
        again = served.post("/v1/feedback", {"id": answer.zeta["id"], "score": 0.0})
        assert again.status_code == 200  # a second rating of an answer is recorded, and teaches nothing more
        assert after["p"][before["size"]] < before["p"][before["size"]]
    with running(tmp_path, priced(upstream), **kept) as served:
        assert served.chat(EASY, extra_headers=task).zeta["p"] == pytest.approx(after["p"], abs=0.02)
    with running(tmp_path, priced(upstream), history=kept["history"]) as served:
        assert served.chat(EASY, extra_headers=task).zeta["p"] == before["p"]
