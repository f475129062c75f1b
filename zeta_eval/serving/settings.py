"""What `zeta serve` is told: which policy, ladder and history, where it listens, and its limits."""

from __future__ import annotations

import ipaddress
import math
import os
from dataclasses import dataclass

from zeta_eval.exceptions import InvalidInputError


@dataclass(frozen=True, kw_only=True, slots=True)
class ServeSettings:
    """Settings of a server.

    >>> ServeSettings(policy="policy.json", ladder="fleet.toml").address
    'http://127.0.0.1:8080/v1'
    """

    policy: str
    """Policy file, or a registered name such as models:/ZetaDynamicRouter@champion."""
    ladder: str
    """Ladder file, or the name of a shipped one."""
    mlflow: str | None = None
    """MLflow store of a registered name; None takes MLFLOW_TRACKING_URI, else mlruns/mlflow.db here."""
    host: str = "127.0.0.1"
    """Address to listen at; any but this machine's own needs `keys_env`."""
    port: int = 8080
    """Port to listen at."""
    history: str | None = None
    """File or database URL that decisions and feedback are recorded in; None records nothing."""
    online: str | None = None
    """Folder that keeps what ratings and latencies taught, which change the choice at once; None changes nothing."""
    keep_text: bool = True
    """Whether the history keeps texts, not only their hashes and features."""
    keys_env: str | None = None
    """Environment variable with the callers' keys, divided by commas; None asks for none."""
    shadow: str | None = None
    """Policy file that decides beside the policy, without effect."""
    explore: float = 0.0
    """Share of queries whose size is drawn by lot, so that feedback covers every size."""
    deadline_s: float = 600.0
    """Longest time until an answer is whole, in seconds; a stream that is not over by then ends with an error."""
    queue: int = 256
    """Most requests that wait while every size is at its concurrency; more get HTTP 429."""
    max_body_mb: float = 10.0
    """Largest body of a request, in 10^6 bytes."""
    reload_s: float = 1.0
    """Time between two looks at the policy, in seconds; a new one is taken over."""
    log_prompts: bool = False
    """Whether the log has a line with each query's text."""

    def __post_init__(self) -> None:
        for name in ("deadline_s", "max_body_mb", "reload_s"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise InvalidInputError(f"{name} is {value!r}; give a finite number above 0.")
        if self.queue < 0:
            raise InvalidInputError(f"queue is {self.queue}; give 0 or more requests.")
        if not 0 <= self.port < 2**16:
            raise InvalidInputError(f"port is {self.port}; give a number from 0 to 65535.")
        if self.keys_env is None and not is_loopback(self.host):
            raise InvalidInputError(
                f"{self.host} is open to other machines, and no key is asked for; put keys into an environment "
                "variable and name it with --keys-env, or listen at 127.0.0.1."
            )

    @property
    def address(self) -> str:
        """Base address for clients."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/v1"

    def keys(self) -> tuple[bytes, ...]:
        """The callers' keys, from the environment; none where none is asked for.

        Raises:
            InvalidInputError: the variable holds none.
        """
        if self.keys_env is None:
            return ()
        found = [key.strip() for key in os.environ.get(self.keys_env, "").split(",") if key.strip()]
        if not found:
            raise InvalidInputError(
                f"Environment variable {self.keys_env} holds no key; export one or more in it, divided by commas."
            )
        return tuple(key.encode() for key in found)


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own, which no other machine reaches."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
