"""`python -m zeta_eval.serving '{"policy": ..., "ladder": ...}'`: the process that `zeta serve` runs."""

import json
import logging
import os
import sys

from zeta_eval.serving.ending import NOTHING, Ending


def main(ending: Ending) -> int:
    """Serve by settings in JSON; returns the exit code, as the command line's."""
    from zeta_eval.exceptions import ZetaError
    from zeta_eval.serving.settings import ServeSettings
    from zeta_eval.serving.starting import serve

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    kept = NOTHING
    try:
        kept = serve(ServeSettings(**json.loads(sys.argv[1])), ending)
    except ZetaError as e:
        if not ending.number:
            ending.say(" ".join(str(e).split()))
            return e.exit_code
    except BaseException:  # of whatever a signal interrupted
        if not ending.number:
            raise
    if not ending.number:
        return 0
    ending.say(f"stopped; {kept}")
    return ending.code


if __name__ == "__main__":
    code = main(Ending())
    os._exit(code)  # all is closed; what torch takes down by itself would take seconds
