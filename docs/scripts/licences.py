"""Write the list of what the package depends on, with licences, docs/licences.md, from what is installed.

python docs/scripts/licences.py            write it
"""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

PAGE = Path(__file__).parents[1] / "licences.md"

HEAD = """# Licences of dependencies

Packages that `pip install zeta-eval` brings, with the licence that each one names in its own metadata. Extras are left
out.

| package | licence |
| --- | --- |
"""

LONG = 60
"""Characters above which a licence's field holds its whole text, and not its name."""


def needed(name: str, found: dict[str, Distribution]) -> dict[str, Distribution]:
    """The distributions that one needs here, itself first, by name; those that are not installed are left out."""
    try:
        own = distribution(name)
    except PackageNotFoundError:
        return found
    found[_plain(name)] = own
    for line in own.requires or []:
        requirement = Requirement(line)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and _plain(requirement.name) not in found:
            needed(requirement.name, found)
    return found


def licence(of: Distribution) -> str:
    """The licence that a distribution names: as an expression, by its classifiers, or in a word."""
    classes = [c.rpartition(" :: ")[2] for c in of.metadata.get_all("Classifier") or [] if c.startswith("License ::")]
    word = (of.metadata.get("License") or "").strip()
    named = [word] if word and len(word) <= LONG and "\n" not in word else []
    return of.metadata.get("License-Expression") or " and ".join(classes or named) or "says none in its metadata"


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Write the page."""
    found = needed("zeta-eval", {})
    lines = [f"| {name} | {licence(of)} |" for name, of in sorted(found.items()) if name != "zeta-eval"]
    PAGE.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
