"""A real HTTP server on the loopback address that serves one file and misbehaves as told."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = b"".join(number.to_bytes(4, "big") for number in range(1 << 18))  # 1 MiB
HASH = hashlib.sha256(CONTENT).hexdigest()[:8]
NAME = f"net-{HASH}_20200713.pth"


@dataclass
class FileServer:
    """What the server does with the next requests, and what it has done.

    fault: '' serves well; 'truncate' closes after ``limit`` bytes; 'corrupt' flips a byte;
        'stall' stops sending after ``limit`` bytes; 'trickle' sends a byte now and then, and
        'slow_header' so that the headers never end; 'no_length' does not say how much it sends,
        'endless' neither, and never ends; a number is sent as the status
    """

    url: str = ""
    fault: str = ""
    limit: int = 300_000
    content: bytes = CONTENT
    paths: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


def start(server: FileServer) -> ThreadingHTTPServer:
    """Serve on a free port in a thread; sets ``server.url``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self, server)

        def log_message(self, *arguments):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    server.url = f"http://127.0.0.1:{http.server_port}"
    return http


def answer(handler: BaseHTTPRequestHandler, server: FileServer) -> None:
    """Answer one request as ``server.fault`` says; a client that hangs up ends it."""
    server.paths.append(handler.path)
    if server.fault.isdigit():
        handler.send_error(int(server.fault))
        return
    handler.send_response(200)
    if server.fault not in ("no_length", "endless"):
        handler.send_header("Content-Length", str(len(server.content)))
    try:
        if server.fault == "slow_header":
            trickle(handler, server)
        handler.end_headers()
        send(handler, server)
    except OSError:
        return


def send(handler: BaseHTTPRequestHandler, server: FileServer) -> None:
    """Send the content."""
    content = server.content
    if server.fault == "corrupt":
        content = bytes([content[0] ^ 1]) + content[1:]
    if server.fault in ("truncate", "stall"):
        content = content[:server.limit]
    if server.fault == "trickle":
        trickle(handler, server)
    handler.wfile.write(content)
    while server.fault == "endless":
        handler.wfile.write(content)
    if server.fault == "stall":
        server.closing.wait(10)


def trickle(handler: BaseHTTPRequestHandler, server: FileServer) -> None:
    """Send a byte now and then, sooner than any time-out for a packet, until the server closes."""
    handler.flush_headers()
    while not server.closing.wait(0.02):
        handler.wfile.write(b"x")
