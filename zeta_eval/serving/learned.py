"""What ratings and latencies taught each version of a policy, in a folder with a file for each version."""

from __future__ import annotations

import logging
from pathlib import Path

from zeta_eval.exceptions import ZetaError
from zeta_eval.feedback.online import Online
from zeta_eval.router.policy import RoutingPolicy

_log = logging.getLogger(__name__)


class Learned:
    """The updates of one version of a policy, and the file that keeps them.

    They belong to that version alone: a new version starts without, and one that comes back goes on with its own.
    """

    def __init__(self, folder: str | Path, policy: RoutingPolicy) -> None:
        """Go on with what the folder keeps of this version.

        Raises:
            InvalidInputError: the file can't be used.
        """
        self._file = Path(folder) / f"{policy.checksum[:16]}.json"
        self.online = Online.load(self._file, policy) if self._file.exists() else Online(policy)

    def keep(self) -> None:
        """Write the file; a disk that is full costs no answer."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self.online.save(self._file)
        except (OSError, ZetaError) as e:
            _log.warning("What feedback taught can't be kept in %s: %s", self._file, e)
