"""`%zeta` and `%%zeta`."""

import atexit
import os
import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from IPython.display import display as _display
from traitlets import Integer, TraitType, Unicode, observe

from zeta_eval.cli.parser import Parser
from zeta_eval.cli.verb import VERBS, Result
from zeta_eval.exceptions import ZetaError, masked
from zeta_eval.files import loaded, to_json, write_json
from zeta_eval.models import Ladder
from zeta_eval.notebook import cell as cells
from zeta_eval.notebook.card import Card, everything
from zeta_eval.notebook.completion import Completer
from zeta_eval.notebook.judging import FeedbackAnswer, Judge, buttons, hint
from zeta_eval.notebook.loading import with_a_line
from zeta_eval.notebook.outputs import widget_output
from zeta_eval.notebook.pages import Pages, free_port
from zeta_eval.notebook.routed_cell import RoutedCell
from zeta_eval.notebook.session import Session, Status, status
from zeta_eval.notebook.talks import Talks
from zeta_eval.notebook.variables import filled, take
from zeta_eval.notebook.words import line_parser, parse, split
from zeta_eval.router.policy import RoutingPolicy

T = TypeVar("T")
display: Callable[..., Any] = _display  # has no types of its own


@magics_class
class ZetaMagics(Magics):
    """Find, for every query, the smallest language model that gets it right: options of %zeta and %%zeta."""

    ladder = Unicode("embedded", help="ladder that answers cells: embedded, qwen3, a TOML file, or a variable").tag(
        config=True
    )
    policy = Unicode("", help="policy file or variable that cells are routed by; none takes an untuned policy").tag(
        config=True
    )
    store: TraitType[Any, Any] = Unicode(
        None, allow_none=True, help="MLflow store, or none; else MLFLOW_TRACKING_URI, else mlruns/mlflow.db"
    ).tag(config=True)
    history = Unicode("zeta-history.db", help="file or database URL that keeps decisions and feedback").tag(config=True)
    max_new_tokens: TraitType[Any, Any] = Integer(
        None, allow_none=True, help="longest answer in tokens; none takes the ladder's"
    ).tag(config=True)

    turns = Integer(10, min=0, help="most earlier turns of a conversation that are sent with a cell").tag(config=True)

    def __init__(self, shell: InteractiveShell) -> None:
        """Serve a shell; nothing heavy is loaded yet."""
        super().__init__(shell)
        self._ipython: Any = shell
        self._session: Session | None = None
        self._judge: Judge | None = None
        self.used: tuple[RoutingPolicy | None, Ladder] | None = None
        """What `%zeta use` took."""
        self._talks = Talks()
        self._pages = Pages()
        atexit.register(self.close)

    @no_var_expand
    @line_cell_magic
    def zeta(self, line: str, cell: str | None = None) -> Any:
        """Run a verb of zeta, or route the text of a cell. `%zeta` alone shows help."""
        return _in_one_line(lambda: self._line(line) if cell is None else self._cell(line, cell))

    def parser(self) -> Parser:
        """The words that a line takes now."""
        defaults = {"ladder": self.ladder, "mlflow": self.store, "max_new_tokens": self.max_new_tokens, "port": None}
        own = {"use": self._use, "status": self._status, "feedback": self._feedback, "reset": self._reset}
        return line_parser(defaults, own, ui=self._ui)

    def session(self) -> Session:
        """The router and the models that cells go to."""
        if self._session is None:
            policy = take("policy", self.policy, self.user_ns) if self.policy else None
            ladder = loaded(Ladder, take("ladder", self.ladder, self.user_ns))
            self._session = Session(self._policy(policy), ladder, max_new_tokens=self.max_new_tokens)
        return self._session

    def _policy(self, given: RoutingPolicy | str | Path | None) -> RoutingPolicy | None:
        """A policy, or that of a file or of a registered name in the store."""
        if not isinstance(given, str | Path):
            return given
        from zeta_eval.api.versions import load_policy

        return load_policy(given, store=None if self.store == "none" else self.store)

    def close(self) -> None:
        """Stop the pages, write the history, free the weights."""
        atexit.unregister(self.close)
        self._pages.stop()
        self._forget_history()
        self._forget_session()

    @property
    def user_ns(self) -> dict[str, Any]:
        """The notebook's variables."""
        return dict(self._ipython.user_ns)

    def _line(self, line: str) -> Any:
        line = line.rstrip().removesuffix(";")  # a notebook's way to show no output
        if not line.strip():
            return Card.of(self.parser(), cells.cell_parser())
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        try:
            args = parse(self.parser(), line, self._variables())
        except SystemExit:  # --help has printed itself
            return None
        tracked = getattr(args, "mlflow", "none") != "none"
        verb = split(line)[0]
        result: Result = with_a_line(verb, tracked=tracked, work=lambda: args.do(args), said=lambda made: made.said)
        if args.json == "-":
            print(to_json(result.data))
            return None
        if args.json is not None:
            write_json(args.json, result.data)
        for note in result.notes:
            print(note)
        if result.hint is not None:
            print(f"zeta: {result.hint}", file=sys.stderr)
        return result.report

    def _cell(self, line: str, text: str) -> None:
        try:
            args = cells.cell_parser().parse_args(split(line))
        except SystemExit:
            return
        found = filled(text, {} if args.raw else self._variables())
        text = found.text.strip("\n")
        session = self.session()
        cells.check(args, text, session)
        turn = self._talks.turn(text, args.talk, most=self.turns)
        cell = cells.start(args, turn, session)
        cell.notes += found.told
        shown = _Shown(cell, self._ipython)
        try:
            made = cells.run(args, turn, session, cell, shown.tick)
            if made.text is not None:
                self._talks.answered(turn, made.text)
            if args.out is not None:
                self._ipython.push({args.out: made.value})
            if args.code:
                self._insert(cell)
            answers = self._record(turn.query, args.task, made, cell)
        finally:
            shown.end()
        if answers and shown.live:
            with suppress(ImportError):  # no ipywidgets: the hint says how to judge in words
                display(widget_output(buttons(self._judging(), answers)), raw=True)

    def _record(self, text: str, task: str | None, made: cells.Answered, cell: RoutedCell) -> list[FeedbackAnswer]:
        """Note the answers, so that they can get feedback."""
        if not made.given:
            return []
        try:
            answers = self._judging().record(text, task, made.given)
        except ZetaError as e:  # the answer is there all the same
            cell.notes.append(f"Nothing was kept for feedback: {e}")
            return []
        cell.hint = hint(answers)
        return answers

    def _insert(self, cell: RoutedCell) -> None:
        """Make the code of the answer the next cell."""
        code = cells.code_of(cell.steps[-1][0].text)
        if code is None:
            cell.notes.append("The answer holds no Python code, so no cell was inserted.")
        else:
            self._ipython.set_next_input(code)
            cell.notes.append("The code is in the next cell; read it before you run it.")

    def _variables(self) -> dict[str, Any]:
        """What the user has named: the notebook's variables without those that IPython put there."""
        hidden = self._ipython.user_ns_hidden
        return {k: v for k, v in self.user_ns.items() if k not in hidden or hidden[k] is not v}

    def _judging(self) -> Judge:
        if self._judge is None:
            from zeta_eval.feedback import History

            self._judge = Judge(History(self.history))
        return self._judge

    def _use(self, args: Namespace) -> Result:
        policy = self._policy(args.policy)
        ladder = loaded(Ladder, args.ladder)
        self._forget_session()
        self._session = Session(policy, ladder, max_new_tokens=self.max_new_tokens)
        self.used = (policy, ladder)
        return self._status(args)

    def use(self, policy: RoutingPolicy | None, ladder: Ladder) -> None:
        """Route by what `%zeta use` took before the extension was loaded again."""
        self._session, self.used = Session(policy, ladder, max_new_tokens=self.max_new_tokens), (policy, ladder)

    def _status(self, args: Namespace) -> Result:
        from zeta_eval.tracking import store_uri

        store = self.store if self.store == "none" else masked(store_uri(self.store))
        found: Status = status(self.session(), history=self.history, store=store)
        return Result(report=found, text=repr(found), data=dict(found.lines))

    def _feedback(self, args: Namespace) -> Result:
        said = Status(lines=(("recorded", self._judging().say(args.id, args.word)),))
        return Result(report=said, text=repr(said), data=dict(said.lines))

    def _reset(self, args: Namespace) -> Result:
        gone = self._talks.reset(args.talk)
        told = Status(lines=(("forgotten", ", ".join(gone) or "nothing: there was no conversation"),))
        return Result(report=told, text=repr(told), data=dict(told.lines))

    def _ui(self, args: Namespace) -> Result:
        args.port = free_port() if args.port is None else args.port
        asked = VERBS["ui"].do(args)
        if args.json is not None:
            return asked
        served = self._pages.serve(asked.report, args.optuna or str(args.mlflow))
        return Result(report=served, text=repr(served), data=asked.data)

    @observe("ladder", "policy", "max_new_tokens")
    def _forget_session(self, change: object = None) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None

    @observe("history")
    def _forget_history(self, change: object = None) -> None:
        if self._judge is not None:
            self._judge.history.close()
        self._judge = None


