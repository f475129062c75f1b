"""The errors that zeta-eval raises on purpose, each with one clear line for the user.

The command line ends with exit code 2 for wrong use (InvalidInputError and its kinds), with 1 for failed work.
Each message is one line: what is wrong, the value got, what to do next.
"""

import base64
import difflib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote, unquote

LONGEST: Final = 300
"""Most characters of a message."""

_UNSEEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Characters that a screen obeys instead of showing them, and halves of characters, which no output takes."""


class ZetaError(Exception):
    """Any error that the package raises on purpose; catch it to handle them all.

    >>> from zeta_eval import Ladder
    >>> try:
    ...     Ladder.load("embeded")
    ... except ZetaError as error:
    ...     print(error)
    Unknown ladder 'embeded'. Did you mean 'embedded'? A path of a .toml file is taken too.
    """

    exit_code = 1
    """Exit code of the command line: 2 for wrong use, 1 for failed work."""

    def __init__(self, *words: object) -> None:
        """Take the message; passwords and keys in it are masked, and it is made one line (`shown`)."""
        super().__init__(*(shown(masked(_ends(word))) if isinstance(word, str) else word for word in words))

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows of the error: the line that a user needs, without the way through the package."""
        return [f"{type(self).__name__}: {' '.join(str(self).split())}"]


class InvalidInputError(ZetaError, ValueError):
    """Wrong use: an option, value or file that the caller can correct."""

    exit_code = 2


class UnknownNameError(InvalidInputError, LookupError):
    """A name that no registry knows; the message suggests the nearest one."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str = "") -> None:
        """Set the message: the `kind` of name, the nearest `known` name, and a `hint` on what else may be given."""
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
        advice = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(names)}."
        super().__init__(f"Unknown {kind} '{name}'. {advice}{' ' + hint if hint else ''}")


class OutcomesError(InvalidInputError):
    """An outcomes table whose columns or values can't be used."""


class PolicyError(InvalidInputError):
    """A policy file that can't be used: damaged, of another schema version, or inconsistent."""


class HubAccessError(ZetaError, OSError):
    """A model or data set that can't be reached on the hub or on disk."""


class GenerationError(ZetaError, RuntimeError):
    """A model that failed to load or to generate."""


class TrackingError(ZetaError, ConnectionError):
    """An MLflow server that does not answer or refuses."""


class OutputError(ZetaError, OSError):
    """An output folder that can't be written."""


class OutputLockedError(ZetaError, OSError):
    """An output folder that another run is writing."""


def one_line(error: BaseException) -> str:
    """Kind of an error and the first line of its text, short enough for a message: "OSError: No such file".

    An error without a text is said in words.
    """
    text = str(error).strip().partition("\n")[0].rstrip(". ")
    return escaped(f"{type(error).__name__}: {text}")[:200] if text else in_words(error)


