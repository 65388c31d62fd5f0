"""`chatseal key sheet`: the page as a file or through a pipe, and what it refuses."""

import json
import os
import pty
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

import chatseal
from chatseal import BackupKey
from cli.command import PATIENCE, Ran, Run, environment, started
from keys.paper import numbered, printed, scanned, texts


def assert_silent_about(key: Path, ran: Ran) -> None:
    """No group of the key but by chance: two in a row are never there."""
    groups = BackupKey.from_file(key).digits.split()
    said = (ran.out.decode("utf-8", "replace") + ran.err).lower()
    assert not [one for one, next in pairwise(groups) if f"{one} {next}" in said or one + next in said]


@pytest.mark.parametrize("format", ["pdf", "svg", "html"])
def test_the_sheet_restores_what_was_sealed(run: Run, my: Path, sealed: Path, plain: bytes, format: str) -> None:
    ran = run(
        "key", "sheet", "--key-file", my, "-o", f"sheet.{format}", "--name", "Anna's phone", "--store", "/mnt/usb", "--paper", "letter"
    )
    assert ran.code == 0, ran.err
    assert ran.err == ""
    assert ran.out.decode().startswith(f"wrote a recovery sheet to sheet.{format}; print it")
    assert_silent_about(my, ran)
    sheet = Path(f"sheet.{format}").read_bytes()
    assert os.stat(f"sheet.{format}").st_mode & 0o777 == 0o600
    Path("scanned.key").write_text(scanned(printed(sheet, format)) + "\n")
    Path("scanned.key").chmod(0o600)
    assert run("unseal", sealed, "-o", "-", "--key-file", "scanned.key").out == plain
    Path("typed.key").write_text(" ".join(group for _, group in numbered(texts(sheet, format))))
    Path("typed.key").chmod(0o600)
    assert run("unseal", sealed, "-o", "-", "--key-file", "typed.key").out == plain
    rescued = [sys.executable, "-m", "chatseal.rescue", str(sealed), "--key-file", "scanned.key"]
    assert subprocess.run(rescued, env=environment(), capture_output=True, check=True, timeout=PATIENCE).stdout == plain


def test_through_a_pipe_it_is_a_pdf_and_results_go_elsewhere(run: Run, my: Path) -> None:
    ran = run("key", "sheet", "--key-file", my, "-o", "-", "--json")
    assert ran.out.startswith(b"%PDF-")
    assert list(numbered(texts(ran.out, "pdf"))) == list(enumerate(BackupKey.from_file(my).digits.split(), 1))
    assert json.loads(ran.err) == {"sheet": "-", "format": "pdf"}
    assert not os.listdir()


def test_a_sheet_is_not_written_to_a_terminal(here: Path, my: Path) -> None:
    person, terminal = pty.openpty()
    try:
        ran = started("key", "sheet", "--key-file", my, "-o", "-", stdout=terminal)
    finally:
        os.close(terminal)
    ran.remedied(2, "not for a terminal")
    assert "--force" not in ran.err
    os.set_blocking(person, False)
    try:
        assert os.read(person, 100) == b""
    except OSError:
        pass  # nothing was written, and nobody holds the other end
    finally:
        os.close(person)


def test_a_key_of_another_kind_is_refused_in_one_line(run: Run, keys: Path) -> None:
    run("key", "sheet", "--key-file", keys / "pair.key", "-o", "sheet.pdf").remedied(2, "a private key has too many digits")
    run("key", "sheet", "--key-file", keys / "pair.key.pub", "-o", "sheet.pdf").remedied(2, "holds a public key")
    run("key", "sheet", "--key-file", "nowhere.key", "-o", "sheet.pdf").remedied(10, "nowhere.key does not exist")
    assert not os.listdir()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["-o", "sheet.png"], "sheet.png does not end in .pdf, .svg or .html"),
        (["-o", "sheet"], "does not end in"),
        (["-o", "sheet.pdf", "--store", "x" * 301], "longer than the 300 characters"),
        (["-o", "sheet.pdf", *["--vault", "x"] * 9], "room for 8"),
        (["-o", "sheet.pdf", *["--vault", "x" * 300] * 8], "do not fit on one page"),
        (["-o", "sheet.pdf", "--paper", "napkin"], "napkin"),
        ([], "-o"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else None,
)
def test_what_does_not_go_on_a_page_is_wrong_usage_and_leaves_nothing(run: Run, my: Path, words: list[str], why: str) -> None:
    ran = run("key", "sheet", "--key-file", my, *words)
    ran.remedied(2, why)
    assert "`chatseal key sheet --help` explains it." in ran.err
    assert_silent_about(my, ran)
    assert not os.listdir()


def test_a_file_that_is_there_is_kept(run: Run, my: Path) -> None:
    Path("sheet.pdf").write_text("older")
    ran = run("key", "sheet", "--key-file", my, "-o", "sheet.pdf")
    ran.remedied(1, "sheet.pdf exists; a recovery sheet is never overwritten", "Choose another name")
    assert "--force" not in ran.err
    assert Path("sheet.pdf").read_text() == "older"


