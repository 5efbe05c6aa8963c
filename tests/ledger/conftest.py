import pytest

from tests.ledger.scene import Scene, enrolled


@pytest.fixture
def scene() -> Scene:
    return enrolled()
