"""Streams: standard input and commands, to their end or not at all."""

import io
import os
import sys
import threading
from contextlib import closing

import pytest

from capture.sources import content
from chatseal.capture.image import UNIT_OF_FILES
from chatseal.capture.stream import CommandImage, StreamImage
from chatseal.errors import CaptureError
from corpus import noise


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


@pytest.mark.parametrize("length", [0, 1, UNIT_OF_FILES - 1, UNIT_OF_FILES, UNIT_OF_FILES + 1, 300_000])
@pytest.mark.parametrize("step", [UNIT_OF_FILES, 4 * UNIT_OF_FILES])
def test_a_stream_is_read_to_its_end_in_whole_units(length: int, step: int) -> None:
    data = noise(length)
    read, write = os.pipe()

    def feed() -> None:
        with open(write, "wb", buffering=0) as file:
            for at in range(0, length, 999):
                file.write(data[at : at + 999])

    feeder = threading.Thread(target=feed)
    feeder.start()
    with open(read, "rb", buffering=0) as file, closing(StreamImage(file, "stdin")) as image:
        assert image.length is None
        assert content(image, step) == data
        assert image.settle()
    feeder.join()


def test_a_stream_is_left_open() -> None:
    file = io.BytesIO(b"123")
    with closing(StreamImage(file, "x")) as image:
        assert content(image) == b"123"
        assert image.bytes_read == 3
    assert not file.closed


def test_a_stream_out_of_turn_or_read_in_part_is_refused() -> None:
    image = StreamImage(io.BytesIO(bytes(100_000)), "x")
    with pytest.raises(ValueError, match="in turn"):
        image.read_into(UNIT_OF_FILES, memoryview(bytearray(1)))
    image.read_into(0, memoryview(bytearray(UNIT_OF_FILES)))
    with pytest.raises(CaptureError, match="not read to its end"):
        image.settle()


def test_a_file_that_does_not_block_or_lies_is_refused() -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    with open(read, "rb", buffering=0) as file, pytest.raises(BlockingIOError):
        StreamImage(file, "x").read_into(0, memoryview(bytearray(10)))
    os.close(write)

    class Liar(io.BytesIO):
        def readinto(self, buffer: object, /) -> int:
            return 11

    with pytest.raises(ValueError, match="impossible length"):
        StreamImage(Liar(), "x").read_into(0, memoryview(bytearray(10)))


def test_what_a_command_prints_is_kept_if_it_ends_well() -> None:
    with closing(CommandImage(python("import sys; sys.stdout.write('ab' * 100_000)"), "dump")) as image:
        assert content(image) == b"ab" * 100_000
        assert image.settle()
        assert (image.bytes_read, image.warnings()) == (200_000, [])


@pytest.mark.parametrize(
    ("code", "words"),
    [("print(1); raise SystemExit(3)", "exit code 3"), ("import os; print(1, flush=True); os.kill(os.getpid(), 15)", "ended by signal 15")],
)
def test_what_a_command_printed_before_it_failed_is_not_kept(code: str, words: str) -> None:
    with closing(CommandImage(python(code), "dump")) as image:
        assert content(image) == b"1\n"
        with pytest.raises(CaptureError, match=words) as caught:
            image.settle()
        assert code not in str(caught.value), "the words of a command may be secret"


def test_a_command_that_does_not_start_is_told() -> None:
    with pytest.raises(CaptureError, match="does not start: no such file"):
        CommandImage(["/not/there", "secret"], "dump")
    with pytest.raises(CaptureError, match="no words"):
        CommandImage([], "dump")


def test_a_command_is_killed_and_waited_for_when_its_image_is_closed() -> None:
    image = CommandImage(python("import time\nprint('x' * 1_000_000)\ntime.sleep(1000)"), "dump")
    image.read_into(0, memoryview(bytearray(10)))
    process = image._running
    image.close()
    assert process.returncode == -9
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_a_command_that_closes_its_output_and_stays_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatseal.capture.stream.END_SECONDS", 0.1)
    with closing(CommandImage(python("import os, time\nos.close(1)\ntime.sleep(1000)"), "dump")) as image:
        assert content(image) == b""
        with pytest.raises(CaptureError, match="did not end in"):
            image.settle()
