"""Puts a server together from its settings, and runs it."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeta_eval.exceptions import InvalidInputError, masked
from zeta_eval.models import Ladder, ModelSpec
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.serving.app import App
from zeta_eval.serving.closing import Closing, decisions
from zeta_eval.serving.desk import Desk
from zeta_eval.serving.ending import Ending
from zeta_eval.serving.fleet import Fleet
from zeta_eval.serving.following import Follower
from zeta_eval.serving.notes import Notes
from zeta_eval.serving.registered import followed
from zeta_eval.serving.rung import Rung
from zeta_eval.serving.settings import ServeSettings
from zeta_eval.serving.upstream import Served, client

if TYPE_CHECKING:
    import uvicorn

OBJECTS = 20_000
"""New objects after which Python looks for cycles of garbage among them; its own default is 700."""
KEEP_S = 30.0
"""Time between two writings of what feedback taught, in seconds."""
STOP_S = 30
"""Longest time that open requests have when the server is to stop, in seconds."""


def serve(settings: ServeSettings, ending: Ending) -> str:
    """Run a server until it is told to stop; returns what is kept, in a part of a line.

    Raises:
        ZetaError: a policy, ladder, history, key or address that can't be used.
    """
    from zeta_eval.serving.server import Server

    ending.begun = True
    with ExitStack() as stack:
        app = build(settings, stack)
        listener = stack.enter_context(_bound(settings))
        _spare_collections()
        Server(configured(app), ending, settings.address).run(sockets=[listener])
        closing = Closing(app.notes.history, masked(str(settings.history)), ending)
        closing.wait()
    return _kept(settings, closing.unwritten)


def _kept(settings: ServeSettings, unwritten: int) -> str:
    """What is kept of a server that has ended."""
    taught = "" if settings.online is None else f"; what ratings taught is in {settings.online}"
    if settings.history is None:
        return f"no history was asked for{taught}; the same command serves again"
    name = masked(str(settings.history))
    lost = f"{decisions(unwritten)} could not be written to {name}"
    return f"{lost if unwritten else f'every decision is in {name}'}{taught}; the same command serves again"


def configured(app: App, *, stop_s: int = STOP_S) -> uvicorn.Config:
    """How uvicorn runs an application; open requests have `stop_s` seconds when it is to stop."""
    import uvicorn

    from zeta_eval.serving.heads import BoundedProtocol

    return uvicorn.Config(
        app,
        loop="uvloop",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=stop_s,
    )


def _spare_collections() -> None:
    """Look for cycles of garbage less often, and never among what is there from the start: a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS, 20, 20)


def build(settings: ServeSettings, stack: ExitStack) -> App:
    """Make the application of a server; what it holds is let go with the stack."""
    ladder = Ladder.load(settings.ladder)
    file = followed(settings, Path(stack.enter_context(tempfile.TemporaryDirectory())), stack)
    make = partial(Desk, ladder=ladder, explore=settings.explore, online=settings.online)
    desk = make(RoutingPolicy.load(file))
    keys = settings.keys()
    shadow = None if settings.shadow is None else ZetaDynamicRouter.load(settings.shadow)
    notes = Notes(ladder, _history(settings, stack), shadow)
    notes.log_prompts = settings.log_prompts
    app = App(desk, Fleet(queue=settings.queue), notes, keys=keys)
    app.max_body, app.deadline_s = int(settings.max_body_mb * 1e6), settings.deadline_s
    specs = _started(ladder, stack)
    follower = Follower(file, app, make, every_s=settings.reload_s)
    live = Live(app, ladder, specs, follower)
    app.started, app.stopped = live.start, live.stop
    return app


class Live:
    """What an application does while its event loop runs."""

    def __init__(self, app: App, ladder: Ladder, specs: tuple[ModelSpec, ...], follower: Follower) -> None:
        """Take what is to be run; nothing runs yet."""
        self._app, self._ladder, self._specs, self._follower = app, ladder, specs, follower
        self._tasks = list[asyncio.Task[None]]()
        self._close: list[Callable[[], Any]] = []

    async def start(self) -> None:
        """Make the rungs, and begin to follow the policy."""
        app, session = self._app, client()
        self._close.append(session.close)
        rungs: dict[str, Rung] = {s.size: Served(s, session, app.fleet.freed) for s in self._specs if s.served}
        if local := [s for s in self._specs if not s.served]:
            from zeta_eval.serving.local import local_rungs

            try:
                rungs |= await asyncio.to_thread(local_rungs, self._ladder, local, app.fleet.freed)
            except BaseException:
                await session.close()
                raise
        app.fleet.rungs = {spec.size: rungs[spec.size] for spec in self._specs}
        self._gauges()
        self._tasks = [asyncio.create_task(work) for work in (self._follower.run(), self._keep())]

    async def stop(self) -> None:
        """Let go of everything."""
        for task in self._tasks:
            task.cancel()
        if (learned := self._app.desk.learned) is not None:
            await asyncio.to_thread(learned.keep)
        for close in self._close:
            await close()

    async def _keep(self) -> None:
        """Write what feedback taught, again and again."""
        while True:
            await asyncio.sleep(KEEP_S)
            if (learned := self._app.desk.learned) is not None:
                await asyncio.to_thread(learned.keep)

    def _gauges(self) -> None:
        metrics, fleet = self._app.notes.metrics, self._app.fleet
        metrics.gauge("waiting", "Requests that wait for a size", lambda: fleet.waiting)
        metrics.gauges("open", "Requests that wait for a size's answer", {s: _open(r) for s, r in fleet.rungs.items()})
        metrics.gauges("ready", "Whether a size can be asked", {s: _ready(r) for s, r in fleet.rungs.items()})


def _open(rung: Rung) -> Callable[[], float]:
    return lambda: rung.open


def _ready(rung: Rung) -> Callable[[], float]:
    return lambda: float(rung.ready)


def _history(settings: ServeSettings, stack: ExitStack) -> Any:
    """The history that is named, or None; opening one imports SQLAlchemy."""
    if settings.history is None:
        return None
    try:
        from zeta_eval.feedback import History

        return stack.enter_context(History(settings.history, keep_text=settings.keep_text))
    except ImportError as e:
        raise InvalidInputError(f"A history needs SQLAlchemy ({e}); install it, or leave --history out.") from e


def _started(ladder: Ladder, stack: ExitStack) -> tuple[ModelSpec, ...]:
    """The rungs, with the servers started that the ladder says to start; all start at the same time."""
    if not any(spec.start for spec in ladder.models):
        return ladder.models
    from zeta_eval.inference.server.started import StartedServer

    def begun(spec: ModelSpec) -> ModelSpec:
        server = StartedServer(spec)
        stack.callback(server.stop)
        return replace(spec, base_url=server.base_url, start=None)

    with ThreadPoolExecutor(len(ladder.models)) as pool:
        return tuple(pool.map(lambda spec: begun(spec) if spec.start else spec, ladder.models))


def _bound(settings: ServeSettings) -> socket.socket:
    """A socket that listens at the address."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as e:
        listener.close()
        raise InvalidInputError(
            f"Can't listen at {settings.host}:{settings.port} ({e.strerror}); name another --port or --host."
        ) from e
    logging.getLogger(__name__).info("listening at %s", settings.address)
    return listener
