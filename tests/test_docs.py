"""The documentation: pages that are made from the code are current, and what pages say to type can be typed."""

import ast
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import zeta_eval
from zeta_eval.cli.verbs import build_parser

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
HOUSE = runpy.run_path(str(DOCS / "scripts" / "house.py"))
COMMAND_LINE = runpy.run_path(str(DOCS / "scripts" / "command_line.py"))
LICENCES = runpy.run_path(str(DOCS / "scripts" / "licences.py"))


def blocks(page, kind):
    """The code blocks of a page that are of a kind ("" for none)."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_picture_of_the_rooms_is_that_of_the_imports():
    stale = [f.name for f, text in HOUSE["pages"]().items() if f.read_text(encoding="utf-8") != text]
    assert not stale, "run `make docs`"


def test_the_house_has_at_most_18_rooms_on_9_floors_without_a_circle():
    rooms = HOUSE["read_rooms"]()
    assert len(rooms) <= HOUSE["MOST_ROOMS"] == 18
    assert len(HOUSE["floors"](rooms)) <= HOUSE["MOST_FLOORS"] == 9


def test_imports_in_functions_and_for_types_count_as_arrows(tmp_path):
    (tmp_path / "a.py").write_text("def f():\n    from zeta_eval.b import x\n", encoding="utf-8")
    (tmp_path / "b.py").write_text("if TYPE_CHECKING:\n    from zeta_eval import c\n", encoding="utf-8")
    (tmp_path / "c.py").write_text("import zeta_eval.d.e\n", encoding="utf-8")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "e.py").write_text("", encoding="utf-8")
    rooms = HOUSE["read_rooms"](tmp_path)
    assert {room: set(used) for room, used in rooms.items()} == {"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": set()}
    assert HOUSE["floors"](rooms) == [["d"], ["c"], ["b"], ["a"]]


def test_the_reference_of_the_command_line_is_that_of_the_parser():
    assert COMMAND_LINE["PAGE"].read_text(encoding="utf-8") == COMMAND_LINE["page"](), "run `make docs`"


def test_every_dependency_has_its_licence_on_the_page():
    listed = LICENCES["PAGE"].read_text(encoding="utf-8")
    named = [LICENCES["plain"](requirement.name) for requirement in LICENCES["direct"]()]
    assert [name for name in named if f"\n| {name} | " not in listed] == [], "run docs/scripts/licences.py"


def test_the_reference_of_python_has_every_public_name_once():
    page = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    named = re.findall(r"^::: zeta_eval\.(\w+)$", page, re.MULTILINE)
    assert sorted(named) == sorted(zeta_eval.__all__)


def test_every_verb_has_a_page_that_says_how_to():
    index = (DOCS / "how-to" / "index.md").read_text(encoding="utf-8")
    missing = [verb for verb in build_parser().verbs.choices if f"`zeta {verb}`" not in index]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_command_on_a_page_can_be_typed(page):
    parser = build_parser()
    for block in blocks(page, ""):
        for line in block.splitlines():
            if line.startswith("zeta "):
                words = shlex.split(line, comments=True)[1:]
                assert parser.parse_args(words).verb == words[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_python_on_a_page_is_python_with_names_that_exist(page):
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ze":
                assert node.attr in zeta_eval.__all__


def test_every_word_of_the_glossary_is_there_once_and_leads_somewhere():
    page = (DOCS / "glossary.md").read_text(encoding="utf-8")
    entries = re.findall(r'^<span id="([\w-]+)"></span>\*\*(.+)\*\*\n:   (.+)$', page, re.MULTILINE)
    words = [word for _, word, _ in entries]
    assert len(words) == page.count("<span id=") == len(set(words))
    assert [word for _, word, text in entries if "](" not in text and "][" not in text] == []
    assert [path for path in re.findall(r"`(zeta_eval/.+?)`", page) if not (ROOT / path).exists()] == []


def test_links_of_the_readme_lead_to_files():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    paths = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert [path for path in paths if not (ROOT / path).exists()] == []


RECIPES = dict(re.findall(r"^## (An? .+?)\n(.+?)(?=^## |\Z)", (DOCS / "extending.md").read_text("utf-8"), re.M | re.S))
MOST_FILES = {"A text feature": 1, "A task": 2, "A command": 2, "A metric": 2, "An estimator": 3}


def apply(recipe, tree):
    """Write a recipe's files into a copy of the code, and return the paths it touched."""
    touched = re.findall(r'^```(\w+) title="(.+?/.+?)"\n(.*?)^```$', recipe, re.MULTILINE | re.DOTALL)
    for kind, name, text in touched:
        path = tree / name
        if kind == "python":
            assert not path.exists()
            path.write_text(text, encoding="utf-8")
        else:
            lines = text.splitlines(keepends=True)
            old, new = ("".join(line[1:] for line in lines if line[0] in signs) for signs in (" -", " +"))
            now = path.read_text(encoding="utf-8")
            assert now.count(old) == 1, f"{name} has changed; renew the recipe"
            path.write_text(now.replace(old, new), encoding="utf-8")
    return {name for _, name, _ in touched}


@pytest.fixture
def copy(tmp_path):
    """A copy of the code and the pages, to be changed."""
    for folder in ("zeta_eval", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    return tmp_path


@pytest.mark.parametrize("name", MOST_FILES)
def test_an_example_of_an_extension_fits_the_code_and_touches_few_files(name, copy):
    assert 1 <= len(apply(RECIPES[name], copy)) <= MOST_FILES[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", MOST_FILES)
def test_an_example_of_an_extension_works(name, copy):
    apply(RECIPES[name], copy)
    (tried,) = re.findall(r'^```pycon title="try it"\n(.*?)^```$', RECIPES[name], re.MULTILINE | re.DOTALL)
    (copy / "try.txt").write_text(tried, encoding="utf-8")
    command = [sys.executable, "-m", "doctest", "try.txt"]
    done = subprocess.run(command, cwd=copy, env=os.environ | {"PYTHONPATH": str(copy)}, capture_output=True)
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (0, "", "")