class _Shown:
    """A routed cell on the screen: renewed as it changes where there is a kernel, else shown once at its end."""

    def __init__(self, cell: RoutedCell, shell: InteractiveShell) -> None:
        self.cell, self.live = cell, hasattr(shell, "kernel")
        self._last = repr(cell)
        self._handle = display(cell, display_id=True) if self.live else None

    def tick(self) -> None:
        """Show what is new."""
        if self._handle is not None and (now := repr(self.cell)) != self._last:
            self._last = now
            self._handle.update(self.cell)

    def end(self) -> None:
        """Show the end."""
        if self._handle is None:
            display(self.cell)
        self.tick()


def _in_one_line(work: Callable[[], T]) -> T:
    """Do some work; an error that its user can mend is shown as one line, and still fails the cell."""
    try:
        return work()
    except (ZetaError, OSError, KeyboardInterrupt) as e:
        line = f"{type(e).__name__}: {' '.join(str(e).split()) or 'the cell was stopped'}"
        vars(e)["_render_traceback_"] = lambda: [line]  # IPython asks for it
        raise


_loaded: dict[int, tuple[ZetaMagics, Completer]] = {}
"""What was loaded, by the id of the shell."""
_used: dict[int, tuple[RoutingPolicy | None, Ladder]] = {}
"""What `%zeta use` took, by the id of the shell: it outlasts `%reload_ext`."""


def load(shell: InteractiveShell) -> None:
    """Give a shell %zeta and %%zeta, with completion."""
    if id(shell) in _loaded:
        return
    magics = ZetaMagics(shell)
    shell.register_magics(magics)
    if (used := _used.get(id(shell))) is not None:
        magics.use(*used)
    vars(ZetaMagics.zeta)["getdoc"] = lambda: everything(magics.parser(), cells.cell_parser())  # `%zeta?` asks for it
    completer = Completer(
        parser=magics.parser, variables=lambda: magics.user_ns, sizes=lambda: magics.session().ladder.sizes
    )
    shell.Completer.custom_matchers.append(completer.matcher)
    _loaded[id(shell)] = (magics, completer)


def unload(shell: InteractiveShell) -> None:
    """Take them away again."""
    if (found := _loaded.pop(id(shell), None)) is None:
        return
    magics, completer = found
    if magics.used is not None:
        _used[id(shell)] = magics.used
    magics.close()
    shell.Completer.custom_matchers.remove(completer.matcher)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("zeta", None)
    kept: list[Any] = [c for c in shell.configurables if not isinstance(c, ZetaMagics)]
    shell.configurables[:] = kept
