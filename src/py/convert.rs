//! Turns Python's values into work, and outcomes into tuples.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::content::{self, OptionsTuple};
use super::errors::{failure, to_python};
use super::tls::TlsClient;
use crate::attempt::{Outcome, Terms};
use crate::clock::monotonic_ns;
use crate::error::Error;
use crate::strategies::{self, Way};
use crate::target::Target;
use crate::work::{Due, List};

/// `aio_strategies.targets.Target`: URL, authority, path, the addresses to connect to, the host that the certificate
/// must be for, and when it is due.
pub(super) type TargetTuple = (String, String, String, Vec<(IpAddr, u16)>, Option<String>, f64);

/// `aio_strategies.terms.Terms`: timeout and that of connecting, in seconds; the options; whom to trust over TLS.
pub(super) type TermsTuple<'py> = (f64, Option<f64>, OptionsTuple, Option<PyRef<'py, TlsClient>>);

/// For each URL `(status, reason, version, headers, content, started, elapsed, error)`: either an error, or everything
/// before `started`, which is in seconds of `time.monotonic()`, 0 if unknown. Then the errno that kept the call from
/// having `concurrency` exchanges in flight, if any.
pub(super) type Outcomes<'py> = (Vec<Bound<'py, PyAny>>, Option<i32>);

/// The strategy with this key.
pub(super) fn strategy(key: &str, helper: &Path) -> PyResult<Way> {
    strategies::by_key(key, helper).ok_or_else(|| PyValueError::new_err(format!("there is no strategy {key:?}")))
}

/// The URLs, and the work of fetching them.
pub(super) fn list(
    py: Python<'_>,
    targets: Vec<TargetTuple>,
    concurrency: usize,
    terms: TermsTuple<'_>,
) -> PyResult<(Vec<String>, Arc<List>)> {
    let to_target = to_target(py)?;
    let (urls, targets) = targets.into_iter().map(to_target).collect::<(Vec<_>, Vec<_>)>();
    Ok((urls, Arc::new(List::new(targets, concurrency, to_terms(terms)?))))
}

/// What turns a target tuple into its URL, its target and the instant when it is due.
pub(super) fn to_target(py: Python<'_>) -> PyResult<impl Fn(TargetTuple) -> (String, Due)> {
    // In this order: the time between the two clocks makes the targets due later, never too early.
    let (python_now, now) = (monotonic_seconds() + lead_of_pythons_clock(py)?, Instant::now());
    let instant = move |due: f64| now + Duration::try_from_secs_f64(due - python_now).unwrap_or_default();
    Ok(move |(url, authority, path, addresses, tls_host, due): TargetTuple| {
        let addresses = addresses.into_iter().map(|(ip, port)| SocketAddr::new(ip, port)).collect();
        let target = Target { authority, path, addresses, tls_host };
        (url, (Arc::new(target), (due > 0.0).then(|| instant(due))))
    })
}

pub(super) fn to_terms((timeout, connect_timeout, options, tls): TermsTuple<'_>) -> PyResult<Terms> {
    let duration =
        |seconds| Duration::try_from_secs_f64(seconds).map_err(|error| PyValueError::new_err(error.to_string()));
    Ok(Terms {
        timeout: duration(timeout)?,
        connect_timeout: connect_timeout.map(duration).transpose()?,
        options: content::options(options)?,
        tls: tls.map(|client| client.0.clone()),
    })
}

/// The outcomes of a call, unless it was cancelled. If the strategy failed, URLs without an outcome get its error.
pub(super) fn outcomes_to_python<'py>(
    py: Python<'py>,
    urls: &[String],
    list: &List,
    ended: Result<(), Error>,
) -> PyResult<Outcomes<'py>> {
    let why = match ended {
        Err(Error::Cancelled) => return Err(to_python(py, &Error::Cancelled, None)?),
        Err(error) => error,
        Ok(()) => Error::Internal("it was never begun".to_owned()),
    };
    let to_python = outcome_to_python(py)?;
    let outcomes = urls.iter().zip(list.take_outcomes(&why)).map(|(url, outcome)| to_python(url, &outcome));
    Ok((outcomes.collect::<PyResult<_>>()?, list.shortage()))
}

/// What turns the outcome of a URL into a tuple, as in `Outcomes`.
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
                let headers = reply.headers.iter().map(|header| (bytes(&header.name), bytes(&header.value)));
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

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// By how many seconds Python's `time.monotonic()` is ahead of our monotonic clock. On Linux they are the same clock.
fn lead_of_pythons_clock(py: Python<'_>) -> PyResult<f64> {
    if cfg!(target_os = "linux") {
        return Ok(0.0);
    }
    let ours = monotonic_seconds();
    Ok(py.import("time")?.call_method0("monotonic")?.extract::<f64>()? - ours)
}
