"""Cloud store: a bucket of S3 and what is compatible with it, of Google Cloud Storage, or a container of Azure, by obstore."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, TypeVar

from chatseal.errors import ChatsealError, ObjectChangedError, ObjectExistsError, StoreFailedError
from chatseal.objects import cloud_clients
from chatseal.objects.cloud_clients import Patience
from chatseal.objects.cloud_errors import Answer
from chatseal.objects.names import check_name, check_prefix, check_range, is_name
from chatseal.objects.object_store import ObjectInfo
from chatseal.objects.pieces import Pieces
from chatseal.objects.probe import can_put_absent
from chatseal.objects.throttle import ThrottleStoppedError

if TYPE_CHECKING:
    from obstore import UpdateVersion
    from typing_extensions import Buffer

    from chatseal.objects.cloud_clients import Client

T = TypeVar("T")

SMALL: Final = 1 << 20  # bytes that are on their way within the time that an answer may take
WHOLE_MAX: Final = 64 << 20  # what is longer is put in parts
PART: Final = 16 << 20
PACED_PART: Final = 5 << 20  # the least that S3 takes; with a limit this much goes at the speed of the line
PAGE: Final = 1000
LISTED_MAX: Final = 100_000_000  # objects, after which a server is not believed
_READ: Final = 1 << 20


class CloudStore:
    """An ObjectStore in *bucket*, under *prefix*. Credentials, regions and endpoints come from the cloud's own environment variables.

    Connects only when it is used, and tries again what may work then, as long as *patience* says. A call from the main thread is left by
    Ctrl-C at once; what it was doing goes on in the background for a while."""

    def __init__(self, scheme: str, bucket: str, prefix: str = "", *, patience: Patience | None = None) -> None:
        """*scheme*: `s3`, `gs` or `az`. Raises StoreFailedError, StoreRefusedError for what is known without a network."""
        self.url = f"{scheme}://{bucket}" + (f"/{prefix}" if prefix else "")
        self._patience = patience or Patience()
        self._client = cloud_clients.make(scheme, bucket, prefix, self._patience, self._patience.answer)
        # For puts of more than SMALL, whose answers take longer.
        self.large_client = cloud_clients.make(scheme, bucket, prefix, self._patience, self._patience.put)

    def put(self, name: str, data: "Buffer | Sequence[Buffer]", *, absent: bool = False) -> None:
        check_name(name)
        _apart(lambda: self._put_absent(name, data) if absent else self._put(name, data))

    def swap(self, name: str, data: "Buffer | Sequence[Buffer]", before: bytes) -> None:
        """As far as the server keeps to it: OpenStack Swift's S3 layer puts over in any case."""
        check_name(name)
        _apart(lambda: self._swap(name, data, before))

    def get(self, name: str, limit: int) -> bytes:
        check_name(name)
        return _apart(lambda: self._get(name, limit))

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        check_name(name)
        check_range(offset, length)
        if length == 0:
            self.info(name)
            return b""
        return _apart(lambda: self._get_range(name, offset, length))

    def info(self, name: str) -> ObjectInfo:
        check_name(name)
        import obstore

        meta = _apart(lambda: self._call("look at", name, lambda: obstore.head(self._client, name)))
        return ObjectInfo(name, meta["size"], meta["last_modified"].timestamp())

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        check_prefix(prefix)
        return self._list(prefix)

    def delete(self, name: str) -> None:
        check_name(name)
        import obstore

        def work() -> None:
            try:
                obstore.delete(self._client, name)
            except FileNotFoundError:
                return

        _apart(lambda: self._call("delete", name, work))

    def can_put_absent(self) -> bool:
        return can_put_absent(self)

    def close(self) -> None:
        """Connections go when nothing refers to the store any more."""

    def __repr__(self) -> str:
        return f"CloudStore({self.url!r})"

    # --- calls ----------------------------------------------------------------------------------------------------------

    def _call(self, verb: str, name: str, work: Callable[[], T]) -> T:
        """Do *work*, and raise our error for theirs, without theirs in its context: a logger would write that out."""
        found: list[T] = []
        answer = _answer(lambda: found.append(work()))
        if answer is not None:
            raise answer.error(verb, name, self.url)
        return found[0]

    def _put(self, name: str, data: "Buffer | Sequence[Buffer]") -> None:
        """A put that took longer than a signed request is repeated for is begun anew."""
        with Pieces(data) as pieces:
            for left in reversed(range(self._patience.begin)):
                began = time.monotonic()
                answer = _answer(lambda: self._send(name, pieces))
                if answer is None:
                    return
                if not (left and answer.is_passing and time.monotonic() - began > self._patience.retry_for):
                    raise answer.error("put", name, self.url)

    def _send(self, name: str, pieces: Pieces) -> None:
        import obstore

        if pieces.length > WHOLE_MAX or (pieces.pace and pieces.length > 2 * PACED_PART):
            part, at_once = (PACED_PART, 1) if pieces.pace else (PART, 4)
            obstore.put(self.large_client, name, iter(pieces), use_multipart=True, chunk_size=part, max_concurrency=at_once)
        else:
            obstore.put(self._for(pieces), name, pieces.views(), use_multipart=False)

    def _put_absent(self, name: str, data: "Buffer | Sequence[Buffer]") -> None:
        import obstore

        with Pieces(data) as pieces:
            answer = _answer(lambda: obstore.put(self._for(pieces), name, pieces.views(), mode="create", use_multipart=False))
            if answer is None:
                return
            refused = answer.error("put", name, self.url)
            # An attempt whose answer was lost may have put it.
            if isinstance(refused, ObjectExistsError) and answer.was_retried and self._holds(name, pieces):
                return
            raise refused

    def _swap(self, name: str, data: "Buffer | Sequence[Buffer]", before: bytes) -> None:
        import obstore

        changed = ObjectChangedError(f"{name} in {self.url} is another one by now")
        meta = self._call("look at", name, lambda: obstore.head(self._client, name))
        if meta["size"] != len(before) or self._get(name, len(before)) != before:
            raise changed
        with Pieces(data) as pieces:

            def put() -> object:
                mode: UpdateVersion = {"e_tag": meta["e_tag"]}
                if meta["version"] is not None:
                    mode["version"] = meta["version"]
                return obstore.put(self._for(pieces), name, pieces.views(), mode=mode, use_multipart=False)

            answer = _answer(put)
            if answer is None:
                return
            if answer.is_unsupported:
                self._put(name, pieces.views())
                return
            refused = answer.error("put", name, self.url)
            if isinstance(refused, ObjectExistsError):
                if answer.was_retried and self._holds(name, pieces):
                    return
                raise changed
            raise refused

    def _for(self, pieces: Pieces) -> "Client":
        return self._client if pieces.length <= SMALL else self.large_client

    def _holds(self, name: str, pieces: Pieces) -> bool:
        try:
            return self._get(name, pieces.length) == pieces.joined()
        except ChatsealError:
            return False

    def _get(self, name: str, limit: int) -> bytes:
        import obstore

        def work() -> bytes:
            result = obstore.get(self._client, name)
            size = result.meta["size"]
            if size > limit:
                raise StoreFailedError(f"{name} in {self.url} has {size} bytes, more than the {limit} that it can have")
            return self._read(name, result.stream(min_chunk_size=_READ), size, size)

        return self._call("get", name, work)

    def _get_range(self, name: str, offset: int, length: int) -> bytes:
        import obstore

        def work() -> bytes:
            try:
                result = obstore.get(self._client, name, options={"range": (offset, offset + length)})
            except Exception as error:
                if Answer(error).is_beyond_the_end:
                    return b""
                raise
            return self._read(name, result.stream(min_chunk_size=_READ), 0, length)

        return self._call("get", name, work)

    def _read(self, name: str, chunks: "Iterator[Buffer]", least: int, most: int) -> bytes:
        pieces, length = [], 0
        for chunk in chunks:
            pieces.append(chunk)
            length += len(memoryview(chunk))
            if length > most:
                break
        if not least <= length <= most:
            raise StoreFailedError(f"the server gives another number of bytes of {name} in {self.url} than it says")
        return b"".join(pieces)

    def _list(self, prefix: str) -> Iterator[ObjectInfo]:
        import obstore

        stream = self._call("list", "", lambda: obstore.list(self._client, prefix[:-1] or None, chunk_size=PAGE))
        listed = 0
        while (page := _apart(lambda: self._call("list", "", lambda: next(stream, None)))) is not None:
            listed += len(page)
            if listed > LISTED_MAX:
                raise StoreFailedError(f"{self.url} lists more than {LISTED_MAX} objects")
            for meta in page:
                if is_name(meta["path"]) and meta["path"].startswith(prefix):
                    yield ObjectInfo(meta["path"], meta["size"], meta["last_modified"].timestamp())


def _answer(work: Callable[[], object]) -> Answer | None:
    """Do *work*; None if it did not fail, else what is known of it. Raises what is ours already."""
    try:
        work()
    except (MemoryError, ChatsealError, ThrottleStoppedError):
        raise
    except Exception as error:
        return Answer(error)
    return None


def _apart(work: Callable[[], T]) -> T:
    """Do *work*: from the main thread in another one, because obstore sits out all its retries before it looks for Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        return work()
    ended: SimpleQueue[tuple[list[T], BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            ended.put(([work()], None))
        except BaseException as error:
            ended.put(([], error))

    threading.Thread(target=run, name="chatseal-store", daemon=True).start()
    found, error = ended.get()
    if error is not None:
        raise error
    return found[0]
