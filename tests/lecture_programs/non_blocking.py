"""2.2.4: a socket that does not block, asked again and again."""

import socket


def download():
    sock = socket.socket()
    sock.setblocking(False)
    try:
        sock.connect(("example.com", 80))
    except BlockingIOError:
        pass  # it has only begun
    question = b"GET / HTTP/1.0\r\nHost: example.com\r\n\r\n"
    while True:
        try:
            sock.send(question)
            break
        except OSError:
            pass  # not connected yet
    answer = b""
    while True:
        try:
            piece = sock.recv(4096)
            while piece:
                answer += piece
                piece = sock.recv(4096)
            break
        except OSError:
            pass  # nothing has come yet
    sock.close()
    return answer


def spinning():
    return len([download() for _ in range(10)])


if __name__ == "__main__":
    print(spinning(), "pages")
