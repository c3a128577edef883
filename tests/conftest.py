"""What every test may rely on, however the tests were started."""

import signal
import threading


def pytest_configure() -> None:
    """
    Have children hear SIGINT and SIGHUP.

    Under nohup, or in the background of a script, both are ignored, and that is inherited; a
    handler is not: what is started here gets the default.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, lambda *_: None),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
