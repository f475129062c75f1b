"""Loads a model's weights and tokenizer: safetensors only, no code from the hub, one clear line where that fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from transformers.utils import logging as transformers_logging
from transformers.utils.hub import cached_file, extract_commit_hash

from zeta_eval.exceptions import GenerationError, HubAccessError, InvalidInputError, ZetaError, one_line, panics_caught
from zeta_eval.inference.engine.adapter import adapted
from zeta_eval.models import UNBOUNDED, ModelSpec
from zeta_eval.tasks.loading import quiet_hub

CONTEXT_NAMES = ("max_position_embeddings", "n_positions", "seq_length", "max_seq_len")
"""What configurations call the longest context."""


def load(spec: ModelSpec) -> tuple[Any, Any]:
    """Load a rung's model, ready to answer, and its tokenizer."""
    _check_folder(spec)
    auto = AutoModelForCausalLM if spec.role == "generate" else AutoModel
    source: dict[str, Any] = {"revision": spec.revision or "main", "trust_remote_code": False}
    try:
        with _no_progress_bars(), quiet_hub(), panics_caught():
            config = AutoConfig.from_pretrained(spec.model, **source)
            tokenizer = AutoTokenizer.from_pretrained(spec.model, **source)
            loaded: Any = auto.from_pretrained(
                spec.model,
                **source,
                **_quantized(spec),
                config=config,
                dtype=spec.dtype,
                device_map=spec.device_map,
                use_safetensors=True,
                output_loading_info=True,
            )
    except OSError as e:
        raise HubAccessError(
            f"Model '{spec.model}' of rung '{spec.size}' can't be loaded ({one_line(e)}). Set its `model` to a local "
            "folder with config.json, tokenizer and .safetensors files, or go online and log in with `hf auth login`."
        ) from e
    except ZetaError:
        raise
    except Exception as e:
        raise GenerationError(
            f"Model '{spec.model}' of rung '{spec.size}' can't be loaded ({one_line(e)}). Check its files, `dtype` and "
            "`device_map`; models that need code from the hub are not run."
        ) from e
    model, info = loaded
    if missing := sorted(info["missing_keys"]):
        # transformers would go on with random numbers in their place.
        raise GenerationError(
            f"Model '{spec.model}' of rung '{spec.size}' lacks {len(missing)} weights, '{missing[0]}' among them; "
            "download it again, or check that its config.json belongs to it."
        )
    return (adapted(model, spec) if spec.adapter else model).eval(), tokenizer


def _quantized(spec: ModelSpec) -> dict[str, Any]:
    """What loading takes for weights in fewer bits."""
    if spec.quantization is None:
        return {}
    if find_spec("bitsandbytes") is None:
        raise InvalidInputError(
            f"Rung '{spec.size}' has quantization '{spec.quantization}', which needs a further package; install it by "
            "pip install 'zeta-eval[quantization]'."
        )
    quantized: Any = BitsAndBytesConfig
    return {"quantization_config": quantized(**{f"load_in_{spec.quantization}": True})}


def revision_of(spec: ModelSpec) -> str | None:
    """The rung's revision, else the commit on the hub that `load` takes now; None for a folder, or where none is known.

    It is read from the place of the configuration in the hub's cache (`snapshots/COMMIT/config.json`).
    """
    if spec.revision is not None or Path(spec.model).expanduser().is_dir():
        return spec.revision
    try:
        with quiet_hub():
            return extract_commit_hash(cached_file(spec.model, "config.json", revision="main"), None)
    except OSError:
        return None  # it can't be loaded either, which says why


def context_length(model: Any, tokenizer: Any) -> int:
    """Longest sequence a model reads and writes, in tokens; `UNBOUNDED` where neither it nor its tokenizer says."""
    config = model.config.get_text_config(decoder=True)
    lengths = [getattr(config, name, None) for name in CONTEXT_NAMES]
    known = [n for n in lengths if n] or [tokenizer.model_max_length]
    return int(min(known[0], UNBOUNDED))


def _check_folder(spec: ModelSpec) -> None:
    """Say plainly what is wrong with a folder; transformers would take its name for a hub id."""
    folder = Path(spec.model).expanduser()
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise HubAccessError(f"Folder {folder} of rung '{spec.size}' has no config.json; give a folder of model files.")
    looks_like_path = folder.is_absolute() or spec.model.startswith((".", "~")) or spec.model.count("/") > 1
    if looks_like_path and not folder.is_dir():
        raise HubAccessError(
            f"No model folder '{spec.model}' for rung '{spec.size}'; check `model` in the ladder file."
        )


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """Keep the weights' bars away: a run shows one bar per size."""
    bars: Any = transformers_logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()
