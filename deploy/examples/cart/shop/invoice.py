"""What the customer has to pay."""

from dataclasses import dataclass

from shop.cart import Cart
from shop.pricing import Voucher, shipping, tax


@dataclass(frozen=True)
class Invoice:
    """The amounts on an invoice, in cents."""

    goods: int
    off: int
    shipping: int
    tax: int

    @property
    def total(self) -> int:
        """Return what is due."""
        return self.goods - self.off + self.shipping + self.tax


def invoice(cart: Cart, voucher: Voucher | None = None) -> Invoice:
    """Return the invoice for a cart, with a voucher if there is one."""
    worth = cart.worth
    off = voucher.off(worth) if voucher else 0
    payable = worth - off
    sending = shipping(worth) if cart.items else 0
    return Invoice(goods=worth, off=off, shipping=sending, tax=tax(payable + sending))
