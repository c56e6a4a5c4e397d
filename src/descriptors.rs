//! The file descriptors of this process: how many it may have, and room for them.

/// How many this process may have; `None` if there is no limit.
#[cfg(unix)]
#[must_use]
pub fn limit() -> Option<u64> {
    use rustix::process::{Resource, getrlimit};

    getrlimit(Resource::Nofile).current
}

/// Raises the limit as far as the system allows.
#[cfg(unix)]
pub fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let maximum = getrlimit(Resource::Nofile).maximum;
    // If this fails, back-pressure sets in earlier.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// Does nothing: here they have no limit.
#[cfg(not(unix))]
pub fn raise_limit() {}

/// Makes room for so many more, as far as the limit allows.
///
/// Linux doubles the table of descriptors when it is full. In a process with several threads, it then waits for all
/// processors, 10 to 40 ms each time, and no thread gets a descriptor meanwhile. So double it at once, and not while
/// anybody is waiting.
#[cfg(target_os = "linux")]
pub fn reserve(count: usize) {
    use std::os::fd::{AsRawFd, OwnedFd};

    use rustix::io::{Result, fcntl_dupfd_cloexec};

    const FIRST_TABLE: u64 = 64;
    // Each is closed at once; the table keeps its size.
    let from = |number| -> Result<OwnedFd> { fcntl_dupfd_cloexec(std::io::stderr(), number) };
    let Ok(next) = from(0).map(|free| free.as_raw_fd() as u64) else { return };
    let last = (next + count as u64).min(limit().map_or(u64::MAX, |limit| limit.saturating_sub(1)));
    if last >= FIRST_TABLE
        && let Ok(last) = i32::try_from(last)
    {
        let _ = from(last);
    }
}

/// Does nothing: other systems do not make anybody wait.
#[cfg(not(target_os = "linux"))]
pub fn reserve(_count: usize) {}
