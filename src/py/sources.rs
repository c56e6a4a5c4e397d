//! The Rust sources of the strategies as text. They are part of the module, so that it can always show what it was
//! built from.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Lists files of `src/`, each with its text.
macro_rules! files {
    ($($name:literal),* $(,)?) => { &[$(($name, include_str!(concat!("../", $name)))),*] };
}

static FILES: &[(&str, &str)] = files![
    "event_loop.rs",
    "executor.rs",
    "ring.rs",
    "strategies/asyncio_way.rs",
    "strategies/blocking_way.rs",
    "strategies/callback_way.rs",
    "strategies/generator_way.rs",
    "strategies/nonblocking_way.rs",
    "strategies/process_way.rs",
    "strategies/thread_way.rs",
    "strategies/uring_way.rs",
    "strategies/yield_from_way.rs",
];

/// The text of a file of `src/`, as it was when this module was built.
#[pyfunction]
pub(super) fn rust_source(path: &str) -> PyResult<&'static str> {
    let found = FILES.iter().find(|(name, _)| *name == path);
    found.map(|(_, text)| *text).ok_or_else(|| PyValueError::new_err(format!("no source {path:?} is kept here")))
}
