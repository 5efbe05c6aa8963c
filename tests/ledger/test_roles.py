"""Every kind of transaction with every signer: admitted, or refused with exactly the code that docs/roles.md says."""

import re
from pathlib import Path

import pytest

from ledger.errors import LedgerError
from ledger.registry import Body
from tests.ledger.role_table import ACTIONS, NEVER, SIGNERS, Action, peopled, table
from tests.ledger.scene import Scene, signing_key

DOCUMENT = Path(__file__).parents[2] / "docs" / "roles.md"


@pytest.fixture
def world(scene: Scene) -> Scene:
    return peopled(scene)


def _name(action: Action) -> str:
    return f"{action.type} {action.what}"


def test_every_type_of_transaction_has_a_row() -> None:
    types = {body.type for body in Body.__subclasses__() if body.__module__.startswith("ledger.")}
    assert types == {action.type for action in ACTIONS}


@pytest.mark.parametrize("column", SIGNERS)
@pytest.mark.parametrize("action", ACTIONS, ids=_name)
def test_each_role_may_do_exactly_what_the_table_says(world: Scene, action: Action, column: str) -> None:
    signer, expected = SIGNERS[column], action.outcomes()[column]
    body = action.make(world, signer)
    if expected == "yes":
        world.do(body, signer)
    else:
        assert world.refusal(body, signer) == expected


@pytest.mark.parametrize("code", NEVER)
@pytest.mark.parametrize("action", ACTIONS, ids=_name)
def test_whose_signature_does_not_count_may_do_nothing(world: Scene, action: Action, code: str) -> None:
    assert world.refusal(action.make(world, NEVER[code]), NEVER[code]) == code


@pytest.mark.parametrize("action", [action for action in ACTIONS if action.names_actor], ids=_name)
def test_nobody_acts_in_anothers_name(world: Scene, action: Action) -> None:
    (rightful,) = action.admitted.split()[:1]
    body = action.make(world, SIGNERS[rightful])
    for column, signer in SIGNERS.items():
        if column != rightful:
            assert world.refusal(body, signer) == "wrong-signer", column
    world.do(body, SIGNERS[rightful])


@pytest.mark.parametrize("column", SIGNERS)
def test_another_key_does_not_sign_for_a_member(world: Scene, column: str) -> None:
    transaction = world.sign(world.request(), SIGNERS[column], key=signing_key("impostor"))
    with pytest.raises(LedgerError) as refused:
        world.state.check(transaction, time=world.now)
    assert refused.value.code == "transaction-signature-invalid"


def test_the_document_shows_this_table() -> None:
    shown = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert "\n".join(shown) == table(), f"docs/roles.md must show:\n{table()}"


@pytest.mark.parametrize("model", ["Consumer", "Provider", "Notary", "Certification centre"])
def test_the_document_says_what_each_subscriber_model_may_and_must_not_do(model: str) -> None:
    (paragraph,) = re.findall(rf"^\*\*{model}\*\*.*?(?=\n\n)", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.M)
    assert "must not" in paragraph
