//! What came of a call, as Python sees it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use super::convert::outcome_to_python;
use super::errors::to_python;
use crate::attempt::Outcome;
use crate::error::Error;
use crate::work::List;

/// What came of each URL. It becomes Python's when it is taken: whoever looks at one response does not pay for all.
#[pyclass(frozen, module = "aio_strategies._native")]
pub(super) struct Outcomes {
    untaken: Mutex<Vec<Option<Outcome>>>,
    /// The indexes of those that are errors.
    #[pyo3(get)]
    failed: Vec<usize>,
    /// The errno that kept the call from having `concurrency` exchanges in flight, if any.
    #[pyo3(get)]
    shortage: Option<i32>,
    /// How long the strategy took, in seconds; `None` if it ran beside an event loop.
    #[pyo3(get)]
    wall: Option<f64>,
}

impl Outcomes {
    /// The outcomes of a call, unless it was cancelled or cannot be made here. If the strategy failed, URLs without an
    /// outcome get its error.
    pub(super) fn of(py: Python<'_>, list: &List, ended: Result<(), Error>, wall: Option<Duration>) -> PyResult<Self> {
        let why = match ended {
            Err(error @ (Error::Cancelled | Error::Unavailable(_))) => return Err(to_python(py, &error, None)?),
            Err(error) => error,
            Ok(()) => Error::Internal("it was never begun".to_owned()),
        };
        let outcomes = list.take_outcomes(&why);
        let failed = (0..outcomes.len()).filter(|&index| outcomes[index].result.is_err()).collect();
        let untaken = Mutex::new(outcomes.into_iter().map(Some).collect());
        Ok(Outcomes { untaken, failed, shortage: list.shortage(), wall: wall.map(|wall| wall.as_secs_f64()) })
    }
}

#[pymethods]
impl Outcomes {
    /// Takes what came of the URL with this index, once:
    /// `(status, reason, version, headers, content, started, elapsed, error)`: either an error, or everything before
    /// `started`, which is in seconds of `time.monotonic()`, 0 if unknown.
    fn take<'py>(&self, py: Python<'py>, index: usize, url: &str) -> PyResult<Bound<'py, PyAny>> {
        let outcome = self.untaken.lock().unwrap_or_else(PoisonError::into_inner).get_mut(index).and_then(Option::take);
        let outcome = outcome.ok_or_else(|| PyIndexError::new_err("there is none, or it was taken before"))?;
        outcome_to_python(py)?(url, &outcome)
    }
}
