from dataclasses import replace

import pytest
from templates import STRICT, TEMPLATE

from zeta_eval.inference.run.plan import asked_hash, units_of
from zeta_eval.inference.server.capabilities import Capabilities
from zeta_eval.inference.server.chat_api import Call, request
from zeta_eval.models import GenerateConfig, ModelSpec
from zeta_eval.tasks import Query

SHORT = GenerateConfig(system="Be short.")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (TEMPLATE, "<system>Be short.<user>Hi<assistant>"),
        (STRICT, "<user>Be short.\n\nHi<assistant>"),
        (None, "Be short.\n\nHi"),
    ],
)
def test_a_system_message_goes_where_the_template_takes_it(codec, template, text):
    codec.tokenizer.chat_template = template
    expected = codec.tokenizer([text], add_special_tokens=template is None)["input_ids"][0]
    assert codec.encode(["Hi"], SHORT) == [(expected, None)]
    assert codec.encode(["Hi"], GenerateConfig()) != codec.encode(["Hi"], SHORT)


def test_a_server_gets_the_system_message_first():
    body = request(ModelSpec(size="A", model="m"), Call(prompt="Hi", config=SHORT), Capabilities())
    roles = [(m["role"], m["content"]) for m in body["messages"]]
    assert roles == [("system", "Be short."), ("user", "Hi")]


def test_queries_with_other_system_messages_are_answered_apart():
    plain = Query(prompt="Hi", target="", query_id="1", task="t")
    queries = [plain, replace(plain, query_id="2", system="Be short."), replace(plain, query_id="3")]
    units = units_of(queries, GenerateConfig())
    assert sorted((u.system, len(u.queries)) for u in units) == [("", 2), ("Be short.", 1)]
    assert len({u.key for u in units}) == 2
    assert {u.config(GenerateConfig()).system for u in units} == {"", "Be short."}
    assert asked_hash(queries[0]) != asked_hash(queries[1])
