"""What a customer wants to buy."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Item:
    """So many pieces of one article."""

    article: str
    price: int
    """Cents for one piece."""
    pieces: int = 1

    @property
    def worth(self) -> int:
        """Return what all the pieces cost."""
        return self.price * self.pieces


@dataclass
class Cart:
    """Items in the order in which they were put in."""

    items: list[Item] = field(default_factory=list)

    def put(self, article: str, price: int, pieces: int = 1) -> None:
        """Put pieces of an article into the cart."""
        if pieces < 1:
            raise ValueError(f"{pieces} pieces of {article} cannot be bought")
        self.items.append(Item(article, price, pieces))

    @property
    def worth(self) -> int:
        """Return what all the items cost."""
        return sum(item.worth for item in self.items)

    @property
    def pieces(self) -> int:
        """Return how many pieces there are."""
        return sum(item.pieces for item in self.items)
