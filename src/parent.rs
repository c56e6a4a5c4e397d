//! Ending with the parent process, whatever ended it.

use std::io;
use std::time::Duration;

/// How long a helper may outlive its parent, about.
const CHECK_EVERY: Duration = Duration::from_millis(250);

/// Ends this process soon after the process `parent` has ended.
///
/// The end of standard input says the same, but late where a forked child of the parent holds a copy of the pipe, and
/// unheard while this process is busy. (`PR_SET_PDEATHSIG` would fire when the parent's *thread* ends.)
#[cfg(unix)]
pub fn exit_with(parent: u32) {
    let watch = move || {
        loop {
            if std::os::unix::process::parent_id() != parent {
                std::process::exit(0);
            }
            std::thread::sleep(CHECK_EVERY);
        }
    };
    // Where the system has no thread to give, the end of standard input has to serve.
    let _ = std::thread::Builder::new().name("aio-parent".to_owned()).spawn(watch);
}

/// Nothing to do: the end of standard input has to serve here.
#[cfg(not(unix))]
pub fn exit_with(_parent: u32) {
    let _ = CHECK_EVERY;
}

/// Has the system kill this process when the thread that started it ends; at once if `parent` has ended already.
///
/// For workers that must not have a thread of their own to watch, and whose parent's thread waits for them.
#[cfg(target_os = "linux")]
pub fn die_with(parent: u32) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    if std::os::unix::process::parent_id() != parent {
        std::process::exit(0);
    }
    Ok(())
}

/// Nothing to do: the end of standard input has to serve here.
#[cfg(not(target_os = "linux"))]
pub fn die_with(_parent: u32) -> io::Result<()> {
    Ok(())
}

/// Lets any process of this user trace this one: some systems (Yama) allow only ancestors.
#[cfg(target_os = "linux")]
pub fn allow_tracing() -> io::Result<()> {
    match rustix::process::set_ptracer(rustix::process::PTracer::Any) {
        // no Yama, no need
        Ok(()) | Err(rustix::io::Errno::INVAL) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Nothing to do.
#[cfg(not(target_os = "linux"))]
pub fn allow_tracing() -> io::Result<()> {
    Ok(())
}
