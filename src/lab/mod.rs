//! The lab server: every strategy is timed against it, and its log is the referee that says what happened when.
//!
//! It answers each request after a set latency, at a set bandwidth, and logs when each exchange was accepted, when its
//! request arrived, when the first and the last byte of its reply left, and when it closed. So all clients are observed
//! in the same way, at no cost to themselves. For Python it is a separate process (`aio-strategies-helper lab`).
//!
//! # Layout
//!
//! - `server`: the loop: one thread, one edge-triggered poll.
//! - `connection`: a connection: requests in, replies out, each at its time.
//! - `http`: the little HTTP that it needs, without I/O.
//! - `sender`: sending to a socket with flags.
//! - `tls`: its certificate, and the encrypted side of a connection.
//! - `faults`: what it does wrong on purpose; `script`: raw replies.
//! - `site`: a graph of pages to crawl.
//! - `timer`: the loop's timers, precise to about 0.1 ms.
//! - `log`: the referee's log and the counters.
//! - `control`: commands on standard input.

mod connection;
mod control;
mod faults;
mod http;
mod log;
mod script;
mod sender;
mod server;
mod site;
mod timer;
mod tls;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use control::Control;
pub use faults::{Fault, Kind};
pub use log::{Counters, Record};
use log::{Entrance, Logs};
use script::RawReplies;
pub use script::Step;
use server::Server;
pub use site::{Page, Reference, Site};

use crate::descriptors;
use crate::target::client_ports;

/// The length of the request's head at the start of `input`, and the status of its reply; None while it is incomplete.
/// For fuzzing.
#[doc(hidden)]
#[must_use]
pub fn request_at(input: &[u8]) -> Option<(usize, u16)> {
    http::parse(input).map(|request| (request.length, request.status))
}

/// The configuration of a lab.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// From the arrival of a request to the first byte of its reply.
    pub latency: Duration,
    /// Upper bound of an extra latency, which depends only on the path and the seed.
    pub jitter: Duration,
    /// Bytes of each body: the path, a newline, and filler, cut to this length.
    pub body_size: u64,
    /// Bytes of the body per second and connection.
    pub bandwidth: Option<NonZeroU64>,
    /// The seed of the jitter and of the faults.
    pub seed: u64,
    /// The port to listen on; 0 lets the system choose.
    pub port: u16,
    /// The most records that the log keeps.
    pub log_limit: usize,
    /// What a client has for the head of a request, and for a TLS handshake.
    pub head_timeout: Duration,
    /// Whether it serves HTTP over TLS instead of plain HTTP.
    pub https: bool,
    /// Hosts that its certificate is for, besides `localhost` and the addresses of the loopback.
    pub names: Vec<String>,
    /// What it does wrong on purpose.
    pub faults: Vec<Fault>,
    /// The site that it serves under the names of that site's hosts.
    pub site: Option<Site>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(20),
            jitter: Duration::ZERO,
            body_size: 1024,
            bandwidth: None,
            seed: 0,
            port: 0,
            log_limit: 1_000_000,
            head_timeout: Duration::from_secs(10),
            https: false,
            names: Vec::new(),
            faults: Vec::new(),
            site: None,
        }
    }
}

/// A lab on a thread of this process, which ends when this value is dropped: for tests in Rust.
#[derive(Debug)]
pub struct Lab {
    control: Control,
    addresses: Vec<SocketAddr>,
    ca: Option<String>,
    /// None once joined.
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Lab {
    /// Starts a lab, which is listening when this returns.
    pub fn start(config: &Config) -> io::Result<Self> {
        let (server, control, ca) = bind(config)?;
        let addresses = server.addresses(Entrance::Public)?;
        let thread = thread::Builder::new().name("lab".into()).spawn(move || server.run())?;
        Ok(Self { control, addresses, ca, thread: Some(thread) })
    }

    /// The addresses that it listens on, 127.0.0.1 first.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// With https: the certificate (PEM) of the authority that has signed its own.
    #[must_use]
    pub fn ca(&self) -> Option<&str> {
        self.ca.as_deref()
    }

    /// Sets a raw reply for a path, or with None removes it. A reset does not.
    pub fn reply(&self, path: &str, steps: Option<Vec<Step>>) {
        self.control.reply(path.to_owned(), steps);
    }

    /// The counters.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.control.counters(Entrance::Public)
    }

    /// The log, in the order in which the exchanges ended.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.control.records(Entrance::Public)
    }

    /// Clears the log and the counters; the peaks restart from what is open now.
    pub fn reset(&self) {
        self.control.reset(Entrance::Public);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.control.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Runs `aio-strategies-helper lab …`: prints `ready`, the ports and the addresses, serves, and obeys commands on
/// standard input. If it cannot listen, it prints `error`, the errno and its text.
pub fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    let options = match parse(arguments) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("aio-strategies-helper lab: {message}");
            return ExitCode::from(2);
        }
    };
    // First of all, while this process has one thread: as many connections as a client has ports.
    descriptors::raise_limit();
    descriptors::reserve(client_ports().clone().count());
    crate::parent::exit_with(options.parent);
    match serve(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stdout(), "error {} {error}", error.raw_os_error().unwrap_or(0));
            ExitCode::FAILURE
        }
    }
}

