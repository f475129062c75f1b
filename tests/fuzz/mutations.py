"""Valid files made invalid: odd values in place of others, other nesting, other bytes. Everything is by a seed."""

import copy
import json
import random

ODD = (
    *(None, True, False, 0, -1, -5, 1, 2**31, 2**53 + 1, 2**63, 2**64 - 1, 10**20, -(10**20), 10**400),
    *(0.0, -0.0, 0.5, 1.0000001, 1e-320, 1e100, 1e308, -1e308, float("inf"), float("-inf"), float("nan")),
    *("", " ", "0", "-5", "nan", "1e999", "null", "\x00", "\x1b[31mred", "a\nb", "\u202egnp.exe", "\ud800", "é" * 300),
    *("x" * 5000, "../../etc/passwd", "=1+1", "<script>", "{name}", "%s%n", "2024-13-45T99:99:99Z", "[" * 3000),
    *([], {}, [[]], [None], {"": None}, {"role": "user"}, [1, "2", None], {"a": {"b": [{}]}}, [[0.5, -1]], [10**400]),
)
"""Values that a field may get."""

BYTES = (
    b"",
    b"\x00",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\r\n",
    b'"',
    b"{",
    b"[" * 2000,
    b"NaN",
    b"1e999",
    b"\x1b[2J",
    b",,,",
)
"""Bytes that may get into a file."""


def nested(depth):
    """A list in a list, and so on."""
    made = []
    for _ in range(depth):
        made = [made]
    return made


def places(data, at=()):
    """Where the values of JSON data are: a path of keys for each, the whole as ()."""
    yield at
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from places(value, (*at, key))


def put(data, at, value):
    """The data with another value at a place; changes the data."""
    if not at:
        return value
    holder = data
    for key in at[:-1]:
        holder = holder[key]
    holder[at[-1]] = value
    return data


def mutated(rng, data, *, changes=2):
    """A copy of JSON data, changed at up to so many places."""
    data = copy.deepcopy(data)
    for _ in range(rng.randint(1, changes)):
        found = list(places(data))
        at = rng.choice(found)
        holder = data
        for key in at[:-1]:
            holder = holder[key]
        match rng.randrange(9):
            case 0 if at:  # left out
                del holder[at[-1]]
            case 1 if at and isinstance(holder, dict):  # misnamed
                holder[f"{at[-1]}{rng.choice(('_', ' ', 's'))}"] = holder.pop(at[-1])
            case 2 if at and isinstance(holder, list):  # doubled, or turned around
                holder.insert(at[-1], copy.deepcopy(holder[at[-1]])) if rng.random() < 0.5 else holder.reverse()
            case 3:  # a value from elsewhere
                other = data
                for key in rng.choice(found):
                    other = other[key]
                data = put(data, at, copy.deepcopy(other))
            case 4:
                data = put(data, at, nested(rng.choice((3, 90, 300))))
            case 5:
                data = put(data, at, numbered(rng, holder[at[-1]] if at else None))
            case 6 if at and isinstance(holder[at[-1]], str):  # letters, of a table of numbers too
                data = put(data, at, lettered(rng, holder[at[-1]]))
            case _:
                data = put(data, at, copy.deepcopy(rng.choice(ODD)))
    return data


def lettered(rng, text):
    """A text with some other letters, of the same length."""
    letters = list(text)
    for _ in range(rng.randint(1, 8) if letters else 0):
        letters[rng.randrange(len(letters))] = rng.choice(("A", "z", "/", "7", "8", *letters[:1]))
    return "".join(letters)


def numbered(rng, value):
    """A number near another one, or far from it."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
        return rng.choice(ODD)
    return rng.choice((-value, value * 1e6, value + 1, value - 1, value * 1e-9, str(value), [value], value * 10**30))


def bitten(rng, raw):
    """Bytes that are cut, or have others among them."""
    raw = bytearray(raw)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(raw) + 1)
        match rng.randrange(6):
            case 0:
                del raw[at:]
            case 1:
                raw[at:at] = rng.choice(BYTES)
            case 2:
                del raw[at : at + rng.randint(1, 50)]
            case 3:
                raw[at:at] = raw[at : at + rng.randint(1, 200)]
            case _ if raw:
                raw[min(at, len(raw) - 1)] = rng.randrange(256)
    return bytes(raw)


def dumped(data):
    """JSON text of data, halves of characters and infinities too."""
    return json.dumps(data).encode()


def rngs(seed, n):
    """A source of random numbers for each of n cases, with the case's number."""
    return ((i, random.Random(f"{seed} {i}")) for i in range(n))
