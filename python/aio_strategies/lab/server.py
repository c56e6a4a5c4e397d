"""Controls the lab server from Python: every strategy is timed against it, and its log shows what happened when.

The server is a small native program, ``aio-strategies-helper``, in its own process, so that it does not slow down its
clients. It listens only on the loopback interface, and ends with the process that started it, however that ends.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NoReturn, Self

from ..checks import (
    DEFAULT_BODY_SIZE,
    DEFAULT_HEAD_TIMEOUT,
    DEFAULT_LATENCY,
    DEFAULT_LOG_LIMIT,
    check_all_of,
    check_bandwidth,
    check_body_size,
    check_flag,
    check_head_timeout,
    check_host_names,
    check_jitter,
    check_latency,
    check_log_limit,
    check_number_of_urls,
    check_path,
    check_port,
    check_script,
    check_seed,
    check_text,
)
from ..exceptions import ForkedProcessError
from ..helper import PROGRAM
from . import redirect
from .fault import Fault
from .log import ExchangeLog
from .page_urls import PageUrls
from .site import Site

__all__ = ["Entrance", "LabServer", "LabStats", "private_entrance"]

#: With more URLs than this, ``LabServer.urls`` spreads them over several addresses.
_ONE_ADDRESS = 10_000
#: How long the server may take to end by itself, in seconds.
_STOP_TIMEOUT = 2.0


@dataclass(frozen=True, slots=True)
class LabStats:
    """The server's counters, since it started or was reset.

    The first exchange on a connection is in flight from the moment the connection is accepted, later ones from the
    arrival of their request; until the last byte of the reply is sent, or the connection is closed.

    Attributes:
        served: exchanges that ended with a complete 200 reply.
        errors: exchanges that ended with a complete reply of another status.
        connections: connections accepted.
        open_connections: connections open now.
        peak_connections: the most connections open at once.
        in_flight: exchanges in flight now.
        peak_in_flight: the most exchanges in flight at once.
        log_dropped: records dropped because ``log_limit`` was reached.
        cpu_user: CPU time in seconds that the server has used since it started, in user mode; a reset does not change
            it.
        cpu_system: CPU time in seconds that the server has used since it started, in the kernel; a reset does not
            change it.
        uptime: seconds since the server started; a reset does not change it.
    """

    served: int
    errors: int
    connections: int
    open_connections: int
    peak_connections: int
    in_flight: int
    peak_in_flight: int
    log_dropped: int
    cpu_user: float
    cpu_system: float
    uptime: float


class Entrance:
    """One of a lab server's two ports. What comes in there has a log and counters of its own.

    The private one is for a comparison, so that the requests of others, who come in at the public one, are not taken
    for those of an arm.

    Attributes:
        port: its port.
    """

    def __init__(self, channel: _Channel, roots: Sequence[str], port: int, word: str) -> None:
        self.port = port
        self._channel = channel
        #: The URLs of the addresses, without the port.
        self._roots = roots
        #: What follows a command about it.
        self._word = word

    @property
    def url(self) -> str:
        """The URL of the root."""
        return f"{self._roots[0]}:{self.port}/"

    def root_of(self, site: Site) -> str:
        """Return the URL of the root of the server's site."""
        scheme, _, _ = self._roots[0].partition(":")
        return f"{scheme}://{site.names[0]}:{self.port}/"

    def page_urls(self, n: int) -> PageUrls:
        """Return the URLs of the first ``n`` pages."""
        roots = self._roots if n > _ONE_ADDRESS else self._roots[:1]
        return PageUrls([f"{root}:{self.port}" for root in roots], n)

    def log(self) -> ExchangeLog:
        """Return the log."""
        line, data = self._channel.ask(f"log{self._word}")
        head = json.loads(line)
        return ExchangeLog(data, records=head["records"], closings=head["closings"], dropped=head["dropped"])

    def stats(self) -> LabStats:
        """Return the counters."""
        line, _ = self._channel.ask(f"stats{self._word}")
        return LabStats(**json.loads(line))

    def reset(self) -> None:
        """Clear the log and the counters."""
        self._channel.ask(f"reset{self._word}")


