import base64
import math
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.estimators import tables
from zeta_eval.router.estimators.tables import encode
from zeta_eval.router.estimators.words import Words, pieces


def words(rows, bits=4, constant=(0.5, 1.0)):
    """Words whose buckets have the rows given by index, and zeros else."""
    table = [rows.get(i, (0.0,) * len(constant)) for i in range(1 << bits)]
    return Words(bits=bits, n_sizes=len(constant), constant=constant, table=encode(table))


def test_a_short_token_is_one_piece_and_a_longer_one_counts_by_its_ends_too():
    crc = lambda piece: zlib.crc32(piece.encode()) & 0xFFF  # noqa: E731
    assert pieces("proo", 12) == [crc("proo")]
    assert pieces("proof", 12) == [crc("proof"), crc("^pro"), crc("^proo"), crc("oof$")]
    assert set(pieces("proof", 12)) & set(pieces("proofs", 12)) == {crc("^pro"), crc("^proo")}


@given(st.text(min_size=1, max_size=12), st.integers(1, 20))
def test_every_piece_of_any_token_has_a_bucket(token, bits):
    found = pieces(token, bits)
    assert all(0 <= i < 1 << bits for i in found)
    assert len(found) == (4 if len(token) > 4 else 1)
    assert pieces("\ud800", bits)


def test_a_text_is_the_constant_plus_its_weights_over_the_root_of_their_number():
    a, b = pieces("a", 4)[0], pieces("b", 4)[0]
    model = words({a: (1.0, -2.0), b: (3.0, 0.5)})
    assert a != b
    assert model.values(["a"]) == [1.5, -1.0]
    assert model.values(["a", "b"]) == pytest.approx([0.5 + 4 / math.sqrt(2), 1.0 - 1.5 / math.sqrt(2)])
    assert model.values([]) == [0.5, 1.0]


def test_a_long_token_brings_all_its_pieces():
    rows = {i: (float(i), 1.0) for i in range(16)}
    found = pieces("photosynthesis", 4)
    assert words(rows).values(["photosynthesis"]) == pytest.approx([0.5 + sum(found) / 2, 1.0 + 4 / 2])


def test_values_are_the_same_however_many_tokens_are_kept(monkeypatch):
    monkeypatch.setattr(tables, "CACHED", 3)
    rows = {i: (float(i), -float(i)) for i in range(16)}
    tokens = [f"token{chr(97 + i)}" for i in range(12)]
    model = words(rows)
    first = model.values(tokens)
    assert model.values(tokens) == first == words(rows).values(tokens)
    assert len(model._of_token) <= 3


def test_weights_are_rounded_to_float16_alike_wherever_they_are_read():
    made = Words(bits=1, n_sizes=2, constant=(0.0, 0.0), table=encode([(1 / 3, -2.0), (0.0, 65504.0)]))
    assert made.weights == (float(np.float16(1 / 3)), -2.0, 0.0, 65504.0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"bits": 0}, "wrong length"),
        ({"bits": 21}, "wrong length"),
        ({"bits": 2}, "wrong length"),
        ({"n_sizes": 3}, "wrong length"),
        ({"constant": (0.0,)}, "finite constant for each size"),
        ({"constant": (0.0, math.nan)}, "finite constant for each size"),
        ({"constant": ("0", 0.0)}, "finite constant for each size"),
        ({"table": encode([(math.inf, 0.0)] * 2)}, "not finite"),
        ({"table": "no base64!"}, "no base64"),
    ],
)
def test_words_that_do_not_fit_are_refused_in_one_line(changes, says):
    values = {"bits": 1, "n_sizes": 2, "constant": (0.0, 0.0), "table": encode([(1.0, 2.0)] * 2)}
    assert Words(**values).n_sizes == 2
    with pytest.raises(PolicyError, match=says) as e:
        Words(**values | changes)
    assert "\n" not in str(e.value)


def test_a_first_route_with_a_table_of_a_million_buckets_unpacks_only_what_it_reads():
    made = Words(bits=20, n_sizes=3, constant=(0.5,) * 3, table=base64.b64encode(bytes(6 << 20)).decode())
    assert made.values(["prove"]) == [0.5, 0.5, 0.5]
    assert "weights" not in vars(made)  # 3 million floats, which take seconds
