//! The layer that knows Python: arguments in, results and exceptions out, the interpreter's lock released in between.
//!
//! It is crossed once per call of a strategy, never once per request. It keeps no state of its own between calls, no
//! thread and no runtime: there is nothing that a fork could break.

mod arrow;
mod convert;
mod errors;
mod running;
mod sources;
mod statistics;

use pyo3::prelude::*;

/// The native half of `aio_strategies`; the package's Python modules are its only users.
#[pymodule(gil_used = false)]
mod _native {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::path::PathBuf;
    use std::sync::{Arc, Mutex, PoisonError};

    use pyo3::exceptions::PyValueError;
    use pyo3::prelude::*;
    use pyo3::types::PyDict;

    #[pymodule_export]
    use super::arrow::{arrow_schema, arrow_stream};
    use super::convert::{TargetTuple, job, outcomes_to_python};
    use super::errors::to_python;
    #[pymodule_export]
    use super::running::Running;
    #[pymodule_export]
    use super::sources::rust_source;
    #[pymodule_export]
    use super::statistics::{fewest_rounds, hodges_lehmann, judge, median, percentile, tells_percentile};
    use crate::error::{Error, panic_text};
    use crate::job::{Cancellation, Job, Location};
    use crate::strategies::{
        Outcomes, blocking_way::blocking_way, callback_way::callback_way, generator_way::generator_way,
        nonblocking_way::nonblocking_way, process_way::process_way, thread_way::thread_way,
        yield_from_way::yield_from_way,
    };

    /// Takes URLs apart: for each its host, port, authority and path.
    #[pyfunction]
    fn parse_urls(py: Python<'_>, urls: Vec<String>) -> PyResult<Vec<(String, u16, String, String)>> {
        let parse = |url: String| match Location::parse(&url) {
            Ok(Location { host, port, authority, path }) => Ok((host, port, authority, path)),
            Err(error) => Err(to_python(py, &error, None)?),
        };
        urls.into_iter().map(parse).collect()
    }

    /// A strategy that is called and returns when all is done.
    type Way = dyn Fn(&Job, &Cancellation) -> Outcomes + Sync;

    /// Runs a strategy to its end: one tuple per target, see `convert`.
    #[pyfunction]
    fn run<'py>(
        py: Python<'py>,
        strategy: &str,
        targets: Vec<TargetTuple>,
        concurrency: usize,
        timeout: f64,
        helper: PathBuf,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let (urls, job) = job(py, targets, concurrency, timeout)?;
        let way: Box<Way> = match strategy {
            "blocking" => Box::new(blocking_way),
            "process" => Box::new(move |job, cancellation| process_way(job, cancellation, &helper)),
            "thread" => Box::new(thread_way),
            "nonblocking" => Box::new(nonblocking_way),
            "callback" => Box::new(callback_way),
            "generator" => Box::new(generator_way),
            "yield_from" => Box::new(yield_from_way),
            other => return Err(PyValueError::new_err(format!("no strategy {other:?} runs to its end here"))),
        };
        let signalled = Arc::new(Mutex::new(None));
        // Signals are for the main thread; elsewhere, asking for them would only contend for the interpreter's lock.
        let cancellation =
            if is_main_thread(py)? { cancelled_by_signals(Arc::clone(&signalled)) } else { Cancellation::by_hand() };
        let result = py.detach(|| {
            // A panic must not reach Python as a PanicException, which no `except Exception` catches.
            catch_unwind(AssertUnwindSafe(|| way(&job, &cancellation)))
                .unwrap_or_else(|panic| Err(Error::Internal(panic_text(&*panic))))
        });
        if let Some(exception) = signalled.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(exception);
        }
        match result {
            Ok(outcomes) => outcomes_to_python(py, &urls, outcomes),
            Err(error) => Err(to_python(py, &error, None)?),
        }
    }

    fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
        let threading = py.import("threading")?;
        Ok(threading.call_method0("current_thread")?.is(&threading.call_method0("main_thread")?))
    }

    /// A cancellation that lets Python handle its signals, and is triggered if a handler raises.
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

    /// Ends this process as soon as `parent`, which started it, has ended, whatever it is busy with.
    #[pyfunction]
    fn die_with(parent: u32) -> PyResult<()> {
        Ok(crate::parent::die_with(parent)?)
    }

    /// Lets any process of this user trace this one, where the system asks for that.
    #[pyfunction]
    fn allow_tracing() -> PyResult<()> {
        Ok(crate::parent::allow_tracing()?)
    }

    /// How this module was built.
    #[pyfunction]
    fn build_info(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        let info = PyDict::new(py);
        info.set_item("version", env!("CARGO_PKG_VERSION"))?;
        info.set_item("profile", env!("AIO_STRATEGIES_PROFILE"))?;
        info.set_item("rustc", env!("AIO_STRATEGIES_RUSTC"))?;
        info.set_item("target", env!("AIO_STRATEGIES_TARGET"))?;
        Ok(info)
    }
}
