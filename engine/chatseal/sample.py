"""A chat database of any size with nobody's messages in it: tables, texts and compressibility as in a real one.

Rows go in a few messages at a time, in time order and with all indexes in place, so that the pages of tables, indexes,
search index and thumbnails lie mixed through the file as if it had grown over years. zstd -3 makes it 2.2 to 2.3 times
smaller. PICTURED is the knob: thumbnails hardly shrink, all the rest together shrinks 2.4 times.
"""

from __future__ import annotations

import os
import sqlite3
import struct
from base64 import b64encode, urlsafe_b64encode
from bisect import bisect_left
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Progress = Callable[[int, int], None]

PAGE_SIZE, MIN_SIZE = 4096, 1_000_000  # bytes
BATCH, RUN = 8192, 64  # messages committed together, and written to one table before the next has its turn
MESSAGE_SIZE = 560  # bytes of the file per message, roughly
START_MS, SPAN_MS = 1_577_836_800_000, 5 * 365 * 86_400_000  # from the start of 2020, UTC, for about five years
BURST, PAUSE_MS = 7, 25_000  # messages in one stretch of a conversation, and the time between them, means
CIRCLE_MAX = 24  # members of a group besides the owner of the database
MINE, PICTURED, SPOKEN, CAPTIONED = 0.45, 0.010, 0.05, 0.15  # shares of the messages; CAPTIONED of those with media
TEXT, PICTURE, VOICE = range(3)  # message_type
FILES = {PICTURE: ("Images/IMG", "jpg", "image/jpeg"), VOICE: ("Voice Notes/PTT", "opus", "audio/ogg; codecs=opus")}
THUMBNAIL_MEDIAN, THUMBNAIL_SIGMA, THUMBNAIL_MIN, THUMBNAIL_MAX = 2400, 0.3, 1024, 6144  # bytes, log-normal
JPEG_HEAD, JPEG_TAIL = bytes.fromhex("ffd8ffe000104a46494600010100000100010000"), bytes.fromhex("ffd9")

WORDS, MANDELBROT_Q, ZIPF_S = 40_000, 4.0, 1.2  # the word of rank k has weight 1 / (k + q) ** s
LENGTH_MEDIAN, LENGTH_SIGMA, LENGTH_MAX = 7.5, 1.1, 150  # words in a message, log-normal and rounded down
FOLLOWERS, HABIT = 4, 0.7  # words that like to come after a word, and how often one of them does
TOPICS, TOPIC_WORDS, TOPICAL = 300, 120, 0.1  # words of a conversation's topic, and how often one is said
REPLIED, LINKED, CAPITALISED = 0.12, 0.02, 0.4  # shares of the messages
# The parts of syllables: frequent ones first, and without letters that many rude words need.
ONSETS = "t s h w m b th n d f l k r g y st v tr j br fr pl gr kl sp sw"
NUCLEI, CODAS = "e a o i u ea ou ai oo ie", " n r s l t d m ng nd st ll ve"
GAPS = np.array([" "] * 88 + [", "] * 6 + [". "] * 4 + ["... ", "\n"], object)
EMOJI = [" 😂", " 😊", " ❤️", " 😂😂😂", " 👍", " 🙈", " 🎉"]
ENDINGS = np.array([""] * 58 + ["."] * 12 + ["?"] * 10 + ["!"] * 6 + EMOJI * 2, object)
REPLIES = "ok|haha|yes|no|lol|thanks|👍|😂|yeah|hahaha|sure|nice|good morning|on my way|❤️|really?|cool|see you|done|wow"

