"""Queries of several messages, from a file to the models and into the table."""

import json

import pytest
from templates import STRICT, TEMPLATE

from zeta_eval.inference.run.runner import run
from zeta_eval.inference.server.capabilities import Capabilities
from zeta_eval.inference.server.chat_api import Call, request
from zeta_eval.models import GenerateConfig, Ladder, ModelSpec
from zeta_eval.outcomes import Outcomes
from zeta_eval.router import Conversation
from zeta_eval.tasks import Query, resolve_tasks
from zeta_eval.testing import ScriptedGenerator

TURNS = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": "Where is Lima?"},
    {"role": "assistant", "content": "In Peru."},
    {"role": "user", "content": "And Oslo?"},
]
RUNG = ModelSpec(size="A", model="m")
TALK = Conversation.of(TURNS)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (TEMPLATE, "<system>Be short.<user>Where is Lima?<assistant>In Peru.<user>And Oslo?<assistant>"),
        (STRICT, "<user>Be short.\n\nWhere is Lima?<assistant>In Peru.<user>And Oslo?<assistant>"),
        (None, "Be short.\n\nUser: Where is Lima?\n\nAssistant: In Peru.\n\nUser: And Oslo?\n\nAssistant:"),
    ],
)
def test_the_template_gets_every_turn(codec, template, text):
    codec.tokenizer.chat_template = template
    expected = codec.tokenizer([text], add_special_tokens=template is None)["input_ids"][0]
    assert codec.encode([TALK], GenerateConfig()) == [(expected, None)]
    assert codec.encode([TALK.without_system], GenerateConfig(system="Be short.")) == [(expected, None)]


def test_a_part_that_is_no_text_is_an_error_of_its_query_alone(codec):
    codec.tokenizer.chat_template = TEMPLATE
    image = Conversation.of([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]}])
    (_, error), (ids, fine) = codec.encode([image, "Hi"], GenerateConfig())
    assert "no text" in error and ids and fine is None


def test_a_server_gets_every_turn_as_it_was_given():
    image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]}
    talk = Conversation.of([*TURNS, {"role": "assistant", "content": "In Norway."}, image])
    sent = request(RUNG, Call(prompt=talk, config=GenerateConfig(system="Be kind.")), Capabilities())["messages"]
    assert sent[0] == {"role": "system", "content": "Be kind.\n\nBe short."} and sent[1:4] == TURNS[1:]
    assert sent[-1] == image


def test_a_query_takes_messages_and_keeps_their_system_message_apart():
    query = Query(prompt=TURNS, target="Norway", system="Be kind.")
    assert query.system == "Be kind.\n\nBe short." and query.prompt == TALK
    assert [m.as_dict() for m in query.prompt.messages] == TURNS[1:]
    assert type(Query(prompt=TURNS[:2], target="").prompt) is str


def test_a_file_of_conversations_is_benched_and_its_table_keeps_the_turns(tmp_path):
    path = tmp_path / "talk.jsonl"
    single = [{"role": "user", "content": "Where is Rome?"}]
    path.write_text("\n".join(json.dumps({"messages": m, "target": "Norway"}) for m in (TURNS, single)))
    (task,) = resolve_tasks(str(path))
    ladder = Ladder(name="two", models=tuple(ModelSpec(size=s, model=s) for s in ("1B", "9B")))
    made = {s: ScriptedGenerator(s, lambda p: "Norway" if "Oslo" in p else "Italy") for s in ("1B", "9B")}
    run(ladder, task.load(), task.score, out=tmp_path / "out", generators=lambda spec: made[spec.size], progress=False)
    assert {p for p in made["1B"].prompts if isinstance(p, Conversation)} == {TALK}
    outcomes = Outcomes.load(tmp_path / "out")
    asked = {str(q): q for q in outcomes.queries}
    assert set(asked) == {str(TALK), "Where is Rome?"} and type(asked["Where is Rome?"]) is str
    assert asked[TALK].messages == TALK.messages and asked[TALK].request == "Where is Lima?\n\nAnd Oslo?"
    stored = outcomes.frame.set_index("query")["messages"]
    assert json.loads(stored[str(TALK)].iloc[0]) == TURNS and stored["Where is Rome?"].isna().all()
