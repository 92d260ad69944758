from shop.cart import Cart
from shop.invoice import Invoice, invoice
from shop.pricing import Voucher


def cart_of(*prices: int) -> Cart:
    cart = Cart()
    for number, price in enumerate(prices):
        cart.put(f"article {number}", price)
    return cart


def test_nothing_costs_nothing() -> None:
    assert invoice(cart_of()).total == 0


def test_a_small_order_pays_for_sending() -> None:
    assert invoice(cart_of(1000, 510)) == Invoice(goods=1510, off=0, shipping=490, tax=400)


def test_a_voucher_is_taken_off_before_tax() -> None:
    assert invoice(cart_of(2000), Voucher(percent=25)).total == 2388


def test_who_pays_less_than_fifty_after_the_voucher_pays_for_sending() -> None:
    assert invoice(cart_of(5500), Voucher(percent=10)) == Invoice(goods=5500, off=550, shipping=490, tax=1088)


def test_the_voucher_decides_over_free_sending() -> None:
    assert invoice(cart_of(3000, 2900), Voucher(percent=50, limit=1000)).shipping == 490
