"""2.2.2: a process for each page."""

import socket
from concurrent import futures


def download():
    sock = socket.socket()
    sock.connect(("example.com", 80))
    sock.send(b"GET / HTTP/1.0\r\nHost: example.com\r\n\r\n")
    answer = b""
    piece = sock.recv(4096)
    while piece:
        answer += piece
        piece = sock.recv(4096)
    sock.close()
    return answer


def in_processes():
    with futures.ProcessPoolExecutor(10) as pool:
        pending = {pool.submit(download) for _ in range(10)}
    return len([future.result() for future in pending])


if __name__ == "__main__":
    print(in_processes(), "pages")
