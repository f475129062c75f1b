"""`Ladder`: the models to choose among, from a TOML file."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.files import is_folder, read_toml
from zeta_eval.models.numbers import check_count
from zeta_eval.models.rung import ModelSpec

LADDERS = Path(__file__).parent.parent / "ladders"
"""Folder of the ladder files that ship with the package."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ladder:
    """The models to choose among, cheapest first.

    >>> Ladder.load("embedded").sizes
    ('17K', '45K', '456K')
    """

    name: str
    """Name of the ladder, or path of its file."""
    models: tuple[ModelSpec, ...]
    """The rungs, cheapest first; embedding models anywhere."""
    max_new_tokens: int = 512
    """Longest answer, in tokens, unless a run says otherwise."""

    def __post_init__(self) -> None:
        sizes = [m.size for m in self.models]
        check_count("max_new_tokens", self.max_new_tokens)
        if not self.generators:
            raise InvalidInputError(f"Ladder '{self.name}' has no generating rung; add a [[models]] table.")
        if len(set(sizes)) < len(sizes):
            raise InvalidInputError(f"Ladder '{self.name}' names a size twice: {', '.join(sizes)}; make names unique.")

    @property
    def generators(self) -> tuple[ModelSpec, ...]:
        """The rungs that write text, cheapest first."""
        return tuple(m for m in self.models if m.role == "generate")

    @property
    def embedder(self) -> ModelSpec | None:
        """The rung that embeds text, if there is one."""
        return next((m for m in self.models if m.role == "embed"), None)

    @property
    def sizes(self) -> tuple[str, ...]:
        """Names of the generating rungs, cheapest first."""
        return tuple(m.size for m in self.generators)

    @classmethod
    def load(cls, name: str | Path) -> Ladder:
        """Load a shipped ladder by name ("embedded", "qwen3") or a TOML file by path.

        Raises:
            UnknownNameError: no shipped ladder and no file has that name.
            InvalidInputError: the file is no ladder.
        """
        path = Path(name) if str(name).endswith(".toml") else LADDERS / f"{name}.toml"
        if not path.is_file():
            known = [p.stem for p in LADDERS.glob("*.toml")]
            if str(name).endswith(".toml"):
                raise UnknownNameError(
                    "ladder", str(name), known, hint="There is no such file; write it, or mend the path."
                )
            raise UnknownNameError("ladder", str(name), known, hint="A path of a .toml file is taken too.")
        try:
            data = read_toml(path)
        except UnicodeDecodeError as e:
            raise InvalidInputError(f"Ladder file {path} is no UTF-8 text ({e.reason}); save it as UTF-8.") from e
        except ValueError as e:
            raise InvalidInputError(f"Ladder file {path} is no TOML: {e}. Mend that line.") from e
        except OSError as e:
            raise InvalidInputError(f"Ladder file {path} can't be read: {e.strerror}.") from e
        known_keys = {f.name for f in fields(ModelSpec)}
        rungs = data.pop("models", None)
        if not isinstance(rungs, list) or not all(isinstance(rung, dict) for rung in rungs):
            raise InvalidInputError(f"Ladder file {path} has no [[models]] table; add one for each size.")
        if extra := set(data) - {"max_new_tokens"}:
            raise InvalidInputError(
                f"Ladder file {path} has an unknown key '{min(extra)}'; known: max_new_tokens, models."
            )
        for rung in rungs:
            if extra := set(rung) - known_keys:
                raise UnknownNameError(f"key of a rung in {path}:", min(extra), known_keys)
            _resolve_folder(rung, path.parent)
        try:
            models = tuple(ModelSpec(**rung) for rung in rungs)
            return cls(name=str(name), models=models, **data)
        except TypeError as e:
            raise InvalidInputError(f"A rung in {path} lacks `size` or `model`; add both.") from e
        except InvalidInputError as e:
            raise InvalidInputError(f"Ladder file {path}: {e}") from e


def _resolve_folder(rung: dict[str, Any], base: Path) -> None:
    """Make a rung's model an absolute path where such a folder lies beside the ladder file, but for a served name."""
    model = rung.get("model")
    if model and isinstance(model, str) and not ({"base_url", "start"} & set(rung)) and is_folder(base / model):
        rung["model"] = str((base / model).resolve())
