"""Commands on stores: the words that scripts rely on, exit codes, JSON, and that nothing secret or hostile gets out."""

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

import chatseal
from chatseal.cli.app import chatseal as app
from cli.command import COMMAND, PATIENCE, Ran, environment, flip, started
from snapshots.scene import add_messages, database, noise, rows_of

EVIL = "evil\x1b[31m\nname\u202e.txt"
SHOWN = r"evil\x1b[31m\nname\u202e.txt"
NOT_UTF8 = os.fsdecode(b"caf\xe9.txt")
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Scene:
    """A folder with keys, sources and a store that has two snapshots; tests that change a store take a copy of it."""

    folder: Path
    env: dict[str, str]
    secrets: tuple[str, ...]
    init: Ran
    first: Ran
    second: Ran

    def ids(self) -> tuple[str, str]:
        return json.loads(self.first.out)["snapshot"], json.loads(self.second.out)["snapshot"]


def places(folder: Path) -> dict[str, str]:
    return {
        "CHATSEAL_STATE_DIR": str(folder / "state"),
        "CHATSEAL_CACHE_DIR": str(folder / "cache"),
        "CHATSEAL_CONFIG": str(folder / "none"),
    }


def make_sources(folder: Path) -> None:
    media = folder / "media"
    media.mkdir()
    (media / "photo.jpg").write_bytes(noise(150_000))
    (media / "notes.txt").write_text("nobody is to know this\n")
    (media / EVIL).write_text("named by an enemy")
    (media / NOT_UTF8).write_text("named long ago")
    (media / "link").symlink_to("\x1b]0;title\x07")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("scene")
    keys = [chatseal.BackupKey.generate() for _ in range(3)]
    for name, key in zip(["my.key", "spare.key", "other.key"], keys, strict=True):
        key.write(folder / name)
    pair = chatseal.PrivateKey.generate()
    pair.write(folder / "pair.key")
    pair.public_key.write(folder / "pair.key.pub")
    make_sources(folder)
    env = environment(**places(folder))

    def run(*words: str) -> Ran:
        return started(*words, env=env, cwd=folder)

    with database(folder / "chat.db", 60) as connection:
        init = run("init", "store", "--key-file", "my.key", "--key-file", "spare.key", "--json")
        first = run("backup", "chat.db", "media", "--store", "store", "--key-file", "my.key", "--tag", "one", "--tag", "both", "--json")
        add_messages(connection, 5, seed=99)
        second = run("backup", "chat.db", "media", "--store", "store", "--key-file", "my.key", "--tag", "both", "--json")
        secrets = [key.digits for key in keys] + [key.digits.replace(" ", "") for key in keys] + [PASSWORD]
        secrets += [line.split()[-1] for line in (folder / "pair.key").read_text().splitlines() if not line.startswith("#")]
        yield Scene(folder, env, tuple(secrets), init, first, second)


class Call(Protocol):
    """The fixture `call`."""

    def __call__(self, *words: str | Path, store: str | Path = "store", key: str = "my.key") -> Ran: ...


