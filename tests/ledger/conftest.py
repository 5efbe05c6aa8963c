from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.state import EMPTY
from tests.ledger.electing import EPOCH_BLOCKS, Story
from tests.ledger.engines import ENGINES
from tests.ledger.running import Running
from tests.ledger.scene import Scene, enrolled, genesis


@pytest.fixture
def scene() -> Scene:
    return enrolled()


@pytest.fixture(params=ENGINES)
def running(request: pytest.FixtureRequest, scene: Scene, tmp_path: Path) -> Iterator[Running]:
    create, reopen = ENGINES[request.param]
    engine = create(tmp_path, scene.state.genesis, lambda: scene.now)
    view = engine.view()
    assert (view.position, view.head) == (EMPTY, scene.state.genesis.digest)
    engine.submit_many([entry.transaction for entry in scene.entries])
    running = Running(engine, scene, tmp_path, reopen)
    yield running
    running.engine.close()


@pytest.fixture(params=ENGINES)
def story(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Story]:
    story = Story(request.param, tmp_path, start=genesis(epoch_blocks=EPOCH_BLOCKS))
    yield story
    story.engine.close()


@pytest.fixture
def story_in_file(tmp_path: Path) -> Iterator[Story]:
    story = Story("embedded", tmp_path, start=genesis(epoch_blocks=EPOCH_BLOCKS))
    yield story
    story.engine.close()
