//! URLs on their way to a strategy, as Python sees them.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use pyo3::exceptions::{PyIndexError, PyKeyError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::convert::{TargetTuple, to_target};
use super::errors::to_python;
use crate::target::{Location, Parser, Target};
use crate::work::Due;

/// URLs, taken apart. They become Python's only where Python looks at each: a call in Rust makes no object for it.
#[pyclass(frozen, module = "aio_strategies._native")]
pub(super) struct Locations {
    urls: Vec<Py<PyString>>,
    locations: Vec<Location>,
}

#[pymethods]
impl Locations {
    /// Parses the URLs.
    #[new]
    fn new(urls: Vec<Bound<'_, PyString>>) -> PyResult<Self> {
        let mut parser = Parser::default();
        let mut parse = |url: &Bound<'_, PyString>| match parser.parse(url.to_str()?) {
            Ok(location) => Ok(location),
            Err(error) => Err(to_python(url.py(), &error, None)?),
        };
        let locations = urls.iter().map(&mut parse).collect::<PyResult<_>>()?;
        Ok(Locations { urls: urls.into_iter().map(Bound::unbind).collect(), locations })
    }

    /// The fields of an `aio_strategies.targets.Location` for each.
    fn parts(&self) -> Vec<(&str, u16, &str, &str, bool)> {
        let parts = self.locations.iter().map(|Location { host, port, authority, path, is_secure }| {
            (&**host, *port, &**authority, &**path, *is_secure)
        });
        parts.collect()
    }

    /// The hosts and ports.
    fn hosts(&self) -> HashSet<(&str, u16)> {
        let neighbours = self.locations.chunk_by(|one, other| Arc::ptr_eq(&one.host, &other.host));
        neighbours.map(|alike| (&*alike[0].host, alike[0].port)).collect()
    }

    /// Whether any is `https`.
    #[getter]
    fn is_secure(&self) -> bool {
        self.locations.iter().any(|location| location.is_secure)
    }

    /// The targets, with the addresses of each host and port.
    fn targets(&self, py: Python<'_>, addresses: HashMap<(String, u16), Vec<(IpAddr, u16)>>) -> PyResult<Targets> {
        let addresses: HashMap<_, Arc<[SocketAddr]>> = addresses
            .into_iter()
            .map(|(host, found)| (host, found.into_iter().map(SocketAddr::from).collect()))
            .collect();
        let mut due = Vec::with_capacity(self.locations.len());
        for alike in self.locations.chunk_by(|one, other| Arc::ptr_eq(&one.host, &other.host)) {
            let Location { host, port, .. } = &alike[0];
            let found = addresses
                .get(&(host.to_string(), *port))
                .ok_or_else(|| PyKeyError::new_err(format!("no addresses of {host}:{port}")))?;
            due.extend(alike.iter().map(|Location { host, authority, path, is_secure, .. }| {
                let (authority, path, addresses) = (Arc::clone(authority), Arc::clone(path), Arc::clone(found));
                let tls_host = is_secure.then(|| Arc::clone(host));
                (Arc::new(Target { authority, path, addresses, tls_host }), None)
            }));
        }
        let urls = self.urls.iter().map(|url| url.clone_ref(py)).collect();
        Ok(Targets { urls, due: due.into(), is_secure: self.is_secure() })
    }
}

/// What a strategy is to fetch.
#[pyclass(frozen, module = "aio_strategies._native")]
pub(super) struct Targets {
    urls: Vec<Py<PyString>>,
    due: Arc<[Due]>,
    /// Whether any URL is `https`.
    #[pyo3(get)]
    is_secure: bool,
}

impl Targets {
    /// The targets, and when each is due.
    pub(super) fn due(&self) -> Arc<[Due]> {
        Arc::clone(&self.due)
    }
}

#[pymethods]
impl Targets {
    /// Takes over each `aio_strategies.targets.Target`.
    #[new]
    fn new(py: Python<'_>, targets: Vec<TargetTuple<'_>>) -> PyResult<Self> {
        let urls = targets.iter().map(|target| Ok(target.get_item(0)?.cast_into::<PyString>()?.unbind()));
        let urls = urls.collect::<PyResult<_>>()?;
        let due = targets.iter().map(to_target(py)?).collect::<PyResult<Arc<[Due]>>>()?;
        let is_secure = due.iter().any(|(target, _)| target.tls_host.is_some());
        Ok(Targets { urls, due, is_secure })
    }

    fn __len__(&self) -> usize {
        self.urls.len()
    }

    /// The URL with this index, as it was given.
    fn url(&self, py: Python<'_>, index: usize) -> PyResult<Py<PyString>> {
        self.urls.get(index).map(|url| url.clone_ref(py)).ok_or_else(|| PyIndexError::new_err(index))
    }
}
