"""nginx with one worker, on the loopback interface: the server that strangers know, as common ground."""

from __future__ import annotations

import contextlib
import os
import random
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from aio_strategies.targets import client_ports

#: Longer bodies come from a file: the configuration has no room for them.
LONGEST_IN_CONFIG = 2000

#: Enough for all connections, and all files that are kept open: where there are too few, some replies are 500.
MOST_FILES = 65536

CONFIG = """
worker_processes 1;
worker_rlimit_nofile {files};
daemon off;
pid {prefix}/pid;
error_log {prefix}/error.log;
events {{ worker_connections 16384; }}
http {{
    log_format requests escape=none "$request_method $status $sent_http_content_type $request_uri";
    access_log {log};
    keepalive_requests 1000000000;
    client_body_temp_path {prefix}/body;
    proxy_temp_path {prefix}/proxy;
    fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi;
    scgi_temp_path {prefix}/scgi;
    {types}
    default_type text/plain;
    sendfile on;
    open_file_cache max=16384 inactive=1h;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        {tls}
        root {root};
        {replies}
    }}
}}
"""

# No session is resumed, as in the lab: each connection costs a whole handshake.
TLS = """
        listen 127.0.0.1:{port} ssl backlog=4096;
        ssl_certificate {prefix}/certificate.pem;
        ssl_certificate_key {prefix}/certificate.pem;
        ssl_session_cache off;
        ssl_session_tickets off;
"""


class Request(NamedTuple):
    """A request that nginx answered; ``content_type`` may be empty."""

    method: str
    status: int
    content_type: str
    path: str


@dataclass(frozen=True)
class Nginx:
    """A running nginx; ``ca_file`` is the authority that signed its certificate, if it serves https."""

    port: int
    tls_port: int | None
    ca_file: str | None
    pid: int
    log: Path

    def url(self, body_size: int, scheme: str = "http") -> str:
        """The URL of a page of this size, which must be among those that it was started with."""
        return f"{self.root(scheme)}{body_size}"

    def root(self, scheme: str = "http") -> str:
        """The URL of what it serves."""
        port = self.tls_port if scheme == "https" else self.port
        return f"{scheme}://127.0.0.1:{port}/"

    def requests(self) -> list[Request]:
        """What it answered since this was called last, if it serves a site."""
        lines = self.log.read_text(encoding="latin-1").splitlines()
        os.truncate(self.log, 0)  # nginx appends
        fields = (line.split(" ", 3) for line in lines)
        return [Request(method, int(status), kind, path) for method, status, kind, path in fields]

    def cpu(self) -> float:
        """The CPU time of its worker so far, in seconds."""
        user, system = (self._worker() / "stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def sleeps(self) -> int:
        """How many times its worker has gone to sleep so far."""
        found = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", (self._worker() / "status").read_text(), re.MULTILINE)
        assert found is not None
        return int(found[1])

    def _worker(self) -> Path:
        worker = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0]
        return Path("/proc") / worker


def find(program: str) -> str | None:
    """Return the program's path; nginx is often in a directory that is only on root's PATH, oha in this environment."""
    others = [str(Path(sys.executable).parent), "/usr/sbin", "/usr/local/sbin"]
    return shutil.which(program) or shutil.which(program, path=os.pathsep.join(others))


def mime_types() -> Path:
    """Return nginx's own list of media types, which is beside its configuration."""
    told = subprocess.run([find("nginx") or "nginx", "-V"], capture_output=True, text=True, check=True).stderr
    match = re.search(r"--conf-path=(\S+)", told)
    return Path(match[1] if match else "/etc/nginx/nginx.conf").with_name("mime.types")


@contextlib.contextmanager
def nginx(body_sizes: Sequence[int] = (), *, https: bool = False, site: Path | None = None) -> Iterator[Nginx]:
    """Run nginx with its own configuration and one worker, which serves a page of each size; over https, too.

    Or it serves the files of a ``site``, and logs what it is asked for.
    """
    with tempfile.TemporaryDirectory(prefix="one-nginx-") as folder:
        os.chmod(folder, 0o755)  # the worker runs as another user when this runs as root
        prefix = Path(folder)
        (prefix / "pages").mkdir()
        replies = []
        for size in body_sizes:
            body = ("An answer of nginx, from memory. " * (size // 32 + 1))[: size - 1] + "."
            if size <= LONGEST_IN_CONFIG:
                replies.append(f'location = /{size} {{ return 200 "{body}"; }}')
            else:
                (prefix / "pages" / str(size)).write_text(body)
        port, tls_port = free_ports(2)
        config = CONFIG.format(
            prefix=prefix,
            files=min(MOST_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
            root=site or prefix / "pages",
            log=f"{prefix}/access.log requests" if site else "off",
            types=f"include {mime_types()};" if site else "",
            port=port,
            tls=TLS.format(port=tls_port, prefix=prefix) if https else "",
            replies="\n        ".join(replies),
        )
        (prefix / "nginx.conf").write_text(config)
        ca_file = certify(prefix) if https else None
        process = subprocess.Popen(
            [find("nginx") or "nginx", "-p", folder, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"],
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(port, process, prefix / "error.log")
            yield Nginx(port, tls_port if https else None, ca_file, process.pid, prefix / "access.log")
        finally:
            process.terminate()
            process.wait(10)


def certify(prefix: Path) -> str:
    """Write nginx's certificate, and return the file of the authority that signed it."""
    import trustme

    authority = trustme.CA()
    ca_file = str(prefix / "authority.pem")
    authority.cert_pem.write_to_path(ca_file)
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(prefix / "certificate.pem"))
    return ca_file


def free_ports(count: int) -> list[int]:
    """Return ports on which nobody listens, and which the system gives to no client: servers have such ports."""
    free: list[int] = []
    while len(free) < count:
        port = random.randrange(1024, max(2048, client_ports().start))
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            free.append(port)
    return free


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server listens on the port."""
    for _ in range(100):
        if process.poll() is not None:
            sys.exit(f"nginx did not start: {log.read_text() if log.exists() else process.returncode}")
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.05)
    sys.exit("nginx does not listen")


def versions() -> dict[str, str]:
    """Return the versions of nginx and wrk."""
    nginx_version = subprocess.run([find("nginx") or "nginx", "-v"], capture_output=True, text=True, check=True).stderr
    wrk_version = subprocess.run([find("wrk") or "wrk", "-v"], capture_output=True, text=True, check=False).stdout
    return {
        "nginx": nginx_version.strip().removeprefix("nginx version: "),
        "wrk": wrk_version.splitlines()[0].split(" [")[0] if wrk_version else "unknown",
    }
