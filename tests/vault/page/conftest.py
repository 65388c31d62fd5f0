"""The page's scripts on node, once for all tests."""

from collections.abc import Iterator

import pytest

from vault.page import built
from vault.page.scripts import Scripts


@pytest.fixture(scope="session")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripts]:
    with Scripts(built.copied(tmp_path_factory.mktemp("scripts") / "page")) as started:
        yield started
