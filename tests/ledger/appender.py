"""A process of its own that anchors to one chain until it is stopped.

It waits for a line, then prints each position that it has a receipt for.

``python -m tests.ledger.appender PATH COUNT SEED``; a lost race is rebuilt on the new head, as a hospital would.
"""

import sys
from dataclasses import replace
from pathlib import Path

from ledger.refusals import HeadMoved
from ledger.transactions import sign
from tests.ledger.engines import open_embedded
from tests.ledger.scene import START, Scene, digest, ident, signing_key


def main(path: Path, count: int, seed: str) -> None:
    engine = open_embedded(path, lambda: START)
    scene = Scene()
    lost = 0
    view = engine.view()
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    for number in range(count):
        name = f"{seed} {number}"
        while True:
            scene.state = view.state
            body = scene.anchor()
            block = replace(body.blocks[0], locator=digest(name), chapter=ident(name))
            transaction = sign(
                replace(body, blocks=(block,)),
                signer_id=ident("north"),
                key=signing_key("north"),
                ledger=engine.genesis.digest,
                time=START,
            )
            try:
                receipt = engine.submit(transaction)
                break
            except HeadMoved:
                lost += 1
        print(receipt.position, block.locator, flush=True)  # noqa: T201
    print("lost", lost, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
