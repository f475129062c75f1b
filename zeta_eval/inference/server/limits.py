"""How long a server's reply may be: a small compressed one can unpack to more than the memory holds."""

from collections.abc import AsyncIterator
from typing import Final

from zeta_eval.inference.server.failures import Refusal

MOST_BYTES: Final = 1 << 26
"""Most bytes of a reply, unpacked; no answer comes near it."""
MOST_LISTED: Final = 1 << 24
"""Most bytes of a list of models or an error's body, unpacked."""


def _refusal(most: int) -> Refusal:
    return Refusal(f"The reply has more than {most >> 20} MiB", status=400, body="")


async def limited(chunks: AsyncIterator[bytes], most: int = MOST_BYTES) -> AsyncIterator[bytes]:
    """The pieces of a reply as they arrive.

    Raises:
        Refusal: they are longer together than `most` bytes.
    """
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise _refusal(most)
        yield chunk
