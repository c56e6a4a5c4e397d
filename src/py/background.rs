//! A call on a background thread, as Python sees it.

#[cfg(unix)]
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;

use super::convert::{Outcomes, TargetTuple, TermsTuple, list, outcomes_to_python, strategy};
use super::errors::to_python;
use crate::background;
use crate::work::{List, Work};

/// A running call of a strategy; watch `fileno()` until it is readable, then call `outcomes()`.
#[pyclass(frozen, module = "aio_strategies._native")]
pub(super) struct Background {
    /// None only while it is being dropped.
    running: Option<background::Background>,
    list: Arc<List>,
    urls: Vec<String>,
    /// The process that started the call: a forked child has none of its threads.
    process: u32,
}

#[pymethods]
impl Background {
    #[new]
    fn start(
        py: Python<'_>,
        key: &str,
        targets: Vec<TargetTuple>,
        concurrency: usize,
        terms: TermsTuple<'_>,
        helper: PathBuf,
    ) -> PyResult<Self> {
        let way = strategy(key, &helper)?;
        let (urls, list) = list(py, targets, concurrency, terms)?;
        match background::Background::start(way, Arc::clone(&list) as Arc<dyn Work>) {
            Ok(running) => Ok(Background { running: Some(running), list, urls, process: std::process::id() }),
            Err(error) => Err(to_python(py, &error, None)?),
        }
    }

    /// The file descriptor that is readable when the call has ended.
    #[cfg(unix)]
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        Ok(self.running(py)?.as_raw_fd())
    }

    /// Cancels the call, and returns when its thread has ended.
    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        let running = self.running(py)?;
        py.detach(|| running.cancel());
        Ok(())
    }

    /// Waits for the end of the call.
    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        let running = self.running(py)?;
        py.detach(|| drop(running.wait()));
        Ok(())
    }

    /// Waits for the end of the call; see `convert` for what it returns.
    fn outcomes<'py>(&self, py: Python<'py>) -> PyResult<Outcomes<'py>> {
        let running = self.running(py)?;
        let ended = py.detach(|| running.wait());
        outcomes_to_python(py, &self.urls, &self.list, ended)
    }

    fn __repr__(&self) -> String {
        format!("<aio_strategies._native.Background: {} URLs>", self.urls.len())
    }
}

impl Background {
    fn running(&self, py: Python<'_>) -> PyResult<&background::Background> {
        if let Some(running) = &self.running
            && self.process == std::process::id()
        {
            return Ok(running);
        }
        let class = py.import("aio_strategies.exceptions")?.getattr("ForkedProcessError")?;
        Err(PyErr::from_value(class.call1(("this call was started before a fork, by the parent process",))?))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // In a forked child there is no thread to wait for: waiting would last for ever.
        if self.process != std::process::id() {
            std::mem::forget(self.running.take());
        }
    }
}
