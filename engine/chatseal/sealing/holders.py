"""Holders: who may open a sealed file, listed and changed (docs/format.md, section 2). The mechanics of the change are in rekey.py."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chatseal import _core
from chatseal.errors import DamagedError, HeaderDamagedError, HolderError, LimitError, TruncatedError, WrongKeyError
from chatseal.events import HolderChange, Report, Reporter, SlotReport
from chatseal.format import header as headers
from chatseal.format.header import SLOTS_MAX, Header, Slot
from chatseal.format.labels import SEALED
from chatseal.format.payload import RECORD_PLAIN, RECORD_SEALED, SALT_LEN, derive, stream_length
from chatseal.keys import slot_search
from chatseal.keys.secret import Secret
from chatseal.keys.slots import Holder, Opener, holders_of, openers_of, wrap
from chatseal.sealing.budget import Budget
from chatseal.sealing.copying import copy_end
from chatseal.sealing.faults import Fault, codec_errors, length_error, unsealing_error
from chatseal.sealing.opening import open_keys, read_header, taker
from chatseal.sealing.rekey import HeldFile, hold, replace
from chatseal.sealing.reseal import WORKER_MEMORY, WORKERS_MAX, Reseal
from chatseal.sealing.source import PathLike, Readable, open_source
from chatseal.sealing.target import FileTarget

if TYPE_CHECKING:
    from typing_extensions import Buffer

Gone = int | Opener  # a slot by its number, or the slots that a key opens


def slots(source: "PathLike | Readable | Buffer", key: Opener | Sequence[Opener] = ()) -> list[SlotReport]:
    """The slots of a sealed file, in order.

    Without *key* it is what anybody can read, and change. With one or several keys the header is authentic, and each slot tells which
    of them open it. The payload is not read.

    Raises WrongKeyError if none of the keys given opens a slot, IntegrityError, OSError."""
    openers = openers_of(key)
    with open_source(source) as opened:
        name = opened.name or "the sealed data"
        found = read_header(taker(opened), name)
        file_key = None
        if openers:
            length = None if opened.length is None else opened.length - len(found.raw)
            file_key, _ = open_keys(found, openers, name, length)
    return [
        SlotReport(
            number,
            slot.type,
            slot.arguments if slot.body else slot.arguments[:-1],  # of an unknown type: the last word is the body
            tuple(
                place for place, opener in enumerate(openers) if file_key is not None and slot_search.opens(opener, slot, file_key, SEALED)
            ),
        )
        for number, slot in enumerate(found.header.slots, 1)
    ]


def add_holder(
    path: PathLike, key: Opener | Sequence[Opener], new: Holder | Sequence[Holder], *, progress: Report | None = None
) -> HolderChange:
    """Let the holders in *new* open the sealed file at *path* too. *key* opens it now.

    A new file with another header and the same payload takes the old one's place, whole or not at all.

    Raises HolderError if a new key opens the file already (which of a public key nobody can tell), LimitError, WrongKeyError,
    IntegrityError, SourceChangedError, OSError (with EBUSY if another change is under way)."""
    openers, holders = openers_of(key), holders_of(new)
    with _open(path, openers) as file:
        if len(file.slots) + len(holders) > SLOTS_MAX:
            raise _full(f"{file.name} has {len(file.slots)} slots, and {SLOTS_MAX} are all that a file can have")
        added = list(file.slots)
        for number, holder in enumerate(holders):
            if (there := file.slots_of(holder, added)) or holder in holders[:number]:
                where = f", by slot {there[0] + 1}" if there else ""
                raise _mistake(f"{file.name} opens with the new key already{where}", "Give a key that is not a holder yet.")
            added += wrap(file.file_key, [holder], SEALED)
        return file.change(added, [], progress)


def remove_holder(
    path: PathLike, key: Opener | Sequence[Opener], gone: Gone | Sequence[Gone], *, force: bool = False, progress: Report | None = None
) -> HolderChange:
    """Take slots out of the sealed file at *path*: those whose numbers (from 1 on) or whose keys are in *gone*. *key* opens the file.

    The last slot stays in any case; the last one that *key* opens stays unless *force*. What a removed holder has kept, copies of the
    file or its file key, is not undone by this.

    Raises HolderError, and otherwise what add_holder raises."""
    openers = openers_of(key)
    named: Sequence[Gone] = [gone] if isinstance(gone, int) or not isinstance(gone, Sequence) else gone
    with _open(path, openers) as file:
        removed: set[int] = set()
        for one in named:
            removed.update(file.slot_numbered(one) if isinstance(one, int) else file.slots_to_remove(one))
        if not removed:
            raise ValueError("nothing to remove is named")
        left = [slot for number, slot in enumerate(file.slots) if number not in removed]
        if not left:
            raise _mistake(f"{file.name} would open for nobody: this takes its last slot", "Add a holder first, or delete the file.")
        if not force and not any(file.slots_of(opener, left) for opener in openers):
            raise _mistake(
                f"{file.name} would not open with your own key any more",
                "Open it with a key that stays, or insist with --force if you mean to lock yourself out.",
            )
        return file.change(left, sorted(removed), progress)


def rotate_key(
    path: PathLike,
    key: Opener | Sequence[Opener],
    new: Holder | Sequence[Holder],
    *,
    reseal: bool = False,
    force: bool = False,
    threads: int | None = None,
    memory: int | None = None,
    progress: Report | None = None,
) -> HolderChange:
    """Put slots for the holders in *new* in place of every slot that *key* opens. Other slots stay.

    If *key* opens nothing any more and all of *new* opens the file, there is nothing to do, and that is reported.

    With *reseal* the payload is encrypted anew under a fresh file key, record by record without decompressing it, so that who has kept
    the old file key cannot open the new file. Slots of holders that are not in *new* cannot be kept then: nobody can make them without
    their keys. That raises HolderError unless *force*. *threads* and *memory* are for this.

    Raises HolderError, and otherwise what add_holder raises."""
    openers, holders, budget = openers_of(key), holders_of(new), Budget.of(threads, memory)
    try:
        with _open(path, openers) as file:
            old = sorted({number for opener in openers for number in file.slots_of(opener)})
            if reseal:
                kept = {number for holder in holders for number in file.slots_of(holder)}
                others = len(set(range(len(file.slots))) - kept - set(old))
                if others and not force:
                    what = "a slot of another holder" if others == 1 else f"{others} slots of other holders"
                    raise _mistake(
                        f"{file.name} has {what}, and a slot for a fresh file key takes the holder's key",
                        "Name all holders that shall remain as new ones; drop the others, and slots of public keys, with --force.",
                    )
                return file.reseal(holders, budget, progress)
            return _rotated(file, old, holders, progress)
    except WrongKeyError:
        if not reseal and (done := _rotated_before(path, holders)):
            return done
        raise


def _rotated(file: "_Open", old: Sequence[int], holders: Sequence[Holder], progress: Report | None) -> HolderChange:
    fresh: list[Slot] = []
    for number, holder in enumerate(holders):
        there = file.slots_of(holder)
        if set(there) & set(old):
            raise _mistake(
                f"the new key of {file.name} is an old one",
                "Give a new key; to take another away, use `chatseal key remove`; for a fresh file key, add --reseal.",
            )
        if not there and holder not in holders[:number] and not file.slots_of(holder, fresh):
            fresh += wrap(file.file_key, [holder], SEALED)
    changed = [slot for number, slot in enumerate(file.slots) if number not in old]
    changed[old[0] : old[0]] = fresh
    if len(changed) > SLOTS_MAX:
        raise _full(f"{file.name} would have {len(changed)} slots, and {SLOTS_MAX} are all that a file can have")
    return file.change(changed, old, progress)


def _rotated_before(path: PathLike, holders: Sequence[Holder]) -> HolderChange | None:
    """The change that is none, if each of *holders* can be tried and opens the file."""
    openers = [opener for holder in holders for opener in slot_search.as_openers(holder)]
    if len(openers) < len(holders):
        return None
    try:
        found = slots(path, openers)
    except WrongKeyError:
        return None
    if {place for slot in found for place in slot.opened_by} < set(range(len(openers))):
        return None
    return HolderChange((), (), len(found), False, 0, True)


class _Open:
    """A sealed file that is held, opened and found worth another header: authentic, and as long as it should be."""

    def __init__(self, held: HeldFile, openers: Sequence[Opener]) -> None:
        self._held, self.name = held, held.name
        self._found = read_header(taker(held.source), self.name)
        assert held.source.length is not None
        self._payload_length = held.source.length - len(self._found.raw)
        self.file_key, self._payload = open_keys(self._found, openers, self.name, self._payload_length)
        self.slots = self._found.header.slots
        self._check_end()

    def _check_end(self) -> None:
        """Raise IntegrityError if the payload has another length than it was sealed with: the new header's size line will say this one.

        Without a size line the last record tells: it is the only short one, so a payload that was cut has none that authenticates."""
        size = self._found.header.size
        if error := length_error(self.name, size, self._payload_length):
            raise error
        stream = stream_length(self._payload_length)
        if stream is None:
            kind = TruncatedError if size is None else DamagedError
            raise kind(f"{self.name} ends where no payload can end, {self._payload_length} bytes after its header")
        if size is None:
            last = stream // RECORD_PLAIN
            place = last * RECORD_SEALED
            sealed = self._held.source.read_at(self._found.records_at + place, RECORD_SEALED)
            try:
                with codec_errors():
                    _core.RecordOpener(self._payload.key, self._payload.nonce).open_into(last, sealed, bytearray(RECORD_PLAIN))
            except _core.Damaged:
                raise self._bad_record((_core.DAMAGED, 0, _core.LAST_RECORD, place)) from None

    def _bad_record(self, fault: Fault) -> Exception:
        return unsealing_error(
            fault,
            self.name,
            self.name,
            header_length=len(self._found.raw),
            size=self._found.header.size,
            payload_length=self._payload_length,
        )

    def slots_of(self, holder: Holder | Opener, among: Sequence[Slot] | None = None) -> list[int]:
        """Which slots (from 0 on) *holder* opens; none of a public key, which cannot be tried. Of a vault, those that say its record."""
        return slot_search.slots_of(holder, self.slots if among is None else among, self.file_key, SEALED)

    def slot_numbered(self, number: int) -> list[int]:
        """The slot that people call *number*."""
        if not 1 <= number <= len(self.slots):
            raise _mistake(f"{self.name} has no slot {number}", f"Its slots are 1 to {len(self.slots)}; `chatseal key list` shows them.")
        return [number - 1]

    def slots_to_remove(self, opener: Opener) -> list[int]:
        """The slots that *opener* opens, at least one."""
        (opener,) = openers_of(opener)
        if found := self.slots_of(opener):
            return found
        raise _mistake(f"{self.name} does not open with the key that shall go", "`chatseal key list` shows who its holders are.")

    def change(self, slots: Sequence[Slot], removed: Sequence[int], progress: Report | None) -> HolderChange:
        """Write *slots* before the same payload."""
        header = Header(self._payload_length, tuple(slots))
        reporter = Reporter(progress, self._payload_length)
        raw = _encoded(header, self.file_key, self._payload.prefix, self.name)

        def write(target: FileTarget, at: int) -> None:
            copy_end(self._held.source, len(self._found.raw), target, at, reporter.tick)

        owner_kept = replace(self._held, raw, write)
        reporter.finish(self._payload_length)
        added = tuple(number for number, slot in enumerate(slots, 1) if slot not in self.slots)
        return HolderChange(added, tuple(number + 1 for number in removed), len(slots), False, self._held.other_names, owner_kept)

    def reseal(self, holders: Sequence[Holder], budget: Budget, progress: Report | None) -> HolderChange:
        """Write the same stream under a fresh file key, for *holders* alone."""
        file_key = Secret.random(32)
        payload = derive(file_key.view, secrets.token_bytes(SALT_LEN), SEALED)
        header = Header(self._payload_length, wrap(file_key, holders, SEALED))
        reporter = Reporter(progress, self._payload_length)
        work = Reseal(self._held.source, self._found.records_at, self._payload, payload, self._bad_record)
        threads = min(budget.threads, WORKERS_MAX)
        if budget.memory is not None:
            threads = max(1, min(threads, budget.memory // WORKER_MEMORY))
        raw = _encoded(header, file_key, payload.prefix, self.name)
        owner_kept = replace(self._held, raw, lambda target, at: work.write(target, at, threads, reporter.tick))
        reporter.finish(self._payload_length)
        before, after = (range(1, len(slots) + 1) for slots in (self.slots, header.slots))
        return HolderChange(tuple(after), tuple(before), len(after), True, self._held.other_names, owner_kept)


@contextmanager
def _open(path: PathLike, openers: Sequence[Opener]) -> Iterator[_Open]:
    with hold(path) as held:
        yield _Open(held, openers)


def _encoded(header: Header, file_key: Secret, prefix: bytes, name: str) -> bytes:
    """The header as bytes that every reader takes. Raises LimitError."""
    raw = header.encode(file_key.view, prefix)
    try:
        headers.parse(raw)
    except HeaderDamagedError:
        raise _full(f"the slots of {name} would be more, or longer, than a header can hold") from None
    return raw


def _mistake(message: str, remedy: str) -> HolderError:
    return HolderError(message).with_remedy(remedy)


def _full(message: str) -> LimitError:
    return LimitError(message).with_remedy("Remove a holder who need not open it any more: `chatseal key remove`.")
