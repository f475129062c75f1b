"""Timing of work on a device, and the number of threads that a processor runs a model on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Clock:
    """Clocks that wait for a device to finish its work before they tell the time."""

    def __init__(self, device: torch.device) -> None:
        """Take the device whose work is timed."""
        self._cuda = device.type == "cuda"

    def now(self) -> float:
        """Seconds on a clock that has waited for the device."""
        if self._cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    def busy(self) -> float:
        """Seconds that the device worked; on a processor those of this process, whatever else the machine is doing."""
        return self.now() if self._cuda else time.process_time()


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Run torch's operators on n threads of the processor."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)
