"""Passwords and keys are planted wherever one can enter, and looked for in everything that is written or said."""

import base64
import json
import logging
from dataclasses import replace
from urllib.parse import quote

import pytest

from zeta_eval import MlflowTracker
from zeta_eval.cli import main
from zeta_eval.cli.verbs import build_parser
from zeta_eval.exceptions import InvalidInputError, masked
from zeta_eval.feedback import History
from zeta_eval.router.policy import RoutingPolicy

MARK = "Qx7-planted/Secret+91zK"
"""The part of every planted secret that is looked for."""


def forms(secret):
    """How a secret may be told: as it is, backwards, in base64 and in hexadecimal."""
    data = secret.encode()
    return [
        data,
        quote(secret, safe="").encode(),
        data[::-1],
        base64.b64encode(data).rstrip(b"=")[:-1],
        data.hex().encode(),
    ]


def found_in(folder, *texts):
    """The places that hold the secret in any form."""
    named = {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    named |= {f"text {i}": text.encode() for i, text in enumerate(texts)}
    return [f"{name}: {form}" for name, data in named.items() for form in forms(MARK) if form in data]


@pytest.mark.parametrize("form", forms(MARK))
def test_a_form_that_is_looked_for_is_found(form, tmp_path):
    (tmp_path / "f").write_bytes(b"text " + form + b" text")
    assert found_in(tmp_path)


URLS = [
    "postgresql://me:{}@127.0.0.1:1/study",
    "postgresql+psycopg://me:{}@127.0.0.1:1/study?sslmode=disable",
    "mysql://:{}@127.0.0.1:1/x",
    "postgresql://127.0.0.1:1/study?user=me&password={}",
    "nosuch://me:{}@host/x",
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize(
    "command",
    [
        ["tune", "o.parquet", "--out", "p2.json", "--trials", "1", "--mlflow", "none", "--storage"],
        ["history", "status"],
        ["learn", "p.json", "--out", "new.json", "--mlflow", "none"],
        ["promote", "p.json", "--mlflow"],
        ["rollback", "--mlflow"],
        ["replay", "models:/ZetaDynamicRouter/1", "o.parquet", "--mlflow"],
        ["ui", "--json", "--mlflow"],
        ["ui", "--optuna"],
        ["route", "p.json", "Hi", "--no-such-option"],
        ["bench", "--tasks", "copy", "--limit", "1", "--out", "b", "--ladder"],
    ],
    ids=lambda words: words[0],
)
def test_the_password_of_a_url_is_in_no_message_and_no_file(url, command, tuned, tmp_path, monkeypatch, capfd, caplog):
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.DEBUG, "zeta_eval")
    tuned[0].save(tmp_path / "o.parquet")
    RoutingPolicy.seed().save(tmp_path / "p.json")
    assert main([*command, url.format(MARK)]) in (1, 2)
    said = capfd.readouterr()
    assert said.err.count("\n") == 1 and not found_in(tmp_path, said.out, said.err, caplog.text)


def test_a_storage_s_password_is_in_no_record_of_a_search(tuned, tracker, tmp_path):
    outcomes, report = tuned
    storage = f"postgresql+psycopg://me:{MARK}@db/study?sslpassword={MARK}"
    report = replace(report, settings=replace(report.settings, storage=storage))
    sent = tracker.log_tuning(report, outcomes)
    run = tracker.registry.client.get_run(sent["tuning"])
    assert run.data.params["storage"] == "postgresql+psycopg://me:***@db/study?sslpassword=***"
    report.policy.save(tmp_path / "p.json")
    assert not found_in(tmp_path, repr(report), report.text(), report._repr_html_())


def test_what_a_dead_server_is_named_by_is_kept_without_its_password(tuned, tmp_path, unused_port, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", f"t-{MARK}")
    tracker = MlflowTracker(f"http://admin:{quote(MARK, safe='')}@127.0.0.1:{unused_port}")
    assert tracker.log_policy(RoutingPolicy.seed().save(tmp_path / "p.json"), tags={"note": f"by t-{MARK}"}) == {}
    assert "admin:***@" in caplog.text and "zeta track" in caplog.text
    assert [*tmp_path.rglob("record.json")] and not found_in(tmp_path, caplog.text)


@pytest.mark.parametrize("kind", ["sqlite:///", ""])  # a database, and the file of a journal
def test_the_words_of_a_page_s_server_which_all_users_of_a_machine_see_hold_no_password(kind, tmp_path, unused_port):
    pytest.importorskip("optuna_dashboard", reason="`pip install 'zeta-eval[dashboard]'`")
    (tmp_path / MARK).parent.mkdir()
    storage = f"{kind}{tmp_path}/{MARK}"
    args = build_parser().parse_args(["ui", "--optuna", storage, "--port", str(unused_port)])
    page = args.do(args).report
    assert list(page.env.values()) == [storage]
    assert page.command and MARK not in " ".join(page.command)


@pytest.mark.parametrize("url", URLS)
def test_what_serve_would_start_is_told_without_the_password_of_its_history(url, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    RoutingPolicy.seed(("17K", "45K", "456K")).save(tmp_path / "p.json")
    words = ["serve", "p.json", "--ladder", "embedded", "--json", "--history", url.format(quote(MARK, safe=""))]
    assert main(words) == 0
    said = capfd.readouterr()
    told = json.loads(json.loads(said.out)["command"][-1])
    assert "***" in told["history"] and not found_in(tmp_path, said.out, said.err)


def test_a_history_s_name_has_no_password(tmp_path):
    url = f"postgresql://me:{MARK}@127.0.0.1:1/x?connect_timeout=1&sslpassword={MARK}"
    with pytest.raises(InvalidInputError) as told:
        History(url)
    assert "me:***@" in str(told.value) and not found_in(tmp_path, str(told.value), repr(told.value))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://u:p@h and postgres://v:q@i/j", "http://u:***@h and postgres://v:***@i/j"),
        ("http://localhost:5000/v1", "http://localhost:5000/v1"),
        ("https://tok3n@host/x", "https://***@host/x"),
        ("a?password=b&c=d&api_key=e", "a?password=***&c=d&api_key=***"),
        ("serve --api-key abc --max-new-tokens 5", "serve --api-key *** --max-new-tokens 5"),
        ("Authorization: Bearer abc123def", "Authorization: Bearer ***"),
        ("Basic arithmetic for bearers", "Basic arithmetic for bearers"),
        ("p@ssword in postgresql://u:p@ss:w/ord@h/d", "p@ssword in postgresql://u:***@h/d"),
    ],
)
def test_where_a_password_stands_is_known(text, shown):
    assert masked(text) == shown


def test_a_key_is_known_in_other_forms_and_in_pieces(monkeypatch):
    key = "sk-proj-1234567890abcdefGHIJ"
    for told in (key, key[::-1], base64.b64encode(f"user:{key}".encode()).decode(), key.encode().hex()):
        left = masked(f"wrong key {told}.", key)
        assert left.startswith("wrong key ") and left.endswith(".") and key[8:16] not in left
        assert not any(form.decode()[4:-4] in left for form in forms(key))
    assert masked(f"no key {key[:12]}... of {key[-9:]}", key) == "no key ***... of ***"
    monkeypatch.setenv("OWN_API_KEY", key)
    assert masked(f"it is {key}") == "it is ***" and masked("sk-proj-12 is short") == "sk-proj-12 is short"
