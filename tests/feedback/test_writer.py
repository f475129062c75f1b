import threading
import time
import tracemalloc

import pytest

from zeta_eval.feedback import writer as module
from zeta_eval.feedback.writer import BackgroundWriter


@pytest.fixture
def written():
    return []


def open_writer(write, capacity=1000):
    return BackgroundWriter(write, capacity=capacity, name="test")


def wait_for(true, seconds=10):
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert true()


def test_items_are_written_in_order_by_the_background_thread(written):
    writer = open_writer(lambda batch: written.extend(batch) or 0)
    for i in range(20):
        writer.put(i, 1)
    wait_for(lambda: len(written) == 20)
    assert written == list(range(20))
    writer.close()


def test_batches_are_bounded():
    sizes = []
    writer = open_writer(lambda batch: sizes.append(len(batch)) or 0, capacity=10_000)
    for i in range(1200):
        writer.put(i, 1)
    writer.close()
    assert sum(sizes) == 1200 and max(sizes) <= module.BATCH


def test_a_stuck_write_blocks_nobody_and_what_does_not_fit_is_counted():
    go, started = threading.Event(), threading.Event()

    def stuck(batch):
        started.set()
        assert go.wait(20)
        return 0

    writer = open_writer(stuck, capacity=10)
    writer.put(0, 1)
    assert started.wait(20)
    began = time.monotonic()
    for i in range(1000):
        writer.put(i, 1)
    assert time.monotonic() - began < 5
    assert (writer.queued, writer.lost) == (10, 991)
    go.set()
    writer.close()
    assert (writer.queued, writer.lost) == (0, 991)


def test_a_failed_write_is_tried_again(written, caplog):
    failing = threading.Event()
    failing.set()

    def write(batch):
        if failing.is_set():
            raise OSError("no space left on device")
        written.extend(batch)
        return 0

    writer = open_writer(write)
    writer.put("a", 1)
    assert writer.flush() == writer.flush() == "no space left on device" and writer.queued == 1
    failing.clear()
    wait_for(lambda: written == ["a"])
    writer.close()
    assert writer.lost == 0
    assert caplog.text.count("no space left on device") == 1


def test_long_texts_fill_the_queue_before_its_capacity():
    writer = open_writer(lambda batch: 0)
    half = module.MAX_CHARACTERS // 2
    with writer._writing:  # nothing is written meanwhile
        for _ in range(3):
            writer.put("text", half)
        assert (writer.queued, writer.lost) == (2, 1)
    writer.close()


def test_memory_does_not_grow_with_the_number_of_items():
    writer = open_writer(lambda batch: 0, capacity=100)
    for _ in range(5):
        writer.put("x" * 50, 50)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for i in range(30_000):
        writer.put(f"{i:050d}", 50)
    writer.flush()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    writer.close()
    assert grown < 100_000


def test_many_threads_lose_and_double_nothing(written):
    writer = open_writer(lambda batch: written.extend(batch) or 0, capacity=100_000)
    threads = [threading.Thread(target=lambda t=t: [writer.put((t, i), 1) for i in range(2000)]) for t in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        writer.flush()
    for thread in threads:
        thread.join()
    writer.close()
    assert sorted(written) == [(t, i) for t in range(8) for i in range(2000)]
