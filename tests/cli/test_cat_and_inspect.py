"""`cat --range` gives exactly a slice; `inspect` shows what anybody, and what the holder of a key, can see."""

import json
import os
from pathlib import Path

import pytest

import chatseal
from chatseal import BackupKey
from cli.command import Run


@pytest.mark.parametrize(
    ("part", "bounds"),
    [
        (":100", (None, 100)),
        ("100:", (100, None)),
        (":", (None, None)),
        ("65530:65540", (65530, 65540)),
        ("64K:66kB", (65536, 66000)),
        ("-10:", (-10, None)),
        (":-199990", (None, -199990)),
        ("-1K:-1000", (-1024, -1000)),
        ("150000:1G", (150000, None)),
        ("20:10", (20, 10)),
        ("1M:2M", (1 << 20, 2 << 20)),
    ],
)
def test_a_range_is_a_slice_of_the_plaintext(
    run: Run, my: Path, sealed: Path, plain: bytes, part: str, bounds: tuple[int | None, int | None]
) -> None:
    ran = run("cat", sealed, "--range", part, "--key-file", my, "--quiet")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == plain[slice(*bounds)]


def test_without_a_range_it_is_all_of_it_also_into_a_file(run: Run, my: Path, sealed: Path, plain: bytes) -> None:
    assert run("cat", sealed, "--key-file", my).out == plain
    assert run("cat", sealed, "--key-file", my, "-o", "all").code == 0
    assert run("cat", sealed, "--key-file", my, "-o", "part", "--range", "5:70000").out == b"wrote 70.0 kB to part\n"
    assert Path("all").read_bytes() == plain
    assert Path("part").read_bytes() == plain[5:70000]
    assert os.stat("part").st_mode & 0o777 == 0o600


@pytest.mark.parametrize("part", ["100", "a:b", "1:2:3", "--5:", "1:x", "1.5.1:"])
def test_what_is_no_range_is_wrong_usage(run: Run, my: Path, sealed: Path, part: str) -> None:
    run("cat", sealed, f"--range={part}", "--key-file", my).remedied(2, "--range")


def test_a_pipe_is_sent_to_unseal(run: Run, my: Path) -> None:
    run("cat", "-", "--key-file", my).remedied(2, "unseal - -o -")


def test_inspect_without_a_key_shows_what_anybody_sees(run: Run, keys: Path, sealed: Path) -> None:
    ran = run("inspect", sealed, "--json")
    length = sealed.stat().st_size - 4096
    assert json.loads(ran.out) == {
        "source": "chat.db.seal",
        "version": "chatseal/v1",
        "kind": "sealed",
        "slots": {"key": 1},
        "vaults": [],
        "header_bytes": 4096,
        "size_line": length,
        "payload_bytes": length,
        "fits": True,
    }
    assert "opens with  1 backup key\n" in run("inspect", sealed).out.decode()
    assert run("seal", "chat.db", "-o", "two.seal", "--key-file", keys / "my.key", "--to", keys / "pair.key.pub").code == 0
    assert "opens with  1 of 1 backup key, 1 public key\n" in run("inspect", "two.seal").out.decode()


def test_inspect_with_the_key_shows_what_its_holder_sees(run: Run, my: Path, sealed: Path, plain: bytes) -> None:
    os.utime("chat.db", ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789))
    assert run("seal", "chat.db", "-o", "x.seal", "--frame-size", "64K", "--key-file", my).code == 0
    seen = json.loads(run("inspect", "x.seal", "--key-file", my, "--json").out)
    ratio = round(len(plain) / Path("x.seal").stat().st_size, 4)
    expected = {"authentic": True, "content": "file", "name": "chat.db", "mtime_ns": 1_700_000_000_123_456_789, "table_ok": True}
    assert seen.items() >= {**expected, "plain_bytes": len(plain), "frames": 4, "ratio": ratio}.items()
    text = run("inspect", "x.seal", "--key-file", my).out.decode()
    assert '"chat.db"' in text
    assert "2023-11-14 22:13:20 UTC" in text


def test_inspect_shows_a_hostile_name_with_escapes(run: Run, my: Path) -> None:
    hostile = "\x1b[2J\u202egpj.exe"
    Path(hostile).write_bytes(b"")
    chatseal.seal(hostile, "x.seal", BackupKey.from_file(my))
    shown = run("inspect", "x.seal", "--key-file", my).out.decode()
    assert r'"\x1b[2J\u202egpj.exe"' in shown
    assert shown.replace("\n", "").isprintable()
    assert json.loads(run("inspect", "x.seal", "--key-file", my, "--json").out)["name"] == hostile


def test_inspect_of_a_stream_tells_that_only_the_key_knows_whether_it_is_whole(run: Run, my: Path) -> None:
    sealed = run("seal", "-", "-o", "-", "--key-file", my, stdin=b"x").out
    Path("x.seal").write_bytes(sealed)
    assert "only the key can tell" in run("inspect", "x.seal").out.decode()
    assert json.loads(run("inspect", "x.seal", "--json", "--key-file", my).out)["content"] == "stream"
    Path("x.seal").write_bytes(sealed[: 4096 + 60])
    cut = run("inspect", "x.seal")
    cut.remedied(14, "x.seal is truncated")
    assert "which no payload has" in cut.out.decode()
    assert json.loads(run("inspect", "x.seal", "--json").out)["fits"] is False


@pytest.mark.parametrize(("change", "code", "words"), [(-1, 14, "1 are missing"), (1, 13, "1 too many")])
def test_inspect_shows_what_it_can_before_it_fails(run: Run, my: Path, sealed: Path, change: int, code: int, words: str) -> None:
    data = sealed.read_bytes()
    sealed.write_bytes(data[:change] if change < 0 else data + b"x")
    for key in ([], ["--key-file", str(my)]):
        ran = run("inspect", sealed, *key)
        ran.remedied(code, "chat.db.seal")
        assert words in ran.out.decode()
        assert "opens with" in ran.out.decode()
