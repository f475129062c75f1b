"""What a task of lm-evaluation-harness asks about a document, as our engines take it."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from zeta_eval.exceptions import InvalidInputError, one_line
from zeta_eval.tasks.asked import Asked, Piece
from zeta_eval.tasks.harness.settings import PREFIX

LONGEST: Final = 256
"""Tokens of an answer where a task says nothing: `max_gen_toks` of the harness's models."""
LIMITS: Final = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
"""What tasks call the longest answer; the first that is there counts."""
HARMLESS: Final = frozenset({*LIMITS, "until", "do_sample", "temperature", "top_p", "top_k"})
"""Settings of generation that change nothing where the likeliest token is taken, or that are read here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """How the documents of a task are asked."""

    system: str = ""
    """Text of the system message; "" for none."""
    chat: bool = True
    """Whether prompts are made for chat templates, too."""
    graded: str = ""
    """What is the score."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What is asked about a document."""

    instances: tuple[Any, ...]
    """The harness's own requests, as plain text."""
    asked: Asked
    """The same for our engines."""
    stop: tuple[str, ...] = ()
    """Texts that end the answer."""
    max_new_tokens: int | None = None
    """Longest answer, in tokens; None where given answers are weighed."""


def requests(task: Any, asking: Asking) -> Iterator[tuple[int, Any, Request]]:
    """Number, document and request of each document of a task, in the task's order.

    Examples are drawn one document after the other, as the harness draws them. So a run of the first n documents asks
    what the harness asks with `--limit n`.
    """
    for doc_id, doc in task.doc_iterator(limit=None):
        drawing = _drawing(task)
        plain = _instances(task, doc_id, doc, asking, chat=False)
        after = [rnd.getstate() for rnd, _ in drawing]
        chat: list[Any] = []
        if asking.chat:
            for rnd, before in drawing:
                rnd.setstate(before)
            chat = _instances(task, doc_id, doc, asking, chat=True)
        for (rnd, _), state in zip(drawing, after, strict=True):
            rnd.setstate(state)
        yield doc_id, doc, _request(task, plain, chat, asking)


@contextmanager
def reading(task: Any, doc_id: int) -> Iterator[None]:
    """Turn whatever templates and functions of a task raise about a document into one line."""
    try:
        yield
    except Exception as e:
        shots = task.config.num_fewshot
        fewer = f", ask for fewer examples than {shots}" if shots else ""
        raise InvalidInputError(
            f"Document {doc_id} of '{PREFIX}{task.config.task}' can't be read ({one_line(e)}); mend the task{fewer}, "
            "or leave it out."
        ) from e


def _drawing(task: Any) -> list[tuple[Any, Any]]:
    """The random numbers that draw a task's examples, each with its state."""
    found: list[Any] = [getattr(task, "fewshot_rnd", None), getattr(getattr(task, "sampler", None), "rnd", None)]
    return [(rnd, rnd.getstate()) for rnd in found if hasattr(rnd, "getstate")]


def _instances(task: Any, doc_id: int, doc: Any, asking: Asking, *, chat: bool) -> list[Any]:
    """The harness's requests about a document, as `Task.build_all_requests` makes them; turns of a chat are JSON."""
    template, shots = turns if chat else None, task.config.num_fewshot or 0
    with reading(task, doc_id):
        context = task.fewshot_context(
            doc,
            num_fewshot=shots,
            system_instruction=asking.system or None,
            apply_chat_template=chat,
            fewshot_as_multiturn=chat,
            chat_template=template,
            gen_prefix=task.doc_to_prefix(doc),
        )
        made = task.construct_requests(
            doc=doc,
            ctx=context,
            metadata=(task.config["task"], doc_id, task.config.repeats),
            apply_chat_template=chat,
            chat_template=template,
        )
    return made if isinstance(made, list) else [made]


def turns(messages: Sequence[dict[str, str]], add_generation_prompt: bool = True) -> str:
    """The turns of a chat as JSON, in the place of a tokenizer's template."""
    return json.dumps(messages, ensure_ascii=False)


def _request(task: Any, plain: Sequence[Any], chat: Sequence[Any], asking: Asking) -> Request:
    """What our engines are asked; a task that asks otherwise is refused."""
    kinds = {i.request_type for i in plain}
    weighs = kinds == {"loglikelihood"}
    if not weighs and (kinds != {"generate_until"} or len(plain) > 1):
        said = " and ".join(sorted(kinds))
        raise InvalidInputError(
            f"Task '{PREFIX}{task.config.task}' asks for {said}, of which no single answer can be scored; leave it out."
        )
    asked = Asked(
        plain=tuple(_piece(i, weighs=weighs, chat=False) for i in plain),
        chat=tuple(_piece(i, weighs=weighs, chat=True) for i in chat),
        weighs=weighs,
        graded=asking.graded,
    )
    if weighs:
        return Request(instances=tuple(plain), asked=asked)
    given = plain[0].args[1]
    until = given.get("until") or []
    limit = next((given[name] for name in LIMITS if given.get(name) is not None), LONGEST)
    return Request(
        instances=tuple(plain),
        asked=asked,
        stop=tuple(text for text in ([until] if isinstance(until, str) else until) if text),
        max_new_tokens=int(limit),
    )


def _piece(instance: Any, *, weighs: bool, chat: bool) -> Piece:
    context, ending = instance.args[0], instance.args[1] if weighs else ""
    if not chat or not context:
        return Piece(text=context, ending=ending)
    return Piece(turns=tuple((turn["role"], turn["content"]) for turn in json.loads(context)), ending=ending)


def check_generation(task: Any) -> None:
    """Refuse a task whose answers are drawn at random, several at a time, or in a way that our engines don't know."""
    name = f"{PREFIX}{task.config.task}"
    if (task.config.repeats or 1) > 1:
        raise InvalidInputError(f"Task '{name}' asks each query {task.config.repeats} times; leave it out.")
    given = (getattr(task.config, "generation_kwargs", None) or {}) if task.OUTPUT_TYPE == "generate_until" else {}
    if given.get("do_sample") or (given.get("do_sample") is None and given.get("temperature")):
        raise InvalidInputError(f"Task '{name}' draws its answers at random (do_sample); leave it out.")
    if other := sorted(set(given) - HARMLESS):
        raise InvalidInputError(
            f"Task '{name}' sets {', '.join(other)} for generation, which is not known; leave it out."
        )
