//! What both languages leave to Rust: undoing content encodings, decoding text, and, in a crawl's stage, reading links.
//! And the Rust exchange by itself, for those who hold it against Python's.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict};

use url::Url;

use super::errors::to_python;
use crate::crawl::links;
use crate::exchange::{Exchange, Fault, Header, Limits, Method, Options, decoding, text};

/// `aio_strategies.terms.Options`.
pub(super) type OptionsTuple = (String, Vec<(String, String)>, usize, usize, u64, bool, bool);

/// Status, reason, minor version, headers and body.
type ReplyTuple<'py> =
    (u16, Bound<'py, PyBytes>, u8, Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>, Bound<'py, PyBytes>);

/// What Python's options are in Rust.
pub(super) fn options(
    (method, headers, max_header_bytes, max_headers, max_body_bytes, keep_alive, follow_redirects): OptionsTuple,
) -> PyResult<Options> {
    let method = match &method[..] {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        _ => return Err(PyValueError::new_err(format!("method must be 'GET' or 'HEAD', not {method:?}"))),
    };
    let header = |(name, value): (String, String)| Header { name: name.into_bytes(), value: value.into_bytes() };
    let limits = Limits { max_header_bytes, max_headers, max_body_bytes };
    let headers = headers.into_iter().map(header).collect();
    Ok(Options { method, headers, limits, keep_alive, follow_redirects })
}

/// The body as it was before its content encodings, and never more than `limit` bytes of it.
#[pyfunction]
pub(super) fn decode_content(
    py: Python<'_>,
    body: PyBackedBytes,
    encodings: Vec<PyBackedBytes>,
    limit: u64,
) -> PyResult<Bound<'_, PyBytes>> {
    let decoded = py.detach(|| decoding::decode(body.to_vec(), encodings.iter().map(|value| &value[..]), limit));
    match decoded {
        Ok(decoded) => Ok(PyBytes::new(py, &decoded)),
        Err(fault) => Err(to_python(py, &fault.into(), None)?),
    }
}

/// The text of a body with this `Content-Type`.
#[pyfunction]
pub(super) fn decode_text(py: Python<'_>, body: PyBackedBytes, content_type: &str) -> String {
    py.detach(|| text::decode(&body, content_type).into_owned())
}

/// Where the links of an HTML page with this `Content-Type` and URL lead, in their order, each once.
#[pyfunction]
pub(super) fn page_links(py: Python<'_>, body: PyBackedBytes, content_type: &str, url: &str) -> PyResult<Vec<String>> {
    let url = Url::parse(url).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let links = || links::of_html(&text::decode(&body, content_type), &url, false);
    Ok(py.detach(|| links().into_iter().map(String::from).collect()))
}

/// The name of the encoding of a body with this `Content-Type`, in lower case.
#[pyfunction]
pub(super) fn text_encoding(body: PyBackedBytes, content_type: &str) -> String {
    text::encoding(&body, content_type).name().to_ascii_lowercase()
}

/// The bytes of the request that an exchange sends.
#[pyfunction]
pub(super) fn request<'py>(
    py: Python<'py>,
    authority: &str,
    path: &str,
    options: OptionsTuple,
) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, Exchange::new(authority, path, &self::options(options)?).unsent()))
}

/// The response that these pieces are, the bytes of them that were needed, and whether the connection can serve another
/// exchange; None if more are needed. An empty piece is the end of the stream.
#[pyfunction]
pub(super) fn receive(
    py: Python<'_>,
    options: OptionsTuple,
    pieces: Vec<PyBackedBytes>,
) -> PyResult<Option<(ReplyTuple<'_>, u64, bool)>> {
    let mut exchange = Exchange::new("", "/", &self::options(options)?);
    for piece in pieces {
        match exchange.receive(&piece) {
            Ok(false) => {}
            Ok(true) => {
                let (received, open) = (exchange.bytes_received(), exchange.leaves_connection_open());
                let reply = exchange.into_reply();
                let bytes = |bytes: &[u8]| PyBytes::new(py, bytes);
                let headers = reply.headers.iter().map(|(name, value)| (bytes(name), bytes(value))).collect();
                let reply = (reply.status, bytes(&reply.reason), reply.version, headers, bytes(&reply.body));
                return Ok(Some((reply, received, open)));
            }
            Err(fault) => return Err(failure(py, fault, exchange.bytes_received())?),
        }
    }
    Ok(None)
}

fn failure(py: Python<'_>, fault: Fault, bytes_received: u64) -> PyResult<PyErr> {
    let attributes = PyDict::new(py);
    attributes.set_item("bytes_received", bytes_received)?;
    to_python(py, &fault.into(), Some(&attributes))
}
