import pytest

from zeta_eval.evaluation.measures.statistics import Bootstrap
from zeta_eval.exceptions import InvalidInputError, ZetaError
from zeta_eval.inference.judging.rubric import Rubric
from zeta_eval.models import GenerateConfig, Ladder
from zeta_eval.tasks import resolve_tasks

RUNG = '[[models]]\nsize = "A"\nmodel = "someone/a"\n'


def load(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Ladder.load(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('max_new_tokens = "8"\n' + RUNG, "max_new_tokens is '8'; give a whole number"),
        ("max_new_tokens = 1.5\n" + RUNG, r"max_new_tokens is 1\.5; give a whole number"),
        ("max_new_tokens = true\n" + RUNG, "max_new_tokens is True; give a whole number"),
        ("max_new_tokens = 0\n" + RUNG, "max_new_tokens is 0; give a whole number of at least 1"),
        (RUNG.replace('"A"', "3"), "Rung '3' has size 3; give a text in quotes"),
        (RUNG.replace('"someone/a"', "5"), "Rung 'A' has model 5; give a text in quotes"),
        (RUNG.replace('"someone/a"', '""'), "needs a `size` and a `model`"),
        (RUNG + "revision = 2024-01-01\n", "has revision datetime"),
        (RUNG + "dtype = 16\n", "has dtype 16; give a text"),
        (RUNG + "device_map = 0\n", "has device_map 0; give a text"),
        (RUNG + "role = 1\n", "has role '1'; use 'generate' or 'embed'"),
        *(
            (RUNG + f"{price} = {value}\n", f"Rung 'A' has {price} .*; give a finite number of at least 0")
            for price in ("usd_per_gpu_hour", "usd_per_mtok")
            for value in ('"2"', "-1", "inf", "nan", "true")
        ),
        (RUNG + 'role = "embed"\n', "has no generating rung"),
        (RUNG + RUNG, "names a size twice: A, A"),
        (RUNG + "[other]\n", "has an unknown key 'other'"),
        ("models = [1, 2]\n", r"has no \[\[models\]\] table"),
        ("[[models]]\nmodel = 'someone/a'\n", "lacks `size` or `model`"),
        ("[[models]]\nsize = ''\nmodel = 'someone/a'\n", "neither empty"),
        ("[[models]]\nsize = ' '\nmodel = 'someone/a'\n", "neither empty"),
        ("max_new_tokens = \n", "is no TOML"),
        (RUNG.replace("A", "ä").encode("latin-1"), "is no UTF-8 text"),
    ],
)
def test_a_ladder_file_that_is_wrong_is_one_line_that_names_it(tmp_path, text, says):
    with pytest.raises(InvalidInputError, match=says) as caught:
        load(tmp_path / "own.toml", text)
    assert "own.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_prices_may_be_whole_numbers_or_nothing_at_all(tmp_path):
    ladder = load(tmp_path / "own.toml", RUNG + "usd_per_gpu_hour = 2\nusd_per_mtok = 0.0\n")
    assert (ladder.models[0].usd_per_gpu_hour, ladder.models[0].usd_per_mtok) == (2, 0.0)


def test_a_model_folder_beside_the_file_is_found(tmp_path):
    (tmp_path / "someone" / "a").mkdir(parents=True)
    assert load(tmp_path / "own.toml", RUNG).models[0].model == str(tmp_path / "someone" / "a")


def test_a_context_is_a_number_of_tokens_or_left_out(tmp_path):
    ladder = load(tmp_path / "own.toml", RUNG + "context = 4096\n")
    assert ladder.models[0].context == 4096 and load(tmp_path / "own.toml", RUNG).models[0].context is None
    for wrong in ("0", "1", "-5", "4096.5", "true", '"4k"', "3_000_000_000"):
        with pytest.raises(InvalidInputError, match=r"context .*; give a whole number of tokens from 2 to 2147483648"):
            load(tmp_path / "own.toml", RUNG + f"context = {wrong}\n")


def test_a_longest_answer_is_a_whole_number():
    with pytest.raises(InvalidInputError, match="max_new_tokens is '8'"):
        GenerateConfig(max_new_tokens="8")


@pytest.mark.parametrize(
    ("wrong", "says"), [({"batch_size": 0}, "batch_size is 0"), ({"mcq": "words"}, "mcq is 'words'")]
)
def test_a_setting_of_generation_that_can_not_be_is_one_line(wrong, says):
    with pytest.raises(InvalidInputError, match=says):
        GenerateConfig(max_new_tokens=8, **wrong)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_one_line(seed):
    with pytest.raises(InvalidInputError, match=f"seed is {seed}; give a whole number from 0 to 4294967295"):
        Bootstrap(10, n_bootstrap=2, seed=seed)


def test_a_model_of_a_name_that_no_file_can_have_is_no_folder(tmp_path):
    file = tmp_path / "l.toml"
    file.write_text(f"[[models]]\nsize = 'A'\nmodel = '{'x' * 5000}'\n")
    assert len(Ladder.load(file).models[0].model) == 5000


@pytest.mark.parametrize("read", [Ladder.load, Rubric.load, resolve_tasks])
def test_a_settings_file_of_50_mb_is_refused_before_it_is_read(tmp_path, read, monkeypatch):
    file = tmp_path / "large.toml"
    file.write_text(RUNG)
    with file.open("r+b") as large:
        large.truncate(50_000_000)
    monkeypatch.setattr("tomllib.loads", lambda text: pytest.fail("it was read"))
    with pytest.raises(ZetaError, match=r"47\.7 MiB, and 1 MiB are the most of its kind") as said:
        read(str(file))
    assert "\n" not in str(said.value)
