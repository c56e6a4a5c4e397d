//! When TCP acknowledges what a client receives. (On Linux, which alone lets a program choose.)
//!
//! What the server says when a connection opens is acknowledged with the request, not before: it saves both a packet, and
//! the server a wake-up. After that, what is received is acknowledged as soon as a program waits for more of it: a server
//! may hold back the rest until then (Nagle's algorithm), and a delayed acknowledgement would cost 40 ms.

use socket2::SockRef;

/// Has the socket, which is not yet connected, acknowledge the handshake with the first bytes that it sends.
pub fn acknowledge_with_request(socket: &SockRef<'_>) {
    set(socket, false);
}

/// What a connection knows of its acknowledgements since it has last sent something.
#[derive(Debug, Default)]
pub struct Acknowledging {
    has_read: bool,
    is_prompt: bool,
}

impl Acknowledging {
    /// Notes that something was received.
    pub fn note_read(&mut self) {
        self.has_read = true;
    }

    /// To be called before a wait for something to receive: is that more of a reply, it is acknowledged at once.
    pub fn before_wait(&mut self, socket: &SockRef<'_>) {
        if self.has_read && !self.is_prompt {
            self.is_prompt = true;
            set(socket, true);
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn set(socket: &SockRef<'_>, promptly: bool) {
    // If it cannot be had, the exchange takes a little longer.
    let _ = rustix::net::sockopt::set_tcp_quickack(&**socket, promptly);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn set(_socket: &SockRef<'_>, _promptly: bool) {}
