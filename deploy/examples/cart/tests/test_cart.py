import pytest
from shop.cart import Cart


def test_an_empty_cart_is_worth_nothing() -> None:
    assert Cart().worth == 0


def test_every_piece_counts() -> None:
    cart = Cart()
    cart.put("cup", 1250, pieces=4)
    cart.put("plate", 990)

    assert cart.worth == 5990
    assert cart.pieces == 5


def test_no_pieces_cannot_be_bought() -> None:
    with pytest.raises(ValueError, match="0 pieces of cup"):
        Cart().put("cup", 1250, pieces=0)
