"""Interrupts a call by SIGINT in each situation in which a strategy may wait, and prints what came of it, as JSON.

usage: interrupted_call.py KEY LANGUAGE
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

OK = b"HTTP/1.1 200 OK\r\n"
MEGABYTE = bytes(1 << 20)
#: The type of the record that a TLS client begins with.
TLS_HANDSHAKE = b"\x16"
SITUATIONS = {
    "resolving": "a name, while no name server answers",
    "connecting": "to a server whose backlog is full",
    "handshake": "with a server that says nothing to a TLS client",
    "first byte": "of a server that says nothing",
    "drip": "a byte every 5 ms, without end",
    "stream": "100 MB in each response, as fast as it goes",
    "due time": "of the next request, in eleven days (rate=)",
}
#: Seconds from the start of a call to its interruption.
UNDER_WAY = 0.15


def main(key: str, language: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    server = os.fork()  # a process of its own, forked before anything has threads
    if server == 0:
        serve(listener)
    try:
        with listener, full_backlog() as (host, port):
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            print(json.dumps(interrupted_everywhere(key, language, url, f"http://{host}:{port}/")))
    finally:
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)


def interrupted_everywhere(key: str, language: str, url: str, full: str) -> dict[str, dict]:
    import aio_strategies as aio
    import psutil
    from aio_strategies import resolver

    here = psutil.Process()
    answered = threading.Event()
    resolver._ask = lambda name, port: answered.wait(60) and []  # a name server that does not answer

    def call(url: str, timeout: float = 60, **settings) -> None:
        aio.run(key, [url] * 20, language=language, concurrency=5, timeout=timeout, **settings)

    def state() -> list[int]:
        gc.collect()
        return [here.num_fds(), here.num_threads(), len(here.children(recursive=True))]

    def more(after: list[int], before: list[int]) -> bool:
        return any(late > early for late, early in zip(after, before, strict=True))

    def interrupted(call: Callable[[], None]) -> dict:
        before = state()
        outcome, took = interrupt(call)
        answered.set()  # nothing can end the thread that looks up a name
        # The kernel may list a thread for a moment after its end, also in the first look.
        deadline = time.monotonic() + 5
        while (has_grown := more(after := state(), before)) and time.monotonic() < deadline:
            time.sleep(0.01)
        return {"outcome": outcome, "seconds": took, "left behind": has_grown and [before, after]}

    secure = url.replace("http:", "https:")
    call(f"{url}ok")  # all is imported
    call(secure, timeout=0.01)  # and the system's roots are read
    return {
        "resolving": interrupted(lambda: call("http://host.invalid/")),
        "connecting": interrupted(lambda: call(full)),
        "handshake": interrupted(lambda: call(secure)),
        "first byte": interrupted(lambda: call(f"{url}silent")),
        "drip": interrupted(lambda: call(f"{url}drip")),
        "stream": interrupted(lambda: call(f"{url}stream")),
        "due time": interrupted(lambda: call(f"{url}ok", rate=1e-6)),
    }


def interrupt(call: Callable[[], None]) -> tuple[str, float | None]:
    """Interrupt a call; return how it ended, and the seconds that this took."""
    sent = []

    def send() -> None:
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(UNDER_WAY, send)
    timer.start()
    try:
        call()
        outcome = "it ended before"
        timer.cancel()
    except KeyboardInterrupt:
        outcome = "KeyboardInterrupt"
    except BaseException as error:
        outcome = repr(error)
    took = time.monotonic() - sent[0] if sent else None
    timer.join()
    return outcome, took


def serve(listener: socket.socket) -> None:
    """Answer each connection in a thread, until the parent process ends."""
    parent = os.getppid()
    listener.settimeout(0.5)
    while os.getppid() == parent:
        with contextlib.suppress(TimeoutError):
            connection, _ = listener.accept()
            threading.Thread(target=answer, args=(connection,), daemon=True).start()
    os._exit(0)


def answer(connection: socket.socket) -> None:
    """Answer one request as its path says."""
    with connection, contextlib.suppress(OSError):
        connection.settimeout(60)
        match connection.recv(4096).partition(b" HTTP")[0]:
            case hello if hello.startswith(TLS_HANDSHAKE):
                while connection.recv(4096):
                    pass
            case b"GET /silent":
                connection.recv(1)
            case b"GET /drip":
                connection.sendall(OK + b"\r\n")
                while True:
                    connection.sendall(b".")
                    time.sleep(0.005)
            case b"GET /stream":
                connection.sendall(OK + b"Content-Length: %d\r\n\r\n" % (100 * len(MEGABYTE)))
                for _ in range(100):
                    connection.sendall(MEGABYTE)
            case _:
                connection.sendall(OK + b"Content-Length: 2\r\n\r\nok")


@contextlib.contextmanager
def full_backlog() -> Iterator[tuple[str, int]]:
    """Yield an address that takes no further connection: its backlog is full."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        yield full.getsockname()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where this runs in a shell's background
    main(*sys.argv[1:])
