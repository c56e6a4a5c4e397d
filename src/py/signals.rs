//! Python's signal handlers, and Rust code that waits.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;

use crate::cancellation::Cancellation;

/// Does `work` without the GIL, with a cancellation that a signal handler's exception ends; then raises that.
pub(super) fn interruptible<T: Send>(py: Python<'_>, work: impl FnOnce(&Cancellation) -> T + Send) -> PyResult<T> {
    let signalled = Arc::new(Mutex::new(None));
    // Python handles signals on the main thread; elsewhere, checking for them would only contend for the GIL.
    let cancellation =
        if is_main_thread(py)? { cancelled_by_signals(Arc::clone(&signalled)) } else { Cancellation::by_hand() };
    let done = py.detach(|| work(&cancellation));
    match signalled.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(exception) => Err(exception),
        None => Ok(done),
    }
}

fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import("threading")?;
    Ok(threading.call_method0("current_thread")?.is(&threading.call_method0("main_thread")?))
}

/// A cancellation that lets Python handle its signals, and cancels the call if a handler raises.
fn cancelled_by_signals(raised: Arc<Mutex<Option<PyErr>>>) -> Cancellation {
    Cancellation::asking(move || {
        let stop = Python::try_attach(|py| match py.check_signals() {
            Ok(()) => false,
            Err(exception) => {
                *raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(exception);
                true
            }
        });
        // no interpreter to attach to: it is shutting down
        stop.unwrap_or(true)
    })
}
