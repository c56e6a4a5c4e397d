//! Ending with the parent process, whatever ended it.

use std::time::Duration;

/// How long a helper may outlive its parent, about.
const CHECK_EVERY: Duration = Duration::from_millis(250);

/// Ends this process soon after the process `parent` has ended.
///
/// The end of standard input says the same, but late where a forked child of the parent holds a copy of the pipe, and
/// unheard while this process is busy. (`PR_SET_PDEATHSIG` would fire when the parent's *thread* ends.)
#[cfg(unix)]
pub fn exit_with(parent: u32) {
    std::thread::spawn(move || {
        loop {
            if std::os::unix::process::parent_id() != parent {
                std::process::exit(0);
            }
            std::thread::sleep(CHECK_EVERY);
        }
    });
}

/// Nothing to do: the end of standard input has to serve here.
#[cfg(not(unix))]
pub fn exit_with(_parent: u32) {
    let _ = CHECK_EVERY;
}
