"""`%%zeta`: route the text of a cell, answer it, and show both as they come."""

import ast
import keyword
import re
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from zeta_eval.cli.options import COST_WEIGHT, TASK
from zeta_eval.cli.parser import Parser
from zeta_eval.exceptions import GenerationError, InvalidInputError
from zeta_eval.models import Completion
from zeta_eval.notebook.explain import explain
from zeta_eval.notebook.routed_cell import DONE, FAILED, INTERRUPTED, RoutedCell
from zeta_eval.notebook.session import Session
from zeta_eval.notebook.talks import LAST, Turn
from zeta_eval.notebook.waiting import wait_for
from zeta_eval.router import Conversation, Decision, Routed, Step

CODE_REQUEST = "\n\nAnswer with Python code only, in one block that begins with ```python and ends with ```."
"""What --code adds to the text."""


NUMBERS = 5
"""How many numbers of a vector are shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """What came of a routed cell."""

    value: Decision | Routed | dict[str, Step]
    """What -o stores: the answer with its steps; by size the answers of --compare; the decision of --dry-run."""
    given: tuple[tuple[Decision, tuple[Step, ...]], ...]
    """Each answer that can get feedback: the decision it stands for, and the steps to it."""
    text: str | None = None
    """The answer that a conversation carries on from; None without one."""


def cell_parser() -> Parser:
    """The options of a `%%zeta` line."""
    parser = Parser(
        prog="%%zeta",
        description="Send the text of the cell to the size that the policy chooses; {name} stands for a variable's "
        "value where there is such a variable.",
        add_help=False,  # IPython runs no cell without text
    )
    parser.advice = "The text goes below the line; `%zeta` lists the options."
    parser.add_argument("--size", metavar="S", help="ask this size, whatever the policy says")
    parser.add_argument("--compare", action="store_true", help="ask every size, and show the answers side by side")
    parser.add_argument("--dry-run", action="store_true", help="decide only; no model runs")
    parser.add_argument("--explain", action="store_true", help="show each feature's share, and what would change it")
    parser.add_argument("-o", "--out", metavar="NAME", help="variable that takes the answer object")
    parser.add_argument("--code", action="store_true", help="ask for Python code, and insert it as the next cell")
    parser.add_argument(
        "-c",
        "--continue",
        dest="talk",
        nargs="?",
        const=LAST,
        metavar="NAME",
        help="carry on from the last cell, or the conversation of that name; a new name begins one",
    )
    parser.add_argument("--raw", action="store_true", help="leave {name} in the text as it is")
    for name, settings in (TASK | COST_WEIGHT).items():
        parser.add_argument(name, **settings)
    return parser


def check(args: Namespace, text: str, session: Session) -> None:
    """Refuse what can't be done before anything is done."""
    if not text.strip():
        raise InvalidInputError("The cell has no text; write the query below the %%zeta line.")
    given = [name for name in ("size", "compare", "dry_run") if getattr(args, name)]
    if len(given) > 1:
        raise InvalidInputError(f"Give --{given[0]} or --{given[1].replace('_', '-')}, not both.")
    if args.code and (args.compare or args.dry_run):
        raise InvalidInputError("--code wants one answer; leave --compare and --dry-run away.")
    if args.out is not None and (not args.out.isidentifier() or keyword.iskeyword(args.out)):
        raise InvalidInputError(f"'{args.out}' is no variable's name; give one like `-o answer`.")
    if not args.dry_run:
        session.check(args.size)


def start(args: Namespace, turn: Turn, session: Session) -> RoutedCell:
    """Decide, and begin what is shown of the cell."""
    talk = turn.talk if turn.number > 1 and not args.dry_run else None  # a first turn is settled by its answer
    router, task, weight = session.router, args.task, args.cost_weight
    decision = router.route(turn.query, task=task, cost_weight=weight, session=talk)
    cell = RoutedCell(
        decision=decision, policy=session.policy, compared=args.compare, asked=not args.dry_run, place=turn.place
    )
    if args.explain:
        cell.explanation = explain(session.policy, decision)
    if args.talk == LAST and turn.number == 1:
        cell.notes.append("There is no earlier answer to carry on from, so this cell stands alone.")
    if session.guesses:
        session.guesses = False
        cell.notes.append(
            "The policy is a guess: `r = %zeta tune TABLE` makes one from outcomes, `%zeta use r` sets it."
        )
    return cell


def run(args: Namespace, turn: Turn, session: Session, cell: RoutedCell, show: Callable[[], None]) -> Answered:
    """Answer the text in a thread, while `show` is called about ten times a second.

    What was written before an interruption or an error stays in `cell`.
    """
    if args.dry_run:
        cell.state = DONE
        return Answered(value=cell.decision, given=())
    job = _Job(args, turn, session, cell)
    try:
        made = wait_for(job.run, show)
    except BaseException as e:
        cell.state = INTERRUPTED if isinstance(e, KeyboardInterrupt) else FAILED
        raise
    cell.state = DONE
    cell.writing.clear()
    if (text := made.text) is not None and not text.strip():
        cell.notes.append("The size wrote nothing: ask another one by --size, or say more of what you want.")
    return made


