"""A history under load: so many decisions a second from several processes, with feedback from an event loop.

    python benchmarks/history_load.py h.db --seconds 600 --rate 2000 --writers 4
    python benchmarks/history_load.py postgresql://user@host/name --kill

Each writer records at its part of the rate and awaits `afeedback` on one decision in FEEDBACK_EVERY. Afterwards what
the store holds is compared with what the writers recorded. With --kill the last writer is killed in the middle: it may
miss what was in its queue, and nothing else. The longest pause of an event loop is told beside it.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.feedback import History
from zeta_eval.router import ZetaDynamicRouter

FEEDBACK_EVERY, TICK_S, CAPACITY = 100, 0.01, 10_000


async def write(url: str, name: str, seconds: float, rate: float) -> None:
    """Record at a rate, and print what was recorded every second."""
    history, decision = History(url, capacity=CAPACITY), ZetaDynamicRouter().route("Add 1 and 2.")
    began, made, pause_s, queued = time.monotonic(), 0, 0.0, 0
    waiting: set[asyncio.Task[bool]] = set()
    rated: list[bool] = []
    said = last = began
    while (now := time.monotonic()) < began + seconds:
        pause_s, last = max(pause_s, now - last - TICK_S), now
        for _ in range(int((now - began) * rate) - made):
            key = history.record(decision, f"{name} asks {made}")
            made += 1
            if made % FEEDBACK_EVERY == 0:
                task = asyncio.create_task(rate_it(history, key, name))
                waiting.add(task)
                task.add_done_callback(waiting.discard)
                task.add_done_callback(lambda done: rated.append(done.result()))
        queued = max(queued, history.queued)
        if now - said > 1.0:
            said = now
            print(json.dumps({"made": made, "queued": history.queued, "lost": history.lost}), flush=True)
        await asyncio.sleep(TICK_S)
    await asyncio.gather(*waiting)
    history.close()
    told = {"made": made, "rated": sum(rated), "lost": history.lost, "queue": queued, "pause_ms": round(pause_s * 1e3)}
    print(json.dumps(told), flush=True)


async def rate_it(history: History, key: str, by: str) -> bool:
    """Rate a decision; False where it was dropped from a full queue."""
    try:
        await history.afeedback(key, right=True, by=by)
    except InvalidInputError:
        return False
    return True


def run(args: argparse.Namespace) -> dict[str, object]:
    """Run all writers, and compare."""
    History(args.url).close()
    command = [sys.executable, __file__, args.url, "--seconds", str(args.seconds), "--rate"]
    command += [str(args.rate / args.writers), "--as"]
    writers = [subprocess.Popen([*command, f"w{i}"], stdout=subprocess.PIPE, text=True) for i in range(args.writers)]
    if args.kill:
        time.sleep(args.seconds / 2)
        writers[-1].send_signal(signal.SIGKILL)
    said = [w.communicate()[0].splitlines() for w in writers]
    told = [json.loads(lines[-1]) if lines else {"made": 0, "queued": 0} for lines in said]
    ended, killed = (told[:-1], told[-1]) if args.kill else (told, None)
    stored = counted(args.url, args.writers)
    result: dict[str, object] = {
        "decisions": sum(t["made"] for t in ended),
        "stored": sum(stored[f"w{i}"] for i in range(len(ended))),
        "feedbacks": sum(t["rated"] for t in ended),
        "stored_feedbacks": stored["feedback"],
        "lost": sum(t["lost"] for t in ended),
        "longest_queue": max(t["queue"] for t in ended),
        "longest_pause_ms": max(t["pause_ms"] for t in ended),
        "load": os.getloadavg(),
    }
    if killed is not None:  # what it said last, up to a second before its end
        name = f"w{args.writers - 1}"
        result |= {"killed_had_written_at_least": killed["made"] - killed["queued"], "killed_stored": stored[name]}
    return result


def counted(url: str, writers: int) -> dict[str, int]:
    """Decisions in the store by writer, each once, and the feedbacks of the writers that ended."""
    from sqlalchemy import text

    with History(url) as history:
        rows = history._store.rows(text("select query, count(*) as n from zeta_decisions group by query"))
        assert all(row["n"] == 1 for row in rows), "a decision is there twice"
        found = {f"w{i}": sum(row["query"].startswith(f"w{i} ") for row in rows) for i in range(writers)}
        (rated,) = history._store.rows(text("select count(*) as n from zeta_feedback"))
        return found | {"feedback": rated["n"]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=2000)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--as", dest="name", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.name:
        asyncio.run(write(given.url, given.name, given.seconds, given.rate))
    else:
        print(json.dumps(run(given)))
