"""Puts a PEFT adapter (LoRA and others) on a model's weights: safetensors only, no code from the hub."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from huggingface_hub import snapshot_download

from zeta_eval.exceptions import GenerationError, HubAccessError, InvalidInputError, one_line
from zeta_eval.models import ModelSpec

CONFIG: Final = "adapter_config.json"
"""File that says what kind of adapter it is."""
WEIGHTS: Final = "adapter_model.safetensors"
"""File of the adapter's weights; others, which may hold code, are not read."""


def adapted(model: Any, spec: ModelSpec) -> Any:
    """Return a model with a rung's adapter in its weights; quantised weights keep it beside them.

    Raises:
        InvalidInputError: the package for adapters is not installed.
        HubAccessError: there is no such adapter, or none in safetensors.
        GenerationError: it doesn't fit the model.
    """
    if find_spec("peft") is None:
        raise InvalidInputError(
            f"Rung '{spec.size}' has an adapter, which needs a further package; install it by pip install "
            "'zeta-eval[adapter]'."
        )
    from peft import PeftModel

    folder = _folder(spec)
    try:
        joined: Any = PeftModel.from_pretrained(model, str(folder))
        return joined.merge_and_unload() if spec.quantization is None else joined
    except Exception as e:
        raise GenerationError(
            f"Adapter '{spec.adapter}' of rung '{spec.size}' can't be put on '{spec.model}' ({one_line(e)}). Check "
            "that it was trained on that model."
        ) from e


def _folder(spec: ModelSpec) -> Path:
    """The folder of an adapter's two files, downloaded where it is a hub id."""
    folder = Path(str(spec.adapter)).expanduser()
    if not folder.is_dir():
        try:
            folder = Path(snapshot_download(str(spec.adapter), allow_patterns=[CONFIG, WEIGHTS]))
        except Exception as e:
            raise HubAccessError(
                f"Adapter '{spec.adapter}' of rung '{spec.size}' can't be had ({one_line(e)}). Give a folder, or a hub "
                "id and go online."
            ) from e
    if missing := [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]:
        raise HubAccessError(
            f"Adapter '{spec.adapter}' of rung '{spec.size}' has no {missing[0]}; save it by PEFT's save_pretrained."
        )
    return folder
