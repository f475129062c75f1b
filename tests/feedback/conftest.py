import pytest
from worlds import SETTINGS, world


@pytest.fixture(scope="session")
def old():
    """A policy tuned before the feedback came."""
    import zeta_eval as ze

    return ze.tune(world(500, 0), settings=SETTINGS).policy
