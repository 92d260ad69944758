import pytest
from shop.pricing import Voucher, shipping, tax


def test_a_voucher_takes_a_share_off() -> None:
    assert Voucher(percent=10).off(5500) == 550


def test_a_voucher_takes_no_more_off_than_its_limit() -> None:
    assert Voucher(percent=50, limit=1000).off(5500) == 1000


@pytest.mark.parametrize(("amount", "price"), [(0, 490), (4999, 490), (5000, 0), (9900, 0)])
def test_sending_is_free_from_fifty_upwards(amount: int, price: int) -> None:
    assert shipping(amount) == price


def test_tax_is_rounded_to_the_nearest_cent() -> None:
    assert [tax(amount) for amount in (0, 1000, 1002, 1003)] == [0, 200, 200, 201]
