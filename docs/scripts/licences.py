"""Write the list of what the package depends on, with licences, docs/licences.md, from what is installed.

python docs/scripts/licences.py            write it
"""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

PAGE = Path(__file__).parents[1] / "licences.md"
PROJECT = PAGE.parents[1] / "pyproject.toml"

HEAD = """# Licences of dependencies

Packages that `pip install zeta-eval` brings, with the licence that each one names in its own metadata. Extras are left
out.

| package | licence |
| --- | --- |
"""

LONG = 60
"""Characters above which a licence's field holds its whole text, and not its name."""


def direct() -> list[Requirement]:
    """The dependencies that pyproject.toml names."""
    named = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]
    return [made for line in named if _here(made := Requirement(line), "")]


def needed(wanted: list[Requirement], found: dict[str, Distribution]) -> dict[str, Distribution]:
    """The distributions that requirements need here, by name; those that are not installed are left out."""
    for requirement in wanted:
        name = plain(requirement.name)
        try:
            own = distribution(name)
        except PackageNotFoundError:
            continue
        extras = requirement.extras if name in found else {"", *requirement.extras}
        found[name] = own
        lines = [Requirement(line) for line in own.requires or []]
        of = [line for line in lines if any(_here(line, extra) for extra in extras)]
        needed([line for line in of if plain(line.name) not in found or line.extras - {""}], found)
    return found


def _here(requirement: Requirement, extra: str) -> bool:
    """Whether a requirement is wanted on this machine, for an extra."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def licence(of: Distribution) -> str:
    """The licence that a distribution names: as an expression, by its classifiers, or in a word."""
    classes = [c.rpartition(" :: ")[2] for c in of.metadata.get_all("Classifier") or [] if c.startswith("License ::")]
    word = (of.metadata.get("License") or "").strip()
    named = [word] if word and len(word) <= LONG and "\n" not in word else []
    return of.metadata.get("License-Expression") or " and ".join(classes or named) or "says none in its metadata"


def plain(name: str) -> str:
    """A package's name in the one form that all its spellings have."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Write the page."""
    found = needed(direct(), {})
    lines = [f"| {name} | {licence(of)} |" for name, of in sorted(found.items())]
    PAGE.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