# As in msgstore.db, but without AUTOINCREMENT, which would take a fifth of the time.
SCHEMA = """
CREATE TABLE jid (_id INTEGER PRIMARY KEY, user TEXT, server TEXT, type INTEGER, raw_string TEXT);
CREATE UNIQUE INDEX jid_key_index ON jid (user, server, type);
CREATE UNIQUE INDEX jid_raw_string_index ON jid (raw_string);
CREATE TABLE chat (_id INTEGER PRIMARY KEY, jid_row_id INTEGER UNIQUE, subject TEXT,
    created_timestamp INTEGER, group_type INTEGER, last_message_row_id INTEGER, sort_timestamp INTEGER);
CREATE TABLE message (_id INTEGER PRIMARY KEY, chat_row_id INTEGER NOT NULL, from_me INTEGER NOT NULL,
    key_id TEXT NOT NULL, sender_jid_row_id INTEGER, status INTEGER, broadcast INTEGER, recipient_count INTEGER,
    origination_flags INTEGER, origin INTEGER, timestamp INTEGER, received_timestamp INTEGER,
    receipt_server_timestamp INTEGER, message_type INTEGER, text_data TEXT, starred INTEGER, lookup_tables INTEGER,
    message_add_on_flags INTEGER, sort_id INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX message_key_index ON message (chat_row_id, from_me, key_id, sender_jid_row_id);
CREATE INDEX message_chat_id_index ON message (chat_row_id, _id);
CREATE INDEX message_chat_sort_id_index ON message (chat_row_id, sort_id);
CREATE INDEX message_sort_id_index ON message (sort_id);
CREATE INDEX message_starred_index ON message (starred);
CREATE INDEX message_type_index ON message (message_type);
CREATE INDEX message_type_chat_index ON message (chat_row_id, message_type);
CREATE TABLE receipt_user (_id INTEGER PRIMARY KEY, message_row_id INTEGER NOT NULL,
    receipt_user_jid_row_id INTEGER NOT NULL, receipt_timestamp INTEGER, read_timestamp INTEGER);
CREATE UNIQUE INDEX receipt_user_index ON receipt_user (message_row_id, receipt_user_jid_row_id);
CREATE TABLE message_media (message_row_id INTEGER PRIMARY KEY, chat_row_id INTEGER, file_path TEXT, file_size INTEGER,
    media_key BLOB, direct_path TEXT, message_url TEXT, mime_type TEXT, file_hash TEXT, enc_file_hash TEXT);
CREATE INDEX message_media_chat_index ON message_media (chat_row_id);
CREATE INDEX message_media_hash_index ON message_media (file_hash);
CREATE TABLE message_thumbnail (message_row_id INTEGER PRIMARY KEY, thumbnail BLOB);
CREATE VIRTUAL TABLE message_fts USING fts4 (content, fts_jid, fts_namespace);
"""
LAST_MESSAGES = """UPDATE chat SET (last_message_row_id, sort_timestamp) =
    (SELECT _id, timestamp FROM message WHERE chat_row_id = chat._id ORDER BY _id DESC LIMIT 1)"""


@dataclass(frozen=True)
class Summary:
    """What a sample holds: the bytes of the file, and rows."""

    bytes: int
    chats: int
    messages: int
    media: int
    thumbnails: int


