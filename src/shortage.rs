//! What a machine can have too little of, for one more exchange: its number, and what a user can do about it.

use std::io;

use crate::target::client_ports;

// Connecting fails with EADDRNOTAVAIL when all local ports are taken.
#[cfg(unix)]
const SHORTAGES: [i32; 5] = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM, libc::EADDRNOTAVAIL];
/// WSAEMFILE, WSAENOBUFS, WSAEADDRNOTAVAIL.
#[cfg(not(unix))]
const SHORTAGES: [i32; 3] = [10024, 10055, 10049];

/// Whether this number of an error in connecting says that this machine, not the address, is the reason.
#[must_use]
pub fn is_shortage(errno: i32) -> bool {
    SHORTAGES.contains(&errno)
}

/// The same of an error.
#[must_use]
pub fn is_from_shortage(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(is_shortage)
}

/// What is used up and how to have more of it, if there is a word to say.
#[cfg(unix)]
#[must_use]
pub fn remedy(errno: i32) -> Option<String> {
    match errno {
        libc::EMFILE => Some("this process may open no more (ulimit -n)".to_owned()),
        libc::ENFILE => Some("the system may open no more (sysctl fs.file-max)".to_owned()),
        libc::EAGAIN => {
            Some("no more threads or processes may be started (ulimit -u, or a container's limit)".to_owned())
        }
        libc::EADDRNOTAVAIL => Some(format!(
            "none of the ports {} to {} is free for this address (sysctl net.ipv4.ip_local_port_range), or none of this \
             machine's addresses leads there; keep_alive=True needs fewer ports",
            client_ports().start(),
            client_ports().end()
        )),
        _ => None,
    }
}

/// What is used up and how to have more of it, if there is a word to say.
#[cfg(not(unix))]
#[must_use]
pub fn remedy(_errno: i32) -> Option<String> {
    None
}
