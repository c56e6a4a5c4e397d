//! The clock that all processes of a machine share.

/// Nanoseconds of the system-wide monotonic clock: on Linux the clock behind Python's `time.monotonic_ns()`, so that
/// times taken in the lab's process and in a client's fit on one axis.
#[cfg(unix)]
#[must_use]
pub fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// Nanoseconds since the first call in this process: here no safe interface gives a clock that processes share.
#[cfg(not(unix))]
#[must_use]
pub fn monotonic_ns() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64
}
