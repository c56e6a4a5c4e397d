//! A crawl on a background thread, as Python sees it.

use std::net::{IpAddr, SocketAddr};
#[cfg(unix)]
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use url::Url;

use super::background::Running;
use super::bell::Bell;
use super::convert::{
    TermsTuple, lead_of_pythons_clock, outcome_to_python, seconds, strategy, to_duration, to_terms, to_timeout,
};
use super::errors::{of_url, to_python};
use super::signals::interruptible;
use super::tls::TlsClient;
use crate::crawl::page::{Page, Row};
use crate::crawl::scope::Scope;
use crate::crawl::{Arrived, Settings, Totals};
use crate::error::Error;

/// `aio_strategies.crawling.rust_crawler.Settings`.
#[derive(FromPyObject)]
pub(super) struct SettingsObject {
    include: Option<String>,
    exclude: Option<String>,
    strict: bool,
    max_redirect: u32,
    max_tries: u32,
    max_tasks: usize,
    max_tasks_per_host: usize,
    max_pages: Option<usize>,
    max_pages_per_folder: Option<usize>,
    max_depth: Option<u32>,
    delay: f64,
    max_delay: f64,
    robots: Option<String>,
    sitemaps: bool,
    nofollow: bool,
    state: Option<PathBuf>,
}

impl SettingsObject {
    fn read(self, roots: &[Url], hands_out: bool, keeps_rows: bool) -> PyResult<Settings> {
        let scope = Scope::new(roots, self.strict, self.include.as_deref(), self.exclude.as_deref());
        Ok(Settings {
            scope: scope.map_err(PyValueError::new_err)?,
            max_redirect: self.max_redirect,
            max_tries: self.max_tries,
            max_tasks: self.max_tasks,
            max_tasks_per_host: self.max_tasks_per_host,
            max_pages: self.max_pages,
            max_pages_per_folder: self.max_pages_per_folder,
            max_depth: self.max_depth,
            delay: to_duration(self.delay)?,
            max_delay: to_duration(self.max_delay)?,
            robots: self.robots,
            sitemaps: self.sitemaps,
            nofollow: self.nofollow,
            hands_out,
            keeps_rows,
            folder: self.state,
        })
    }
}

/// Raises why there can be no such crawl.
#[pyfunction]
pub(super) fn check_crawl(settings: SettingsObject, roots: Vec<String>) -> PyResult<()> {
    settings.read(&parsed(&roots)?, false, false).map(drop)
}

fn parsed(roots: &[String]) -> PyResult<Vec<Url>> {
    let roots = roots.iter().map(|root| Url::parse(root)).collect::<Result<_, _>>();
    roots.map_err(|error| PyValueError::new_err(error.to_string()))
}

/// A host whose addresses are wanted: number, name, port, and whether it is `https`.
type Lookup = (usize, String, u16, bool);

/// A crawl that a strategy does on a thread of its own.
#[pyclass(frozen, module = "aio_strategies._native")]
pub(super) struct Crawl {
    running: Running,
    work: Arc<crate::crawl::Crawl>,
    bell: Bell,
}

#[pymethods]
impl Crawl {
    #[new]
    #[pyo3(signature = (key, settings, terms, terms_elsewhere, roots, helper, *, hands_out, keeps_rows))]
    #[allow(clippy::too_many_arguments)]
    fn start(
        py: Python<'_>,
        key: &str,
        settings: SettingsObject,
        terms: TermsTuple<'_>,
        terms_elsewhere: TermsTuple<'_>,
        roots: Vec<String>,
        helper: PathBuf,
        hands_out: bool,
        keeps_rows: bool,
    ) -> PyResult<Self> {
        let way = strategy(key, &helper)?;
        let roots = parsed(&roots)?;
        let settings = settings.read(&roots, hands_out, keeps_rows)?;
        let (bell, ring) = Bell::new()?;
        let terms = [to_terms(terms)?, to_terms(terms_elsewhere)?];
        let crawl = crate::crawl::Crawl::new(settings, terms, &roots, ring);
        let crawl = crawl.or_else(|error| Err(to_python(py, &error, None)?))?;
        let running = Running::start(py, way, &crawl, crate::crawl::Crawl::end)?;
        Ok(Crawl { running, work: crawl, bell })
    }

    /// Says whom to trust over https, before the addresses of the first such host.
    fn trust(&self, client: PyRef<'_, TlsClient>) {
        self.work.trust(&client.0);
    }

