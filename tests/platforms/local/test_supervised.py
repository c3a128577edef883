"""A process that is started again, until it is not wanted any more."""

import os
import queue
import signal
import sys
from pathlib import Path

import pytest

from canarytest.core.errors import PlatformError
from canarytest.platforms.local.supervised import Supervised, ending
from tests.platforms.local.stage import SOON_S

# Lives until it is told to fall, and says who it is.
WAITS = "import os, sys; print(os.getpid(), flush=True); open(sys.argv[1]).read(); sys.exit(4)"
Ends = queue.Queue[tuple[int, str]]
pytestmark = pytest.mark.usefixtures("nothing_is_left")


@pytest.mark.parametrize("back_off_s", [(0.0,), (0.01,)], ids=["at once", "after a while"])
def test_it_is_started_again_each_time(tmp_path: Path, back_off_s: tuple[float, ...]) -> None:
    ends: Ends = queue.Queue()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = Supervised(
        log=tmp_path / "log",
        cwd=tmp_path,
        on_end=lambda status, line: ends.put((status, line)),
        back_off_s=back_off_s,
    )
    process.start([sys.executable, "-S", "-c", WAITS, str(pipe)])
    assert process.keep_up()
    for _ in range(3):
        pipe.write_text("")  # returns when it is there to read
        assert ends.get(timeout=SOON_S)[0] == 4
    process.release()
    process.wait(SOON_S)

    assert len(set(process.tail(10))) >= 3


def test_what_ended_before_it_came_up_is_not_started_again(tmp_path: Path) -> None:
    ends: Ends = queue.Queue()
    process = Supervised(
        log=tmp_path / "log", cwd=tmp_path, on_end=lambda status, line: ends.put((status, line))
    )
    process.start([sys.executable, "-S", "-c", "raise SystemExit(5)"])

    assert process.wait(SOON_S)
    assert not process.keep_up()
    assert process.exit_status == 5
    assert ends.empty()


def test_after_release_nothing_is_started(tmp_path: Path) -> None:
    process = Supervised(log=tmp_path / "log", cwd=tmp_path, on_end=lambda *_: None)
    process.release()

    with pytest.raises(PlatformError, match="being closed"):
        process.start(["true"])


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (None, "runs"),
        (3, "ended with status 3"),
        (-signal.SIGKILL, "was ended by SIGKILL"),
        (-99, "was ended by signal 99"),
    ],
)
def test_the_words_for_an_end(status: int | None, words: str) -> None:
    assert ending(status) == words
