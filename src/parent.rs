//! Exiting with the parent process, however that one ended.

use std::io;
use std::time::Duration;

/// About how long a helper may outlive its parent.
const CHECK_EVERY: Duration = Duration::from_millis(250);

/// Ends this process soon after the process `parent` has ended.
///
/// The end of standard input tells the same, but late if a forked child of the parent holds a copy of the pipe, and
/// this process does not notice it while it is busy. (`PR_SET_PDEATHSIG` would fire when the parent's *thread* ends.)
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
    // If the system allows no thread, the end of standard input must do.
    let _ = std::thread::Builder::new().name("aio-parent".to_owned()).spawn(watch);
}

/// Does nothing: here the end of standard input must do.
#[cfg(not(unix))]
pub fn exit_with(_parent: u32) {
    let _ = CHECK_EVERY;
}

/// Has the system kill this process when the thread that started it ends; exits at once if `parent` has already ended.
///
/// For workers that must not have a watching thread, and whose parent's thread waits for them.
#[cfg(target_os = "linux")]
pub fn die_with(parent: u32) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    if std::os::unix::process::parent_id() != parent {
        std::process::exit(0);
    }
    Ok(())
}

/// Does nothing: here the end of standard input must do.
#[cfg(not(target_os = "linux"))]
pub fn die_with(_parent: u32) -> io::Result<()> {
    Ok(())
}

/// Lets any process of this user trace this one: some systems (Yama) allow only ancestors.
#[cfg(target_os = "linux")]
pub fn allow_tracing() -> io::Result<()> {
    match rustix::process::set_ptracer(rustix::process::PTracer::Any) {
        // INVAL: there is no Yama, so there is no need
        Ok(()) | Err(rustix::io::Errno::INVAL) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Does nothing: there is no Yama here.
#[cfg(not(target_os = "linux"))]
pub fn allow_tracing() -> io::Result<()> {
    Ok(())
}
