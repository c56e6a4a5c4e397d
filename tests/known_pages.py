"""A server of known pages, for crawlers."""

from __future__ import annotations

import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HTML = {"Content-Type": "text/html; charset=utf-8"}


def page(*links: str, head: str = "") -> tuple[int, dict, bytes]:
    body = "".join(f'<p><a href="{link}">a page</a>' for link in links)
    return 200, HTML, f"<!doctype html><html><head>{head}</head><body>{body}</body></html>".encode()


def leading_to(location: str, status: int = 302) -> tuple[int, dict, bytes]:
    return status, {"Location": location}, b""


class Site:
    """A server of known pages, which notes its requests, and the header fields of the latest for each path."""

    def __init__(self, pages: dict) -> None:
        self.pages = pages
        self.requests: Counter[str] = Counter()
        self.told: dict[str, dict[str, str]] = {}
        self.times: list[tuple[str, float]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.times.append((self.path, time.monotonic()))
                outer.requests[self.path] += 1
                outer.told[self.path] = dict(self.headers)
                reply = outer.pages.get(self.path, (404, {}, b"no such page"))
                status, headers, body = reply(outer.requests[self.path]) if callable(reply) else reply
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 100

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