    /// Says what addresses a host has, by its number; or the errno and the text of why it has none.
    fn resolved(
        &self,
        py: Python<'_>,
        host: usize,
        addresses: Option<Vec<(IpAddr, u16)>>,
        errno: Option<i32>,
        text: String,
    ) {
        let addresses = addresses.filter(|addresses| !addresses.is_empty());
        let found = addresses.map(|all| all.into_iter().map(|(ip, port)| SocketAddr::new(ip, port)).collect());
        py.detach(|| self.work.resolved(host, found.ok_or(Error::Resolution { errno, text })));
    }

    /// Says that the oldest `count` of the pages that were handed out are done.
    fn acknowledge(&self, py: Python<'_>, count: usize) {
        py.detach(|| self.work.acknowledge(count));
    }

    /// Waits until something has arrived, and returns the pages, and the hosts whose addresses are wanted; none of both
    /// if the strategy has ended, or after so many seconds.
    #[pyo3(signature = (timeout = None))]
    fn wait<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<(Bound<'py, PyList>, Vec<Lookup>)> {
        self.running.here(py)?;
        let timeout = to_timeout(timeout);
        let arrived = interruptible(py, |cancellation| self.work.wait(timeout, cancellation))?;
        to_tuples(py, arrived.or_else(|error| Err(to_python(py, &error, None)?))?)
    }

    /// Returns what has arrived.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyList>, Vec<Lookup>)> {
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

    /// Whether the strategy has ended and all is taken. Raises why, if it could not go on.
    fn has_ended(&self, py: Python<'_>) -> PyResult<bool> {
        match self.work.ended() {
            None => Ok(false),
            Some(Ok(()) | Err(Error::Cancelled)) => Ok(true),
            Some(Err(error)) => Err(to_python(py, &error, None)?),
        }
    }

    /// How it stands: pages, errors, URLs that wait, fetches in flight, hosts, bytes.
    fn totals(&self) -> (usize, usize, usize, usize, usize, u64) {
        let Totals { pages, errors, queued, in_flight, hosts, bytes } = self.work.totals();
        (pages, errors, queued, in_flight, hosts, bytes)
    }

    /// Takes the next rows of the statistics, so many at most: `aio_strategies.crawling.statistics.CrawlRow`.
    fn take_rows<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Bound<'py, PyList>> {
        let lead = lead_of_pythons_clock(py)?;
        let rows = self.work.take_rows(most).into_iter().map(|row| row_to_python(py, row, lead));
        PyList::new(py, rows.collect::<PyResult<Vec<_>>>()?)
    }

    /// The errno that kept it from having all its fetches in flight, if any.
    fn shortage(&self) -> Option<i32> {
        self.work.shortage()
    }

    /// Ends the crawl, and returns when its threads have ended.
    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        let running = self.running.here(py)?;
        py.detach(|| running.cancel());
        Ok(())
    }

    /// Does the same, and closes the state.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let running = self.running.here(py)?;
        py.detach(|| {
            running.cancel();
            self.work.close();
        });
        Ok(())
    }
}

fn to_tuples(py: Python<'_>, arrived: Arrived) -> PyResult<(Bound<'_, PyList>, Vec<Lookup>)> {
    let to_python = outcome_to_python(py)?;
    let page = |page: Page| -> PyResult<Bound<'_, PyTuple>> {
        let outcome = to_python(page.url.as_str(), &page.outcome)?;
        let error = page.error.as_ref().map(|error| of_url(py, error, page.url.as_str())).transpose()?;
        let links = PyTuple::new(py, page.links.iter().map(Url::as_str))?;
        let next_url = page.next_url.as_ref().map(Url::as_str);
        let Page { url, referrer, depth, tries, content_type, new_links, .. } = &page;
        let known = (url.as_str(), next_url, referrer.as_deref(), *depth, *tries, content_type);
        (known, links, *new_links, error, outcome).into_pyobject(py)
    };
    let pages = arrived.pages.into_iter().map(page).collect::<PyResult<Vec<_>>>()?;
    let lookups = arrived.lookups.into_iter().map(|(host, name, port, secure)| (host, name.into(), port, secure));
    Ok((PyList::new(py, pages)?, lookups.collect()))
}

fn row_to_python(py: Python<'_>, row: Row, lead: f64) -> PyResult<Bound<'_, PyTuple>> {
    let Row { url, next_url, status, error, size, content_type, encoding, links, new_links, started, elapsed } = row;
    let error = error.map(|error| of_url(py, &error, &url)).transpose()?;
    let links = (links, new_links);
    let times = started.map(|started| (seconds(started) + lead, elapsed.as_secs_f64()));
    (&*url, next_url.as_deref(), status, error, size, &*content_type, encoding.as_deref(), links, times)
        .into_pyobject(py)
}
