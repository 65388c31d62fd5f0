"""What every test has: a profile of hypothesis, keys, and a watch on threads."""

import os
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from chatseal import BackupKey, PrivateKey
from corpus import KEY_BYTES, PAIR_BYTES

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
settings.register_profile("dev", max_examples=20, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("ci", max_examples=50, deadline=None, suppress_health_check=_SLOW, derandomize=True, print_blob=True)
settings.register_profile("soak", max_examples=2000, deadline=None, suppress_health_check=_SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(scope="session")
def key() -> BackupKey:
    return BackupKey(KEY_BYTES)


@pytest.fixture(scope="session")
def pair() -> PrivateKey:
    return PrivateKey(PAIR_BYTES)


@pytest.fixture(autouse=True)
def no_worker_outlives_its_work() -> Iterator[None]:
    yield
    alive = [thread.name for thread in threading.enumerate() if thread.name.startswith("chatseal")]
    assert not alive, f"threads left behind: {alive}"
