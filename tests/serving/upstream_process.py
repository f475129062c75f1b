"""`python upstream_process.py [PORT]`: a scripted server in a process, which writes its port and streams slowly."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from scripted_server import DONE, ScriptedServer, chat, pieces


def answer(body, number):
    if not body.get("stream"):
        return 200, chat(f"of {body['model']}")
    slow = [x for piece in pieces("a" * 400) for x in (0.05, piece)]
    return 200, [*slow, DONE]


if __name__ == "__main__":
    server = ScriptedServer(answer, port=int(sys.argv[1]) if sys.argv[1:] else 0)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    while True:
        time.sleep(60)
