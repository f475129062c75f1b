"""The errors that zeta-eval raises on purpose, each with one clear line for the user.

The command line ends with exit code 2 for wrong use (InvalidInputError and its kinds), with 1 for failed work.
Each message is one line: what is wrong, the value got, what to do next.
"""

import difflib
from collections.abc import Iterable


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
    """Kind of an error and the first line of its text, short enough for a message: "OSError: No such file"."""
    text = str(error).strip().partition("\n")[0].rstrip(". ")
    return f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__
