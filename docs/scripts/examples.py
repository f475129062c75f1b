"""Griffe extension: an example in a docstring is shown as code, whether or not it stands under `Examples:`."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

EXAMPLE = re.compile(r"^>>> .*(?:\n\S.*|\n[ ]+\S.*)*", re.MULTILINE)
"""Lines from the first `>>>` at the margin to the next empty line."""


class Examples(Extension):
    """Puts fences around examples at the margin of a docstring."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite one docstring."""
        if obj.docstring is not None:
            obj.docstring.value = EXAMPLE.sub(r"```pycon\n\g<0>\n```", obj.docstring.value)
