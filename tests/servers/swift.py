"""OpenStack Swift with its S3 layer: a real object server of four processes, with one replica on one folder, and pages of 20 objects."""

import getpass
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from servers.process import Server, free_port

ACCESS_KEY, SECRET_KEY = "test:tester", "swift-secret-f83b1c"
PARTS = ("account", "container", "object")
SHARED_MEMORY = Path("/dev/shm")
_MAKE_RINGS = """
import sys
from swift.common.ring import RingBuilder
for kind, port in zip(sys.argv[1::2], sys.argv[2::2]):
    builder = RingBuilder(1, 1, 0)
    builder.add_dev(dict(region=1, zone=1, ip="127.0.0.1", port=int(port), device="d1", weight=1.0))
    builder.rebalance()
    builder.get_ring().save(kind + ".ring.gz")
"""
_SWIFT = """[swift-hash]
swift_hash_path_suffix = tests
swift_hash_path_prefix = tests
"""
_SERVER = """[DEFAULT]
swift_dir = {etc}
devices = {devices}
mount_check = false
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
_PROXY = """[DEFAULT]
swift_dir = {etc}
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
[pipeline:main]
pipeline = catch_errors gatekeeper {cache} s3api tempauth copy slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
[filter:s3api]
use = egg:swift#s3api
max_bucket_listing = 20
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {secret} .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
"""


def missing() -> str:
    """Why it cannot be started here, or nothing."""
    if sys.platform != "linux":
        return "Swift runs on Linux"
    return "" if find_spec("swift") else "the package swift is not installed"


def keeps_attributes(folder: Path) -> bool:
    """Whether files there take extended attributes, in which Swift keeps what it knows of an object."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        try:
            os.setxattr(file.name, "user.chatseal", b"x" * 3000)
        except OSError:
            return False
    return True


def devices() -> str | None:
    """In memory where that is possible."""
    return str(SHARED_MEMORY) if SHARED_MEMORY.is_dir() and keeps_attributes(SHARED_MEMORY) else None


class Swift:
    """The four processes. `port` is that of the S3 layer."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chatseal-swift-", dir=devices())
        etc = Path(self._folder.name)
        (etc / "srv/d1").mkdir(parents=True)
        (etc / "swift.conf").write_text(_SWIFT + "[storage-policy:0]\nname = one\ndefault = yes\n")
        ports = {kind: free_port() for kind in (*PARTS, "proxy")}
        rings = [word for kind in PARTS for word in (kind, str(ports[kind]))]
        subprocess.run([sys.executable, "-W", "ignore", "-c", _MAKE_RINGS, *rings], cwd=etc, check=True)
        self.port = ports["proxy"]
        self._servers = []
        memcached, memory_port = shutil.which("memcached"), free_port()
        if memcached:  # halves the time of a request
            command = [memcached, "-l", "127.0.0.1", "-p", str(memory_port), "-u", getpass.getuser()]
            self._servers.append(Server(command, memory_port, etc / "memcached.log"))
        for kind, port in ports.items():
            text = _PROXY if kind == "proxy" else _SERVER
            text = text.format(
                etc=etc,
                devices=etc / "srv",
                port=port,
                kind=kind,
                user=getpass.getuser(),
                secret=SECRET_KEY,
                cache="cache" if memcached else "",
                memcached=memory_port,
            )
            (etc / f"{kind}.conf").write_text(text)
            command = [sys.executable, "-W", "ignore", str(Path(sys.executable).with_name(f"swift-{kind}-server")), f"{kind}.conf"]
            self._servers.append(Server(command, port, etc / f"{kind}.log"))
        for server in self._servers:
            server.wait()

    def stop(self) -> None:
        for server in self._servers:
            server.stop()
        self._folder.cleanup()
