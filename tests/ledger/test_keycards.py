from dataclasses import replace

from tests.ledger.scene import Scene, digest, ident


def test_key_card_names_the_current_scopes(scene: Scene) -> None:
    card = scene.state.key_card(ident("paula"))
    assert card is not None
    assert (card.version, card.digest) == (2, digest("card 2"))
    assert card.scopes == {ident("laboratory"), ident("imaging")}
    assert scene.state.owner_of_scope(ident("demographics")) == ident("paula")
    assert scene.state.owner_of_scope(ident("nothing")) is None
    assert scene.state.key_card(ident("dora")) is None


def test_key_card_is_refused(scene: Scene) -> None:
    table = [
        (scene.card(3), "petra", "wrong-signer"),
        (scene.card(2), "paula", "card-version-wrong"),
        (scene.card(4), "paula", "card-version-wrong"),
        (scene.card(3, ("laboratory",)), "paula", "scope-taken"),
        (scene.card(3, ("demographics",)), "paula", "scope-taken"),
        (scene.card(3, ("petra's laboratory",)), "paula", "scope-taken"),
        (scene.card(3, (), ("demographics",)), "paula", "scope-retired"),
        (scene.card(3, (), ("petra's laboratory",)), "paula", "scope-foreign"),
        (scene.card(3, (), ("nothing",)), "paula", "scope-unknown"),
        (scene.card(3, ("new",), ("new",)), "paula", "scope-unknown"),
        (replace(scene.card(1), patient=ident("dora")), "dora", "wrong-role"),
    ]
    for body, by, code in table:
        assert scene.refusal(body, by) == code


def test_scopes_are_retired_and_added_in_one_card(scene: Scene) -> None:
    scene.do(scene.card(3, ("laboratory 2",), ("laboratory",)), "paula")
    card = scene.state.key_card(ident("paula"))
    assert card is not None
    assert card.scopes == {ident("laboratory 2"), ident("imaging")}
