"""Signals of processes that tests start."""

import signal


def heed_signals():
    """Heed interrupts and hang-ups, which a shell's background jobs and nohup ignore, and pass that on."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
