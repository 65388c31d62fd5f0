"""`doctor` measures and concludes; `sample` writes a database, and says what it needs."""

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from chatseal import BackupKey
from chatseal.cli import machine
from chatseal.cli.app import chatseal
from chatseal.cli.doctor import limits
from chatseal.cli.machine import Speeds, processor
from cli.command import Run, environment

MB = 1e6


def test_doctor_tells_versions_speeds_and_what_limits_this_machine(run: Run) -> None:
    ran = run("doctor", "--json", "--folder", ".")
    assert (ran.code, ran.err) == (0, "")
    told = json.loads(ran.out)
    assert set(told["versions"]) == {"chatseal", "python", "zstd", "openssl", "cryptography", "pyzstd"}
    assert told["processor"]["cores"] >= 1
    speeds = told["bytes_per_second"]
    assert set(speeds["compress"]) == set(speeds["ratio"]) == {"1", "3", "-5"}
    assert min(*speeds["compress"].values(), speeds["encrypt"], speeds["copy"], speeds["disk"]) > 0
    assert 1 < speeds["ratio"]["-5"] < speeds["ratio"]["1"] < speeds["ratio"]["3"] < 6
    assert told["limit"] in ("disk", "compression", "encryption")
    assert told["words"].startswith("The ")
    assert list(Path().iterdir()) == []


def test_doctor_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MOMENT", 0.01)  # seconds: the numbers do not matter here
    text = CliRunner().invoke(chatseal, ["doctor"]).output
    for row in ("chatseal ", "openssl ", "processor ", "zstd level 3 ", "AES-256-GCM ", "memory copy ", "disk "):
        assert f"\n{row}" in f"\n{text}"
    assert "limits this machine" in text


def test_doctor_tells_which_sources_of_keys_are_here_and_work_unattended(run: Run, my: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MOMENT", 0.01)
    told = CliRunner().invoke(chatseal, ["doctor", "--json"], env={"CHATSEAL_KEY_FILE": str(my), "CHATSEAL_CONFIG": "/nowhere"}).output
    found = {one["name"]: (one["there"], one["unattended"]) for one in json.loads(told)["keys"]["sources"]}
    assert found["CHATSEAL_KEY_FILE"] == (str(my), "yes")
    assert found["configuration"] == ("", "no")
    assert found["--keyring"][1] == "while its user is logged in"
    assert found["--key-prompt, --password"] == ("", "no")
    assert BackupKey.from_file(my).digits[:9] not in told


def test_doctor_needs_its_folder(run: Run) -> None:
    run("doctor", "--folder", "nix").remedied(10, "nix")


@pytest.mark.parametrize(
    ("compress", "encrypt", "disk", "limit", "words"),
    [
        (400 * MB, 4000 * MB, 5000 * MB, "compression", "can take in 380.0 MB/s"),
        (400 * MB, 4000 * MB, 100 * MB, "disk", "can write 200.0 MB/s of plaintext"),
        (4000 * MB, 40 * MB, 5000 * MB, "encryption", "98 % encryption"),
    ],
)
def test_the_slowest_part_is_named_as_the_limit(compress: float, encrypt: float, disk: float, limit: str, words: str) -> None:
    ratio = {3: 2.0} if limit != "compression" else {3: 1.9}
    found, sentence = limits(Speeds({3: compress}, ratio, encrypt, 1e10, disk), 3)
    assert found == limit
    assert words in sentence


def test_features_of_the_processor_are_those_that_matter(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor : 0\nmodel name : Some CPU\nflags : fpu aes vaes avx512f\n\nmodel name : other\n")
    found = processor(cpuinfo)
    assert (found.model, found.features) == ("Some CPU", ("aes", "vaes", "avx512f"))
    assert processor(tmp_path / "nix").features == ()


def test_a_sample_is_a_database_of_about_its_size(run: Run) -> None:
    pytest.importorskip("numpy")
    told = json.loads(run("sample", "--size", "1MB", "--json", "s.db").out)
    assert 0.8 * MB < told["bytes"] == Path("s.db").stat().st_size < 3 * MB
    connection = sqlite3.connect("s.db")
    assert connection.execute("SELECT count(*) FROM message").fetchone() == (told["messages"],)
    connection.close()
    run("sample", "s.db").remedied(1, "s.db exists")


def test_a_sample_without_numpy_says_what_to_install(run: Run) -> None:
    Path("without").mkdir()
    Path("without/numpy.py").write_text("raise ModuleNotFoundError('No module named numpy', name='numpy')\n")
    path = f"{Path('without').resolve()}:{environment()['PYTHONPATH']}"
    run("sample", "s.db", PYTHONPATH=path).remedied(1, "NumPy", "pip install 'chatseal[sample]'")
    assert not Path("s.db").exists()
