"""What is remembered by key: the newest, as many as there is room for, in number and in weight."""

from collections import OrderedDict


class Remembered[T]:
    """The newest values: no more than `most`, and no heavier than `heaviest`, unless the newest is so by itself."""

    def __init__(self, *, most: int, heaviest: int) -> None:
        self._most = most
        self._heaviest = heaviest
        self._values: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._weight = 0

    def get(self, key: str) -> T | None:
        """Return what is remembered under a key."""
        found = self._values.get(key)
        return found[0] if found else None

    def keep(self, key: str, value: T, weight: int) -> None:
        """Remember a value as the newest, and forget the oldest where there is no room."""
        self.forget(key)
        self._values[key] = value, weight
        self._weight += weight
        while len(self._values) > self._most or (self._weight > self._heaviest and len(self._values) > 1):
            _, (_, oldest) = self._values.popitem(last=False)
            self._weight -= oldest

    def forget(self, key: str) -> None:
        """Forget a value, if there is one."""
        _, weight = self._values.pop(key, (None, 0))
        self._weight -= weight
