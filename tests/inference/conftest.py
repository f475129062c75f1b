import pytest
from templates import TEMPLATE


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    from zeta_eval.testing import build_tiny_model

    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def tiny(tiny_folder):
    from zeta_eval.inference.engine.transformers_engine import TransformersGenerator
    from zeta_eval.models import ModelSpec

    generator = TransformersGenerator(ModelSpec(size="tiny", model=str(tiny_folder), device_map="cpu"))
    yield generator
    generator.close()


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    """Reads prompts for a tiny model; tests set its tokenizer's template."""
    from transformers import AutoTokenizer

    from zeta_eval.inference.engine.tokens import TextCodec
    from zeta_eval.testing import build_tiny_model

    folder = build_tiny_model(tmp_path_factory.mktemp("tiny") / "model", chat_template=TEMPLATE)
    return TextCodec(AutoTokenizer.from_pretrained(folder), context=512)
