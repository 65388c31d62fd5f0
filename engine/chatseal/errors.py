"""What can go wrong, by what the caller can do about it, with the exit codes of the command line.

    ChatsealError 1
    +-- KeyFormatError 2        the text is not a key; also a ValueError
    |   +-- VaultTokenError     the file is not a vault's token
    +-- VaultAccountError 2     a list of a vault's accounts that is none, or a name that is not in it
    +-- KeyExposedError 2       others can read the key file
    +-- KeySourceError 1        a keyring, command or prompt gave no key
    +-- WrongKeyError 12        no slot of the file opens with the keys given
    +-- HolderError             a change of a file's holders that would be a mistake
    +-- IntegrityError 13       what was sealed is not what is there
    |   +-- NotSealedError      the beginning is not a sealed file's
    |   +-- HeaderDamagedError  the header's grammar or checksum is wrong
    |   +-- HeaderAlteredError  the key opens a slot, but the header is not the one that was written with it
    |   +-- DamagedError        a record, a frame or the table
    |   +-- TrailingBytesError  bytes follow the end
    |   +-- AuthorError         it is whole, but not signed by the author who was demanded
    |   +-- StoreChangedError   another store, or an older state of it, lies where this machine knows one
    |   +-- VaultDamagedError   a vault's database, token or anchor is not what the vault wrote
    |   +-- VaultBehindError    a vault's database is older than its anchor, or another one
    |   +-- VaultChangedError   another vault, or an older state of it, answers where this device knows one
    |   +-- TruncatedError 14   the end is missing
    +-- PatternError 2          what names files to include or exclude is no pattern; also a ValueError
    +-- SourceChangedError      the source grew, shrank or was written to while it was read
    +-- TargetExistsError       nothing is overwritten unasked; also a FileExistsError
    +-- TargetBusyError 11      a file to restore into that somebody has open
    +-- RestoringError 13       a file whose restoring in place did not finish
    +-- UnsafePathError 13      a name in a snapshot that leads out of the folder it is to be restored to
    +-- LimitError              larger than the format allows
    +-- CaptureError            a source that cannot be read as it is at one moment
    +-- SourceBusyError 11      a database whose writers will not let anybody read, or whom reading would stop for too long
    +-- StoreAddressError 2     the text is not the address of a store; also a ValueError
    +-- ObjectMissingError 10   the store has no object of that name
    |   +-- DroppedEpochError   it is sealed for an epoch whose key is gone for good
    |   +-- NotHereYetError   the program that carries a synced folder has not brought it
    +-- ObjectExistsError       the store has one already
    +-- ObjectChangedError 11   an object of a store that was to be put over is another one by now
    +-- NoStoreError 10         there is no store at the address, or no such snapshot or name in it
    +-- StoreExistsError        there is a store at the address already
    +-- StoreRefusedError       the store takes neither these credentials nor this request
    +-- StoreFailedError        the store cannot be reached, or does not do what it promises
    +-- VaultPasswordError 12   the password does not open the vault's record
    +-- VaultMessageError 13    bytes that are no message of a vault, or not the one that is due
    +-- VaultSignatureError 13  signed by neither the service nor the owner who should have
    +-- VaultRefusedError       the rules of a vault say no; `reason` says which, `seconds` when to ask again
    |   +-- VaultNoRecordError 10 there is no record, or none any more
    |   +-- VaultWaitError 11   not yet
    |   +-- VaultUnauthenticatedError the account's token is not the right one
    +-- VaultBusyError 11       a vault cannot answer now
    |   +-- OutcomeUnknownError whether a vault's database took a change is not known
    |   +-- VaultUnreachableError a vault does not answer, or its answer was lost
    +-- VaultAddressError 2     the text is not the URL of a vault; also a ValueError
    +-- WeakPasswordError 2     a new password that can be guessed
    +-- CodecError              libzstd or libcrypto malfunctioned

Errors of the operating system stay OSError. Texts name the place and the remedy, never a secret, and of damage never the content.
"""

