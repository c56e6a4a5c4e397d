//! The layer that knows Python: arguments in, results and exceptions out, the GIL released in between.
//!
//! A call of a strategy crosses it once, not once per request. Between calls it keeps no state, no thread and no
//! runtime, so there is nothing that a fork could break.

// Python's sequences and paths arrive as owned values.
#![allow(clippy::needless_pass_by_value)]

mod arrow;
mod background;
mod bell;
mod content;
mod convert;
mod crawl;
mod errors;
mod outcomes;
mod signals;
mod site;
mod sources;
mod statistics;
mod stream;
mod targets;
mod tls;

use pyo3::prelude::*;

/// The native half of `aio_strategies`; the package's Python modules are its only users.
#[pymodule(gil_used = false)]
mod _native {
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::time::{Instant, SystemTime};

    use pyo3::exceptions::PyImportError;
    use pyo3::prelude::*;
    use pyo3::types::PyDict;
    use url::Url;

    #[pymodule_export]
    use super::arrow::{arrow_schema, arrow_stream};
    #[pymodule_export]
    use super::background::Background;
    #[pymodule_export]
    use super::content::{decode_content, decode_text, page_links, receive, request, text_encoding};
    use super::convert::{TermsTuple, list, strategy};
    #[pymodule_export]
    use super::crawl::{Crawl, check_crawl};
    use super::errors::to_python;
    #[pymodule_export]
    use super::outcomes::Outcomes;
    use super::signals::interruptible;
    #[pymodule_export]
    use super::site::SiteGraph;
    #[pymodule_export]
    use super::sources::rust_source;
    #[pymodule_export]
    use super::statistics::{fewest_rounds, hodges_lehmann, holm, judge, median, percentiles, tells_percentile};
    #[pymodule_export]
    use super::stream::Stream;
    #[pymodule_export]
    use super::targets::{Locations, Targets};
    #[pymodule_export]
    use super::tls::TlsClient;
    use crate::background;
    use crate::crawl::{links, politeness, scope};
    use crate::target::Location;
    use crate::work::Work;

    /// Refuses a sub-interpreter. From 3.12 on, Python itself does.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let py = module.py();
        if py.version_info() < (3, 12)
            && let Ok(interpreters) = py.import("_xxsubinterpreters")
            && interpreters.call_method0("get_current")?.ne(interpreters.call_method0("get_main")?)?
        {
            return Err(PyImportError::new_err("aio_strategies does not support sub-interpreters"));
        }
        Ok(())
    }

    /// The URL that a `Location` header in a reply for `base` leads to.
    #[pyfunction]
    fn join_url(py: Python<'_>, base: &str, reference: &str) -> PyResult<String> {
        Location::join(base, reference).or_else(|error| Err(to_python(py, &error, None)?))
    }

    /// The URL that a link on the page `base` leads to, without its fragment; `None` if it cannot be fetched.
    #[pyfunction]
    fn link_url(base: &str, reference: &str) -> Option<String> {
        let base = Url::parse(base).ok()?;
        links::join(&base, reference).map(String::from)
    }

    /// How many seconds a host wants to be left alone after a reply with this status and `Retry-After`; `None` if it does
    /// not ask for it. `strikes` is how many such replies came before.
    #[pyfunction]
    fn asked_pause(status: u16, retry_after: Option<&str>, strikes: u32) -> Option<f64> {
        let pause = politeness::pause(status, retry_after.map(str::as_bytes), strikes, SystemTime::now());
        pause.map(|pause| pause.as_secs_f64())
    }

    /// The site of a host, by the public suffix list: `example.co.uk` of `www.example.co.uk`.
    #[pyfunction]
    fn site_of(host: &str) -> &str {
        scope::site(host)
    }

    /// Runs a strategy to its end.
    #[pyfunction]
    fn run<'py>(
        py: Python<'py>,
        key: &str,
        targets: &Targets,
        concurrency: usize,
        terms: TermsTuple<'py>,
        helper: PathBuf,
    ) -> PyResult<Outcomes> {
        let way = strategy(key, &helper)?;
        let list = list(targets, concurrency, terms)?;
        let work = Arc::clone(&list) as Arc<dyn Work>;
        let (ended, wall) = interruptible(py, |cancellation| {
            let began = Instant::now();
            (background::run(&way, &work, cancellation), began.elapsed())
        })?;
        Outcomes::of(py, &list, ended, Some(wall))
    }

    /// Makes room for so many more file descriptors.
    #[pyfunction]
    fn reserve_descriptors(count: usize) {
        crate::descriptors::reserve(count);
    }

    /// Why a strategy cannot run on this machine, if it cannot.
    #[pyfunction]
    fn unavailable(key: &str) -> Option<String> {
        crate::strategies::unavailable(key).map(|why| why.to_string())
    }

    /// What a user can do about a shortage with this error number, if there is a word to say.
    #[pyfunction]
    fn remedy(errno: i32) -> Option<String> {
        crate::shortage::remedy(errno)
    }

    /// Has this process killed as soon as `parent`, which started it, has ended, whatever it is doing.
    #[pyfunction]
    fn die_with(parent: u32) -> PyResult<()> {
        Ok(crate::parent::die_with(parent)?)
    }

    /// Lets any process of this user trace this one, where the system requires permission.
    #[pyfunction]
    fn allow_tracing() -> PyResult<()> {
        Ok(crate::parent::allow_tracing()?)
    }

    /// How this module was built.
    #[pyfunction]
    fn build_info(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        let info = PyDict::new(py);
        info.set_item("version", env!("CARGO_PKG_VERSION"))?;
        info.set_item("profile", env!("AIO_STRATEGIES_PROFILE"))?;
        info.set_item("rustc", env!("AIO_STRATEGIES_RUSTC"))?;
        info.set_item("target", env!("AIO_STRATEGIES_TARGET"))?;
        Ok(info)
    }
}