class _Job:
    """What the thread does."""

    def __init__(self, args: Namespace, turn: Turn, session: Session, cell: RoutedCell) -> None:
        self.args, self.query, self.talk, self.session, self.cell = args, turn.query, turn.talk, session, cell
        self.request = CODE_REQUEST if args.code else ""

    def run(self, interrupted: Callable[[], None]) -> Answered:
        """Ask the sizes there are to ask."""
        answer = partial(self._answer, interrupted)
        if self.args.compare:
            return self._compare(answer)
        if self.args.size is not None:
            return self._forced(self.args.size, answer)
        policy, first = self.session.policy, self.cell.decision.size
        if first not in policy.sizes:
            return self._embedded(first)
        if self.session.engines.residency.together or not policy.cascades:  # before any latency is measured
            self._load(policy.sizes if policy.cascades else [first])
        models = {size: partial(answer, size) for size in policy.sizes}
        routed = self.session.router.generate(
            self.query,
            models,
            task=self.args.task,
            cost_weight=self.args.cost_weight,
            session=self.talk,
            on_step=self._step,
        )
        return Answered(value=routed, given=((routed.decision, routed.steps),), text=routed.text)

    def _answer(self, interrupted: Callable[[], None], size: str, text: str) -> Completion:
        def on_text(written: str) -> None:
            interrupted()
            self.cell.writing[size] = written

        self._load([size])
        on_text("")
        return self.session.answer(size, requested(text, self.request), on_text)

    def _load(self, sizes: Sequence[str]) -> None:
        for size in sizes:
            if size not in self.session.loaded:
                self.cell.writing[size] = "(loading its weights)"
                self.session.engines.engine(size)

    def _step(self, step: Step, reason: str) -> None:
        self.cell.steps.append((step, reason))
        self.cell.writing.pop(step.size, None)

    def _ask(self, size: str, answer: Callable[[str, str], Completion], reason: str) -> Step:
        """One size's answer, timed, as a step."""
        self._load([size])
        started = time.perf_counter()
        made = answer(size, self.query)
        took = time.perf_counter() - started
        p = 0.0 if made.error is not None else self.cell.decision.p.get(size, 0.0)
        step = Step(size=size, text=made.text, latency_s=took, p_right=p, error=made.error)
        self._step(step, reason)
        return step

    def _embedded(self, size: str) -> Answered:
        """The vector of a text that asks for one; the cell tells its length and its first numbers."""
        self.cell.writing[size] = ""
        given = {size: partial(self.session.embed, size)}
        task, weight = self.args.task, self.args.cost_weight
        routed = self.session.router.generate(self.query, given, task=task, cost_weight=weight)
        vector = routed.embedding or ()
        first = ", ".join(f"{x:.4g}" for x in vector[:NUMBERS])
        self._step(replace(routed.steps[0], text=f"{len(vector)} numbers: {first}, ..."), routed.reasons[0])
        return Answered(value=routed, given=())

    def _forced(self, size: str, answer: Callable[[str, str], Completion]) -> Answered:
        reason = f"--size asked for {size}"
        step = self._ask(size, answer, reason)
        if step.error is not None:
            raise GenerationError(f"{size} failed: {step.error}")
        decision = replace(self.cell.decision, size=size, reasons=(reason,))
        routed = Routed(text=step.text, size=size, decision=decision, steps=(step,), reasons=(reason,))
        return Answered(value=routed, given=((decision, (step,)),), text=step.text)

    def _compare(self, answer: Callable[[str, str], Completion]) -> Answered:
        chosen, sizes = self.cell.decision, self.session.ladder.sizes
        ask = {size: partial(self._ask, size, answer, "the policy's choice" * (size == chosen.size)) for size in sizes}
        served = self.session.served
        with ThreadPoolExecutor(max(1, len(served))) as pool:
            waiting = {size: pool.submit(ask[size]) for size in served}
            here = {size: ask[size]() for size in sizes if size not in served}
            steps = {size: here[size] if size in here else waiting[size].result() for size in sizes}
        self.cell.steps.sort(key=lambda told: sizes.index(told[0].size))
        if len(served) > 1:
            self.cell.notes.append(f"{' and '.join(served)} were asked at the same time.")
        reasons = ("--compare asked for every size",)
        given = tuple(
            (replace(chosen, size=size, reasons=reasons), (step,)) for size, step in steps.items() if not step.error
        )
        kept = steps.get(chosen.size)
        return Answered(value=steps, given=given, text=None if kept is None or kept.error else kept.text)


def requested(query: str, request: str) -> str:
    """A query with a request behind what is asked."""
    if isinstance(query, Conversation):
        return query.reworded(lambda text: text + request) if request else query
    return query + request


def code_of(text: str) -> str | None:
    """Python code in an answer: its first block of Python, else of no language, else all of it; None without code.

    What is not said to be Python must parse, and do more than name a value.
    """
    if (said := re.search(_BLOCK.format("(?:python|py)"), text, re.DOTALL | re.IGNORECASE)) is not None:
        return said[1].strip("\n") if said[1].strip() else None
    block = re.search(_BLOCK.format(""), text, re.DOTALL)
    code = (block[1] if block else text).strip("\n")
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except (SyntaxError, ValueError):
        return None
    does = any(isinstance(n, ast.Call) or (isinstance(n, ast.stmt) and not isinstance(n, ast.Expr)) for n in nodes)
    return code if does else None


_BLOCK = r"(?:\A|\n)```{}[ \t]*\n(.*?)(?:\n```|\Z)"
"""A fenced block of a language."""
