"""The configuration is read strictly: every name and every value that makes no sense is named, with the place where it stands."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automatic.conftest import Scene
from chatseal.automatic import configuration, plan
from chatseal.automatic.configuration import ConfigurationError, KeyChoice
from chatseal.automatic.hooks import Command, Url
from chatseal.snapshots.retention import UNLIMITED, RetentionPolicy, Span
from docs.pages import ROOT, blocks

JOB = "[job.chats]\nsources = ['/srv/chat']\nstore = '/mnt/nas'\n"


def test_the_example_of_the_documents_says_everything_that_can_be_said(tmp_path: Path) -> None:
    (example,) = [block for block in blocks(ROOT / "docs" / "automatic.md") if block.info == "toml example"]
    file = tmp_path / "chatseal.toml"
    file.write_text(example.text)
    file.chmod(0o600)
    found = plan.read(file)
    assert [job.name for job in found.jobs] == ["chats", "dump"]
    chats, dump = found.jobs
    assert chats.sources == (str(Path("~/chat/chat.db").expanduser()), str(Path("~/chat/media").expanduser()))
    assert (chats.limit_upload, chats.schedule.drill_share, dump.schedule.backup) == (2 << 20, 0.1, timedelta(hours=6))
    assert chats.retention == RetentionPolicy(last=3, within=Span(days=2, hours=12))
    both = frozenset({"tax", "2026"})
    assert dump.retention == RetentionPolicy(
        daily=14, weekly=8, monthly=24, yearly=UNLIMITED, tags=(frozenset({"keep"}), both), within=Span(days=7)
    )
    assert (dump.command, dump.stream) == (("pg_dump", "chats"), "chats.sql")
    assert [type(hook) for hook in found.on_failure] == [Url, Command]
    assert found.key == KeyChoice("file", "/home/ada/.config/chatseal/backup.key")
    # what is not said there is named there
    known = {name for name in (ROOT / "engine/chatseal/automatic/plan.py").read_text().split('"') if name.replace("-", "").isalpha()}
    said = {line.split("=")[0].strip() for line in example.text.splitlines() if "=" in line}
    assert {"sources", "store", "at", "drill-sample", "on-failure", "textfile", "exclude-caches", "allow-network-fs"} <= said & known


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[jobs.chats]\n", "jobs"),
        ("job = 3\n", "job"),
        ("[job]\nchats = 1\n", "job.chats"),
        ("[job.Chats]\nsources=['/a']\nstore='/b'\n", "job.Chats"),
        ("[job.chats]\nsources=['/a']\n", "job.chats.store"),
        ("[job.chats]\nstore='/b'\n", "job.chats.sources"),
        ("[job.chats]\nsources=['a']\nstore='/b'\n", "job.chats.sources"),
        ("[job.chats]\nsources=['/a']\nstore='b'\n", "job.chats.store"),
        ("[job.chats]\nsources=['/a']\nstore=[]\n", "job.chats.store"),
        ("[job.chats]\nsources=['/a']\nstore=['/b', 'c']\n", "job.chats.store"),
        ("[job.chats]\nsources=['/a']\nstore=['/b', '/b']\n", "job.chats.store"),
        ("[job.chats]\nsources=[3]\nstore='/b'\n", "job.chats.sources"),
        ("[job.chats]\nsources=['/a', '']\nstore='/b'\n", "job.chats.sources"),
        (JOB + "exclud = ['*.tmp']\n", "job.chats.exclud"),
        (JOB + "level = 99\n", "job.chats.level"),
        (JOB + "level = true\n", "job.chats.level"),
        (JOB + "scrub = 'yes'\n", "job.chats.scrub"),
        (JOB + "max-hold = -1\n", "job.chats.max-hold"),
        (JOB + "max-hold = nan\n", "job.chats.max-hold"),
        (JOB + "limit-upload = 'fast'\n", "job.chats.limit-upload"),
        (JOB + "command = '\"'\n", "job.chats.command"),
        (JOB + "command = 'x'\nname = '../x'\n", "job.chats.name"),
        (JOB + "[job.chats.schedule]\nbackup = 'often'\n", "job.chats.schedule.backup"),
        ("[retention]\nkeep-daily = -2\n", "retention.keep-daily"),
        ("[retention]\nkeep-within = 'a month'\n", "retention.keep-within"),
        ("[retention]\n", "retention"),
        (JOB + "[job.chats.retention]\nkeep-dayly = 3\nkeep-last = 1\n", "job.chats.retention.keep-dayly"),
        ("[schedule]\nat = '3 am'\n", "schedule.at"),
        ("[schedule]\ndrill-sample = '0%'\n", "schedule.drill-sample"),
        ("[schedule]\nbackups = 'daily'\n", "schedule.backups"),
        ("[notify]\non-failure = 'http://example.com/x'\n", "notify.on-failure"),
        ("[notify]\non-failure = 'ftp://example.com/x'\n", "notify.on-failure"),
        ("[notify]\non-success = ['https://user:secret@example.com']\n", "notify.on-success"),
        ("[notify]\non-success = ' '\n", "notify.on-success"),
        ("[metrics]\n", "metrics.textfile"),
        ("[metrics]\ntextfile = '/a/chatseal.txt'\n", "metrics.textfile"),
        ("[key]\nfile = 3\n", "[key]"),
        ("".join(f"[job.j{n}]\nsources=['/a']\nstore='/b'\n" for n in range(101)), "job"),
    ],
)
def test_a_mistake_is_refused_with_its_place(scene: Scene, text: str, place: str) -> None:
    scene.write(text)
    with pytest.raises(ConfigurationError) as refused:
        plan.read(scene.config)
    assert str(refused.value).startswith(f"{scene.config}: ")
    assert place in str(refused.value)
    assert refused.value.remedy


def test_what_is_no_toml_is_refused_with_its_line(scene: Scene) -> None:
    scene.write("[job.chats]\nsources = [1,, 2]\n")
    with pytest.raises(ConfigurationError, match="line 2"):
        plan.read(scene.config)


@pytest.mark.parametrize(
    "text",
    [
        "[notify]\non-failure = 'http://example.com/SECRET'\n",
        "[notify]\non-failure = 'https://me:SECRET@example.com/'\n",
        "[job.c]\nsources='/a'\nstore='s3://me:SECRET@bucket'\n",
        "[key]\nprompt = 'SECRET'\n",
    ],
)
def test_what_may_be_a_secret_is_not_repeated(scene: Scene, text: str) -> None:
    scene.write(text)
    with pytest.raises(ConfigurationError) as refused:
        plan.read(scene.config)
    assert "SECRET" not in str(refused.value)


@given(
    st.dictionaries(
        st.text(max_size=8),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["job", "sources", "store", "a", "at"]), inner, max_size=3)
            ),
            max_leaves=8,
        ),
        max_size=4,
    )
)
def test_no_document_gets_another_answer_than_a_plan_or_a_refusal(document: dict[str, object]) -> None:
    where = Path("/nowhere/chatseal.toml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(configuration, "document", lambda _: dict(document))
        patch.setattr(configuration, "read", lambda _: configuration.Configuration())
        with suppress(ConfigurationError):
            assert plan.read(where).where == where


def test_who_forgets_nothing_prunes_only_if_asked_to(scene: Scene) -> None:
    def prune(*more: str) -> timedelta | None:
        scene.write(scene.job(), *more)
        return plan.read(scene.config).jobs[0].schedule.prune

    assert prune() is None
    assert prune("[retention]\nkeep-daily = 7\n") == timedelta(days=7)
    assert prune("[job.chats.retention]\nkeep-daily = 7\n") == timedelta(days=7)
    assert prune("[schedule]\nprune = 'monthly'\n") == timedelta(days=30)
    assert prune("[retention]\nkeep-daily = 7\n[schedule]\nprune = 'never'\n") is None


def test_a_mistake_in_a_job_stops_no_command_that_needs_the_key_alone(scene: Scene) -> None:
    scene.write("[key]\nfile = '/a/key'\n", "[job.chats]\nsource = 1\n")
    assert configuration.read(scene.config).key == KeyChoice("file", "/a/key")


# --- changing [key] ------------------------------------------------------------------------------------------------------


def test_another_key_leaves_all_else_with_its_comments(scene: Scene) -> None:
    rest = "# of the chats\n[job.chats]\nsources = ['/a']  # all of them\nstore = '/b'\n"
    scene.write("# mine\n\n[key]\nfile = '/old'  # before\n# still of the key\nother = 1\n\n".replace("other = 1\n", ""), rest)
    configuration.write_key(KeyChoice("command", "pass show chatseal"), scene.config)
    text = scene.config.read_text()
    assert rest.strip() in text
    assert "# mine" in text
    assert "/old" not in text
    assert configuration.read(scene.config).key == KeyChoice("command", "pass show chatseal")
    assert plan.read(scene.config).jobs[0].sources == ("/a",)
    configuration.write_key(None, scene.config)
    assert configuration.read(scene.config).key is None
    assert plan.read(scene.config).jobs[0].sources == ("/a",)


def test_a_file_with_nothing_but_the_key_is_gone_when_that_goes(scene: Scene) -> None:
    scene.write("[key]\nfile = '/old'\n")
    configuration.write_key(None, scene.config)
    assert not scene.config.exists()


@pytest.mark.parametrize(
    "text", ["key.file = '/old'\n", "key = {file = '/old'}\n", "x = '''\n[key]\n'''\n[key]\nfile='/old'\n", "['key']\nfile='/old'\n"]
)
def test_a_key_that_is_written_otherwise_is_not_changed_by_halves(scene: Scene, text: str) -> None:
    scene.write(text)
    with pytest.raises(ConfigurationError):
        configuration.write_key(KeyChoice("file", "/new"), scene.config)
    assert scene.config.read_text() == text
