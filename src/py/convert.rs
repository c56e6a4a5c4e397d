//! Turns Python's values into work, and outcomes into tuples.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::exceptions::PyValueError;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyList, PyTuple};

use super::content::{self, OptionsTuple};
use super::errors::failure;
use super::targets::Targets;
use super::tls::TlsClient;
use crate::attempt::{Outcome, Terms};
use crate::clock::monotonic_ns;
use crate::strategies::{self, Way};
use crate::target::Target;
use crate::work::{Due, List};

/// `aio_strategies.targets.Target`: URL, authority, path, the addresses to connect to, the host that the certificate
/// must be for, and when it is due.
pub(super) type TargetTuple<'py> = Bound<'py, PyTuple>;

/// `aio_strategies.terms.Terms`: timeout and that of connecting, in seconds; the options; whom to trust over TLS; how
/// many connections to other hosts are kept.
pub(super) type TermsTuple<'py> = (f64, Option<f64>, OptionsTuple, Option<PyRef<'py, TlsClient>>, usize);

/// The strategy with this key.
pub(super) fn strategy(key: &str, helper: &Path) -> PyResult<Way> {
    strategies::by_key(key, helper).ok_or_else(|| PyValueError::new_err(format!("there is no strategy {key:?}")))
}

/// The work of fetching these.
pub(super) fn list(targets: &Targets, concurrency: usize, terms: TermsTuple<'_>) -> PyResult<Arc<List>> {
    Ok(Arc::new(List::new(targets.due(), concurrency, to_terms(terms)?)))
}

/// What turns target tuples into targets with the instants when they are due. Targets that share a list of addresses
/// in Python share one here, too.
pub(super) fn to_target<'py>(py: Python<'py>) -> PyResult<impl FnMut(&TargetTuple<'py>) -> PyResult<Due>> {
    // In this order: the time between the two clocks makes the targets due later, never too early.
    let (python_now, now) = (monotonic_seconds() + lead_of_pythons_clock(py)?, Instant::now());
    let mut known: HashMap<*mut PyObject, (Bound<'py, PyAny>, Arc<[SocketAddr]>)> = HashMap::new();
    Ok(move |tuple: &TargetTuple<'py>| {
        let list = tuple.get_item(3)?;
        let addresses = match known.entry(list.as_ptr()) {
            Entry::Occupied(entry) => Arc::clone(&entry.get().1),
            Entry::Vacant(entry) => {
                let addresses: Vec<(IpAddr, u16)> = list.extract()?;
                let addresses = addresses.into_iter().map(|(ip, port)| SocketAddr::new(ip, port)).collect();
                Arc::clone(&entry.insert((list, addresses)).1)
            }
        };
        let target = Target {
            authority: tuple.get_item(1)?.extract::<PyBackedStr>()?[..].into(),
            path: tuple.get_item(2)?.extract::<PyBackedStr>()?[..].into(),
            addresses,
            tls_host: tuple.get_item(4)?.extract::<Option<PyBackedStr>>()?.map(|host| host[..].into()),
        };
        let due: f64 = tuple.get_item(5)?.extract()?;
        let instant = || now + Duration::try_from_secs_f64(due - python_now).unwrap_or_default();
        Ok((Arc::new(target), (due > 0.0).then(instant)))
    })
}

pub(super) fn to_terms((timeout, connect_timeout, options, tls, others_kept): TermsTuple<'_>) -> PyResult<Terms> {
    Ok(Terms {
        timeout: to_duration(timeout)?,
        connect_timeout: connect_timeout.map(to_duration).transpose()?,
        options: content::options(options)?,
        tls: tls.map(|client| client.0.clone()),
        others_kept,
    })
}

pub(super) fn to_duration(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// How long to wait at most: no limit if the seconds are more than a `Duration` holds.
pub(super) fn to_timeout(seconds: Option<f64>) -> Option<Duration> {
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok())
}

/// What turns the outcome of a URL into a tuple, as in `Outcomes.take`.
pub(super) fn outcome_to_python<'py>(
    py: Python<'py>,
) -> PyResult<impl Fn(&str, &Outcome) -> PyResult<Bound<'py, PyAny>>> {
    let lead = lead_of_pythons_clock(py)?;
    Ok(move |url: &str, outcome: &Outcome| {
        let started = outcome.started.map_or(0.0, |started| seconds(started) + lead);
        let elapsed = outcome.elapsed.as_secs_f64();
        match &outcome.result {
            Ok(reply) => {
                let bytes = |bytes: &[u8]| PyBytes::new(py, bytes);
                let headers = reply.headers.iter().map(|(name, value)| (bytes(name), bytes(value)));
                let headers = PyList::new(py, headers.collect::<Vec<_>>())?;
                let reason = String::from_utf8_lossy(&reply.reason);
                (
                    Some(reply.status),
                    reason,
                    reply.version,
                    headers,
                    bytes(&reply.body),
                    started,
                    elapsed,
                    None::<PyErr>,
                )
                    .into_pyobject(py)
                    .map(Bound::into_any)
            }
            Err(error) => {
                let error = failure(py, error, outcome, url)?;
                (None::<u16>, "", 0, PyList::empty(py), PyBytes::new(py, b""), started, elapsed, Some(error))
                    .into_pyobject(py)
                    .map(Bound::into_any)
            }
        }
    })
}

/// Our monotonic clock, in seconds.
fn monotonic_seconds() -> f64 {
    seconds(monotonic_ns())
}

pub(super) fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// By how many seconds Python's `time.monotonic()` is ahead of our monotonic clock. On Linux they are the same clock.
pub(super) fn lead_of_pythons_clock(py: Python<'_>) -> PyResult<f64> {
    if cfg!(target_os = "linux") {
        return Ok(0.0);
    }
    let ours = monotonic_seconds();
    Ok(py.import("time")?.call_method0("monotonic")?.extract::<f64>()? - ours)
}