import errno
from typing import ClassVar, Self

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PARTLY = 3
EXIT_NOT_THERE = 10
EXIT_BUSY = 11
EXIT_WRONG_KEY = 12
EXIT_DAMAGED = 13
EXIT_TRUNCATED = 14
EXIT_NO_SPACE = 15
EXIT_INTERRUPTED = 130


class ChatsealError(Exception):
    """Base of all errors of this package. `remedy` is one sentence for people, or empty."""

    exit_code: ClassVar[int] = EXIT_FAILED
    remedy: str = ""

    def with_remedy(self, remedy: str) -> Self:
        """This error, with another remedy than its kind has."""
        self.remedy = remedy
        return self


class KeyFormatError(ChatsealError, ValueError):
    """A text or file does not hold a key."""

    exit_code = EXIT_USAGE
    remedy = "A backup key is 64 hexadecimal digits; `chatseal key new --out FILE` makes one."


class VaultTokenError(KeyFormatError):
    """A file does not hold the secrets of a vault's service, or they cannot be changed there."""

    remedy = "Name the token that `chatseal-vault init` made; if it is lost, so are the records, and their owners register again."


class KeyExposedError(ChatsealError):
    """A file with a secret key that others on the machine can read."""

    exit_code = EXIT_USAGE
    remedy = "`chmod 600` it; if somebody may have read it, make a new key and seal anew."


class KeySourceError(ChatsealError):
    """A key was to come from a command, the keyring or a prompt, and did not. Never says what came instead."""


class WrongKeyError(ChatsealError):
    """None of the keys given opens the file."""

    exit_code = EXIT_WRONG_KEY
    remedy = (
        "Use the key that the file was sealed with; `chatseal inspect FILE` shows what kinds of key it takes, "
        "and `chatseal key repair FILE` finds a mistake in a backup key that was typed."
    )


class HolderError(ChatsealError):
    """A change of who can open a file that would do nothing, or would lock everybody or its maker out."""


class IntegrityError(ChatsealError):
    """What is there is not what was sealed. Never says anything about content."""

    exit_code = EXIT_DAMAGED
    remedy = "Get another copy of the file."


class NotSealedError(IntegrityError):
    """The file does not begin like a sealed file of a version this reader knows."""

    remedy = "Check that this is the right file; a sealed file begins with the line `chatseal/v1 sealed`."


class HeaderDamagedError(IntegrityError):
    """The header breaks its grammar, its limits or its checksum. The key was not tried."""

    remedy = "Get another copy of the file; its first 4096 bytes are enough if only the header is damaged."


class HeaderAlteredError(IntegrityError):
    """A slot opened, but the header or the beginning of the payload is not what was written with that key."""

    remedy = "Somebody may have changed who can open this file, or put a header before another payload. Get another copy."


class DamagedError(IntegrityError):
    """A record, a frame or the seek table is not what was sealed. `place` is a byte of the file or of the plaintext."""


class TrailingBytesError(IntegrityError):
    """The file is longer than what was sealed."""

    remedy = "Remove the bytes after the end, or get another copy of the file."


class AuthorError(IntegrityError):
    """The file is whole, but nothing shows that the author who was demanded sealed it."""

    remedy = "Get the file from its author, or ask for the verifying key that it was signed for. It opens without the demand."


class UnprunableError(IntegrityError):
    """What tells which objects of a store are needed cannot be read, so nothing is removed."""


class StoreChangedError(IntegrityError):
    """The store at an address is not the one that this machine knows, or an older state of it."""


class TruncatedError(IntegrityError):
    """The end of the file is missing."""

    exit_code = EXIT_TRUNCATED
    remedy = "Copy the file again from where it was sealed."


class PatternError(ChatsealError, ValueError):
    """A pattern that names files to include or exclude cannot be read, or can never match."""

    exit_code = EXIT_USAGE
    remedy = "Patterns are written as in a .gitignore file, relative to each source; `\\` before a character takes it as it is."


class SourceChangedError(ChatsealError):
    """The source was not the same from beginning to end."""

    remedy = "Stop what writes to the file, or seal a copy of it. For a live database use a consistent copy."


