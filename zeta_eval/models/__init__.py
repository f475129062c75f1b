"""Ladders of models as data, and the methods that every engine which runs a model must have."""

from zeta_eval.models.answers import Completion, GenerateConfig, Generator
from zeta_eval.models.checks import API_KEY_ENV
from zeta_eval.models.ladder import LADDERS, Ladder
from zeta_eval.models.numbers import UNBOUNDED
from zeta_eval.models.rung import ModelSpec

__all__ = ["API_KEY_ENV", "LADDERS", "UNBOUNDED", "Completion", "GenerateConfig", "Generator", "Ladder", "ModelSpec"]
