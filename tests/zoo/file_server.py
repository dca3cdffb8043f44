"""A real HTTP server on the loopback address that serves one file and misbehaves as told."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = b"".join(number.to_bytes(4, "big") for number in range(1 << 18))  # 1 MiB
HASH = hashlib.sha256(CONTENT).hexdigest()[:8]
NAME = f"net-{HASH}_20200713.pth"


@dataclass
class FileServer:
    """What the server does with the next requests, and what it has done.

    fault: '' serves well; 'truncate' closes after ``limit`` bytes; 'corrupt' flips a byte;
        'stall' stops sending after ``limit`` bytes; 'slow' pauses after every 16 KiB;
        'ignore_range' sends all; 'wrong_range' answers another range; 'no_length' does not say
        how much it sends; a number is sent as the status
    requests: the Range header of each request, '' for none; sent: bytes of content sent for each
    """

    url: str = ""
    fault: str = ""
    limit: int = 300_000
    content: bytes = CONTENT
    requests: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
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
    """Answer one request as ``server.fault`` says."""
    wanted = handler.headers.get("Range", "")
    server.requests.append(wanted)
    server.paths.append(handler.path)
    number = len(server.sent)
    server.sent.append(0)
    if server.fault.isdigit():
        handler.send_error(int(server.fault))
        return
    content, first = server.content, 0
    if server.fault == "corrupt":
        content = bytes([content[0] ^ 1]) + content[1:]
    if wanted and server.fault not in ("ignore_range", "no_length"):
        first = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if first >= len(content):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(content)}")
            handler.end_headers()
            return
        shown = 0 if server.fault == "wrong_range" else first
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {shown}-{len(content) - 1}/{len(content)}")
    else:
        handler.send_response(200)
    if server.fault != "no_length":
        handler.send_header("Content-Length", str(len(content) - first))
    handler.end_headers()
    send(handler, server, content[first:], number)


def send(
    handler: BaseHTTPRequestHandler, server: FileServer, content: bytes, number: int
) -> None:
    """Send content in pieces; a client that hangs up ends it."""
    if server.fault in ("truncate", "stall"):
        content = content[:server.limit]
    try:
        for position in range(0, len(content), 1 << 14):
            piece = content[position:position + (1 << 14)]
            handler.wfile.write(piece)
            server.sent[number] += len(piece)
            if server.fault == "slow":
                time.sleep(0.02)
    except OSError:
        return
    if server.fault == "stall":
        server.closing.wait(10)
