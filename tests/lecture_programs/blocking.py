"""2.2.1: one page after the other."""

import socket


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


def one_by_one():
    return len([download() for _ in range(10)])


if __name__ == "__main__":
    print(one_by_one(), "pages")
