"""What is said is one line of at most 300 characters that no terminal obeys."""

import dataclasses
import xml.etree.ElementTree as ET

from zeta_eval.cli import main
from zeta_eval.evaluation.reports.style import canvas, image, shorten
from zeta_eval.exceptions import LONGEST, ZetaError, in_words, one_line, value_shown
from zeta_eval.router.policy import RoutingPolicy

ESC = "\x1b[31m"


def test_a_message_shows_control_characters_and_halves_of_characters_as_escapes():
    assert str(ZetaError(f"Size '{ESC}7B\n\u202e\ud800' is none")) == r"Size '\x1b[31m7B\n\u202e\ud800' is none"


def test_a_long_message_keeps_its_beginning_and_what_to_do_at_its_end():
    said = str(ZetaError(f"No such file {'x' * 5000}; mend the path."))
    assert len(said) == LONGEST and said.startswith("No such file xx") and said.endswith("x; mend the path.")


def test_an_error_without_a_text_is_said_in_words():
    assert one_line(MemoryError()) == "memory error" == in_words(MemoryError())
    assert one_line(OSError("No such file\nand more")) == "OSError: No such file"


def test_a_value_of_any_length_is_repeated_in_a_few_characters():
    assert value_shown(10**5000) == "a int too large to show"  # Python writes no integer of so many digits
    said = value_shown("x" * 99)
    assert len(said) == 60 and said.startswith("'xxx") and " ... " in said and said.endswith("x'")


def test_the_command_line_prints_names_without_control_characters(tmp_path, capsys):
    policy = dataclasses.replace(RoutingPolicy.seed(), name=f"{ESC}red")
    assert main(["route", str(policy.save(tmp_path / "policy.json")), "What is 2 + 2?"]) == 0
    assert main(["route", str(tmp_path / f"no{ESC}.json"), "What is 2 + 2?"]) == 2
    said = "".join(capsys.readouterr())
    assert "\x1b" not in said and r"no\x1b[31m.json" in said


def test_a_figure_with_an_escape_in_a_name_is_valid_svg():
    figure = canvas()[0]
    figure.suptitle(f"{ESC}policy")
    ET.fromstring(image(figure, "svg").decode())
    assert shorten(f"a{ESC}\n b") == r"a\x1b[31m b"
