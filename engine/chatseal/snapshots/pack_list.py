"""Pack list: packs by a number, under which tables and moves refer to them."""

from collections.abc import Iterable, Iterator

import numpy as np

from chatseal.format.strict_json import damaged
from chatseal.snapshots.page_map import Column, PackPlace


class PackList:
    """Packs in the order in which they were met. Several tables may share one, and then mean the same pack by a number."""

    def __init__(self) -> None:
        self._places: list[PackPlace] = []
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[PackPlace]:
        return iter(self._places)

    def __getitem__(self, number: int) -> PackPlace:
        return self._places[number]

    def __setitem__(self, number: int, place: PackPlace) -> None:
        self._places[number] = place

    def add(self, place: PackPlace) -> int:
        """The number of a pack, a new one if it is not there yet."""
        number = self._numbers.setdefault(place.name, len(self._places))
        if number == len(self._places):
            self._places.append(place)
        return number

    def add_all(self, places: Iterable[PackPlace]) -> Column:
        """Their numbers. Raises DamagedError if one has other lengths than something else has told of it."""
        places = tuple(places)
        numbers = np.array([self.add(place) for place in places], np.uint32)
        if any(self._places[number] != place for number, place in zip(numbers.tolist(), places, strict=True)):
            raise damaged()
        return numbers
