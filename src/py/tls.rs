//! Whom to trust over TLS, as Python sees it.

use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::tls::{Client, Trust};

/// The certificates of those to trust, read once for many calls.
#[pyclass(frozen, module = "aio_strategies._native")]
pub(super) struct TlsClient(pub(super) Client);

#[pymethods]
impl TlsClient {
    /// `verify` is a file or a folder of certificates, or whether to trust whom the system trusts, rather than anybody.
    #[new]
    fn new(verify: Verify) -> PyResult<Self> {
        let trust = match verify {
            Verify::Any(true) => Trust::System,
            Verify::Any(false) => Trust::Anybody,
            Verify::Authorities(path) => Trust::Authorities(path),
        };
        Client::new(trust).map(TlsClient).map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

#[derive(FromPyObject)]
enum Verify {
    Any(bool),
    Authorities(PathBuf),
}
