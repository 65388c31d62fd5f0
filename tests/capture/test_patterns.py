"""Patterns: what they leave out and take, and those that can never match."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.sources import database, kinds_of, plant
from chatseal.capture.capture import Capture
from chatseal.capture.options import CaptureOptions
from chatseal.capture.patterns import FILE_MAX, PATTERNS_MAX, Patterns, read_patterns
from chatseal.errors import EXIT_USAGE, PatternError, exit_code

TREE = {
    "a.tmp": b"",
    "keep.tmp": b"",
    "b.jpg": b"",
    "cache/x": b"",
    "sub/cache/x": b"",
    "sub/b.jpg": b"",
    "sub/deep/c.jpg": b"",
    "sub/deep/a.tmp": b"",
}


def left(folder: Path, exclude: list[str] | None = None, include: list[str] | None = None) -> set[str]:
    found, skipped = kinds_of([folder], patterns=Patterns(exclude or [], include or []))
    assert not skipped, "what is not wanted is not skipped"
    return {path.partition("/")[2] for path in found} - {""}


ALL = {*TREE, "cache", "sub", "sub/cache", "sub/deep"}


@pytest.mark.parametrize(
    ("exclude", "gone"),
    [
        ([], set()),
        (["*.tmp"], {"a.tmp", "keep.tmp", "sub/deep/a.tmp"}),
        (["*.tmp", "!keep.tmp"], {"a.tmp", "sub/deep/a.tmp"}),
        (["/cache"], {"cache", "cache/x"}),
        (["cache/"], {"cache", "cache/x", "sub/cache", "sub/cache/x"}),
        (["cache/", "!cache/x"], {"cache", "cache/x", "sub/cache", "sub/cache/x"}),
        (["x/", "b.jpg/"], set()),
        (["sub/**/*.jpg"], {"sub/b.jpg", "sub/deep/c.jpg"}),
        (["sub/*.jpg"], {"sub/b.jpg"}),
        (["[ab].*"], {"a.tmp", "b.jpg", "sub/b.jpg", "sub/deep/a.tmp"}),
        (["**"], ALL),
        (["/*", "!/sub/"], ALL - {path for path in ALL if path.startswith("sub")}),
    ],
)
def test_what_is_excluded_is_not_there_with_all_below_it(exclude: list[str], gone: set[str], tmp_path: Path) -> None:
    assert left(plant(tmp_path / "t", TREE), exclude) == ALL - gone


@pytest.fixture(scope="module")
def git_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("git")
    try:
        subprocess.run(["git", "init", "-q", tree], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("git is not there")
    return plant(tree, TREE | {"a/b/a/b/c": b"", "a/c": b"", "b/a": b"", "c": b"", "sub/deep/er/b/b.jpg": b""} | dict.fromkeys(ODD, b""))


ODD = ["na[me", "#c", "!n", "sp ace ", "back\\slash", "a-b", "^", "]", "new\nline"]


def git_left(tree: Path, lines: list[str]) -> set[str]:
    (tree / ".git/info/exclude").write_text("\n".join(lines))
    listed = subprocess.run(["git", "ls-files", "-z", "--others", "--exclude-standard"], cwd=tree, check=True, capture_output=True)
    return {os.fsdecode(path) for path in listed.stdout.split(b"\0") if path}


def files_left(tree: Path, lines: list[str]) -> set[str]:
    return {path for path in left(tree, [*lines, "/.git"]) if (tree / path).is_file()}


@pytest.mark.parametrize(
    "lines",
    [
        ["*.jpg", "!sub/*.jpg"],
        ["deep/", "!deep/c.jpg"],
        ["**/deep/*.jpg"],
        ["sub/**/b.jpg"],
        ["sub/**", "!sub/b.jpg", "!sub/deep/"],
        [r"\#c", r"\!n", r"na\[me", r"back\\slash"],
        ["sp ace\\ "],
        ["sp ace "],
        ["/*", "!/sub", "/sub/*", "!/sub/deep"],
        ["*", "!*/", "!*.jpg"],
        ["su?/d*p/"],
        ["[^a]*.tmp", "c[!a]che"],
        ["[]^-]"],
        ["[[:alpha:]]", "![[:digit:]c]"],
        ["**b**", "a**/c", "**/", "!**"],
    ],
)
def test_exclusion_is_that_of_git(lines: list[str], git_tree: Path) -> None:
    assert files_left(git_tree, lines) == git_left(git_tree, lines)


PATTERN = st.builds(
    "".join,
    st.lists(
        st.sampled_from(["a", "b", "c", "*", "**", "**/", "/", "?", "[ab]", "[!a]", "[^b-c]", "!", "sub", ".jpg", "\\", "-"]), max_size=6
    ),
)


@given(lines=st.lists(PATTERN, max_size=4))
def test_exclusion_is_that_of_git_whatever_the_patterns(lines: list[str], git_tree: Path) -> None:
    fit = []
    for line in lines:
        if re.search(r"[^/*]\*\*", line):
            continue  # "regular asterisks", says its documentation, and git finds that out after it has cut off what is before them
        try:
            Patterns([line])
            fit.append(line)
        except PatternError:
            assert git_left(git_tree, [line]) == git_left(git_tree, []), f"{line} leaves something out"
    assert files_left(git_tree, fit) == git_left(git_tree, fit)


@pytest.mark.parametrize(
    ("include", "there"),
    [
        (["*.jpg"], {"b.jpg", "sub", "sub/b.jpg", "sub/deep", "sub/deep/c.jpg"}),
        (["/b.jpg"], {"b.jpg"}),
        (["deep/"], {"sub", "sub/deep", "sub/deep/c.jpg", "sub/deep/a.tmp"}),
        (["/sub/cache"], {"sub", "sub/cache", "sub/cache/x"}),
        (["*.jpg", "!/sub/deep/*"], {"b.jpg", "sub", "sub/b.jpg"}),
        (["nothing"], set()),
    ],
)
def test_what_is_included_is_there_alone_and_the_folders_it_is_in(include: list[str], there: set[str], tmp_path: Path) -> None:
    assert left(plant(tmp_path / "t", TREE), include=include) == there


def test_what_is_included_and_excluded_is_not_there(tmp_path: Path) -> None:
    assert left(plant(tmp_path / "t", TREE), ["deep"], ["*.jpg"]) == {"b.jpg", "sub", "sub/b.jpg"}


def test_a_source_itself_is_always_wanted(tmp_path: Path) -> None:
    plant(tmp_path, {"a.tmp": b"", "d/x": b""})
    found, _ = kinds_of([tmp_path / "a.tmp", tmp_path / "d"], patterns=Patterns(["*"], ["nothing"]))
    assert list(found) == ["a.tmp", "d"]


def test_what_belongs_to_a_database_goes_where_it_goes(tmp_path: Path) -> None:
    plant(database(tmp_path / "t" / "m.db").parent, {"m.db-wal": b"x", "m.db-shm": b"x", "m.db-journal": b"", "z-wal": b""})
    assert left(tmp_path / "t", ["*.db"]) == {"z-wal"}
    assert left(tmp_path / "t", include=["m.db"]) == {"m.db"}
    assert left(tmp_path / "t", ["*-wal"]) == {"m.db"}, "a database is never without its -wal"


def test_names_of_any_kind_are_matched(tmp_path: Path) -> None:
    names = [b"new\nline.tmp", b"latin \xe4.tmp", "😂.tmp".encode(), b"back\\slash.tmp"]
    (tmp_path / "t" / "in\nside").mkdir(parents=True)
    for name in names:
        for folder in ("t", "t/in\nside"):
            Path(os.fsdecode(os.fsencode(tmp_path / folder) + b"/" + name)).touch()
    assert left(tmp_path / "t", ["*.tmp"]) == {"in\nside"}
    assert left(tmp_path / "t", [os.fsdecode(b"latin \xe4.tmp"), "new*", "😂*", r"back\\slash.*"]) == {"in\nside"}
    assert left(tmp_path / "t", ["in\nside"]) == {os.fsdecode(name) for name in names}


def test_patterns_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "patterns").write_bytes(b"\xef\xbb\xbf*.tmp\r\n\n   \n# a comment\n!keep.tmp\n\\#c\nlatin \xe4")
    assert read_patterns(tmp_path / "patterns") == ["*.tmp", "!keep.tmp", "\\#c", "latin \udce4"]
    (tmp_path / "patterns").write_bytes(b"x\n" * (FILE_MAX // 2) + b"x")
    with pytest.raises(PatternError, match="longer than"):
        read_patterns(tmp_path / "patterns")
    with pytest.raises(FileNotFoundError):
        read_patterns(tmp_path / "not there")


@pytest.mark.parametrize("pattern", ["", " ", "#comment", "/", "!", "a\\", "a[", "[z-a]", "x" * 5000])
def test_a_pattern_that_can_never_match_is_refused(pattern: str) -> None:
    for both in ([[pattern], []], [[], ["fine", pattern]]):
        with pytest.raises(PatternError, match="pattern") as caught:
            Patterns(*both)
        assert exit_code(caught.value) == EXIT_USAGE


def test_too_many_patterns_are_refused() -> None:
    with pytest.raises(PatternError, match="more than"):
        Patterns(["x"] * (PATTERNS_MAX + 1))


def test_a_run_takes_patterns(tmp_path: Path) -> None:
    database(plant(tmp_path / "t", TREE) / "m.db")

    def never(path: str, options: CaptureOptions) -> None:
        raise AssertionError(path)

    with Capture([tmp_path / "t"], open_database=never, options=CaptureOptions(patterns=Patterns(["*.db", "sub", "*.tmp"]))) as run:  # type: ignore[arg-type]
        assert [entry.path for entry in run.entries] == ["t", "t/b.jpg", "t/cache", "t/cache/x"]