def write_sample(path: str | os.PathLike[str], size: int = 256_000_000, *, seed: int = 1, progress: Progress | None = None) -> Summary:
    """Write a chat database of about *size* bytes to *path*, which appears whole or not at all; tell what it holds.

    The same *seed* and *size* give the same bytes under the same SQLite and NumPy. *progress* hears the bytes done
    and *size*; whatever it raises ends the work. An existing *path* is FileExistsError.
    """
    if size < MIN_SIZE:
        raise ValueError(f"a sample has at least {MIN_SIZE} bytes, not {size}")
    target = Path(path)
    part = target.with_name(f".{target.name}.{os.urandom(4).hex()}.part")
    if os.path.lexists(target):
        raise FileExistsError(f"{target} exists")
    try:
        part.touch(exist_ok=False)
        summary = _fill(part, size, np.random.default_rng(seed), progress or (lambda done, size: None))
        _sync(part)
        if os.path.lexists(target):
            raise FileExistsError(f"{target} came into being meanwhile")
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    _sync(target.parent)
    return summary


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fill(path: Path, size: int, rng: np.random.Generator, progress: Progress) -> Summary:
    def read(sql: str) -> int:
        return int(connection.execute(sql).fetchone()[0])

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        # Nobody sees the file before it is whole, so it needs no protection from a crash. Builds of SQLite differ in
        # secure_delete, which decides what lies in unused space. The cache (KiB) is most of the memory used.
        connection.executescript(
            f"PRAGMA page_size={PAGE_SIZE}; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA secure_delete=ON;"
            f"PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-65536; {SCHEMA}"
        )
        history = _History(size, rng)
        connection.executemany("INSERT INTO jid (user, server, type, raw_string) VALUES (?, ?, ?, ?)", history.jids)
        connection.executemany("INSERT INTO chat VALUES (?, ?, ?, ?, ?, NULL, NULL)", history.chats)
        written = read("PRAGMA page_count") * PAGE_SIZE
        while size - written >= PAGE_SIZE:
            # Half of what is missing: ever smaller steps meet the size within a few pages.
            first, count = history.messages + 1, (size - written) // MESSAGE_SIZE // 2
            tables = history.write(max(32, min(BATCH, count)))
            connection.execute("BEGIN")
            for low in range(first, history.messages + 1, RUN):
                for into, rows in tables.items():
                    run = rows[bisect_left(rows, (low,)) : bisect_left(rows, (low + RUN,))]
                    if run:
                        connection.executemany(f"INSERT INTO {into} VALUES (?{', ?' * (len(run[0]) - 1)})", run)
            if count >= BATCH:
                # Left to itself the search index merges sixteen segments at once, a leap that could miss the size.
                connection.execute("INSERT INTO message_fts (message_fts) VALUES ('merge=500,4')")
            connection.execute("COMMIT")
            written = read("PRAGMA page_count") * PAGE_SIZE
            progress(min(written, size), size)
        connection.execute(LAST_MESSAGES)
        counts = (read(f"SELECT count(*) FROM {t}") for t in ("chat", "message", "message_media", "message_thumbnail"))
        return Summary(read("PRAGMA page_count") * PAGE_SIZE, *counts)


def _rows(*columns: Iterable[Any]) -> list[tuple[Any, ...]]:
    return list(zip(*(c.tolist() if isinstance(c, np.ndarray) else c for c in columns), strict=True))


