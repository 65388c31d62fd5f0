"""What every test has: a profile of hypothesis, keys, signals as a terminal would have them, and a watch on threads."""

import os
import signal
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

# What a run ignores (under nohup, or in the background of a script), all its children ignore, and tests that interrupt them would fail.
# What it handles, they do not inherit: so this run goes on ignoring the end of a terminal, and its children do not.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)


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