def test_characters_that_a_pdf_lacks_are_warned_about(run: Run, my: Path) -> None:
    words: list[str | Path] = ["key", "sheet", "--key-file", my, "--name", "\u0410\u043d\u044f"]
    ran = run(*words, "-o", "sheet.pdf")
    assert ran.code == 0
    assert ran.err.startswith("chatseal: warning: a PDF's own fonts lack some of these characters")
    assert "???" in texts(Path("sheet.pdf").read_bytes(), "pdf")
    assert run(*words, "-o", "sheet.html").err == ""
    assert "\u0410\u043d\u044f" in texts(Path("sheet.html").read_bytes(), "html")


def test_bytes_in_a_name_that_are_no_text_do_no_harm(run: Run, my: Path) -> None:
    for format in ("pdf", "svg", "html"):
        ran = run(
            "key", "sheet", "--key-file", my, "-o", f"sheet.{format}", "--name", os.fsdecode(b"Anna \xff"), "--store", os.fsdecode(b"/\xfe")
        )
        assert ran.code == 0
        drawn = texts(Path(f"sheet.{format}").read_bytes(), format)
        assert ("Anna ?" if format == "pdf" else "Anna \ufffd") in drawn
        assert r"/\udcfe" in drawn


WITHOUT = """
import sys
library = sys.argv.pop(1)
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == library:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from chatseal.cli import main
main()
"""


@pytest.mark.parametrize("library", ["segno", "reportlab"])
def test_without_its_libraries_it_fails_with_the_remedy_and_the_rest_works(here: Path, my: Path, library: str) -> None:
    def run_without(*words: str) -> Ran:
        line = [sys.executable, "-c", WITHOUT, library, *words]
        ended = subprocess.run(line, env=environment(), capture_output=True, timeout=PATIENCE, check=False)
        return Ran(ended.returncode, ended.stdout, ended.stderr.decode())

    ran = run_without("key", "sheet", "--key-file", str(my), "-o", "sheet.pdf")
    ran.remedied(1, f"a recovery sheet needs the package {library}, which is not installed", "pip install 'chatseal[people]'")
    assert not os.listdir()
    assert run_without("key", "sheet", "--help").code == 0
    assert run_without("key", "new", "--out", "new.key").code == 0


def test_the_package_alone_loads_no_library_for_sheets(here: Path) -> None:
    program = "import sys, chatseal; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=True).stdout.split()
    assert "chatseal" in loaded
    assert not {"segno", "reportlab", "PIL"} & set(loaded)
    assert chatseal.recovery_sheet.__doc__


def test_digits_typed_from_the_sheet_with_a_mistake_are_repaired_and_restore(run: Run, my: Path, sealed: Path, plain: bytes) -> None:
    run("key", "sheet", "--key-file", my, "-o", "sheet.svg")
    groups = [group for _, group in numbered(texts(Path("sheet.svg").read_bytes(), "svg"))]
    groups[6] = groups[6][:2] + ("4" if groups[6][2] != "4" else "9") + groups[6][3]
    Path("typed.key").write_text(" ".join(groups))
    Path("typed.key").chmod(0o600)
    run("unseal", sealed, "-o", "-", "--key-file", "typed.key").failed(12)
    assert "digit 3 of group 7 is " in run("key", "repair", sealed, "--key-file", "typed.key", "--out", "right.key").out.decode()
    assert run("unseal", sealed, "-o", "-", "--key-file", "right.key").out == plain


def test_the_sheet_has_the_head_of_a_store_by_which_a_new_machine_knows_it(
    run: Run, my: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATSEAL_STATE_DIR", str(here / "state"))
    monkeypatch.setenv("CHATSEAL_CACHE_DIR", str(here / "cache"))
    (here / "text").write_text("hello")
    for words in (["init", "store"], ["backup", "text", "--store", "store"], ["backup", "text", "--store", "store"]):
        assert run(*words, "--key-file", my).code == 0
    ran = run("key", "sheet", "--key-file", my, "-o", "sheet.svg", "--store", "store", "--head")
    assert ran.code == 0, ran.err
    (line,) = [text for text in texts(Path("sheet.svg").read_bytes(), "svg") if "head" in text]
    head = line.partition("(head ")[2].rstrip(")")
    check = "check", "--store", "store", "--key-file", str(my), "--head", head
    monkeypatch.setenv("CHATSEAL_STATE_DIR", str(here / "another machine"))
    assert run(*check).code == 0
    (here / "store" / "snapshots" / next(name for name in os.listdir("store/snapshots") if head[:16] in name)).unlink()
    monkeypatch.setenv("CHATSEAL_STATE_DIR", str(here / "a third"))
    run(*check).remedied(13, "older than the head")
