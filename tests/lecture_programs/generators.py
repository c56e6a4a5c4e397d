"""2.3.2.1: coroutines made of generators."""

import socket
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector

selector = DefaultSelector()
stopped = False
urls_todo = {"/", "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9"}


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


class Download:
    def __init__(self, path):
        self.path = path
        self.answer = b""

    def fetch(self):
        global stopped
        sock = socket.socket()
        sock.setblocking(False)
        try:
            sock.connect(("example.com", 80))
        except BlockingIOError:
            pass
        future = Future()

        def connected():
            future.set_result(None)

        selector.register(sock.fileno(), EVENT_WRITE, connected)
        yield future
        selector.unregister(sock.fileno())
        sock.send(f"GET {self.path} HTTP/1.0\r\nHost: example.com\r\n\r\n".encode("ascii"))

        while True:
            future = Future()

            def readable():
                future.set_result(sock.recv(4096))

            selector.register(sock.fileno(), EVENT_READ, readable)
            piece = yield future
            selector.unregister(sock.fileno())
            if not piece:
                break
            self.answer += piece
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
