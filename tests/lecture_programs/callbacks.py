"""2.2.5: callbacks, and a loop that calls them."""

import socket
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector

selector = DefaultSelector()
stopped = False
urls_todo = {"/", "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9"}


class Download:
    def __init__(self, path):
        self.path = path
        self.sock = None
        self.answer = b""

    def begin(self):
        self.sock = socket.socket()
        self.sock.setblocking(False)
        try:
            self.sock.connect(("example.com", 80))
        except BlockingIOError:
            pass
        selector.register(self.sock.fileno(), EVENT_WRITE, self.when_connected)

    def when_connected(self, key, mask):
        selector.unregister(key.fd)
        self.sock.send(f"GET {self.path} HTTP/1.0\r\nHost: example.com\r\n\r\n".encode("ascii"))
        selector.register(key.fd, EVENT_READ, self.when_readable)

    def when_readable(self, key, mask):
        global stopped
        piece = self.sock.recv(4096)
        if piece:
            self.answer += piece
            return
        selector.unregister(key.fd)
        self.sock.close()
        urls_todo.remove(self.path)
        if not urls_todo:
            stopped = True


def loop():
    while not stopped:
        for key, mask in selector.select():
            callback = key.data
            callback(key, mask)


if __name__ == "__main__":
    downloads = [Download(path) for path in urls_todo]
    for download in downloads:
        download.begin()
    loop()
    print(len(downloads), "pages")
