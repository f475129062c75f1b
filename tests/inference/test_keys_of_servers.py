"""A rung's keys, planted in its environment, its command and what its server repeats, are in nothing that is kept."""

import base64
import json
import logging
import sys
from pathlib import Path

import pytest
from scripted_server import ScriptedServer, chat

import zeta_eval as ze
from zeta_eval.cli import main

KEY, HEADER, OPTION = "sk-proj/Planted+key_1234567890", "org-Planted+header/987654", "Planted+option/55443322"


def told(key):
    """A key in the forms in which a server may repeat it."""
    data = key.encode()
    return [key, key[::-1], base64.b64encode(f"Bearer {key}".encode()).decode(), data.hex(), key[:14], key[-12:]]


def anywhere(folder, *texts):
    """The forms that are in a file of the folder or in a text."""
    everything = [p.read_bytes().decode(errors="replace") for p in folder.rglob("*") if p.is_file()] + [*texts]
    wanted = [form for key in (KEY, HEADER, OPTION) for form in told(key)]
    wanted += [base64.b64encode(key.encode()).decode()[4:-4] for key in (KEY, HEADER, OPTION)]
    return [form for form in wanted if any(form in text for text in everything)]


@pytest.fixture
def ladder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLEET_KEY", KEY)
    monkeypatch.setenv("FLEET_ORG", HEADER)

    def made(*lines):
        head = ["[[models]]", 'size = "A"', 'model = "m"', 'api_key_env = "FLEET_KEY"', "retries = 0"]
        (tmp_path / "own.toml").write_text("\n".join([*head, 'headers_env = {"X-Org" = "FLEET_ORG"}', *lines]))
        return str(tmp_path / "own.toml")

    return made


def bench(path, *words):
    return main(["bench", "--ladder", path, "--tasks", "copy", "--limit", "8", "--out", "out", *words])


def test_keys_that_a_server_repeats_are_in_no_answer_no_error_and_no_record(ladder, tracker, tmp_path, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    words = [*told(KEY), *told(HEADER)]

    def answer(body, number):
        if number < 4:
            return 200, chat()
        if number % 2:
            return 400, {"error": {"message": f"You sent {words[number % len(words)]}, which is wrong."}}
        whole = [word for word in words if word not in (KEY[:14], KEY[-12:], HEADER[:14], HEADER[-12:])]
        return 200, chat(f"The key is {whole[number // 2 % len(whole)]}.")

    with ScriptedServer(answer) as server:
        assert bench(ladder(f'base_url = "{server.url}"'), "--mlflow", tracker.uri) == 0
        assert KEY in server.headers[-1]["Authorization"] and server.headers[-1]["X-Org"] == HEADER
    outcomes = ze.Outcomes.load(tmp_path / "out")
    frame = outcomes.frame
    assert frame["error"].dropna().str.contains(r"You sent .*\*\*\*").all() and frame["error"].notna().sum() > 1
    assert frame["response"].dropna().str.contains(r"\*\*\*").sum() > 1
    said = capfd.readouterr()
    assert not anywhere(tmp_path, said.out, said.err, caplog.text, repr(outcomes))


def test_a_server_that_refuses_the_key_in_any_form_is_one_line_without_it(ladder, tmp_path, capfd, caplog):
    for word in (*told(KEY), *told(HEADER)):
        with ScriptedServer(lambda body, number, word=word: (401, {"error": f"no such key: {word}"})) as server:
            assert bench(ladder(f'base_url = "{server.url}"'), "--mlflow", "none") == 1
        said = capfd.readouterr()
        assert said.err.count("\n") == 1 and "no such key: " in said.err and "***" in said.err
        assert not anywhere(tmp_path, said.out, said.err, caplog.text)


SERVER = """
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_GET(self): self.reply({"data": [{"id": "m"}]})
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        usage = {"prompt_tokens": 1, "completion_tokens": 1}
        self.reply({"choices": [{"message": {"content": "4"}, "finish_reason": "stop"}], "usage": usage})
    def reply(self, data):
        content = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_a_key_in_the_command_of_a_server_is_in_no_record(ladder, tracker, tmp_path, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "serve.py").write_text(SERVER)
    path = ladder(f'start = "{sys.executable} code/serve.py {{port}} --api-key {OPTION}"')
    assert bench(path, "--mlflow", tracker.uri) == 0
    Path(path).unlink()
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["sizes"]["A"]["start"].endswith("--api-key ***")
    said = capfd.readouterr()
    assert not anywhere(tmp_path, said.out, said.err, caplog.text)
