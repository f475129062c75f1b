"""The query of a document that lm-eval has asked: what the user wants, without the answer and the prompt's trimmings.

It is the document's own text with its passage and choices, since prompts differ among models by chat template and
examples; for documents without a known text column it is the prompt, of a chat its messages. A document may hold more
than the model was shown: the text of lambada ends with the word to find. So of several texts that is taken which was
shown; a text is cut where the answer begins, if that is what was shown, and replaced by the prompt if the answer stands
anywhere else in it; and a passage with the answer in it is left out unless it was shown.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from zeta_eval.outcomes.importers.texts import query_of, with_choices
from zeta_eval.router.complexity.message_lists import message_list

_PASSAGES: Final = ("passage", "context", "article", "story")
_TEXTS: Final = ("question", "problem", "query", "prompt", "input", "text", "ctx", "goal", "sentence")


def query(sample: Mapping[str, Any]) -> str | None:
    """Return a sample's query: passage, question, choices; None where its document has no known text."""
    doc = sample.get("doc")
    prompts = [" ".join(p.split()) for p in _prompts(sample)]
    texts = _texts(doc, _TEXTS)
    if not isinstance(doc, dict) or not texts:
        return None
    question = next((t for t in texts if _is_shown(t, prompts)), texts[0])
    answer = _answer(sample) if len(prompts) == 1 else ""  # of several choices the target is a number, or a rest
    shown = _without_answer(question, answer, prompts)
    if shown is None:
        return None
    passages = [
        p for p in _texts(doc, _PASSAGES) if p != question and (_is_shown(p, prompts) or not answer or answer not in p)
    ]
    return with_choices("\n".join([*passages, shown]), _choices(doc))


def target(sample: Mapping[str, Any]) -> str | None:
    """Return a sample's right answer: the choice where the target is the place of one; None where there is none."""
    found, choices = sample.get("target"), _choices(sample.get("doc"))
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if not isinstance(found, str) or not found.strip():
        return None
    found = found.strip()
    return choices[int(found)] if found.isdecimal() and int(found) < len(choices) else found


def identity(sample: Mapping[str, Any]) -> str:
    """Return what tells a document from others, whatever prompt a model was given for it."""
    doc = sample.get("doc")
    if texts := _texts(doc, _TEXTS):
        return with_choices("\n".join([*_texts(doc, _PASSAGES), texts[0]]), _choices(doc))
    return str(sample.get("doc_hash") or prompt(sample) or "")


def prompt(sample: Mapping[str, Any]) -> str | None:
    """Return the prompt of a sample: arguments are {"gen_args_0": {"arg_0": prompt}}, once [[prompt, ...]]."""
    return next(iter(_prompts(sample)), None)


def asked_prompt(sample: Mapping[str, Any]) -> str | None:
    """Return the prompt of a sample as a query: that of a chat model served elsewhere is one of several messages."""
    first = next(iter(_requests(sample)), "")
    messages = message_list(first)
    return (query_of(messages) if messages else "") or prompt(sample)


def _prompts(sample: Mapping[str, Any]) -> list[str]:
    """Return the prompts of a sample, one per request; of messages their texts."""
    return [_plain(request) for request in _requests(sample)]


def _requests(sample: Mapping[str, Any]) -> list[str]:
    """Return what a sample's requests hold: texts, or lists of messages as JSON."""
    requests = sample.get("arguments")
    if isinstance(requests, dict):
        requests = [r.get("arg_0") for r in requests.values() if isinstance(r, dict)]
    elif isinstance(requests, list):
        requests = [r[0] if isinstance(r, list) and r else r for r in requests]
    return [r for r in requests or [] if isinstance(r, str)]


def _plain(prompt: str) -> str:
    messages = message_list(prompt)
    return prompt if messages is None else "\n".join(str(m.get("content")) for m in messages)


def _texts(doc: Any, names: Sequence[str]) -> list[str]:
    """The texts that a document has under these names."""
    return [doc[k] for k in names if isinstance(doc.get(k), str) and doc[k]] if isinstance(doc, dict) else []


def _answer(sample: Mapping[str, Any]) -> str:
    target = sample.get("target")
    return target.strip() if isinstance(target, str) else ""


def _is_shown(text: str, prompts: Sequence[str]) -> bool:
    """Whether a text stands in a prompt, however its spaces are set."""
    return any(" ".join(text.split()) in prompt for prompt in prompts)


def _without_answer(question: str, answer: str, prompts: Sequence[str]) -> str | None:
    """Return a document's text as far as it was shown; None where the answer can't be told from the rest."""
    if not answer or answer not in question or _is_shown(question, prompts):
        return question
    shown = question[: question.rfind(answer)].rstrip()
    return shown if shown and _is_shown(shown, prompts) else None


def _choices(doc: Any) -> list[str]:
    choices = doc.get("choices") or doc.get("options") or []
    choices = choices.get("text") if isinstance(choices, dict) else choices
    return choices if isinstance(choices, list) and all(isinstance(c, str) for c in choices) else []
