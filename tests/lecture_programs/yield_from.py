"""2.3.2.2: coroutines that call others by yield from."""

import socket
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector

selector = DefaultSelector()
stopped = False
urls_todo = {"/", "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9"}
HOST = "example.com"


class Future:
    def __init__(self):
        self.result = None
        self._waiting = []

    def when_done(self, function):
        self._waiting.append(function)

    def set_result(self, result):
        self.result = result
        for function in self._waiting:
            function(self)

    def __iter__(self):
        yield self
        return self.result


class Task:
    def __init__(self, coroutine):
        self.coroutine = coroutine
        first = Future()
        self.step(first)

    def step(self, future):
        try:
            following = self.coroutine.send(future.result)
        except StopIteration:
            return
        following.when_done(self.step)


def connect(sock, address):
    future = Future()
    sock.setblocking(False)
    try:
        sock.connect(address)
    except BlockingIOError:
        pass
    selector.register(sock.fileno(), EVENT_WRITE, lambda: future.set_result(None))
    yield from future
    selector.unregister(sock.fileno())


def read(sock):
    future = Future()
    selector.register(sock.fileno(), EVENT_READ, lambda: future.set_result(sock.recv(4096)))
    piece = yield from future
    selector.unregister(sock.fileno())
    return piece


def read_all(sock):
    pieces = []
    piece = yield from read(sock)
    while piece:
        pieces.append(piece)
        piece = yield from read(sock)
    return b"".join(pieces)


class Download:
    def __init__(self, path):
        self.path = path
        self.answer = b""

    def fetch(self):
        global stopped
        sock = socket.socket()
        yield from connect(sock, (HOST, 80))
        sock.send(f"GET {self.path} HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode("ascii"))
        self.answer = yield from read_all(sock)
        sock.close()
        urls_todo.remove(self.path)
        if not urls_todo:
            stopped = True


def loop():
    while not stopped:
        for key, _ in selector.select():
            callback = key.data
            callback()


if __name__ == "__main__":
    downloads = [Download(path) for path in urls_todo]
    for download in downloads:
        Task(download.fetch())
    loop()
    print(len(downloads), "pages")