class TargetExistsError(ChatsealError, FileExistsError):
    """There is something under the target's name already."""

    remedy = "Choose another name, or overwrite it with --force."


class TargetBusyError(ChatsealError):
    """A file to restore into, or to replace, that somebody has open."""

    exit_code = EXIT_BUSY
    remedy = "Close the application that has it open, or restore to another name."


class RestoringError(ChatsealError):
    """A file that is partly what it was and partly what was to be restored: waiting mends nothing, so it counts as damaged."""

    exit_code = EXIT_DAMAGED
    remedy = "Restore it again: what is right already is not written again."


class UnsafePathError(ChatsealError):
    """A name in a snapshot that is no path below the folder it is to be restored to. No backup makes one."""

    exit_code = EXIT_DAMAGED
    remedy = "Somebody made this snapshot to write elsewhere on this machine, or it is damaged: do not restore it."


class LimitError(ChatsealError):
    """More than the format allows."""


class CaptureError(ChatsealError):
    """A source that cannot be copied as it is at one moment."""


class SourceBusyError(ChatsealError):
    """A database that cannot be read now without stopping who writes to it for longer than allowed."""

    exit_code = EXIT_BUSY
    remedy = "Try again when less is written to it, or allow a longer stop with --max-hold."


class StoreAddressError(ChatsealError, ValueError):
    """A text is not the address of a store. Never repeats the text: it may hold a credential."""

    exit_code = EXIT_USAGE
    remedy = (
        "A store is a folder's path, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or rclone:REMOTE:PATH. "
        "Credentials belong into the environment, never into an address."
    )


class ObjectMissingError(ChatsealError):
    """The store has no object of that name."""

    exit_code = EXIT_NOT_THERE
    remedy = "Something that was stored is gone, or has not arrived yet; `chatseal check` says which snapshots need it."


class NotHereYetError(ObjectMissingError):
    """An object of a store in a synced folder, such as Dropbox's, that has not arrived, or is here by name only."""

    remedy = "Wait until the program that syncs the folder is done, or have it keep the folder on this machine, and try again."


class ObjectExistsError(ChatsealError):
    """The store has an object of that name already, and it was to be put only if there was none."""


class DroppedEpochError(ObjectMissingError):
    """An object of a store is sealed for an epoch that was dropped: it is erased as far as a store can erase, and as good as not there."""

    remedy = "`chatseal prune` removes what is left of it."


class ObjectChangedError(ChatsealError):
    """An object of a store was to be put over, and somebody else has put another one there since it was read."""

    exit_code = EXIT_BUSY
    remedy = "See what it is now, and try again."


class NoStoreError(ChatsealError):
    """There is no store at that address, or no such snapshot, or no such name in the snapshot."""

    exit_code = EXIT_NOT_THERE
    remedy = "Check the name; `chatseal snapshots` lists snapshots, and `chatseal ls` what is in one."


class StoreExistsError(ChatsealError):
    """There is a store at that address already."""

    remedy = "Choose another place, or back up to the store that is there."


class StoreRefusedError(ChatsealError):
    """The store takes neither these credentials nor this request."""

    remedy = "Check the credentials in the environment or profile, and that they may read, list and write there."


class StoreFailedError(ChatsealError):
    """The store cannot be reached, fails, or does not do what it promises."""

    remedy = "Try again; what was stored before is still there, and nothing is sent twice."


class VaultPasswordError(ChatsealError):
    """The password does not open the record. A record of another name, and an answer that was tampered with, look the same."""

    exit_code = EXIT_WRONG_KEY
    remedy = "Every try counts: think, look for the recovery sheet, and try again. `chatseal vault status` says how many guesses are left."


class VaultMessageError(ChatsealError):
    """What came is no message of a vault, or not the one that is due. Never says what is wrong with it."""

    exit_code = EXIT_DAMAGED
    remedy = "Check the vault's address, and that both sides have the same version of chatseal."


