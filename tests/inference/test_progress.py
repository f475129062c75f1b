import io

import pytest

from zeta_eval.evaluation.reports.live import in_notebook
from zeta_eval.inference.run.progress import INTERVAL_S, Board, Lines, board
from zeta_eval.inference.run.runner import run
from zeta_eval.models import GenerateConfig, Ladder, ModelSpec
from zeta_eval.tasks import Query, Score
from zeta_eval.testing import ScriptedGenerator

LADDER = Ladder(name="two", models=(ModelSpec(size="1B", model="s"), ModelSpec(size="9B", model="l")), max_new_tokens=8)
QUERIES = [Query(query_id=f"q{i}", task="t", dataset="d", prompt=f"say {i}", target=str(i)) for i in range(20)]


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Full(io.StringIO):
    def flush(self):
        raise OSError(28, "No space left on device")


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


def row(score, tokens=10):
    return {"score": score, "completion_tokens": tokens}


def bench(out, progress, **kinds):
    return run(
        LADDER,
        QUERIES,
        lambda q, text: Score(float(int(q.target) % 2)),
        out=out,
        config=GenerateConfig(max_new_tokens=8, batch_size=4),
        latency_sample=0,
        generators=lambda spec: ScriptedGenerator(spec.size, lambda p: p, **kinds),
        progress=progress,
    )


def test_a_board_tells_accuracy_pace_and_time_left():
    clock = Clock()
    shown = Board(lambda _: None, clock=clock)
    with shown.running("4B", 100, []):
        clock.now += 5
        shown.add([row(1.0)] * 6 + [row(0.0)] * 3 + [row(None, None)])
        size, done, accuracy, rate, left = shown.sizes[0].cells()
        assert (size, done, rate, left) == ("4B", "10/100", "18", "0:45")
        assert accuracy.startswith("0.667 [0.354, 0.879]")


def test_rows_of_an_earlier_session_count_but_say_nothing_of_the_pace():
    clock = Clock()
    shown = Board(lambda _: None, clock=clock)
    with shown.running("4B", 20, [row(1.0)] * 10):
        assert shown.sizes[0].cells()[1:] == ("10/20", "1.000 [0.722, 1.000]", "-", "-")
        clock.now += 2
        shown.add([row(0.0)] * 5)
        assert shown.sizes[0].cells()[1:] == ("15/20", "0.667 [0.417, 0.848]", "25", "0:02")


def test_it_is_drawn_a_few_times_a_second_at_most():
    clock, seen = Clock(), []
    shown = Board(lambda b: seen.append(b.sizes[-1].done), clock=clock)
    with shown.running("4B", 1000, []):
        for _ in range(1000):
            clock.now += INTERVAL_S / 10
            shown.add([row(1.0)])
    assert 95 <= len(seen) <= 103 and seen[-1] == 1000


def test_a_terminal_shows_one_line_per_size_that_is_written_again():
    clock, stream = Clock(), Terminal()
    shown = Board(Lines(stream), clock=clock)
    with shown.running("4B", 2, []):
        for _ in range(2):
            clock.now += 1
            shown.add([row(1.0)])
    text = stream.getvalue()
    assert text.count("\n") == 1 and text.count("\r") == 4
    assert text.rstrip().rsplit("\r", 1)[1].rstrip() == "4B: 2/2, accuracy 1.000 [0.342, 1.000], 10 tokens/s, done"


def test_a_log_file_gets_one_line_per_size():
    stream = io.StringIO()
    shown = Board(Lines(stream))
    for size in ("4B", "7B"):
        with shown.running(size, 2, []):
            shown.add([row(1.0)])
    assert [line.split(",")[0] for line in stream.getvalue().splitlines()] == ["4B: 1/2", "7B: 1/2"]


def test_the_table_is_readable_as_text_and_as_html():
    shown = Board(lambda _: None)
    with shown.running("<4B>", 2, [row(1.0)]):
        lines = repr(shown).splitlines()
        assert lines[0].split()[:2] == ["size", "done"] and lines[1].split()[:2] == ["<4B>", "1/2"]
        assert "&lt;4B&gt;" in shown._repr_html_() and "<4B>" not in shown._repr_html_()


def test_a_run_tells_every_row_of_every_size(tmp_path):
    shown = Board(lambda _: None)
    bench(tmp_path, shown)
    assert [(s.size, s.done, s.total, s.points, s.ended) for s in shown.sizes] == [
        ("1B", 20, 20, 10.0, True),
        ("9B", 20, 20, 10.0, True),
    ]


def test_a_resumed_run_begins_where_it_stopped(tmp_path):
    first, second = Board(lambda _: None), Board(lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        bench(tmp_path, first, fail_on_call=3, failure=KeyboardInterrupt())
    assert first.sizes[0].ended and first.sizes[0].done == 8
    bench(tmp_path, second)
    assert (second.sizes[0].done, second.sizes[0].new) == (20, 12)


def test_outside_a_notebook_it_is_lines_on_standard_error(tmp_path, capsys):
    assert not in_notebook()
    assert isinstance(board(), Board)
    bench(tmp_path, True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert [line.split(",")[0] for line in shown.err.splitlines()] == ["1B: 20/20", "9B: 20/20"]


def test_sizes_that_were_finished_before_are_shown(tmp_path):
    bench(tmp_path, Board(lambda _: None))
    again = Board(lambda _: None)
    bench(tmp_path, again)
    assert [(s.size, s.done, s.new, s.ended) for s in again.sizes] == [("1B", 20, 0, True), ("9B", 20, 0, True)]


@pytest.mark.parametrize("stream", [None, Full(), closed()])
def test_a_stream_that_cannot_be_written_costs_the_run_nothing(tmp_path, stream):
    bench(tmp_path, Board(Lines(stream)))
    assert (tmp_path / "outcomes.parquet").is_file()


def test_a_line_never_reaches_a_terminal_s_last_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    clock, stream = Clock(), Terminal()
    shown = Board(Lines(stream), clock=clock)
    with shown.running("4B", 2000, []):
        clock.now += 1
        shown.add([row(1.0)])
        assert stream.getvalue().rpartition("\r")[2].rstrip() == "4B: 1/2000, 33:19 left"
