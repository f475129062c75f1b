"""`python -m zeta_eval.serving '{"policy": ..., "ladder": ...}'`: the process that `zeta serve` runs."""

import json
import logging
import sys

from zeta_eval.exceptions import ZetaError
from zeta_eval.serving.settings import ServeSettings
from zeta_eval.serving.starting import serve


def main() -> int:
    """Serve by settings in JSON; returns the exit code, as the command line's."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        serve(ServeSettings(**json.loads(sys.argv[1])))
    except ZetaError as e:
        sys.stderr.write(f"zeta: {' '.join(str(e).split())}\n")
        return e.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
