//! The graph of a lab's site, for Python, which asks what is true of it.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::lab::{Page, Site};

/// URL, host, status, depth, location, whether it is cut short, seconds that it comes later.
type PageTuple = (String, String, u16, Option<u64>, Option<String>, bool, f64);

fn tuple(page: Page) -> PageTuple {
    let Page { url, host, status, depth, location, cut, delay } = page;
    (url, host, status, depth, location, cut, delay.as_secs_f64())
}

/// A site, read from what `aio_strategies.lab.site.Site` tells the lab.
#[pyclass(frozen, module = "aio_strategies._native")]
pub(super) struct SiteGraph(Site);

#[pymethods]
impl SiteGraph {
    #[new]
    fn new(option: &str) -> PyResult<Self> {
        option.parse().map(Self).map_err(PyValueError::new_err::<String>)
    }

    fn hosts(&self) -> Vec<String> {
        self.0.hosts()
    }

    fn page(&self, url: &str) -> Option<PageTuple> {
        self.0.page(url).map(tuple)
    }

    /// The URLs, and whether each is marked `rel=nofollow`.
    fn links(&self, url: &str) -> Vec<(String, bool)> {
        self.0.links(url).into_iter().map(|link| (link.url, link.nofollow)).collect()
    }

    fn allows(&self, url: &str) -> bool {
        self.0.allows(url)
    }

    /// The URLs of `count` numbered pages from `start` on, and of what hangs on them.
    fn urls_from(&self, root: &str, start: u64, count: u64) -> PyResult<Vec<String>> {
        self.0.urls_from(root, start, count).ok_or_else(|| foreign(root))
    }

    /// The URLs of what hangs on none of them.
    fn further_urls(&self, root: &str) -> PyResult<Vec<String>> {
        self.0.further_urls(root).ok_or_else(|| foreign(root))
    }
}

fn foreign(root: &str) -> PyErr {
    PyValueError::new_err(format!("root must be a URL of the site, not {root:?}"))
}
