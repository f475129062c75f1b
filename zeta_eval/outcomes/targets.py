"""Right answers as one text of the table: as they are, or as a JSON list where several are right."""

import json


def target_text(target: str | tuple[str, ...]) -> str:
    """Write a target as the column `target` holds it; `read_target` gives the same target back.

    >>> target_text(("Paris", "Lutetia"))
    '["Paris", "Lutetia"]'
    """
    if isinstance(target, str):
        return json.dumps([target], ensure_ascii=False) if _listed(target) else target
    return json.dumps(list(target), ensure_ascii=False)


def read_target(text: str) -> str | tuple[str, ...]:
    """Read a target from the column `target`.

    >>> read_target("Paris"), read_target('["Paris", "Lutetia"]')
    ('Paris', ('Paris', 'Lutetia'))
    """
    if (found := _listed(text)) is None:
        return text
    return found[0] if len(found) == 1 and _listed(found[0]) else tuple(found)


def _listed(text: str) -> list[str] | None:
    """The texts of a JSON list of at least one text; None where a text is something else."""
    if not text.startswith('["'):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if found and all(isinstance(item, str) for item in found) else None
