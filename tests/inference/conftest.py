import pytest


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
