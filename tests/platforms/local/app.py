"""A tiny application that misbehaves as it is told: by its options, or later by a request."""

import argparse
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

say = partial(print, flush=True)
parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("name")
parser.add_argument("--end", type=int, help="end at once with this status")
parser.add_argument("--unready", action="store_true", help="never become ready")
parser.add_argument("--mute", action="store_true", help="never answer")
parser.add_argument("--ready-file", help="become ready when this named pipe is written to")
parser.add_argument("--helper", action="store_true", help="have a child that will not end")
options = parser.parse_args()
ready = threading.Event()

if options.helper:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    subprocess.Popen([sys.executable, "-S", "-c", code])
if options.end is not None:
    say("cannot go on: no database")
    sys.exit(options.end)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one segment: two would wait 40 ms for an ACK

    def do_GET(self) -> None:
        if options.mute:
            signal.pause()
        if self.path == "/fall":
            say("out of memory")
            os._exit(3)
        if self.path == "/hang-up":
            self.close_connection = True
            return
        if self.path == "/tire":
            ready.clear()
        is_bad = self.path == "/bad" or (self.path == "/ready" and not ready.is_set())
        body = json.dumps({"version": options.name, "pid": os.getpid()}).encode()
        self.send_response(503 if is_bad else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Version", options.name)
        self.send_header("X-Canarytest-Version", "a lie")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        pass


def become_ready() -> None:
    if options.ready_file:
        Path(options.ready_file).read_text()
    if not options.unready:
        ready.set()


say(f"{options.name} is up")
threading.Thread(target=become_ready, daemon=True).start()
http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler).serve_forever()
