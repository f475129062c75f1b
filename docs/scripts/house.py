"""Draw the rooms of the package, floor by floor, from its imports: docs/images/house.svg and docs/architecture.md.

    python docs/scripts/house.py            write both
    python docs/scripts/house.py --check    write nothing; exit code 1 where one of them is not current

A room is a package or module directly under `zeta_eval`. Imports inside functions and for type checking count.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from html import escape
from itertools import accumulate, pairwise
from pathlib import Path

DOCS = Path(__file__).parents[1]
PACKAGE = DOCS.parent / "zeta_eval"
PICTURE = DOCS / "images" / "house.svg"
PAGE = DOCS / "architecture.md"
BEGIN, END = "<!-- drawn by docs/scripts/house.py -->\n", "<!-- end of what is drawn -->"
MOST_ROOMS, MOST_FLOORS = 18, 9
WIDTH, HEIGHT, GAP = 118, 34, 62
"""Of a box, and of the space between two floors, in pixels."""
MARGIN, HALF, PASSAGE, SWEEPS = 36, 360, 40, 24
"""Space at the left, half of the picture's width, width of an arrow that passes a floor, and rounds of the layout."""

Rooms = Mapping[str, frozenset[str]]
"""By room, the rooms that it imports."""


def read_rooms(package: Path = PACKAGE) -> Rooms:
    """Read every import of the package; the package's own `__init__`, which only names things, is no room."""
    files = {f: f.relative_to(package).parts[0].removesuffix(".py") for f in sorted(package.rglob("*.py"))}
    names = set(files.values()) - {"__init__"}
    found: dict[str, set[str]] = {name: set() for name in sorted(names)}
    for file, room in files.items():
        if room in names:
            found[room] |= {name for name in _imported(file) if name in names} - {room}
    return {room: frozenset(used) for room, used in found.items()}


def _imported(file: Path) -> list[str]:
    """The rooms that one file names in its imports, wherever in the file they stand."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name.split(".")[1] for alias in node.names if alias.name.startswith("zeta_eval.")]
        elif isinstance(node, ast.ImportFrom) and node.module == "zeta_eval":
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("zeta_eval."):
            found.append(str(node.module).split(".")[1])
    return found


def floors(rooms: Rooms) -> list[list[str]]:
    """Rooms by floor, the ground floor first: a room stands one floor above the highest room that it imports.

    Raises:
        CycleError: the imports make a circle.
    """
    floor: dict[str, int] = {}
    for room in TopologicalSorter(rooms).static_order():
        floor[room] = 1 + max((floor[used] for used in rooms[room]), default=-1)
    return [sorted(r for r in floor if floor[r] == n) for n in range(1 + max(floor.values()))]


def stairs(rooms: Rooms) -> list[tuple[str, str]]:
    """The imports that no longer way of imports implies: those that the picture shows."""
    below: dict[str, frozenset[str]] = {}
    for room in TopologicalSorter(rooms).static_order():
        below[room] = rooms[room].union(*(below[used] for used in rooms[room]))
    return [
        (room, used) for room in rooms for used in sorted(rooms[room]) if not any(used in below[v] for v in rooms[room])
    ]


def draw(rooms: Rooms) -> str:
    """The picture as SVG, on a white ground of its own."""
    storeys, ways = _laid_out(rooms)
    spots = {spot: x for storey in storeys for spot, x in _across(storey)}
    wide = 2 * MARGIN + max(x for x in spots.values()) + WIDTH / 2 + 12
    high = len(storeys) * (HEIGHT + GAP) - GAP + 24
    top = {spot: high - 12 - HEIGHT - n * (HEIGHT + GAP) for n, storey in enumerate(storeys) for spot in storey}
    lines = [_arrow([(2 * MARGIN + spots[spot], top[spot]) for spot in way]) for way in ways]
    boxes = [_box(room, 2 * MARGIN + spots[room] - WIDTH / 2, top[room]) for room in rooms]
    signs = [_sign(n, top[storey[0]] + HEIGHT / 2) for n, storey in enumerate(storeys)]
    return "\n".join([*_head(wide, high), *signs, *lines, *boxes, "</svg>", ""])


def _laid_out(rooms: Rooms) -> tuple[list[list[str]], list[list[str]]]:
    """Floors from left to right with the places where arrows pass them, and each arrow as its places, top first."""
    storeys = floors(rooms)
    level = {room: n for n, storey in enumerate(storeys) for room in storey}
    ways = []
    for room, used in stairs(rooms):
        passed = [(n, f"{room}>{used}@{n}") for n in range(level[room] - 1, level[used], -1)]
        for n, spot in passed:
            storeys[n].append(spot)
        ways.append([room, *(spot for _, spot in passed), used])
    near: dict[str, list[str]] = {}
    for a, b in (step for way in ways for step in pairwise(way)):
        near.setdefault(a, []).append(b)
        near.setdefault(b, []).append(a)
    for _ in range(SWEEPS):  # move each place to the middle of what it is joined with: fewer arrows cross
        spots = {spot: x for storey in storeys for spot, x in _across(storey)}
        for storey in storeys:
            storey.sort(key=lambda s: (sum(spots[o] for o in near.get(s, [s])) / len(near.get(s, [s])), s))
            spots |= dict(_across(storey))
    return storeys, ways


def _across(storey: Sequence[str]) -> list[tuple[str, float]]:
    """The middle of each place of a floor, the floor's own middle being the same for all."""
    widths = [PASSAGE if ">" in spot else WIDTH + 16 for spot in storey]
    edges = list(accumulate(widths, initial=HALF - sum(widths) / 2))
    return [(spot, left + width / 2) for spot, left, width in zip(storey, edges, widths, strict=False)]