class _History:
    """Who wrote to whom, when and what kind of message."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.messages = 0
        self._rng, self._language, self._now = rng, _Language(rng), START_MS
        self._silence_ms = SPAN_MS * BURST * MESSAGE_SIZE / size  # between two stretches of conversation, mean
        chat = np.arange(max(10, int((size / 10_000) ** 0.5)))
        self._activity = np.cumsum(1 / (chat + 3))
        self._members = np.where(chat % 3 == 2, 4 + 5 * chat % (CIRCLE_MAX - 3), 1)  # one is no group
        self._contacts = 3 * len(chat)
        self._circle = rng.permutation(self._contacts)[: len(chat)]  # members are neighbours among contacts from here
        numbers = rng.permutation(80_000)[: self._contacts + 1].tolist()  # +1 xxx 555 01xx: kept for fiction
        users = [f"1{200 + number // 100}55501{number % 100:02}" for number in numbers]
        groups = [f"{users[contact]}-{START_MS // 1000}" for contact in self._circle.tolist()]
        self.jids = [(user, "s.whatsapp.net", 0, f"{user}@s.whatsapp.net") for user in users]
        self.jids += [(group, "g.us", 1, f"{group}@g.us") for group in groups]
        jid = np.where(self._members > 1, len(users) + 1 + chat, self._circle + 2)
        subjects = [f"Group {i}" if i % 3 == 2 else None for i in range(len(chat))]
        self.chats = _rows(chat + 1, jid, subjects, np.full(len(chat), START_MS), self._members > 1)

    def write(self, count: int) -> dict[str, list[tuple[Any, ...]]]:
        """The rows of the next *count* messages for "table" or "table (columns)", each led by its message's id."""
        rng, ids = self._rng, self.messages + 1 + np.arange(count)
        self.messages += count
        opens = rng.random(count) < 1 / BURST
        burst = np.cumsum(opens, dtype=np.int64)
        chat = np.searchsorted(self._activity, rng.random(burst[-1] + 1) * self._activity[-1])[burst]
        clock = self._now + np.cumsum(rng.exponential(np.where(opens, self._silence_ms, PAUSE_MS)).astype(np.int64))
        self._now = int(clock[-1])
        seconds = clock // 1000 * 1000  # all that the server gives, which stamps what comes in
        mine, members = rng.random(count) < MINE, self._members[chat]
        sender = np.where(mine | (members == 1), 0, self._member(chat, rng.integers(0, members)))
        kind = (np.searchsorted([PICTURED, PICTURED + SPOKEN], rng.random(count), "right") + 1) % 3
        texts: list[str | None] = [*self._language.texts((7 * chat + burst % 5) % TOPICS)]
        for i in np.flatnonzero((kind != TEXT) & (rng.random(count) >= CAPTIONED)):
            texts[i] = None
        noise = rng.bytes(16 * count).hex().upper()
        keys = (noise[i : i + 32] for i in range(0, len(noise), 32))
        recipients, status, zero = np.where(mine & (members > 1), members, 0), np.where(mine, 13, 0), 0 * ids
        stamp, served = np.where(mine, clock, seconds), np.where(mine, seconds + 1000, -1)
        received = np.where(mine, 0, clock + rng.integers(100, 3000, count))
        starred, chat_id, pictures = rng.random(count) < 0.003, chat + 1, ids[kind == PICTURE]
        sizes = rng.lognormal(np.log(THUMBNAIL_MEDIAN), THUMBNAIL_SIGMA, len(pictures))
        jpegs = (rng.bytes(int(size)) for size in np.clip(sizes, THUMBNAIL_MIN, THUMBNAIL_MAX))
        whose = (ids, chat_id, mine, keys, sender, status, zero, recipients, zero, zero)
        about = (stamp, received, served, kind, texts, starred, zero, zero, ids)
        rows = _rows(ids, chat_id, texts, kind, stamp)
        receipts = self._receipts(ids[mine], chat[mine], seconds[mine], burst[mine])
        return {
            "message": _rows(*whose, *about),
            "message_fts (docid, content, fts_jid, fts_namespace)": [(i, t.lower(), c, 0) for i, c, t, *_ in rows if t],
            "message_media": [self._media(i, c, k, at) for i, c, _, k, at in rows if k != TEXT],
            "message_thumbnail": _rows(pictures, (JPEG_HEAD + jpeg + JPEG_TAIL for jpeg in jpegs)),
            "receipt_user (message_row_id, receipt_user_jid_row_id, receipt_timestamp, read_timestamp)": receipts,
        }

    def _member(self, chat: Ints, index: Ints) -> Ints:
        return (self._circle[chat] + index) % self._contacts + 2

    def _media(self, message: int, chat: int, kind: int, stamp: int) -> tuple[Any, ...]:
        (name, extension, mime), size = FILES[kind], int(self._rng.lognormal(11.5, 1.2))
        key, plain, sealed, token = struct.unpack("32s32s32s32s", self._rng.bytes(128))
        path = f"Media/{name}-{datetime.fromtimestamp(stamp // 1000, UTC):%Y%m%d}-WA{message % 50:04}.{extension}"
        direct = f"/v/t62.7118-24/{int.from_bytes(token[:8], 'big')}_n.enc?oh={urlsafe_b64encode(token[8:]).decode()}"
        url, hashes = f"https://media.example.net{direct}", (b64encode(plain).decode(), b64encode(sealed).decode())
        return (message, chat, path, size, key, direct, url, mime, *hashes)

    def _receipts(self, ids: Ints, chat: Ints, seconds: Ints, burst: Ints) -> list[tuple[Any, ...]]:
        counts = self._members[chat]
        sent = np.repeat(np.arange(len(ids)), counts)
        index = np.arange(len(sent)) - np.repeat(np.cumsum(counts) - counts, counts)
        # Whoever is away from a stretch of the conversation gets and reads all of it at once, coming back.
        mood, away = self._rng.random((2, burst.max(initial=0) + 1, CIRCLE_MAX))[:, burst[sent], index]
        back = seconds[np.searchsorted(burst, burst[sent], "right") - 1] + (away * 1800).astype(np.int64) * 1000
        got = np.where(mood < 0.8, seconds[sent] + 1000 * self._rng.integers(1, 4, len(sent)), back)
        return _rows(ids[sent], self._member(chat[sent], index), got, np.where(mood < 0.5, got, back))