class VaultSignatureError(ChatsealError):
    """A message that is not signed by the service or the owner who alone can have sent it."""

    exit_code = EXIT_DAMAGED
    remedy = "Do not type the password again: somebody answers in the vault's place, or it has another signing key. Ask its operator."


class VaultDamagedError(IntegrityError):
    """A database, token file or anchor of a vault does not hold what the vault writes. Never says what it holds."""

    remedy = "Stop the vault, keep the files as they are, and bring back the last copy with `chatseal-vault restore`."


class VaultBehindError(IntegrityError):
    """A vault's database lacks what its anchor has seen: it is an older copy, or another vault's. Guesses may have been forgotten."""

    remedy = "Put the newest database back; if it is lost, `chatseal-vault restore` accepts this one and destroys the records in it."


class VaultAccountError(ChatsealError):
    """A file is not the list of a vault's accounts, or there is no such name in it, or it cannot be one."""

    exit_code = EXIT_USAGE
    remedy = "`chatseal-vault accounts list` shows the names; `chatseal-vault accounts add NAME` makes one."


class VaultChangedError(IntegrityError):
    """The vault at a URL is not the one that this device knows, or an older state of it: guesses may be forgotten, or it is a trap."""

    remedy = (
        "Do not type the password. Ask the vault's operator whether an old copy was put back; the 64 digits on paper open your backups "
        "without it."
    )


class VaultRefusedError(ChatsealError):
    """The rules of a vault do not allow what was asked. `reason` is a word for programs, `seconds` how long to wait, or 0."""

    def __init__(self, reason: str, text: str, seconds: int = 0) -> None:
        super().__init__(text)
        self.reason, self.seconds = reason, seconds

    def __reduce__(self) -> tuple[type["VaultRefusedError"], tuple[str, str, int]]:
        return type(self), (self.reason, str(self), self.seconds)


class VaultNoRecordError(VaultRefusedError):
    """The account has no record, or its record is destroyed."""

    exit_code = EXIT_NOT_THERE
    remedy = "The 64 digits on paper open your backups; with them `chatseal vault register` makes a new record."


class VaultWaitError(VaultRefusedError):
    """The vault takes no guess, or no request, before some time has passed. No guess was spent."""

    exit_code = EXIT_BUSY


class VaultUnauthenticatedError(VaultRefusedError):
    """The vault does not believe who asks. No guess was spent."""

    remedy = "Check the account's name and its token: the vault's operator gives both."


class VaultBusyError(ChatsealError):
    """A vault cannot do it now. A guess that was claimed may be spent; the status says so."""

    exit_code = EXIT_BUSY
    remedy = "Try again in a minute."


class OutcomeUnknownError(VaultBusyError):
    """The database of a vault did not say whether it took a change. It may still take it: read, and never send it again blindly."""


class VaultUnreachableError(VaultBusyError):
    """A vault does not answer, or its answer was lost. `was_sent` says whether it may have the request."""

    def __init__(self, text: str, *, was_sent: bool = False) -> None:
        super().__init__(text)
        self.was_sent = was_sent


class VaultAddressError(ChatsealError, ValueError):
    """A text is not the URL of a vault. Never repeats the text: it may hold a secret."""

    exit_code = EXIT_USAGE
    remedy = "A vault's URL is https://NAME, perhaps with a port and a path; http:// is for this machine alone."


class WeakPasswordError(ChatsealError):
    """A new password that somebody who tries would find."""

    exit_code = EXIT_USAGE


class CodecError(ChatsealError):
    """libzstd or libcrypto failed for a reason that is not the data's."""

    remedy = "Run `chatseal doctor`, and report this with what it prints."


def exit_code(error: BaseException) -> int:
    """The exit code that tells a script what happened."""
    if isinstance(error, ChatsealError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return EXIT_NO_SPACE
        if error.errno == errno.ENOENT:
            return EXIT_NOT_THERE
        if error.errno in (errno.EBUSY, errno.ETXTBSY, errno.EAGAIN):
            return EXIT_BUSY
    return EXIT_FAILED
