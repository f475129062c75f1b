import subprocess
import sys

import pytest

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.tuning.memory import LIBRARIES, QUERY, check_memory, free_bytes

LIMITED = """
import resource, sys
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.testing import make_outcomes
from zeta_eval.tuning import tune
import psutil
table = make_outcomes(300, seed=0)
limit = psutil.Process().memory_info().vms + (100 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    tune(table)
except InvalidInputError as e:
    sys.exit(0 if str(e).startswith("Tuning on 300 queries takes about 252 MB") else str(e))
sys.exit("tuned")
"""


def test_what_fits_is_tuned_and_what_does_not_is_refused_with_both_numbers():
    need = LIBRARIES + 1000 * QUERY
    check_memory(1000, need)
    with pytest.raises(InvalidInputError, match=r"1,000 queries takes about 256 MB of memory, and 255 MB are free"):
        check_memory(1000, need - (1 << 20))


def test_a_process_under_a_limit_is_refused_before_the_work():
    made = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False, timeout=120)
    assert made.returncode == 0, made.stderr[-500:]


def test_some_memory_is_free_here():
    assert free_bytes() > QUERY