class _Language:
    """Words that nobody speaks with the frequencies of chat: Zipf-Mandelbrot, with followers and topics."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self._replies = rng, REPLIES.split("|")
        sounds = [part.split(" ") for part in (ONSETS, NUCLEI, CODAS)]
        syllables = np.array(["".join(syllable) for syllable in product(*sounds)], object)
        weights = (np.indices([len(part) for part in sounds]) + 1).prod(0).ravel() ** -0.8
        parts = syllables[rng.choice(len(syllables), (4, 3 * WORDS), p=weights / weights.sum())]
        parts[np.arange(4)[:, None] > rng.choice(4, 3 * WORDS, p=[0.08, 0.40, 0.37, 0.15])] = ""
        words = list(dict.fromkeys(parts.sum(0).tolist()))[:WORDS]
        order = np.argsort([len(word) for word in words] + rng.normal(0, 1.5, WORDS))  # short words are said often
        self._words = np.array(words, object)[order]
        self._weights: NDArray[np.float64] = np.cumsum((np.arange(1, WORDS + 1) + MANDELBROT_Q) ** -ZIPF_S)
        self._followers = self._any(WORDS * FOLLOWERS).reshape(WORDS, FOLLOWERS)
        self._topics = rng.integers(50, WORDS // 4, (TOPICS, TOPIC_WORDS))

    def _any(self, count: int) -> Ints:
        return np.searchsorted(self._weights, self._rng.random(count) * float(self._weights[-1]))

    def texts(self, topics: Ints) -> list[str]:
        """One message for each of *topics*."""
        rng, count = self._rng, len(topics)
        lengths = np.clip(rng.lognormal(np.log(LENGTH_MEDIAN), LENGTH_SIGMA, count), 1, LENGTH_MAX).astype(np.int64)
        ends = np.cumsum(lengths)
        chains = 1024  # words drawn at once; what follows a word lies in the same row
        topic = np.resize(np.repeat(topics, lengths), (chains, -(-int(ends[-1]) // chains)))
        words, last = np.empty_like(topic), self._any(chains)
        for step in range(topic.shape[1]):
            follower = self._followers[last, np.minimum(rng.geometric(0.6, chains), FOLLOWERS) - 1]
            topical = self._topics[topic[:, step], (rng.random(chains) ** 3 * TOPIC_WORDS).astype(np.int64)]
            dice = rng.random(chains)
            last = np.where(dice < HABIT, follower, np.where(dice < HABIT + TOPICAL, topical, self._any(chains)))
            words[:, step] = last
        pieces = np.empty((ends[-1], 2), object)  # a word and what follows it
        pieces[:, 0] = self._words[words.ravel()[: len(pieces)]]
        pieces[:, 1] = GAPS[rng.integers(0, len(GAPS), len(pieces))]
        pieces[ends - 1, 1] = ENDINGS[rng.integers(0, len(ENDINGS), count)]
        flat = pieces.ravel().tolist()
        texts = ["".join(flat[2 * (end - length) : 2 * end]) for end, length in _rows(ends, lengths)]
        for i, chance in enumerate(rng.random(count).tolist()):
            if chance < REPLIED:
                texts[i] = self._replies[min(int(rng.geometric(0.15)), len(self._replies)) - 1]
            elif chance < REPLIED + LINKED:
                texts[i] += f" https://example.org/{urlsafe_b64encode(rng.bytes(9)).decode()}"
            elif chance > 1 - CAPITALISED:
                texts[i] = texts[i].capitalize()
        return texts
