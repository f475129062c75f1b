"""How many decisions hold when only a query's wording changes: a policy beside LiteLLM's keyword scorer.

    python benchmarks/robustness.py POLICY TABLE [--split test] [--limit 1000] [--seed 0] [--json FILE]

Without a model: the same queries with a system prompt, a filler sentence, other case, typos or another template.
The policy is measured at its own cost weight and at the one that divides these queries most evenly over the sizes,
where decisions are easiest to move: a router that sends all to one size is robust for nothing.

LiteLLM's scorer (its complexity router's default, the "heuristic" classifier) is rebuilt here from the facts of its
definition, weights, keywords, cut points and rules, in config.py and complexity_router.py (MIT licence) of
https://github.com/BerriAI/litellm/tree/006f3eb016a3b1f1b453ae1889277d257dd34e95/litellm/router_strategy/complexity_router
Its decisions are its tiers. It doesn't read system messages, so a system prompt sent in that role moves nothing; here
every router gets one text.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from routing.robustness import robustness, sample, unchanged

from zeta_eval.evaluation.batch.choice import choose, curve_weights
from zeta_eval.files import write_json
from zeta_eval.outcomes import Outcomes
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy

TIERS = ("SIMPLE", "MEDIUM", "COMPLEX", "REASONING")
CUTS = (0.15, 0.35, 0.60)
CODE = """function|class|def|const|let|var|import|export|return|async|await|try|catch|exception|error|debug|api|
endpoint|request|response|database|sql|query|schema|algorithm|implement|refactor|optimize|python|javascript|typescript|
java|rust|golang|react|vue|angular|node|docker|kubernetes|git|commit|merge|branch|pull request"""
REASONING = """step by step|think through|let's think|reason through|analyze this|break down|explain your reasoning|
show your work|chain of thought|think carefully|consider all|evaluate|pros and cons|compare and contrast|
weigh the options|logical|deduce|infer|conclude"""
TECHNICAL = """architecture|distributed|scalable|microservice|machine learning|neural network|deep learning|encryption|
authentication|authorization|performance|latency|throughput|benchmark|concurrency|parallel|threading|memory|cpu|gpu|
optimization|protocol|tcp|http|grpc|websocket|container|orchestration"""
SIMPLE = """what is|what's|define|definition of|who is|who was|when did|when was|where is|where was|how many|how much|
yes or no|true or false|simple|brief|short|quick|hello|hi|hey|thanks|thank you|goodbye|bye|okay"""
STEPS = re.compile(r"first.*?then|step\s*\d|\d+\.\s|[a-z]\)\s")


def matchers(keywords: str) -> list[re.Pattern[str]]:
    """A phrase counts anywhere, a single word only between word boundaries."""
    words = keywords.replace("\n", "").split("|")
    return [re.compile(re.escape(w) if " " in w else rf"\b{re.escape(w)}\b") for w in words]


CODE_WORDS, REASONING_WORDS, TECHNICAL_WORDS, SIMPLE_WORDS = map(matchers, (CODE, REASONING, TECHNICAL, SIMPLE))


def level(found: int, low: int, high: int, some: float, many: float) -> float:
    """A dimension's value by how many distinct keywords were found."""
    return many if found >= high else some if found >= low else 0.0


def litellm_score(text: str) -> tuple[float, int]:
    """LiteLLM's weighted sum of seven dimensions, and the number of distinct reasoning keywords."""
    lower, tokens = text.lower(), len(text) // 4
    code, reasoning, technical, simple = (
        sum(p.search(lower) is not None for p in patterns)
        for patterns in (CODE_WORDS, REASONING_WORDS, TECHNICAL_WORDS, SIMPLE_WORDS)
    )
    weighted = (
        0.10 * ((tokens > 400) - (tokens < 15)),
        0.30 * level(code, 1, 2, 0.5, 1.0),
        0.25 * level(reasoning, 1, 2, 0.7, 1.0),
        0.25 * level(technical, 2, 4, 0.5, 1.0),
        0.05 * level(simple, 1, 2, -1.0, -1.0),
        0.03 * level(STEPS.search(lower) is not None, 1, 1, 0.5, 0.5),
        0.02 * level(text.count("?"), 4, 4, 0.5, 0.5),
    )
    return sum(weighted), reasoning


def litellm_tier(text: str) -> str:
    """LiteLLM's tier: by cut points; two reasoning keywords make it REASONING wherever it isn't SIMPLE."""
    score, reasoning = litellm_score(text)
    if reasoning >= 2 and score >= CUTS[0]:
        return "REASONING"
    return TIERS[sum(score >= cut for cut in CUTS)]


def dividing_weight(policy: RoutingPolicy, queries: Sequence[str]) -> float:
    """The finite cost weight on the policy's curve at which the sizes' shares have the greatest entropy."""
    router = ZetaDynamicRouter(policy)
    decisions = [router.route(text) for text in queries]
    p, cost = (np.array([list(getattr(d, name).values()) for d in decisions]) for name in ("p", "cost"))
    weights = curve_weights(p, cost)[:-1]
    shares = [np.bincount(choose(p, cost, w)) / len(p) for w in weights]
    return float(weights[np.argmax([-(s[s > 0] * np.log(s[s > 0])).sum() for s in shares])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policy", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--split", default="test", choices=["all", "tune", "validate", "test"])
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    policy = RoutingPolicy.load(args.policy)
    queries = sample(Outcomes.load(args.table).split(args.split).queries, limit=args.limit, seed=args.seed)
    weights = {"own": policy.cost_weight, "dividing": dividing_weight(policy, queries)}
    tables = {
        f"policy, {name} weight {w:.3g}": robustness(policy, queries, cost_weight=w, limit=None, seed=args.seed)
        for name, w in weights.items()
    }
    tables["LiteLLM's keyword scorer"] = unchanged(litellm_tier, queries, TIERS, limit=None, seed=args.seed)
    print(f"{len(queries)} queries of split '{args.split}', seed {args.seed}")
    print("share unchanged [95 %], Cohen's kappa, shares moved to a larger (+) and to a smaller (-) size")
    print(side_by_side(tables))
    if args.json:
        write_json(args.json, record(args, tables))


def side_by_side(tables: dict[str, pd.DataFrame]) -> str:
    columns = {
        name: [
            f"{r.unchanged:.3f} [{r.unchanged_low:.3f}, {r.unchanged_high:.3f}] {r.kappa:5.2f} "
            f"+{r.larger:.2f} -{r.smaller:.2f}"
            for r in table.itertuples()
        ]
        for name, table in tables.items()
    }
    first = next(iter(tables.values()))
    return pd.DataFrame({"n": first["n"].to_list()} | columns, index=first["perturbation"].to_list()).to_string()


def record(args: argparse.Namespace, tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    return {
        "command": " ".join(["python", *sys.argv]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "split": args.split,
        "limit": args.limit,
        "seed": args.seed,
        "routers": {name: table.to_dict("records") for name, table in tables.items()},
    }


if __name__ == "__main__":
    main()
