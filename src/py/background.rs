//! A call on a background thread, as Python sees it.

#[cfg(unix)]
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;

use super::convert::{TermsTuple, list, strategy};
use super::errors::to_python;
use super::outcomes::Outcomes;
use super::targets::Targets;
use crate::background;
use crate::error::Error;
use crate::strategies::Way;
use crate::work::{List, Work};

/// A running call of a strategy; watch `fileno()` until it is readable, then call `outcomes()`.
#[pyclass(frozen, module = "aio_strategies._native")]
pub(super) struct Background {
    running: Running,
    list: Arc<List>,
}

#[pymethods]
impl Background {
    #[new]
    fn start(
        py: Python<'_>,
        key: &str,
        targets: &Targets,
        concurrency: usize,
        terms: TermsTuple<'_>,
        helper: PathBuf,
    ) -> PyResult<Self> {
        let way = strategy(key, &helper)?;
        let list = list(targets, concurrency, terms)?;
        match background::Background::start(way, Arc::clone(&list) as Arc<dyn Work>) {
            Ok(running) => Ok(Background { running: running.into(), list }),
            Err(error) => Err(to_python(py, &error, None)?),
        }
    }

    /// The file descriptor that is readable when the call has ended.
    #[cfg(unix)]
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        Ok(self.running.here(py)?.as_raw_fd())
    }

    /// Cancels the call, and returns when its thread has ended.
    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        let running = self.running.here(py)?;
        py.detach(|| running.cancel());
        Ok(())
    }

    /// Waits for the end of the call.
    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        let running = self.running.here(py)?;
        py.detach(|| drop(running.wait()));
        Ok(())
    }

    /// Waits for the end of the call; then its outcomes can be taken, once.
    fn outcomes(&self, py: Python<'_>) -> PyResult<Outcomes> {
        let running = self.running.here(py)?;
        let ended = py.detach(|| running.wait());
        Outcomes::of(py, &self.list, ended, None)
    }
}

/// A call on a background thread, which only the process that started it can reach: a forked child has no such thread.
pub(super) struct Running {
    /// None only while it is being dropped.
    background: Option<background::Background>,
    process: u32,
}

impl Running {
    /// Starts a strategy on a background thread; `end` tells the work how it has ended.
    pub(super) fn start<W: Work + 'static>(
        py: Python<'_>,
        way: Way,
        work: &Arc<W>,
        end: impl Fn(&W, Result<(), Error>) + Send + Sync + 'static,
    ) -> PyResult<Self> {
        let ending = Arc::clone(work);
        let way = Box::new(move |work: &Arc<dyn Work>, cancellation: &_| {
            let ended = background::run(&way, work, cancellation);
            end(&ending, ended.clone());
            ended
        });
        match background::Background::start(way, Arc::clone(work) as Arc<dyn Work>) {
            Ok(background) => Ok(background.into()),
            Err(error) => Err(to_python(py, &error, None)?),
        }
    }
}

impl From<background::Background> for Running {
    fn from(background: background::Background) -> Self {
        Running { background: Some(background), process: std::process::id() }
    }
}

impl Running {
    /// The call, if this process started it.
    pub(super) fn here(&self, py: Python<'_>) -> PyResult<&background::Background> {
        if let Some(background) = &self.background
            && self.process == std::process::id()
        {
            return Ok(background);
        }
        let class = py.import("aio_strategies.exceptions")?.getattr("ForkedProcessError")?;
        Err(PyErr::from_value(class.call1(("this call was started before a fork, by the parent process",))?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // In a forked child there is no thread to wait for: waiting would last for ever.
        if self.process != std::process::id() {
            std::mem::forget(self.background.take());
        }
    }
}
