import pytest
from shop.cart import Cart
from shop.invoice import invoice
from shop.pricing import Voucher


def shipping_of(worth: int, voucher: Voucher | None = None) -> int:
    cart = Cart()
    cart.put("article", worth)
    return invoice(cart, voucher).shipping


@pytest.mark.parametrize("worth", [5000, 5001, 20_000])
def test_a_large_order_is_sent_for_free(worth: int) -> None:
    assert shipping_of(worth) == 0


def test_a_large_order_is_sent_for_free_with_a_voucher_too() -> None:
    assert shipping_of(8000, Voucher(percent=25)) == 0


def test_a_voucher_may_bring_the_order_below_fifty() -> None:
    assert shipping_of(5000, Voucher(percent=1)) == 490


def test_exactly_fifty_after_the_voucher_is_enough() -> None:
    assert shipping_of(10_000, Voucher(percent=50)) == 0
