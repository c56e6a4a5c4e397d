//! Commands to the lab: one line each on its standard input, answered on its standard output.
//!
//! `stats` is answered with the counters as a line of JSON, `log` with a line of JSON and the binary records that it
//! announces (see `Snapshot::write`), `reset` and `reply …` (see `script::parse`) with the line `ok`. The first three
//! are about the public entrance, or, followed by `private`, about that one. `sync WORD` is answered with the line
//! `WORD`, so that a reader that was interrupted can skip the answers that it has not read. Empty lines are ignored: one
//! ends a command that was cut off. `stop`, or the end of input, ends the lab.

use std::io::{self, BufRead, Write};
use std::sync::Arc;

use mio::Waker;

use super::log::{Counters, Entrance, Logs, Record};
use super::script::{self, RawReplies, Step};
use crate::clock::monotonic_ns;

/// A handle of the lab for other threads than that of its loop.
#[derive(Debug, Clone)]
pub(super) struct Control {
    logs: Logs,
    raw: Arc<RawReplies>,
    stop: Arc<Waker>,
    /// When the lab began.
    started: u64,
}

impl Control {
    pub(super) fn new(logs: Logs, raw: Arc<RawReplies>, stop: Arc<Waker>) -> Self {
        Self { logs, raw, stop, started: monotonic_ns() }
    }

    pub(super) fn counters(&self, entrance: Entrance) -> Counters {
        self.logs.of(entrance).counters()
    }

    pub(super) fn records(&self, entrance: Entrance) -> Vec<Record> {
        let snapshot = self.logs.of(entrance).snapshot();
        snapshot.records()
    }

    pub(super) fn reset(&self, entrance: Entrance) {
        self.logs.of(entrance).reset();
    }

    pub(super) fn reply(&self, path: String, steps: Option<Vec<Step>>) {
        self.raw.set(path, steps);
    }

    pub(super) fn stop(&self) {
        let _ = self.stop.wake(); // fails only if the loop has ended
    }

    /// Answers commands until the last one.
    pub(super) fn answer(&self, input: impl BufRead, mut output: impl Write) -> io::Result<()> {
        for line in input.lines() {
            let line = line?;
            match line.trim().split_once(' ').unwrap_or((line.trim(), "")) {
                ("stats", word) => writeln!(output, "{}", self.stats(entrance(word)))?,
                ("log", word) => {
                    let snapshot = self.logs.of(entrance(word)).snapshot();
                    snapshot.write(&mut output)?;
                }
                ("reset", word) => {
                    self.reset(entrance(word));
                    writeln!(output, "ok")?;
                }
                ("reply", text) => match script::parse(text) {
                    Some((path, steps)) => {
                        self.reply(path, steps);
                        writeln!(output, "ok")?;
                    }
                    None => writeln!(output, "this is not a reply")?,
                },
                ("", _) => {}
                ("sync", word) => writeln!(output, "{word}")?,
                ("stop", _) => break,
                (command, _) => writeln!(output, "there is no command {command:?}")?,
            }
            output.flush()?;
        }
        Ok(())
    }

    /// Counters, CPU seconds of the process, and seconds since the start, as JSON.
    fn stats(&self, entrance: Entrance) -> String {
        let Counters {
            served,
            errors,
            connections,
            open_connections,
            peak_connections,
            in_flight,
            peak_in_flight,
            log_dropped,
        } = self.counters(entrance);
        let (user, system) = cpu_seconds();
        let uptime = (monotonic_ns() - self.started) as f64 / 1e9;
        format!(
            r#"{{"served": {served}, "errors": {errors}, "connections": {connections}, "open_connections": {open_connections}, "peak_connections": {peak_connections}, "in_flight": {in_flight}, "peak_in_flight": {peak_in_flight}, "log_dropped": {log_dropped}, "cpu_user": {user:.6}, "cpu_system": {system:.6}, "uptime": {uptime:.6}}}"#
        )
    }
}

/// The entrance that the word after a command names.
fn entrance(word: &str) -> Entrance {
    if word == "private" { Entrance::Private } else { Entrance::Public }
}

/// Seconds of CPU time that this process has used: in user mode, and in the kernel.
///
/// The sum is precise. Linux counts the two in ticks of 10 ms, so their shares are rough for short times; elsewhere all
/// of it counts as user time.
#[cfg(unix)]
fn cpu_seconds() -> (f64, f64) {
    let total = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let total = total.tv_sec as f64 + total.tv_nsec as f64 / 1e9;
    let system_share = std::fs::read_to_string("/proc/self/stat").ok().and_then(|stat| {
        // The second field, the program's name in brackets, may contain anything; utime and stime are 14th and 15th.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
        let user: f64 = fields.next()?.parse().ok()?;
        let system: f64 = fields.next()?.parse().ok()?;
        (user + system > 0.0).then(|| system / (user + system))
    });
    let system = total * system_share.unwrap_or(0.0);
    (total - system, system)
}

/// No safe interface tells it here.
#[cfg(not(unix))]
fn cpu_seconds() -> (f64, f64) {
    (0.0, 0.0)
}
