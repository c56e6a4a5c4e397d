//! Python's values into a job, and outcomes into tuples.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::errors::failure;
use crate::exchange::Limits;
use crate::job::{Job, Outcome, Target};

/// `aio_strategies.targets.Target`: URL, authority, path, and the address to connect to.
pub(super) type TargetTuple = (String, String, String, (IpAddr, u16));

/// The URLs, and the job of fetching them.
pub(super) fn job(targets: Vec<TargetTuple>, concurrency: usize, timeout: f64) -> PyResult<(Vec<String>, Job)> {
    let timeout = Duration::try_from_secs_f64(timeout).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let (urls, targets) = targets
        .into_iter()
        .map(|(url, authority, path, (ip, port))| (url, Target { authority, path, address: SocketAddr::new(ip, port) }))
        .collect::<(Vec<_>, Vec<_>)>();
    Ok((urls, Job { targets: targets.into(), concurrency, timeout, limits: Limits::default() }))
}

/// For each URL `(status, reason, version, headers, content, elapsed, error)`: either an error, or all the others.
pub(super) fn outcomes_to_python<'py>(
    py: Python<'py>,
    urls: &[String],
    outcomes: Vec<Outcome>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let to_tuple = |(url, outcome): (&String, Outcome)| {
        let elapsed = outcome.elapsed.as_secs_f64();
        match &outcome.result {
            Ok(reply) => {
                let bytes = |bytes: &[u8]| PyBytes::new(py, bytes);
                let headers = reply.headers.iter().map(|header| (bytes(&header.name), bytes(&header.value)));
                let headers = PyList::new(py, headers.collect::<Vec<_>>())?;
                let reason = String::from_utf8_lossy(&reply.reason);
                (Some(reply.status), reason, reply.version, headers, bytes(&reply.body), elapsed, None::<PyErr>)
                    .into_pyobject(py)
                    .map(Bound::into_any)
            }
            Err(error) => {
                let error = failure(py, error, &outcome, url)?;
                (None::<u16>, "", 0, PyList::empty(py), PyBytes::new(py, b""), elapsed, Some(error))
                    .into_pyobject(py)
                    .map(Bound::into_any)
            }
        }
    };
    urls.iter().zip(outcomes).map(to_tuple).collect()
}
