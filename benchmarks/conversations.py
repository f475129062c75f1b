"""Conversations: do follow-ups go where their requests go, and do system messages leave decisions as they are?

    python benchmarks/conversations.py TABLE... --trials 10 --json FILE

For each table: a policy is tuned, then asked about the queries of the split `test`. Follow-ups put each query into the
forms of `zeta_eval.tasks.follow_ups`; the accuracy is that of the chosen size on the whole request, from the table.
System messages stand before each query: as a message, pasted into the text as "System: ... User: ...", pasted so into
the user's message, and before the text without any name, which nothing tells from the query. Queries of the table that
are read as such a text are counted. At the policy's own cost weight, and at the one that divides the queries most
evenly among the sizes.
"""

import argparse
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from robustness import dividing_weight
from routing.robustness import SYSTEM_PROMPT

import zeta_eval as ze
from zeta_eval.evaluation.measures.statistics import wilson
from zeta_eval.files import write_json
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.complexity.transcripts import turns_in
from zeta_eval.tasks import Query
from zeta_eval.tasks.follow_ups import FORMS, follow_ups

SYSTEM_PROMPTS = (
    SYSTEM_PROMPT,
    "Prove every claim step by step and justify each lemma. " * 20,
    "Hi! Be nice.",
    "Du bist ein Assistent. Antworte auf Deutsch und nur mit Python-Code:\n```python\nreturn x\n```",
)
"""A usual one, a long one with words of hard work, a short and friendly one, one in another language with code."""

WAYS: Mapping[str, Callable[[str, str], Any]] = {
    "message": lambda system, query: [said("system", system), said("user", query)],
    "text": lambda system, query: f"System: {system}\n\nUser: {query}",
    "user's message": lambda system, query: [said("user", f"System: {system}\n\nUser: {query}")],
    "no names": lambda system, query: f"{system}\n\n{query}",
}
"""How a system message and a query are given."""

Found = dict[str, float]


def said(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


def chosen(router: ZetaDynamicRouter, queries: Sequence[Any], weight: float) -> list[str]:
    return [router.route(query, cost_weight=weight).size for query in queries]


def followed(router: ZetaDynamicRouter, table: ze.Outcomes, weight: float, *, seed: int) -> pd.DataFrame:
    """One row per form: n, accuracy of follow-ups and of whole requests, their ratio, share of equal sizes."""
    index = {size: i for i, size in enumerate(table.sizes)}
    score, whole = table.matrix("score"), chosen(router, table.queries, weight)
    row = {str(text): i for i, text in enumerate(table.queries)}
    queries = [Query(prompt=str(text), target="The answer is 42.") for text in table.queries]
    made: dict[str, list[tuple[int, str]]] = {form: [] for form in FORMS}
    for follow_up in follow_ups(queries, seed=seed):
        size = router.route(follow_up.query.prompt, cost_weight=weight).size
        made[follow_up.form].append((row[follow_up.request.prompt], size))
    made["all"] = [pair for pairs in made.values() for pair in pairs]
    return pd.DataFrame([_row(form, pairs, whole, score, index) for form, pairs in made.items()])


def _row(
    form: str, pairs: list[tuple[int, str]], whole: list[str], score: np.ndarray, index: dict[str, int]
) -> dict[str, Any]:
    of_follow_ups = np.mean([score[i, index[size]] for i, size in pairs])
    of_requests = np.mean([score[i, index[whole[i]]] for i, _ in pairs])
    same = sum(size == whole[i] for i, size in pairs)
    return {
        "form": form,
        "n": len(pairs),
        "accuracy": float(of_follow_ups),
        "request": float(of_requests),
        "ratio": float(of_follow_ups / of_requests),
        "same_size": same / len(pairs),
    }


def instructed(router: ZetaDynamicRouter, queries: Sequence[str], weight: float, *, seed: int, way: str) -> Found:
    """Share of decisions that a system message, one of `SYSTEM_PROMPTS` by lot, leaves as they are; 95 % by Wilson."""
    rng = random.Random(seed)
    talks = [WAYS[way](rng.choice(SYSTEM_PROMPTS), str(q)) for q in queries]
    kept = sum(a == b for a, b in zip(chosen(router, queries, weight), chosen(router, talks, weight), strict=True))
    _, low, high = wilson(kept, len(talks))
    return {"n": len(talks), "unchanged": kept / len(talks), "low": low, "high": high}


def measured(path: Path, *, trials: int, limit: int, seed: int) -> dict[str, Any]:
    table = ze.Outcomes.load(path)
    settings = ze.TuningSettings(n_trials=trials, seed=seed)
    policy = ze.tune(table, settings=settings).policy
    router, test = ZetaDynamicRouter(policy), table.split("test").sample(limit, seed=seed)
    weights = {"own": policy.cost_weight, "dividing": dividing_weight(policy, list(test.queries))}
    found: dict[str, Any] = {"sizes": policy.sizes, "n": len(test)}
    found["transcripts"] = sum(bool(turns_in(str(query))) for query in table.queries)
    for name, weight in weights.items():
        forms = followed(router, test, weight, seed=seed)
        shares = pd.Series(chosen(router, test.queries, weight)).value_counts(normalize=True).to_dict()
        system = {way: instructed(router, list(test.queries), weight, seed=seed, way=way) for way in WAYS}
        found[name] = {"weight": weight, "shares": shares, "system": system, "forms": forms.to_dict("records")}
        print(f"{path.stem}, {name} weight {weight:.3g}, shares {shares}")
        print(pd.DataFrame(system).T.round(3).to_string())
        print(forms.round(3).to_string(index=False), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path, nargs="+")
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--limit", type=int, default=1000, help="most test queries of a table")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = {p.stem: measured(p, trials=args.trials, limit=args.limit, seed=args.seed) for p in args.tables}
    if args.json:
        about = {"command": " ".join(["python", *sys.argv]), "date": datetime.now(UTC).isoformat(timespec="seconds")}
        write_json(args.json, about | {"seed": args.seed, "tables": found})


if __name__ == "__main__":
    main()