/// Serves in this process. The commands have a thread of their own, so that the loop never waits for them.
fn serve(options: &Options) -> io::Result<()> {
    let (server, control, ca) = bind(&options.config)?;
    if let (Some(file), Some(ca)) = (&options.ca_file, ca) {
        std::fs::write(file, ca)?;
    }
    let addresses = server.addresses(Entrance::Public)?;
    let private = server.addresses(Entrance::Private)?;
    let in_both = addresses.iter().map(SocketAddr::ip).filter(|ip| private.iter().any(|address| address.ip() == *ip));
    let ips: Vec<_> = in_both.map(|ip| ip.to_string()).collect();
    writeln!(io::stdout(), "ready {} {} {}", addresses[0].port(), private[0].port(), ips.join(" "))?;
    thread::spawn(move || {
        // An error means that nobody reads the answers any more: then it ends, too.
        let _ = control.answer(io::stdin().lock(), io::stdout().lock());
        control.stop();
    });
    let result = server.run();
    if let Some(file) = &options.ca_file {
        // Python removes them, too, unless it was killed.
        let _ = std::fs::remove_file(file);
        let _ = file.parent().map(std::fs::remove_dir);
    }
    result
}

/// A server that listens, the handle to control it, and with https the certificate that its clients must trust.
fn bind(config: &Config) -> io::Result<(Server, Control, Option<String>)> {
    let logs = Logs::new(config.log_limit);
    let raw = Arc::new(RawReplies::default());
    let mut names = config.names.clone();
    names.extend(config.site.iter().map(|_| site::certificate_name()));
    let (tls, ca) = if config.https { Some(tls::identity(&names)?) } else { None }.unzip();
    let server = Server::bind(config, tls, Arc::clone(&raw), logs.clone())?;
    let control = Control::new(logs, raw, server.stop());
    Ok((server, control, ca))
}

/// What the command line says.
#[derive(Debug, PartialEq)]
struct Options {
    /// The parent's process ID.
    parent: u32,
    /// Where to write the certificate that clients must trust.
    ca_file: Option<PathBuf>,
    config: Config,
}

/// Reads the options, each `--name value`.
fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut parent = None;
    let mut ca_file = None;
    let mut config = Config::default();
    while let Some(name) = arguments.next() {
        let text = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            // it serves HTTPS
            "--ca-file" => {
                config.https = true;
                ca_file = Some(text.into());
                continue;
            }
            "--name" => {
                config.names.push(text);
                continue;
            }
            "--fault" => {
                config.faults.push(text.parse()?);
                continue;
            }
            "--site" => {
                config.site = Some(text.parse()?);
                continue;
            }
            _ => {}
        }
        let value: u64 = text.parse().map_err(|_| format!("{name} takes a whole number, not {text:?}"))?;
        let too_large = |_| format!("{name} is too large");
        match name.as_str() {
            "--parent" => parent = Some(u32::try_from(value).map_err(too_large)?),
            "--latency-ns" => config.latency = Duration::from_nanos(value),
            "--jitter-ns" => config.jitter = Duration::from_nanos(value),
            "--body-size" => config.body_size = value,
            "--bandwidth" => config.bandwidth = NonZeroU64::new(value),
            "--seed" => config.seed = value,
            "--port" => config.port = u16::try_from(value).map_err(too_large)?,
            "--log-limit" => config.log_limit = usize::try_from(value).map_err(too_large)?,
            "--head-timeout-ns" => config.head_timeout = Duration::from_nanos(value),
            _ => return Err(format!("there is no option {name}")),
        }
    }
    Ok(Options { parent: parent.ok_or("--parent is missing")?, ca_file, config })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_or_refused() {
        let parse = |line: &str| parse(line.split_whitespace().map(String::from));
        let config = Config { latency: Duration::from_nanos(5), body_size: 9, port: 80, ..Config::default() };
        let expected = Options { parent: 7, ca_file: None, config };
        assert_eq!(parse("--parent 7 --latency-ns 5 --body-size 9 --bandwidth 0 --port 80"), Ok(expected));
        let options = parse("--parent 7 --ca-file a/b --name x.test --fault timeout").unwrap();
        assert_eq!((options.config.https, options.ca_file), (true, Some("a/b".into())));
        assert_eq!(
            (options.config.names, options.config.faults),
            (vec!["x.test".to_owned()], vec![Kind::Timeout(None).into()])
        );
        for wrong in ["", "--parent", "--parent x", "--parent 7 --port 65536", "--parent 7 --color 1", "--parent -1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
