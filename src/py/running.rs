//! The asyncio strategy's batch under way, as Python sees it.

#[cfg(unix)]
use std::os::fd::AsRawFd;

use pyo3::prelude::*;

use super::convert::{TargetTuple, job, outcomes_to_python};
use super::errors::to_python;
use crate::strategies::asyncio_way;

/// A batch under way; watch `fileno()` until it is readable, then take `outcomes()`.
#[pyclass(frozen, module = "aio_strategies._native")]
pub(super) struct Running {
    /// There until it is dropped.
    batch: Option<asyncio_way::Running>,
    urls: Vec<String>,
    /// The process that started it: a forked child has none of its threads.
    process: u32,
}

#[pymethods]
impl Running {
    #[new]
    fn start(py: Python<'_>, targets: Vec<TargetTuple>, concurrency: usize, timeout: f64) -> PyResult<Self> {
        let (urls, job) = job(py, targets, concurrency, timeout)?;
        match asyncio_way::Running::start(job) {
            Ok(batch) => Ok(Running { batch: Some(batch), urls, process: std::process::id() }),
            Err(error) => Err(to_python(py, &error, None)?),
        }
    }

    /// The descriptor that is readable when the batch is done.
    #[cfg(unix)]
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        Ok(self.batch(py)?.as_raw_fd())
    }

    /// Ends the batch, and returns when nothing of it is left.
    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        let batch = self.batch(py)?;
        py.detach(|| batch.cancel());
        Ok(())
    }

    /// Waits for the end of the batch; one tuple per target, see `convert`.
    fn outcomes<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let batch = self.batch(py)?;
        match py.detach(|| batch.wait()) {
            Ok(outcomes) => outcomes_to_python(py, &self.urls, outcomes),
            Err(error) => Err(to_python(py, &error, None)?),
        }
    }

    fn __repr__(&self) -> String {
        format!("<aio_strategies._native.Running: {} URLs>", self.urls.len())
    }
}

impl Running {
    fn batch(&self, py: Python<'_>) -> PyResult<&asyncio_way::Running> {
        if let Some(batch) = &self.batch
            && self.process == std::process::id()
        {
            return Ok(batch);
        }
        let class = py.import("aio_strategies.exceptions")?.getattr("ForkedProcessError")?;
        Err(PyErr::from_value(class.call1(("this batch was started before a fork, by the parent process",))?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // In a forked child there is no thread to wait for: waiting would last for ever.
        if self.process != std::process::id() {
            std::mem::forget(self.batch.take());
        }
    }
}
