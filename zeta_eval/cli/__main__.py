"""`python -m zeta_eval.cli`: the command line without its script, as `torchrun -m` starts it."""

import sys

from zeta_eval.cli.main import main

sys.exit(main())
