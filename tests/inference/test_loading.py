import json
import os
import subprocess
import sys

import pytest

from zeta_eval.exceptions import GenerationError
from zeta_eval.models import ModelSpec
from zeta_eval.testing import build_tiny_model

LOAD_MODEL = (
    "from zeta_eval.inference.engine.loading import load; from zeta_eval.models import ModelSpec\n"
    "load(ModelSpec(size='A', model='someone/none', device_map='cpu'))\n"
)
LOAD_POOLING = (
    "from zeta_eval.inference.engine.embedding_engine import _pools_by_mean; from zeta_eval.models import ModelSpec\n"
    "_pools_by_mean(ModelSpec(size='A', model='someone/none', role='embed'))\n"
    "from zeta_eval.exceptions import HubAccessError; raise HubAccessError('none')\n"
)
LOAD_TASK = "from zeta_eval.tasks import get_task; get_task('gsm8k').load(limit=1)\n"


@pytest.mark.parametrize("load", [LOAD_MODEL, LOAD_POOLING, LOAD_TASK])
def test_the_hub_s_retries_are_silent_and_only_the_error_is_seen(tmp_path, load):
    # A process of its own, because the hub's client reads its address when it is imported; it waits between retries.
    code = (
        "import time; time.sleep = lambda seconds: None\n"
        "from zeta_eval.exceptions import HubAccessError\ntry:\n"
        + "".join(f"    {line}\n" for line in load.splitlines())
        + "except HubAccessError as e: print(e)\n"
    )
    own = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}  # nobody listens
    env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")} | own
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1


def test_a_quantised_checkpoint_without_its_package_is_one_line_that_names_it(tmp_path):
    from zeta_eval.inference.engine.loading import load

    file = build_tiny_model(tmp_path) / "config.json"
    quantised = {"quant_method": "hqq"}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"quantization_config": quantised}))
    with pytest.raises(GenerationError, match=r"(?i)hqq") as failed:
        load(ModelSpec(size="4B", model=str(tmp_path), device_map="cpu"))
    assert "\n" not in str(failed.value)