@pytest.fixture
def call(scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run the command in this process, in the scene's folder, on its store; nothing secret may come out."""
    monkeypatch.chdir(scene.folder)
    for name in ("CHATSEAL_KEY_FILE", "CHATSEAL_STORE", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in places(scene.folder).items():
        monkeypatch.setenv(name, value)

    def call(*words: str | Path, store: str | Path = "store", key: str = "my.key") -> Ran:
        line = [str(word) for word in words]
        line += ["--store", str(store)] if store else []
        line += ["--key-file", key] if key else []
        with pytest.raises(SystemExit) as ended:
            app.main(line, prog_name="chatseal")
        out, err = capsys.readouterr()
        assert not [secret for secret in scene.secrets if secret in out + err]
        assert isinstance(ended.value.code, int)
        return Ran(ended.value.code, out.encode("utf-8", "surrogateescape"), err)

    return call


@pytest.fixture
def copy(scene: Scene, tmp_path: Path) -> Path:
    """A copy of the store, to be changed."""
    return Path(shutil.copytree(scene.folder / "store", tmp_path / "store"))


@pytest.fixture
def no_copies(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine has no copies of the store's objects."""
    monkeypatch.setenv("CHATSEAL_CACHE_DIR", str(tmp_path / "cache"))


def lines(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.out.splitlines()]


# --- what scripts rely on ---------------------------------------------------------------------------------------------


def test_the_words_of_scripts(scene: Scene, tmp_path: Path) -> None:
    assert (scene.init.code, scene.first.code, scene.second.code) == (0, 0, 0)
    assert scene.init.err + scene.first.err + scene.second.err == ""
    last = json.loads(scene.second.out.splitlines()[-1])
    assert {"snapshot", "bytes_read", "bytes_added", "seconds"} <= last.keys()
    options = ["--store", "store", "--key-file", "my.key"]

    def run(*words: str | Path) -> Ran:
        ran = started(*words, *options, env=scene.env, cwd=scene.folder)
        assert (ran.code, ran.err) == (0, "")
        return ran

    assert len(run("snapshots").out.splitlines()) == 3
    assert b"everything is whole" in run("check").out
    run("restore", "latest", "--to", tmp_path / "latest")
    run("restore", scene.ids()[0], "--to", tmp_path / "first")
    assert len(rows_of(tmp_path / "latest" / "chat.db")) == 65
    assert len(rows_of(tmp_path / "first" / "chat.db")) == 60
    assert (tmp_path / "first" / "media" / EVIL).read_text() == "named by an enemy"


def test_json_has_the_members_that_the_page_of_commands_promises(scene: Scene, call: Call, tmp_path: Path) -> None:
    (init,), (first,), (second,) = map(lines, (scene.init, scene.first, scene.second))
    assert init.keys() == {"store", "id", "generation", "puts_absent"}
    assert (init["store"], init["generation"], init["puts_absent"]) == (str(scene.folder / "store"), 1, True)
    sizes = {"entries", "bytes", "bytes_read", "bytes_added", "packs", "skipped", "held_seconds", "bytes_per_second", "seconds"}
    assert first.keys() == second.keys() == {"snapshot", "parent", *sizes}
    assert (first["parent"], second["parent"], first["skipped"]) == (None, first["snapshot"], 0)
    assert first["bytes"] == first["bytes_read"] > second["bytes_read"] > 0
    assert first["bytes_added"] > 150_000 > 30_000 > second["bytes_added"] > 0
    listed = lines(call("snapshots", "--json"))
    assert [line["snapshot"] for line in listed] == list(scene.ids())
    assert listed[0].keys() == {
        *("snapshot", "time", "host", "user", "sources", "tags", "entries", "bytes", "bytes_added", "skipped", "seconds")
    }
    assert listed[0]["host"] == socket.gethostname()
    assert listed[0]["sources"] == [str(scene.folder / "chat.db"), str(scene.folder / "media")]
    assert (listed[0]["tags"], listed[1]["tags"]) == (["one", "both"], ["both"])
    names = {line["path"]: line for line in lines(call("ls", "--json"))}
    assert set(names) == {"chat.db", "media", *(f"media/{name}" for name in (EVIL, NOT_UTF8, "link", "notes.txt", "photo.jpg"))}
    assert names["chat.db"].keys() == {"path", "type", "size", "mode", "uid", "gid", "mtime_ns"}
    assert (names["chat.db"]["type"], names["media/photo.jpg"]["size"]) == ("database", 150_000)
    assert names["media/link"]["target"] == "\x1b]0;title\x07"
    (restored,) = lines(call("restore", "latest", "media", "--to", tmp_path, "--json"))
    assert restored.keys() == {"snapshot", "entries", "bytes", "bytes_written", "failed", "bytes_per_second", "seconds"}
    assert (restored["snapshot"], restored["entries"], restored["failed"]) == (scene.ids()[1], 6, 0)
    (checked,) = lines(call("check", "--read-data", "--json"))
    assert checked.keys() == {
        *("snapshots", "packs", "packs_read", "bytes_read", "store_bytes", "unreferred", "broken", "hurt", "omitted", "head", "seconds")
    }
    assert (checked["snapshots"], checked["broken"], checked["hurt"]) == (2, [], [])
    assert checked["packs_read"] == checked["packs"] >= 2


def test_what_differs_is_told_down_to_rows(scene: Scene, call: Call) -> None:
    first, second = scene.ids()
    (found,) = lines(call("diff", first, second, "--rows", "--json"))
    assert found.keys() == {"path", "change", "type", "size_before", "size_after", "bytes_changed", "tables"}
    assert (found["path"], found["change"]) == ("chat.db", "changed")
    assert found["tables"] == [{"name": "messages", "added": 5, "removed": 0, "changed": 0, "redefined": False}]
    assert b"table messages: 5 removed" in call("diff", second, first, "--rows").out
    assert call("diff", second).out == b""


def test_a_part_of_a_file_comes_straight_from_the_store(scene: Scene, call: Call, tmp_path: Path) -> None:
    for snapshot in ([], ["--snapshot", scene.ids()[0]]):
        assert call("cat", "media/photo.jpg", "--range", "70000:-5", "-o", tmp_path / "part", "--force", *snapshot).code == 0
        assert (tmp_path / "part").read_bytes() == noise(150_000)[70_000:-5]
    piped = started("cat", "chat.db", "--range", ":15", "--store", "store", "--key-file", "my.key", env=scene.env, cwd=scene.folder)
    assert piped == Ran(0, b"SQLite format 3", "")


def test_every_object_can_be_looked_into_without_its_keys(scene: Scene, call: Call) -> None:
    store = scene.folder / "store"
    names = [str(path.relative_to(store)) for path in store.rglob("*") if path.is_file()]
    for name in names:
        (found,) = lines(call("inspect", name, "--json"))
        assert (found["object"], found["bytes"]) == (name, (store / name).stat().st_size)
        assert "object" in call("inspect", name).out.decode()
    assert {name.partition("/")[0] for name in names} == {"config", "maps", "packs", "snapshots"}


def test_a_store_can_be_named_by_the_environment_and_every_key_opens_it_alone(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATSEAL_STORE", "store")
    monkeypatch.setenv("CHATSEAL_KEY_FILE", "spare.key")
    assert call("ls", store="", key="").code == 0
    assert call("ls", key="other.key").code == 12


def test_quiet_silences_results_but_not_what_was_asked_for(call: Call, tmp_path: Path) -> None:
    for words in (["restore", "latest", "media/notes.txt", "-o", tmp_path / "x"], ["check"]):
        assert call(*words, "--quiet") == Ran(0, b"", "")
    assert call("ls", "--quiet").out
    assert call("snapshots", "--quiet").out


def test_standard_input_comes_back_through_standard_output(scene: Scene, copy: Path) -> None:
    options: list[str | Path] = ["--store", copy, "--key-file", "my.key"]
    data = noise(200_000, 5)
    ran = started("backup", "-", "--name", "dump", *options, env=scene.env, cwd=scene.folder, input=data)
    assert (ran.code, ran.err) == (0, "")
    back = started("restore", "latest", "dump", "-o", "-", *options, "--json", env=scene.env, cwd=scene.folder)
    assert (back.code, back.out) == (0, data)
    assert json.loads(back.err).keys() == {"snapshot", "bytes", "bytes_written"}


def test_a_list_of_snapshots_loads_nothing_that_reads_their_pages(scene: Scene) -> None:
    program = "import sys; from chatseal.cli import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    words = [sys.executable, "-c", program, "snapshots", "--store", "store", "--key-file", "my.key", "--json"]
    ended = subprocess.run(words, env=scene.env, cwd=scene.folder, capture_output=True, timeout=PATIENCE, text=True, check=True)
    assert len(ended.stdout.splitlines()) == 2
    loaded = set(ended.stderr.split())
    assert "chatseal.snapshots.catalogue" in loaded
    assert not loaded & {"numpy", "sqlite3", "chatseal._pages", "chatseal.snapshots.backup", "chatseal.snapshots.restore"}


# --- snapshots, their tags and times ----------------------------------------------------------------------------------


def test_tags_and_hosts_choose(scene: Scene, call: Call) -> None:
    def found(*words: str) -> list[str]:
        return [line["snapshot"] for line in lines(call("snapshots", "--json", *words))]

    first, second = scene.ids()
    assert found("--tag", "both") == [first, second]
    assert found("--tag", "both", "--tag", "one") == [first]
    assert found("--tag", "none") == found("--host", "elsewhere") == []
    assert call("snapshots", "--tag", "none").out == b"there is no snapshot\n"
    assert found("--host", socket.gethostname()) == [first, second]


def test_a_time_chooses_the_latest_that_is_not_younger(scene: Scene, call: Call, tmp_path: Path) -> None:
    first, second = (line["time"] for line in lines(call("snapshots", "--json")))
    for number, (moment, rows) in enumerate([(first, 60), (second, 65), (second[:10], 65), ("0m", 65)]):
        target = tmp_path / f"{number}.db"
        assert call("restore", "latest", "chat.db", "-o", target, "--at", moment).code == 0
        assert len(rows_of(target)) == rows
    assert len(lines(call("ls", "latest", "--at", first, "--json"))) == 7
    call("ls", "--at", "1w").remedied(10, "there is no snapshot of that time or before")
    call("ls", scene.ids()[1], "--at", first).remedied(10, "there is no snapshot")


def test_the_first_digits_name_a_snapshot(scene: Scene, call: Call) -> None:
    first, _ = scene.ids()
    assert call("ls", first[:8]) == call("ls", first)
    assert call("ls", first[:8].upper()).code == 0
    call("ls", "f" * 8).remedied(10, "there is no snapshot ffffffff", "`chatseal snapshots` lists them.")


# --- what goes wrong --------------------------------------------------------------------------------------------------

FAILURES: dict[str, tuple[list[str], int, str]] = {
    "no store": (["snapshots", "--store", "nowhere"], 10, "there is no store at"),
    "no name": (["restore", "latest", "media/none", "--to", "out"], 10, "the snapshot has no media/none"),
    "wrong key": (["check", "--key-file", "other.key"], 12, "wrong key: it does not open the store at"),
    "no key file": (["check", "--key-file", "none.key"], 10, "none.key does not exist"),
    "store exists": (["init", "store"], 1, "there is a store at"),
    "no store but files": (["init", "media"], 1, "is not empty, and what is there is no store"),
    "private key": (["init", "new", "--key-file", "pair.key"], 2, "a store is for backup keys and passwords"),
    "public key": (["init", "new", "--key-file", "pair.key.pub"], 2, "holds a public key"),
    "public key as in seal": (["init", "new", "--to", "pair.key.pub"], 2, "No such option"),
    "address": (["ls", "--store", f"ftp://me:{PASSWORD}@host/x"], 2, "an address of no kind that is known"),
    "no source": (["backup", "nothing"], 1, "nothing could be read, so there is no snapshot"),
    "no source named": (["backup"], 2, "nothing to back up is named"),
    "two streams": (["backup", "-", "--stdin-from-command", "x"], 2, "exclude each other"),
    "name with a folder": (["backup", "-", "--name", "a/b"], 2, "one name, not a path"),
    "open quotation": (["backup", "--stdin-from-command", f"mail '{PASSWORD}"], 2, "quotation mark"),
    "no command": (["backup", "--stdin-from-command", " "], 2, "has no words"),
    "command fails": (["backup", "--stdin-from-command", f"sh -c 'exit 7' {shlex.quote(PASSWORD)}"], 1, "sh ended with exit code 7"),
    "command is missing": (["backup", "--stdin-from-command", "no-such-command"], 1, "no-such-command does not start"),
    "no pattern": (["backup", "media", "--exclude", "/"], 2, "is no pattern that can match anything"),
    "no file of patterns": (["backup", "media", "--exclude-from", "none"], 10, "none does not exist"),
    "no target": (["restore", "latest"], 2, "say where to"),
    "two targets": (["restore", "latest", "chat.db", "--to", "x", "-o", "y"], 2, "say where to"),
    "one target for two": (["restore", "latest", "chat.db", "media", "-o", "x"], 2, "exactly one NAME"),
    "file of a folder": (["restore", "latest", "media", "-o", "x"], 10, "media is a folder in the snapshot"),
    "cat of no name": (["cat", "media/none"], 10, "the snapshot has no media/none"),
    "snapshot without a store": (["cat", "x", "--snapshot", "latest"], 2, "--snapshot is for --store"),
    "diff with no snapshot": (["diff", "ffffffff"], 10, "there is no snapshot ffffffff"),
    "no object": (["inspect", "packs/1-00000000000000000000000000000000"], 10, "no packs/1-0000"),
    "no name of an object": (["inspect", "../my.key"], 10, "no object of a store is called ../my.key"),
    "target exists": (["restore", "latest", "chat.db", "-o", "my.key"], 1, "my.key exists"),
    "two ways to write": (["restore", "latest", "--to", "x", "--force", "--in-place"], 2, "choose one"),
    "no time": (["ls", "--at", "soon"], 2, "is no time"),
    "no share": (["check", "--read-data-subset", "0%"], 2, "is no share"),
}


@pytest.mark.parametrize(("words", "code", "part"), FAILURES.values(), ids=FAILURES)
def test_a_failure_is_one_line_a_remedy_and_a_code(call: Call, words: list[str], code: int, part: str) -> None:
    store = "" if "--store" in words or words[0] == "init" or "is for --store" in part else "store"
    key = "" if "--key-file" in words else "my.key"
    before = {path.name for path in Path.cwd().iterdir()}
    call(*words, store=store, key=key).remedied(code, part)
    ran = call(*words, "--json", "--debug", store=store, key=key)
    failure = json.loads(ran.err.splitlines()[-1])
    assert (ran.code, ran.out, failure["exit_code"]) == (code, b"", code)
    assert part in failure["message"]
    assert {path.name for path in Path.cwd().iterdir()} == before


def test_what_cannot_be_read_is_left_out_and_said(call: Call, copy: Path, tmp_path: Path) -> None:
    ran = call("backup", "media", tmp_path / EVIL, "--stdin-from-command", "false", store=copy)
    assert ran.code == 3
    assert ran.out.startswith(b"snapshot ")
    missing, failed = ran.err.splitlines()
    assert missing == f"chatseal: warning: left out {tmp_path}/{SHOWN}: there is no such file"
    assert failed == "chatseal: warning: left out stdin: false ended with exit code 1: what it wrote is not kept"
    ran = call("backup", "media", tmp_path / EVIL, "--json", store=copy)
    assert (ran.code, lines(ran)[-1]["skipped"]) == (3, 1)
    assert json.loads(ran.err).keys() == {"warning"}


def test_a_socket_in_a_folder_is_no_failure(scene: Scene, call: Call, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "text").touch()
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        monkeypatch.chdir(tmp_path / "run")
        listening.bind("here")  # a socket's path must be short
        monkeypatch.chdir(scene.folder)
        ran = call("backup", tmp_path / "run", store=copy)
    assert (ran.code, ran.err) == (0, f"chatseal: warning: left out {tmp_path}/run/here: a socket\n")


def test_patterns_leave_out_and_choose(scene: Scene, call: Call, copy: Path, tmp_path: Path) -> None:
    (tmp_path / "patterns").write_text("# never\n*.jpg\n")
    assert call("backup", "media", "--exclude-from", tmp_path / "patterns", "--exclude", "evil*", store=copy).code == 0
    names = {line["path"] for line in lines(call("ls", "--json", store=copy))}
    assert names == {"media", "media/link", "media/notes.txt", f"media/{NOT_UTF8}"}
    assert call("backup", "media", "--include", "*.jpg", store=copy).code == 0
    assert {line["path"] for line in lines(call("ls", "--json", store=copy))} == {"media", "media/photo.jpg"}


def test_files_that_are_there_are_kept_replaced_or_written_into(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert call("restore", "latest", "--to", out).code == 0
    database, photo = out / "chat.db", out / "media" / "photo.jpg"
    changed = flip(photo.read_bytes(), 70_000)
    photo.write_bytes(changed)
    kept = call("restore", "latest", "--to", out)
    assert kept.code == 3
    assert "not restored: media/photo.jpg: " in kept.err
    assert SHOWN in kept.err
    assert photo.read_bytes() == changed
    (written,) = lines(call("restore", "latest", "media/photo.jpg", "--to", out, "--in-place", "--json"))
    assert (written["bytes"], written["bytes_written"]) == (150_000, 65_536)
    assert photo.read_bytes() == noise(150_000)
    database.write_bytes(b"")
    assert call("restore", "latest", "--to", out, "--force").code == 0
    assert len(rows_of(database)) == 65
    call("restore", "latest", "chat.db", "-o", database).remedied(1, "chat.db exists")
    assert call("restore", "latest", "chat.db", "-o", database, "--force").code == 0


def test_a_full_disk_has_its_own_code_and_leaves_a_whole_store(scene: Scene, call: Call, copy: Path, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(noise(400_000, 9))
    line = shlex.join([*COMMAND, "backup", str(tmp_path / "large"), "--store", str(copy), "--key-file", "my.key"])
    script, env = f"ulimit -f 200; exec {line}", {**scene.env, "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(["sh", "-c", script], env=env, cwd=scene.folder, capture_output=True, timeout=PATIENCE, check=False)
    Ran(ended.returncode, ended.stdout, ended.stderr.decode()).remedied(15, "no space left")
    assert len(lines(call("snapshots", "--json", store=copy))) == 2
    assert call("check", "--read-data", store=copy).code == 0
    assert call("backup", tmp_path / "large", store=copy).code == 0


# --- what the store's keeper may do -----------------------------------------------------------------------------------


def largest(folder: Path) -> Path:
    return max(folder.iterdir(), key=lambda path: path.stat().st_size)


def test_a_damaged_pack_costs_what_is_in_it(call: Call, copy: Path, tmp_path: Path) -> None:
    pack = largest(copy / "packs")
    pack.write_bytes(flip(pack.read_bytes(), 40_000))
    assert call("check", store=copy).code == 0  # which reads no packs
    found = call("check", "--read-data", store=copy)
    assert found.code == 13
    assert found.err.count(pack.name) == 1
    assert "these snapshots need it" in found.err
    (record,) = lines(call("check", "--read-data", "--json", store=copy))
    assert record["broken"] == [f"packs/{pack.name}"]
    assert len(record["hurt"]) == 2
    restored = call("restore", "latest", "--to", tmp_path / "out", store=copy)
    assert restored.code == 3
    assert "not restored: media/photo.jpg" in restored.err
    target = tmp_path / "x"
    call("restore", "latest", "media/photo.jpg", "-o", target, store=copy).remedied(13, pack.name, "`chatseal check --read-data`")
    assert not target.exists()


def test_a_missing_pack_is_found_without_reading(call: Call, copy: Path, tmp_path: Path) -> None:
    pack = largest(copy / "packs")
    pack.unlink()
    ran = call("check", store=copy)
    assert ran.code == 13
    assert f"packs/{pack.name}: it is missing" in ran.err
    call("restore", "latest", "media/photo.jpg", "-o", tmp_path / "x", store=copy).remedied(10, pack.name, "`chatseal check`")


@pytest.mark.parametrize("change", ["flipped", "missing"])
def test_a_map_that_only_this_machine_has_is_found(call: Call, copy: Path, change: str) -> None:
    assert call("check", store=copy).code == 0  # copies of all maps are here
    for path in (copy / "maps").iterdir():
        path.write_bytes(flip(path.read_bytes(), 4200)) if change == "flipped" else path.unlink()
    assert call("ls", store=copy).code == 0
    assert call("check", store=copy).code == 13


@pytest.mark.usefixtures("no_copies")
@pytest.mark.parametrize(("change", "code"), [("flipped", 13), ("missing", 10)])
def test_a_map_that_nobody_has_fails(call: Call, copy: Path, change: str, code: int) -> None:
    for path in (copy / "maps").iterdir():
        path.write_bytes(flip(path.read_bytes(), 4200)) if change == "flipped" else path.unlink()
    call("ls", store=copy).remedied(code, "maps/", "`chatseal check")


@pytest.mark.usefixtures("no_copies")
def test_a_damaged_snapshot_is_passed_over_with_a_warning(scene: Scene, call: Call, copy: Path) -> None:
    first, second = scene.ids()
    path = copy / "snapshots" / f"1-{second}"
    path.write_bytes(path.read_bytes()[:-1])
    ran = call("snapshots", "--json", store=copy)
    assert (ran.code, [line["snapshot"] for line in lines(ran)]) == (3, [first])
    assert second in json.loads(ran.err)["warning"]
    latest = call("ls", store=copy)
    assert latest.code == 0
    assert f"passed over: {second}" in latest.err
    assert call("check", store=copy).code == 13


@pytest.mark.parametrize(("change", "code"), [("flipped", 13), ("cut", 14), ("missing", 10)])
def test_without_its_config_a_store_is_closed(call: Call, copy: Path, change: str, code: int) -> None:
    path = copy / "config"
    data = path.read_bytes()
    if change == "missing":
        path.unlink()
    else:
        path.write_bytes(flip(data, 4200) if change == "flipped" else data[:-1])
    call("ls", store=copy).remedied(code, "config" if change != "missing" else "there is no store")


def test_nothing_is_backed_up_to_another_store_at_the_address(scene: Scene, call: Call, tmp_path: Path) -> None:
    stores = tmp_path / "store", tmp_path / "other"
    for store in stores:
        assert call("init", store, store="").code == 0
    shutil.rmtree(stores[0])
    stores[1].rename(stores[0])
    call("backup", "media", store=stores[0]).remedied(13, "another store lies there", "do not back up to it")
    ran = call("snapshots", store=stores[0])
    assert (ran.code, ran.out) == (0, b"there is no snapshot\n")
    assert "warning: " in ran.err
    assert not list((stores[0]).glob("*/*"))


def test_an_older_state_of_a_store_is_noticed_by_who_has_seen_it_and_by_a_head(
    scene: Scene, call: Call, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = scene.ids()
    assert len(lines(call("snapshots", "--json", store=copy))) == 2
    head = lines(call("check", "--json", store=copy))[-1]["head"]
    assert head == f"{second[:16]}.1"
    (copy / "snapshots" / f"1-{second}").unlink()  # as the store's keeper can
    ran = call("snapshots", "--json", store=copy)
    assert (ran.code, [line["snapshot"] for line in lines(ran)]) == (0, [first])
    assert f"1 snapshot that was there is gone, and nobody has forgotten it: {second[:8]}" in ran.err
    checked = call("check", "--json", store=copy)
    assert (checked.code, lines(checked)[-1]["omitted"]) == (13, [f"snapshots/1-{second}"])
    assert "what is there is whole; gone without having been forgotten: 1" in call("check", store=copy).out.decode()
    monkeypatch.setenv("CHATSEAL_STATE_DIR", str(tmp_path / "another machine"))
    call("check", "--head", head, store=copy).remedied(13, "older than the head", second[:16])
    call("snapshots", "--head", head, store=copy).remedied(13, "older than the head")
    call("check", "--head", "4f1c", store=copy).failed(2, "a head is 16 hexadecimal digits")


def test_what_is_lost_is_noted_and_then_told_no_more(scene: Scene, call: Call, copy: Path) -> None:
    _, second = scene.ids()
    assert call("snapshots", store=copy).err == ""
    (copy / "snapshots" / f"1-{second}").unlink()
    assert call("forget", "--gone", "--dry-run", store=copy).out == b"would take note that 1 snapshot went\n"
    assert call("check", store=copy).code == 13
    record = lines(call("forget", "--gone", "--json", store=copy))[-1]
    assert record == {"forgotten": [second], "gone": True, "dry_run": False}
    checked = call("check", store=copy)
    assert (checked.code, checked.err) == (0, "")
    call("forget", "--gone", "--keep-last", "1", store=copy).failed(2, "nothing else goes with it")


def test_an_older_state_of_a_store_is_not_noticed_by_a_new_machine_without_a_head(scene: Scene, call: Call, copy: Path) -> None:
    _, second = scene.ids()
    (copy / "snapshots" / f"1-{second}").unlink()
    ran = call("check", "--read-data", store=copy)
    assert (ran.code, ran.err) == (0, "")


def test_stats_tell_what_is_stored_what_a_policy_would_free_and_draw_it(scene: Scene, call: Call, tmp_path: Path) -> None:
    picture = tmp_path / "growth.svg"
    (record,) = lines(call("stats", "--keep-last", "1", "--plot", picture, "--json"))
    assert (record["snapshots"], len(record["sources"]), record["growth"]) == (2, 1, [])
    there = [path for path in (scene.folder / "store").rglob("*") if path.is_file() and ".parts" not in path.parts]
    assert record["bytes_stored"] == sum(record["objects"].values()) == sum(len(path.read_bytes()) for path in there)
    assert (record["retention"]["forgotten"], record["retention"]["left"], record["plot"]) == (1, 1, str(picture))
    assert 0 < record["retention"]["bytes_freed"] < record["bytes_stored"]
    assert picture.read_text().startswith("<svg")
    text = call("stats").out.decode()
    assert [line.split()[0] for line in text.splitlines() if line[0] != " "][:4] == ["stored", "content", "read", "source"]
    assert "growth     not told: that takes three times 30 days" in text
    assert "retention" not in text
    call("stats", "--plot", tmp_path / "growth.png").failed(2, ".svg")
    env = {**scene.env, "PYTHONIOENCODING": "ascii"}
    assert "#" * 32 in started("stats", "--store", "store", "--key-file", "my.key", env=env, cwd=scene.folder).out.decode("ascii")


# --- what comes out ---------------------------------------------------------------------------------------------------


def test_hostile_names_are_shown_with_escapes(scene: Scene, call: Call, copy: Path, tmp_path: Path) -> None:
    source = tmp_path / EVIL
    source.write_text("x")
    assert call("backup", source, "--tag", "\x1b[2J", store=copy).code == 0
    listed, names = call("snapshots", store=copy).out.decode(), call("ls", scene.ids()[0]).out.decode()
    assert f"{tmp_path}/{SHOWN} #\\x1b[2J" in listed
    assert f"media/{SHOWN}\n" in names
    assert r"media/caf\xe9.txt" in names
    assert r"media/link -> \x1b]0;title\x07" in names
    assert all(line.isprintable() for line in (listed + names).splitlines())


def test_no_object_tells_a_name_a_tag_or_content(scene: Scene) -> None:
    found = [b"nobody is to know", b"photo.jpg", b"media", b"both", os.fsencode(scene.folder), socket.gethostname().encode() * 2]
    for path in (scene.folder / "store").rglob("*"):
        assert not [text for text in found if text in os.fsencode(path.relative_to(scene.folder))]
        if path.is_file():
            assert not [text for text in found if text in path.read_bytes()]
            assert path.stat().st_mode & 0o777 == 0o600
    for name in ("state", "cache"):
        for path in (scene.folder / name).rglob("*"):
            assert path.stat().st_mode & 0o077 == 0