def private_entrance(lab: LabServer) -> Entrance:
    """Return the entrance of a lab server whose URLs only a comparison hands out."""
    return lab._private


class LabServer:
    """An HTTP server on the loopback interface, in its own process, that is slow on purpose and keeps a log.

    It serves from its creation until ``close()``, or the end of a ``with`` block or of this process::

        with LabServer(latency=0.05) as lab:
            run = blocking_way(lab.urls(10))
            lab.stats().peak_in_flight    # 1

    Every path gets a 200 reply with ``body_size`` bytes of text: the path, a newline, and filler. It accepts GET and
    HEAD, keeps a connection alive if the client wants that, and otherwise closes it before the client does.

    With ``https=True`` it serves the same over TLS 1.2 and 1.3, with a certificate that it makes when it starts. A
    client must trust ``ca_file``. No session is ever resumed: each connection costs every client a whole handshake.

    A connection whose client has gone is dropped at once. To tell that from a client which only ends its sending side,
    the latter gets the first byte of its reply ahead of time, except over TLS, where no client does so.

    Args:
        latency: seconds from the arrival of a request to the first byte of its reply; at most a day.
        jitter: upper bound of an extra delay in seconds, at most a day. It is uniform over paths, and depends only on
            ``seed`` and the path, so that every client meets the same delay at the same URL.
        body_size: size of a reply's body in bytes.
        bandwidth: bytes of the body per second and connection, sent in portions of about 10 ms; None for no limit.
        seed: the seed of the jitter and of the faults, 0 to 2**64 - 1.
        port: the port to listen on; 0 lets the system choose.
        log_limit: the most records that the log keeps; older ones are dropped, in blocks, and counted.
        https: whether it serves HTTPS instead of plain HTTP.
        names: with https, further hosts that the certificate is for, besides ``localhost``, 127.0.0.1 to 127.0.0.4 and
            ::1, such as the ones that ``as_host`` is told.
        faults: what it does wrong on purpose.
        site: a site to crawl. It answers the requests whose ``Host`` is one of the site's names; the log has their
            whole URLs as paths. Other requests are answered as usual. With https, the certificate is for these names,
            too.
        head_timeout: how many seconds a client may take for the head of a request from its first byte on, before it
            gets a 408 and is disconnected; and for a TLS handshake.

    Raises:
        TypeError: an argument is of the wrong type. (A bool does not count as a number.)
        ValueError: an argument is out of range.
        FileNotFoundError: the helper program is missing from the package.
        OSError: the server cannot listen on this port; ``errno`` says why.
        RuntimeError: the server ended at once.

    A process forked from this one can use the URLs and ``as_host``; commands raise ``ForkedProcessError`` there, and
    the server keeps running when it ends. All methods may be called from any thread.
    """

    def __init__(
        self,
        *,
        latency: float = DEFAULT_LATENCY,
        jitter: float = 0.0,
        body_size: int = DEFAULT_BODY_SIZE,
        bandwidth: float | None = None,
        seed: int = 0,
        port: int = 0,
        log_limit: int = DEFAULT_LOG_LIMIT,
        https: bool = False,
        names: Iterable[str] = (),
        faults: Iterable[Fault] | None = None,
        site: Site | None = None,
        head_timeout: float = DEFAULT_HEAD_TIMEOUT,
    ) -> None:
        self._latency = check_latency(latency)
        self._jitter = check_jitter(jitter)
        self._body_size = check_body_size(body_size)
        self._bandwidth = check_bandwidth(bandwidth)
        self._seed = check_seed(seed)
        self._log_limit = check_log_limit(log_limit)
        self._https = check_flag("https", https)
        self._names = check_host_names(names)
        self._faults = () if faults is None else check_all_of("faults", faults, Fault)
        if site is not None and not isinstance(site, Site):
            raise TypeError(f"site must be a Site or None, not {site!r}")
        self._site = site
        self._head_timeout = check_head_timeout(head_timeout)
        port = check_port(port)

        options = {
            "parent": os.getpid(),
            "latency-ns": round(self._latency * 1e9),
            "jitter-ns": round(self._jitter * 1e9),
            "body-size": self._body_size,
            "bandwidth": round(self._bandwidth or 0),
            "seed": self._seed,
            "port": port,
            "log-limit": self._log_limit,
            "head-timeout-ns": round(self._head_timeout * 1e9),
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        words += [word for name in self._names for word in ("--name", name)]
        words += [word for fault in self._faults for word in ("--fault", fault.option())]
        words += [] if site is None else ["--site", site.option()]
        self._channel = _Channel(words, https=self._https)
        self._finalizer = weakref.finalize(self, self._channel.stop)
        public, private, addresses = self._channel.wait_until_ready(port)
        scheme = "https" if self._https else "http"
        roots = [f"{scheme}://{address}" for address in addresses]
        self._public = Entrance(self._channel, roots, public, "")
        self._private = Entrance(self._channel, roots, private, " private")

    @property
    def url(self) -> str:
        """The URL of the root: ``"http://127.0.0.1:PORT/"``, or ``"https://…"``."""
        return self._public.url

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return self._public.port

    @property
    def latency(self) -> float:
        """Seconds from the arrival of a request to the first byte of its reply."""
        return self._latency

    @property
    def jitter(self) -> float:
        """The upper bound of the extra delay, in seconds."""
        return self._jitter

    @property
    def body_size(self) -> int:
        """The size of a reply's body, in bytes."""
        return self._body_size

    @property
    def bandwidth(self) -> float | None:
        """Bytes of the body per second and connection; None for no limit."""
        return self._bandwidth

    @property
    def seed(self) -> int:
        """The seed of the jitter and of the faults."""
        return self._seed

    @property
    def log_limit(self) -> int:
        """The most records that the log keeps."""
        return self._log_limit

    @property
    def https(self) -> bool:
        """Whether it serves HTTPS instead of plain HTTP."""
        return self._https

    @property
    def ca_file(self) -> str | None:
        """With https, the path of a PEM file: the certificate authority that clients must trust. Else None.

        ``close()`` removes the file.
        """
        return self._channel.ca_file

    @property
    def names(self) -> tuple[str, ...]:
        """Further hosts that the certificate is for."""
        return self._names

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What it does wrong on purpose."""
        return self._faults

    @property
    def site(self) -> Site | None:
        """The site to crawl."""
        return self._site

    @property
    def site_url(self) -> str | None:
        """The URL of the site's root, ``"http://a.site.test:PORT/"``; None without a site.

        Its names have no addresses but those in ``hosts``.
        """
        return None if self._site is None else self._public.root_of(self._site)

    @property
    def hosts(self) -> dict[str, tuple[str, int]]:
        """The names of the site's hosts, and the address and port where a client finds each."""
        return dict.fromkeys(self._site.names if self._site else (), ("127.0.0.1", self.port))

    @property
    def head_timeout(self) -> float:
        """How many seconds a client may take for the head of a request, and for a TLS handshake."""
        return self._head_timeout

    @property
    def pid(self) -> int:
        """The server's process ID."""
        return self._channel.process.pid

    @property
    def closed(self) -> bool:
        """Whether ``close()`` has been called."""
        return not self._finalizer.alive

    def urls(self, n: int) -> list[str]:
        """Return ``n`` different URLs of this server: ``".../"``, ``".../1"``, ``".../2"``, and so on.

        If ``n`` is above 10,000, the URLs rotate through the addresses that the server listens on (on Linux, 127.0.0.1
        to 127.0.0.4), as a client has only some 28,000 ports for connections to one address.

        Raises:
            TypeError: ``n`` is not an integer.
            ValueError: ``n`` is negative.
        """
        return self.page_urls(n)[:]

    def page_urls(self, n: int) -> PageUrls:
        """Return what ``urls`` returns, as a sequence that makes each URL when it is asked for.

        Raises:
            TypeError: ``n`` is not an integer.
            ValueError: ``n`` is negative.
        """
        return self._public.page_urls(check_number_of_urls(n))

    def log(self) -> ExchangeLog:
        """Return the log: a record of every exchange that has ended.

        Once a client has read a complete reply, the record of that exchange is here.

        Raises:
            RuntimeError: the server is closed, or has died.
            ForkedProcessError: this process was forked from the one that started the server.
        """
        return self._public.log()

    def stats(self) -> LabStats:
        """Return the server's counters.

        Raises:
            RuntimeError: the server is closed, or has died.
            ForkedProcessError: this process was forked from the one that started the server.
        """
        return self._public.stats()

    def reset(self) -> None:
        """Clear the log and the counters; the peaks restart from what is open now.

        Raises:
            RuntimeError: the server is closed, or has died.
            ForkedProcessError: this process was forked from the one that started the server.
        """
        self._public.reset()

    def reply(self, path: str, reply: bytes | Iterable[bytes | float | str] | None) -> None:
        """Answer a path with a raw reply from now on, also after ``reset()``.

        It begins when a normal reply would, and replaces it: nothing is added, and the connection is closed after it.
        Of the faults, only those that delay a reply apply. ::

            lab.reply("/early", b"HTTP/1.1 200 OK\\r\\nContent-Length: 9\\r\\n\\r\\nhalf")
            lab.reply("/drip", [b"HTTP/1.1 200 OK\\r\\n", 0.5, b"X: y\\r\\n", "reset"])

        Args:
            path: the path, with the query, as the client sends it.
            reply: the bytes to send; or a script: a sequence of bytes to send, numbers of seconds to wait, and one of
                ``"close"``, ``"reset"`` and ``"hang"`` (which keeps the connection open, silently, until the client
                closes it). None removes the path's raw reply.

        Raises:
            TypeError: an argument is of the wrong type.
            ValueError: the path does not begin with a slash, or a step is none of the above.
            RuntimeError: the server is closed, or has died.
            ForkedProcessError: this process was forked from the one that started the server.
        """
        words = ["reply", check_path(path).encode().hex()]
        for step in ["remove"] if reply is None else check_script(reply):
            if isinstance(step, bytes):
                words.append(f"send={step.hex()}")
            else:
                words.append(step if isinstance(step, str) else f"wait={round(step * 1e9)}")
        self._channel.ask(" ".join([*words, "end"]))

    def as_host(self, host: str, port: int = 80) -> contextlib.AbstractContextManager[None]:
        """Stand in for ``host:port`` during a ``with`` block, in this process and those forked from it.

        Any TCP connection that Python code opens to it, through ``socket``, asyncio or a library on top of them, then
        reaches this server. The host need not exist. Other hosts, and other ports of this one, are not affected. Blocks
        nest, and may end in any order; of several for the same host and port, the latest applies. What connects after
        the block reaches the real host, also in a thread that was begun in it.

        Args:
            host: a name, compared without regard to case and in its IDNA form, or an address.
            port: 1 to 65535.

        Raises:
            TypeError: an argument is of the wrong type.
            ValueError: an argument is out of range.
            RuntimeError: the server is closed.
        """
        name = redirect.checked_name(check_text("host", host))
        port = check_port(port, least=1)
        if self.closed and os.getpid() == self._channel.owner:
            raise RuntimeError("the lab server is closed")
        return redirect.redirect(name, port, ("127.0.0.1", self.port))

    def close(self) -> None:
        """Stop the server. Further calls do nothing, nor do calls in a forked process."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        bandwidth = "" if self._bandwidth is None else f" bandwidth={self._bandwidth:g}"
        jitter = f" jitter={self._jitter:g} seed={self._seed}" if self._jitter else ""
        faults = f" faults={list(self._faults)}" if self._faults else ""
        site = f" site={self._site}" if self._site else ""
        state = " closed" if self.closed else ""
        return (
            f"<{type(self).__name__} {self.url} latency={self._latency:g}{jitter} body_size={self._body_size}"
            f"{bandwidth}{faults}{site}{state}>"
        )


class _Channel:
    """The server's process, and commands to it."""

    def __init__(self, options: Sequence[str], *, https: bool) -> None:
        #: The process that started the server.
        self.owner = os.getpid()
        self._lock = threading.Lock()
        #: Bytes that have been read but not yet processed.
        self._buffer = bytearray()
        #: Whether the last command's answer has been read completely.
        self._in_step = True
        self._stopped = False

        self._folder = tempfile.mkdtemp(prefix="aio-strategies-") if https else None
        #: The certificate that clients must trust, which the server writes.
        self.ca_file = None if self._folder is None else os.path.join(self._folder, "ca.pem")
        if self.ca_file is not None:
            options = [*options, "--ca-file", self.ca_file]
        # Its own process group: Ctrl-C in a terminal must reach only the clients.
        group: dict[str, Any] = {"process_group": 0}
        if sys.platform == "win32":
            group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        try:
            # Unbuffered: such pipes have no locks that a fork could leave locked.
            self.process = subprocess.Popen(
                [PROGRAM, "lab", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, **group
            )
        except FileNotFoundError:
            self._remove_folder()
            raise FileNotFoundError(
                errno.ENOENT,
                "the lab server's program is missing (the wheel of aio-strategies contains it, and maturin builds it "
                "with the package; copying only the Python files is not enough)",
                str(PROGRAM),
            ) from None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._stdin, self._stdout = self.process.stdin, self.process.stdout
        _channels.add(self)

    def wait_until_ready(self, port: int) -> tuple[int, int, list[str]]:
        """Return the public and the private port, and the addresses that the server listens on."""
        try:
            word, *words = self._read_line().decode().split()
            if word == "error":
                number, *text = words
                raise OSError(int(number), f"the lab server cannot listen on 127.0.0.1:{port}: {' '.join(text)}")
            return int(words[0]), int(words[1]), words[2:]
        except BaseException:
            self.process.kill()
            self.stop()
            raise

    def ask(self, command: str) -> tuple[bytes, bytes]:
        """Send a command; return the first line of its answer, and the bytes that it announces."""
        if os.getpid() != self.owner:
            raise ForkedProcessError(
                "this lab server was started before the fork: only the process that started it can give it commands"
            )
        with self._lock:
            if self._stopped:
                raise RuntimeError("the lab server is closed")
            if not self._in_step:
                # A KeyboardInterrupt cut the last command off, and may have lost some bytes of its answer.
                word = secrets.token_hex()
                self._send(f"\nsync {word}")  # the line break ends what may have been cut off
                while not self._read_line().endswith(f"{word}\n".encode()):
                    pass
            self._in_step = False
            self._send(command)
            line = self._read_line()
            data = self._read(json.loads(line)["bytes"]) if command.startswith("log") else b""
            self._in_step = True
            return line, data

    def stop(self) -> None:
        """Stop the server, if this is the process that started it."""
        if os.getpid() != self.owner:
            return
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            with contextlib.suppress(OSError):
                self._stdin.write(b"stop\n")  # a copy of the pipe in another process could keep it alive
            self._stdin.close()
            try:
                self.process.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            finally:
                self._stdout.close()
                self._remove_folder()

    def forget(self) -> None:
        """In a forked process: close the pipes, so that only the parent decides when the server sees end of input."""
        self._stopped = True
        self._stdin.close()
        self._stdout.close()
        self.process.returncode = 0  # not this process's child, so no ResourceWarning

    def _remove_folder(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _send(self, command: str) -> None:
        rest = memoryview(f"{command}\n".encode())
        try:
            while rest:  # a pipe may take only a part of it
                rest = rest[self._stdin.write(rest) :]
        except OSError:
            self._died()

    def _read_line(self) -> bytes:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            self._read_more()
        return self._take(end + 1)

    def _read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._read_more()
        return self._take(size)

    def _read_more(self) -> None:
        chunk = self._stdout.read(1 << 16)
        if not chunk:
            self._died()
        self._buffer += chunk

    def _take(self, size: int) -> bytes:
        taken = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        return taken

    def _died(self) -> NoReturn:
        try:
            status = self.process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"the lab server (process {self.process.pid}) no longer answers") from None
        cause = f"exit status {status}"
        if status < 0:
            with contextlib.suppress(ValueError):
                cause = f"killed by {signal.Signals(-status).name}, exit status {status}"
        raise RuntimeError(f"the lab server (process {self.process.pid}) has ended: {cause}")


#: The channels of this process, to be closed in a process forked from it.
_channels: weakref.WeakSet[_Channel] = weakref.WeakSet()


def _forget_channels() -> None:
    for channel in list(_channels):
        channel.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_channels)
