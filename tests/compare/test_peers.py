"""What each tool is told: levels in its own words, and an environment with nothing of the person's."""

from pathlib import Path

import pytest

from chatseal.cli.compare import TOOLS
from chatseal.compare.peers import PEERS, Borg, Chatseal, Gpg, Place, Rclone, Restic, ZstdAge


def test_the_command_line_knows_every_tool() -> None:
    assert tuple(peer.word for peer in PEERS) == TOOLS


@pytest.mark.parametrize(("level", "words"), [(-7, ["--fast=7"]), (1, ["-1"]), (19, ["-19"]), (22, ["--ultra", "-22"])])
def test_zstd_is_told_every_level_in_its_own_words(tmp_path: Path, level: int, words: list[str]) -> None:
    place = Place.make(tmp_path / "place", 5)
    peer = ZstdAge()
    zstd, _ = peer.backup(place, Path("/db"), peer.setting(level), 0).pipeline
    assert list(zstd) == ["zstd", "-q", *words, "-T5", "-c", "/db"]


def test_tools_without_zstds_levels_have_one_setting_for_all() -> None:
    for peer in (Gpg(), Restic(), Rclone()):
        assert len({peer.setting(level) for level in range(-7, 23)}) == 1
        assert peer.setting(3).level is None
    assert (Borg().setting(3).words, Borg().setting(-5).words, Borg().setting(-1).level) == ("zstd,3", "lz4", None)
    assert Chatseal().setting(-5).level == -5


def test_the_environment_is_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RESTIC_REPOSITORY", "BORG_REPO", "RCLONE_CONFIG", "GNUPGHOME", "ZSTD_CLEVEL", "CHATSEAL_KEY_FILE", "SSH_AUTH_SOCK"):
        monkeypatch.setenv(name, "the person's own")
    place = Place.make(tmp_path / "place", 2)
    assert "the person's own" not in place.environment.values()
    assert place.environment["HOME"] == str(tmp_path / "place" / "home")
    assert place.environment["GOMAXPROCS"] == "2"


def test_a_password_is_made_once_for_each_place_and_for_its_owner_alone(tmp_path: Path) -> None:
    one, other = Place.make(tmp_path / "one", 1), Place.make(tmp_path / "other", 1)
    assert one.password.read_text() == one.password.read_text() != other.password.read_text()
    assert one.password.stat().st_mode & 0o777 == 0o600
    assert one.home.stat().st_mode & 0o777 == 0o700
