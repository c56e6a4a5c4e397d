//! Maps our errors to the exceptions of `aio_strategies.exceptions`. No other file does.

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::attempt::Outcome;
use crate::error::{Error, Phase};
use crate::exchange::Fault;

/// The name of the Python class for an error.
fn class_name(error: &Error) -> &'static str {
    match error {
        Error::InvalidUrl(_) => "InvalidURL",
        Error::UnsupportedProtocol(_) => "UnsupportedProtocol",
        Error::Timeout { phase: Phase::Connect | Phase::Handshake, .. } => "ConnectTimeout",
        Error::Timeout { .. } => "TotalTimeout",
        Error::Network { phase: Phase::Connect | Phase::Handshake, .. } => "ConnectError",
        Error::Network { phase: Phase::Write, .. } => "WriteError",
        Error::Network { phase: Phase::Read, .. } => "ReadError",
        Error::Tls { .. } => "SSLError",
        Error::Response(Fault::Protocol(_)) => "RemoteProtocolError",
        Error::Response(Fault::IncompleteBody { .. }) => "IncompleteBody",
        Error::Response(Fault::HeadersTooLarge { .. }) => "HeadersTooLarge",
        Error::Response(Fault::BodyTooLarge { .. }) => "ResponseTooLarge",
        Error::Response(Fault::Decoding(_)) => "DecodingError",
        Error::Resolution { .. } => "NameResolutionError",
        Error::TooManyRedirects(_) => "TooManyRedirects",
        Error::Disallowed(_) => "RobotsDisallowed",
        Error::Paused(_) => "HostPaused",
        Error::Unavailable(_) => "UnavailableError",
        Error::Cancelled | Error::Internal(_) => "InternalError",
    }
}

/// The exception for an error; outside an exchange it has no attributes.
pub(super) fn to_python(py: Python<'_>, error: &Error, attributes: Option<&Bound<'_, PyDict>>) -> PyResult<PyErr> {
    let class = py.import("aio_strategies.exceptions")?.getattr(class_name(error))?;
    Ok(PyErr::from_value(class.call((error.to_string(),), attributes)?))
}

/// The exception for what is wrong with `url`, apart from its exchange.
pub(super) fn of_url(py: Python<'_>, error: &Error, url: &str) -> PyResult<PyErr> {
    let attributes = PyDict::new(py);
    attributes.set_item("url", url)?;
    to_python(py, error, Some(&attributes))
}

/// The exception for the failed exchange of `url`, with all that is known about it.
pub(super) fn failure(py: Python<'_>, error: &Error, outcome: &Outcome, url: &str) -> PyResult<PyErr> {
    let attributes = PyDict::new(py);
    attributes.set_item("url", url)?;
    attributes.set_item("phase", outcome.phase.name())?;
    attributes.set_item("bytes_received", outcome.bytes_received)?;
    attributes.set_item("elapsed", outcome.elapsed.as_secs_f64())?;
    let mut cause = None;
    if let Error::Network { errno: Some(errno), text, .. } = error {
        attributes.set_item("errno", errno)?;
        // OSError itself picks its subclass by the number.
        let words = text.strip_prefix(&format!("[Errno {errno}] ")).unwrap_or(text).to_owned();
        cause = Some(PyOSError::new_err((*errno, words)));
    }
    let exception = to_python(py, error, Some(&attributes))?;
    exception.set_cause(py, cause);
    Ok(exception)
}