def _head(wide: float, high: float) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high:g}" width="{wide:g}" height="{high:g}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="14">',
        "<title>The rooms of zeta_eval, floor by floor; an arrow points at a room that is imported</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#5b6b7b"/></marker></defs>',
        f'<rect width="{wide:g}" height="{high:g}" fill="white"/>',
    ]


def _arrow(spots: Sequence[tuple[float, float]]) -> str:
    """A line from the bottom of the first place through the others to the top of the last."""
    (x, y), *rest = spots
    y += HEIGHT
    path = f"M{x:g} {y:g}"
    for x1, y1 in rest:
        middle = (y + y1) / 2
        path += f" C{x:g} {middle:g} {x1:g} {middle:g} {x1:g} {y1:g}"
        x, y = x1, y1
        if (x1, y1) != rest[-1]:
            y += HEIGHT
            path += f" L{x:g} {y:g}"
    return f'<path d="{path}" fill="none" stroke="#5b6b7b" stroke-width="1.2" marker-end="url(#tip)"/>'


def _box(room: str, x: float, y: float) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="5" fill="#e8f0fa" stroke="#2b5c8a"/>'
        f'<text x="{x + WIDTH / 2:g}" y="{y + HEIGHT / 2 + 5:g}" text-anchor="middle" fill="#12283c">{escape(room)}'
        "</text>"
    )


def _sign(floor: int, y: float) -> str:
    return f'<text x="12" y="{y + 5:g}" fill="#5b6b7b">floor {floor + 1}</text>'


def table(rooms: Rooms) -> str:
    """The part of the page that is drawn: how many rooms, floors and arrows, and each room with what it imports."""
    storeys = floors(rooms)
    arrows = sum(map(len, rooms.values()))
    lines = [
        f"The package has **{len(rooms)} rooms on {len(storeys)} floors**, joined by {arrows} import arrows, without a "
        f"circle. At most {MOST_ROOMS} rooms and {MOST_FLOORS} floors are allowed.",
        "",
        "![The rooms as boxes, floor by floor, with arrows to the rooms that each of them imports](images/house.svg)",
        "",
        "The picture leaves out an arrow where a longer way of arrows leads to the same room. The table names all.",
        "",
        "| floor | room | what is in it | what it imports |",
        "| --- | --- | --- | --- |",
    ]
    for n in reversed(range(len(storeys))):
        for room in storeys[n]:
            lines.append(f"| {n + 1} | `{room}` | {_what(room)} | {_names(sorted(rooms[room]))} |")
    return "\n".join([*lines, ""])


def _what(room: str) -> str:
    """First sentence of a room's docstring."""
    file = PACKAGE / room / "__init__.py"
    text = ast.get_docstring(ast.parse((file if file.exists() else PACKAGE / f"{room}.py").read_text(encoding="utf-8")))
    return (text or "").partition("\n")[0]


def _names(rooms: Sequence[str]) -> str:
    return ", ".join(f"`{room}`" for room in rooms) or "nothing"


def pages() -> dict[Path, str]:
    """What the files should hold now."""
    rooms = read_rooms()
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return {PICTURE: draw(rooms), PAGE: f"{before}{BEGIN}\n{table(rooms)}\n{END}{after}"}


def main() -> int:
    """Write the files, or check them."""
    made = pages()
    stale = [file for file, text in made.items() if not file.exists() or file.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv:
        print("\n".join(f"{file.relative_to(DOCS.parent)} is not current; run `make docs`" for file in stale), end="")
        return bool(stale)
    for file in stale:
        file.write_text(made[file], encoding="utf-8")
    rooms = read_rooms()
    print(f"{len(rooms)} rooms on {len(floors(rooms))} floors, no circle")
    return 0


if __name__ == "__main__":
    sys.exit(main())
