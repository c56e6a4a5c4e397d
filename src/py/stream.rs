//! A stream of URLs on a background thread, as Python sees it.

#[cfg(unix)]
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

use super::background::Running;
use super::bell::Bell;
use super::convert::{TargetTuple, TermsTuple, outcome_to_python, strategy, to_target, to_terms, to_timeout};
use super::errors::to_python;
use super::signals::interruptible;
use super::tls::TlsClient;
use crate::attempt::{Assignment, Outcome, Terms};
use crate::error::Error;
use crate::work::Job;

/// A ticket and what came of its URL, as in `Outcomes.take`.
type Arrived<'py> = Vec<(usize, Bound<'py, PyAny>)>;

/// A strategy that fetches what is pushed, until it is told that this is complete.
#[pyclass(frozen, module = "aio_strategies._native")]
pub(super) struct Stream {
    running: Running,
    work: Arc<crate::work::Stream>,
    /// Those for the origins that the caller names, and those for others.
    terms: Mutex<[Arc<Terms>; 2]>,
    /// Rung when there is something to take.
    bell: Bell,
}

#[pymethods]
impl Stream {
    #[new]
    fn start(
        py: Python<'_>,
        key: &str,
        waiters: usize,
        terms: TermsTuple<'_>,
        terms_elsewhere: TermsTuple<'_>,
        helper: PathBuf,
    ) -> PyResult<Self> {
        let way = strategy(key, &helper)?;
        let terms = Mutex::new([Arc::new(to_terms(terms)?), Arc::new(to_terms(terms_elsewhere)?)]);
        let (bell, ring) = Bell::new()?;
        let work = Arc::new(crate::work::Stream::new(waiters, ring));
        let running = Running::start(py, way, &work, crate::work::Stream::end)?;
        Ok(Stream { running, work, terms, bell })
    }

    /// Says whom to trust over https, before the first such URL is pushed.
    fn trust(&self, client: PyRef<'_, TlsClient>) {
        for terms in &mut *self.terms() {
            *terms = Arc::new(Terms { tls: Some(client.0.clone()), ..Terms::clone(terms) });
        }
    }

    /// Hands in tickets, their targets, and whether these are of another origin than the caller's.
    fn push<'py>(&self, py: Python<'py>, jobs: Vec<(usize, TargetTuple<'py>, bool)>) -> PyResult<()> {
        self.running.here(py)?;
        let mut to_target = to_target(py)?;
        let terms = self.terms().clone();
        let job = |(ticket, target, elsewhere): (usize, TargetTuple<'py>, bool)| {
            let (target, due) = to_target(&target)?;
            let terms = Arc::clone(&terms[usize::from(elsewhere)]);
            Ok(Job { assignment: Assignment { ticket, target, terms }, due })
        };
        let jobs = jobs.into_iter().map(job).collect::<PyResult<Vec<_>>>()?;
        py.detach(|| self.work.push(jobs));
        Ok(())
    }

    /// Says that nothing more will be pushed.
    fn complete(&self, py: Python<'_>) -> PyResult<()> {
        self.running.here(py)?;
        py.detach(|| self.work.complete());
        Ok(())
    }

    /// Waits until outcomes have arrived, and returns them; none if the strategy has ended, or so many seconds have passed.
    #[pyo3(signature = (timeout=None))]
    fn wait<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<Arrived<'py>> {
        self.running.here(py)?;
        let timeout = to_timeout(timeout);
        let outcomes = interruptible(py, |cancellation| self.work.wait(timeout, cancellation))?;
        to_tuples(py, outcomes.or_else(|error| Err(to_python(py, &error, None)?))?)
    }

    /// Returns the outcomes that have arrived.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Arrived<'py>> {
        self.running.here(py)?;
        self.bell.hush();
        to_tuples(py, self.work.take())
    }

    /// The file descriptor that is readable when there is something to take.
    #[cfg(unix)]
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        self.running.here(py)?;
        self.work.watch();
        Ok(self.bell.as_raw_fd())
    }

    /// Why the strategy has ended, once it has and all is taken: for what it left undone. Raises that it cannot run here.
    fn ended(&self, py: Python<'_>) -> PyResult<Option<PyErr>> {
        let why = match self.work.ended() {
            None => return Ok(None),
            Some(Ok(())) => Error::Internal("it was never begun".to_owned()),
            Some(Err(error @ Error::Unavailable(_))) => return Err(to_python(py, &error, None)?),
            Some(Err(error)) => error,
        };
        to_python(py, &why, None).map(Some)
    }

    /// The errno that kept it from having all its waiters in flight, if any.
    fn shortage(&self) -> Option<i32> {
        self.work.shortage()
    }

    /// Ends the strategy, and returns when its thread has ended.
    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        let running = self.running.here(py)?;
        py.detach(|| running.cancel());
        Ok(())
    }
}

impl Stream {
    fn terms(&self) -> MutexGuard<'_, [Arc<Terms>; 2]> {
        self.terms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn to_tuples(py: Python<'_>, outcomes: Vec<Outcome>) -> PyResult<Arrived<'_>> {
    let to_python = outcome_to_python(py)?;
    outcomes.into_iter().map(|outcome| Ok((outcome.ticket, to_python("", &outcome)?))).collect()
}
