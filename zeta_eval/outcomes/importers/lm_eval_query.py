"""The query of a document that lm-eval has asked: what the user wants, without the answer and the prompt's trimmings.

It is the document's own text with its passage and choices, since prompts differ among models by chat template and
examples; for documents without a known text column it is the prompt. A document's text may hold more than the model was
shown: that of lambada ends with the word to find. So it is cut where the answer begins, if that is what was shown, and
replaced by the prompt if the answer stands anywhere else in a text that was not shown.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from zeta_eval.outcomes.importers.texts import with_choices

_PASSAGES: Final = ("passage", "context", "article", "story")
_TEXTS: Final = ("question", "problem", "query", "prompt", "input", "text", "ctx", "goal", "sentence")


def query(sample: Mapping[str, Any]) -> str | None:
    """Return a sample's query: passage, question, choices; None where its document has no known text."""
    doc = sample.get("doc")
    if not isinstance(doc, dict):
        return None
    question = next((doc[k] for k in _TEXTS if isinstance(doc.get(k), str) and doc[k]), None)
    if question is None:
        return None
    shown = _without_answer(question, sample)
    if shown is None:
        return None
    passages = [doc[k] for k in _PASSAGES if isinstance(doc.get(k), str) and doc[k] and doc[k] != question]
    return with_choices("\n".join([*passages, shown]), _choices(doc))


def prompt(sample: Mapping[str, Any]) -> str | None:
    """Return the prompt of a sample: arguments are {"gen_args_0": {"arg_0": prompt}}, once [[prompt, ...]]."""
    return next(iter(_prompts(sample)), None)


def _prompts(sample: Mapping[str, Any]) -> list[str]:
    """Return the prompts of a sample, one per request."""
    requests = sample.get("arguments")
    if isinstance(requests, dict):
        requests = [r.get("arg_0") for r in requests.values() if isinstance(r, dict)]
    elif isinstance(requests, list):
        requests = [r[0] if isinstance(r, list) and r else r for r in requests]
    return [_plain(r) for r in requests or [] if isinstance(r, str)]


def _plain(prompt: str) -> str:
    """Return a prompt's text; that of a chat model served elsewhere is a list of messages as JSON."""
    if prompt.startswith("[{"):
        try:
            return "\n".join(str(m.get("content")) for m in json.loads(prompt))
        except (ValueError, AttributeError):
            return prompt
    return prompt


def _without_answer(question: str, sample: Mapping[str, Any]) -> str | None:
    """Return a document's text as far as it was shown; None where the answer can't be told from the rest."""
    prompts, target = _prompts(sample), sample.get("target")
    answer = target.strip() if isinstance(target, str) else ""
    if not answer or len(set(prompts)) != 1 or question.strip() in prompts[0]:
        return question
    place = question.rfind(answer)
    if place < 0:
        return question
    shown = question[:place].rstrip()
    return shown if shown and shown in prompts[0] else None


def _choices(doc: Mapping[str, Any]) -> list[str]:
    choices = doc.get("choices") or doc.get("options") or []
    choices = choices.get("text") if isinstance(choices, dict) else choices
    return choices if isinstance(choices, list) and all(isinstance(c, str) for c in choices) else []
