"""History: what a store's keeper takes away, or an older state that he shows, is told by machines that have seen more, by what later
snapshots say, and by a head that somebody wrote down."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from chatseal import Store
from chatseal.errors import StoreChangedError
from chatseal.format.object_names import FORGETS
from chatseal.snapshots import history, places
from snapshots.conftest import KEY
from snapshots.scene import backed_up


@pytest.fixture
def four(store: Store, source: Path) -> Store:
    """A store with four snapshots, all of which this machine has seen."""
    for number in range(4):
        (source / "text").write_text(f"hello {number}")
        backed_up(store, source)
    return store


def path(store: Store, name: str) -> Path:
    return Path(store.url, name)


def names(store: Store) -> list[str]:
    return [snapshot.record.name for snapshot in store.snapshots()]


def new_machine() -> None:
    """This one remembers nothing."""
    shutil.rmtree(places.state_folder())


@pytest.mark.parametrize("which", [[0], [1, 2], [3], [0, 1, 2, 3]])
def test_a_snapshot_that_is_taken_away_is_told_by_the_next_command_and_all_that_follow(four: Store, source: Path, which: list[int]) -> None:
    gone = sorted(names(four)[number] for number in which)
    for name in gone:
        path(four, name).unlink()
    for _ in range(2):
        assert list(four.look_back()) == gone
        assert four.check().broken == ()
    warned = four.backup(source).warnings
    (sentence,) = (warning for warning in warned if "nobody has forgotten" in warning)
    for name in gone:
        assert name.rpartition("-")[2][:8] in sentence


def test_nothing_is_told_of_what_was_forgotten_and_pruned_on_this_machine_or_another(four: Store, source: Path) -> None:
    assert four.look_back() == ()
    here = places.state_folder()
    elsewhere = here.with_name("elsewhere")
    shutil.copytree(here, elsewhere)
    four.forget(four.snapshots()[1:3])
    four.prune(exclusive=True)
    assert four.look_back() == ()
    shutil.rmtree(here)
    shutil.copytree(elsewhere, here)
    with Store(four.url, KEY) as other:
        assert other.look_back() == ()
        backed_up(other, source)
        assert other.look_back() == ()


def test_an_older_state_of_the_whole_store_is_noticed(four: Store, source: Path, tmp_path: Path) -> None:
    shutil.copytree(four.url, tmp_path / "older")
    (source / "text").write_text("newer")
    done = backed_up(four, source)
    shutil.rmtree(four.url)
    shutil.copytree(tmp_path / "older", four.url)
    with Store(four.url, KEY) as again:
        assert [name.rpartition("-")[2] for name in again.look_back()] == [done.snapshot]


def test_a_new_machine_notices_what_is_gone_between_snapshots_and_cannot_notice_what_is_gone_at_the_end(four: Store) -> None:
    first, second, third, last = names(four)
    new_machine()
    for name in (second, last):
        path(four, name).unlink()
    assert four.look_back() == (second,), "the third says that the second was before it"
    assert first
    assert third


def test_a_forget_record_that_is_withheld_is_told(four: Store) -> None:
    four.forget(four.snapshots()[1:2])
    (record,) = (info.name for info in four.sealed.objects.list(FORGETS))
    assert four.look_back() == ()
    data = path(four, record).read_bytes()
    path(four, record).unlink()
    assert four.look_back() == (record,)
    assert "records that tell what was forgotten is gone" in history.sentences((record,))[0]
    path(four, record).write_bytes(data)
    assert four.look_back() == ()
    new_machine()
    path(four, record).unlink()
    (gap,) = four.look_back()
    assert gap.startswith("snapshots/"), "a new machine is told of the snapshot by the one after it"


def test_a_keeper_cannot_make_a_record_for_what_he_takes_away(four: Store, source: Path) -> None:
    four.forget(four.snapshots()[:1])
    (record,) = (info.name for info in four.sealed.objects.list(FORGETS))
    gone = names(four)[1]
    path(four, gone).rename(path(four, record).with_name(gone.partition("/")[2]))
    assert four.look_back() == (gone,)
    shutil.copy(path(four, record), path(four, record).with_name(record.partition("/")[2][:-4] + "abcd"))
    assert four.look_back() == (gone,)


def test_what_is_lost_can_be_noted_so_that_no_machine_tells_of_it_again(four: Store) -> None:
    gone = names(four)[1:3]
    for name in gone:
        path(four, name).unlink()
    history.take_note(four.sealed, four.look_back())
    assert four.look_back() == ()
    new_machine()
    assert four.look_back() == ()


def test_a_head_tells_a_new_machine_whether_the_store_is_as_new_as_it_was(four: Store, source: Path, tmp_path: Path) -> None:
    older = shutil.copytree(four.url, tmp_path / "older")
    backed_up(four, source)
    head = four.head()
    newest = names(four)[-1]
    assert head == f"{newest.rpartition('-')[2][:16]}.1"
    new_machine()
    four.check_head(head)
    four.check_head(f" {head.upper()}\n")
    backed_up(four, source)
    four.check_head(head)
    with Store(older, KEY) as shown, pytest.raises(StoreChangedError, match="neither there nor forgotten"):
        shown.check_head(head)
    four.forget([snapshot for snapshot in four.snapshots() if snapshot.record.name == newest])
    four.check_head(head)
    four.new_epoch()
    backed_up(four, source)
    later = four.head()
    assert later.endswith(".2")
    four.drop_epoch(1)
    four.prune(exclusive=True)
    four.check_head(head)
    with Store(older, KEY) as shown, pytest.raises(StoreChangedError, match="generation 1, and was of 2"):
        shown.check_head(later)


@pytest.mark.parametrize(
    "text", ["", "latest", "0" * 16, "0" * 15 + ".1", "g" * 16 + ".1", "0" * 16 + ".0", "0" * 16 + ".1.1", "٠" * 16 + ".1"]
)
def test_what_is_no_head_is_refused(store: Store, text: str) -> None:
    with pytest.raises(ValueError, match="a head is"):
        store.check_head(text)


def test_an_empty_store_has_no_head(store: Store) -> None:
    assert store.head() == ""


def test_what_is_remembered_stays_within_bounds(four: Store, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST", 3)
    for _ in range(3):
        (source / "text").write_text("more")
        backed_up(four, source)
        four.forget(four.snapshots()[:1])
        assert four.look_back() == ()
    members = json.loads(history.path_of(four.sealed).read_bytes())
    assert {kind: len(members[kind]) for kind in ("snapshots", "records", "forgotten", "omitted")} == {
        "snapshots": 3,
        "records": 3,
        "forgotten": 3,
        "omitted": 0,
    }
    assert four.look_back() == ()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b'{"version":1,"snapshots":["../../x"],"records":[],"forgotten":[],"omitted":[]}'),
        lambda path: path.unlink(),
    ],
    ids=["empty", "hostile", "not there"],
)
def test_a_memory_that_is_damaged_is_made_anew(four: Store, spoil: Callable[[Path], None]) -> None:
    spoil(history.path_of(four.sealed))
    assert four.look_back() == ()
    assert len(json.loads(history.path_of(four.sealed).read_bytes())["snapshots"]) == 4


def test_a_copy_elsewhere_that_is_behind_is_not_taken_for_an_older_state(four: Store, source: Path, tmp_path: Path) -> None:
    shutil.copytree(four.url, tmp_path / "copy")
    backed_up(four, source)
    with Store(tmp_path / "copy", KEY) as copy:
        assert copy.look_back() == ()
