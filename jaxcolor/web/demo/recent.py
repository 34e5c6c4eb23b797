"""What was used last, up to a size."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Values by key; those that were not used for the longest time make room.

    Attributes:
        size: of all values, bytes.
    """

    def __init__(
        self,
        *,
        most_bytes: int,
        bytes_of: Callable[[Value], int],
        dropped: Callable[[Value], None] = lambda _: None,
    ) -> None:
        """Begins with nothing.

        Args:
            most_bytes: of all values; a single larger one is kept until the next.
            bytes_of: returns the size of a value.
            dropped: is told of each value that is no longer kept.
        """
        self.size = 0
        self._most_bytes = most_bytes
        self._bytes_of = bytes_of
        self._dropped = dropped
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def find(self, key: Hashable) -> Value | None:
        """Returns a value, which now was used last; None if it is not kept."""
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def keep(self, key: Hashable, value: Value) -> None:
        """Keeps a value, and drops others as far as it needs their room."""
        self.drop(key)
        self._values[key] = value
        self.size += self._bytes_of(value)
        while self.size > self._most_bytes and len(self._values) > 1:
            self.drop(next(iter(self._values)))

    def drop(self, key: Hashable) -> None:
        """Keeps a value no longer, if it was kept."""
        value = self._values.pop(key, None)
        if value is not None:
            self.size -= self._bytes_of(value)
            self._dropped(value)

    def drop_where(self, is_meant: Callable[[Hashable], bool]) -> None:
        """Keeps all values no longer whose keys are meant."""
        for key in [key for key in self._values if is_meant(key)]:
            self.drop(key)