def in_words(error: BaseException) -> str:
    """The kind of an error in words, for an error that says nothing itself.

    >>> in_words(MemoryError()), in_words(TimeoutError())
    ('memory error', 'timeout error')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()


@contextmanager
def panics_caught() -> Iterator[None]:
    """Make the panic of a library in Rust, as tokenizers are, an error like any other: by itself it is no Exception.

    Raises:
        RuntimeError: the library broke down.
    """
    try:
        yield
    except BaseException as e:
        if type(e).__name__ != "PanicException":
            raise
        raise RuntimeError(f"a library broke down: {e}") from e


def _ends(text: str, most: int = 4000) -> str:
    """Beginning and end of a very long text: `shown` shows no more of it, and masking takes time by its length."""
    return text if len(text) <= most else f"{text[: most // 2]}{text[-most // 2 :]}"


def escaped(text: str) -> str:
    """A text whose control characters and halves of characters are written as escapes.

    >>> escaped(f"one{chr(10)}two") == f"one{chr(92)}ntwo"
    True
    """
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def escaped_lines(text: str) -> str:
    """The same for a text of several lines, which it keeps."""
    return "\n".join(map(escaped, text.split("\n")))


def shown(text: str, longest: int = LONGEST) -> str:
    """A text as a message shows it: on one line, its middle left out where it is too long."""
    line = escaped(text)
    if len(line) <= longest:
        return line
    head = longest * 3 // 5
    return f"{line[:head]} ... {line[head + 5 - longest :]}"


def value_shown(value: object, longest: int = 60) -> str:
    """A value as a message repeats it; a number or text of any length is cut short."""
    try:
        return shown(repr(value), longest)
    except (ValueError, RecursionError):  # an integer of more digits than Python writes; nested without end
        return f"a {type(value).__name__} too large to show"


_SHORT, _PIECE = 8, 8
"""Characters of the shortest value that is looked for by itself, and of the shortest piece of a key."""
_PATTERNS = (
    (
        re.compile(r"""((?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,30}://[^\s/@:'"<>]{0,200}):[^\s'"<>]{0,500}@""", re.I),
        r"\1:***@",
    ),
    (re.compile(r"""(https?://)[^\s/@:'"<>]{1,500}@""", re.I), r"\1***@"),
    (re.compile(r"""([?&;][\w.-]{0,60}(?:password|passwd|pwd|token|secret|key|sig)=)[^&;\s'"<>]+""", re.I), r"\1***"),
    (re.compile(r"(--(?:[\w-]{0,40}-)?(?:key|token|password|secret)[= ]\s*)[^\s-]\S*"), r"\1***"),
    (re.compile(r"\b(Bearer +|Authorization: *Basic +)(?=\S{0,300}\d)[\w.~+/=-]{6,}"), r"\1***"),
)
"""Where a password or a key stands in a text, whatever it is; in time that grows with the text's length alone."""
_SECRET_NAMES = re.compile(r"(^|_)((API)?KEY|TOKEN|PASSWORD|PASSWD|SECRET)$")
"""Names of environment variables whose values are keys."""


def masked(text: str, *secrets: str) -> str:
    """A text without passwords and keys, for whatever is shown, logged or stored.

    Masked are the passwords of URLs, keys in their queries, in options (--api-key) and headers, the values of
    environment variables whose names say that they are keys, and `secrets`, of URLs among them the passwords: as they
    are, in quotes of JSON and URLs, in base64 and hexadecimal, backwards, and in pieces of `_PIECE` characters.

    >>> masked("postgresql://me:pa55word@host/db can't be opened")
    "postgresql://me:***@host/db can't be opened"
    """
    own = [part for secret in secrets for part in _passwords(secret)]
    for secret in (*own, *_of_environment()):
        text = hidden(text, secret)
    for secret in own:
        text = _without_pieces(text, secret)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def _passwords(secret: str) -> Iterator[str]:
    """The password of a URL, as it stands there and as it is meant; anything else is a key itself."""
    if "://" not in secret:
        yield from [secret] if secret else []
    elif found := re.search("://[^@]*?:(.*)@", secret):
        yield from {found[1], unquote(found[1])}


def hidden(text: str, secret: str) -> str:
    """A text without a key, in whichever form it stands there as a whole."""
    for form in _forms(secret):
        text = text.replace(form, "***")
    return text


def _of_environment() -> Iterator[str]:
    """Keys that the environment holds, by the names of its variables."""
    for name, value in os.environ.items():
        if _SECRET_NAMES.search(name) and len(value.strip()) >= _SHORT:
            yield value.strip()


def _forms(secret: str) -> Iterator[str]:
    """A key as it is, and in the forms in which others repeat it; a short one only as it is."""
    yield secret
    yield json.dumps(secret)[1:-1]
    if len(secret) < _SHORT:
        return
    data = secret.encode(errors="surrogateescape")
    yield from (quote(secret, safe=""), secret[::-1], data.hex(), data.hex().upper())
    for before in range(3):  # where it stands in what is encoded, after `Bearer ` or a user's name
        whole = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        inner = whole[(0, 2, 3)[before] : -1 if (before + len(data)) % 3 else None]
        yield from (inner, inner.replace("+", "-").replace("/", "_"))


def _without_pieces(text: str, secret: str) -> str:
    """A text without pieces of a key, read forwards or backwards."""
    if len(secret) < 2 * _PIECE:
        return text
    pieces = {way[i : i + _PIECE] for way in (secret, secret[::-1]) for i in range(len(way) - _PIECE + 1)}
    found: list[list[int]] = []
    end = 0
    for i in range(len(text) - _PIECE + 1):
        if text[i : i + _PIECE] in pieces:
            if i > end or not found:
                found.append([i, i])
            end = found[-1][1] = i + _PIECE
    for first, last in reversed(found):
        text = f"{text[:first]}***{text[last:]}"
    return text
