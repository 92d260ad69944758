"""What is taken off, and what is added."""

from dataclasses import dataclass

FREE_SHIPPING = 5000
SHIPPING = 490
TAX_PERCENT = 20


@dataclass(frozen=True)
class Voucher:
    """Takes a share off, and never more than its limit."""

    percent: int
    limit: int = 100_000

    def off(self, amount: int) -> int:
        """Return what the voucher takes off an amount."""
        return min(amount * self.percent // 100, self.limit)


def shipping(amount: int) -> int:
    """Return what it costs to send goods for which the customer pays this amount."""
    if amount >= FREE_SHIPPING:
        return 0
    return SHIPPING


def tax(amount: int) -> int:
    """Return the tax on an amount, rounded to the nearest cent."""
    return (amount * TAX_PERCENT + 50) // 100
