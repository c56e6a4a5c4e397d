//! What a lab does wrong on purpose: toxiproxy's faults of single exchanges, and those of a whole server in trouble.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::http;
use super::script::{Step, unhex};

/// Something that a lab does wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What it does.
    pub kind: Kind,
    /// Which paths it concerns; one that ends with `*` stands for all that begin like it. None for all.
    pub path: Option<String>,
    /// How many of their requests meet it, from 0 to 1.
    pub probability: f64,
}

impl From<Kind> for Fault {
    /// A fault of all requests.
    fn from(kind: Kind) -> Self {
        Self { kind, path: None, probability: 1.0 }
    }
}

/// The kinds of faults. Those from [`Kind::Hiccup`] on are of the whole server: `path` and `probability` do not apply,
/// and their times count from the first request after the start or a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The reply comes this much later.
    Latency(Duration),
    /// The body comes at this many bytes per second.
    Bandwidth(NonZeroU64),
    /// The connection is closed this much after the last byte.
    SlowClose(Duration),
    /// No byte of a reply comes; the connection is closed after this time, or never.
    Timeout(Option<Duration>),
    /// The connection is reset this much after the request.
    ResetPeer(Duration),
    /// The reply comes in pieces.
    Slicer {
        /// Bytes of a piece.
        size: NonZeroU64,
        /// From one piece to the next.
        delay: Duration,
    },
    /// The connection is closed after this many bytes of the reply, head included.
    LimitData(u64),
    /// No byte of any reply is sent for a time.
    Hiccup {
        /// When that begins.
        at: Duration,
        /// How long it lasts.
        duration: Duration,
    },
    /// The latency rises steadily.
    Ramp {
        /// When it begins to rise.
        at: Duration,
        /// When it has risen.
        until: Duration,
        /// By how much.
        delay: Duration,
    },
    /// Again and again, no byte of any reply is sent for a time.
    Pauses {
        /// From the start of one to the start of the next, and until the first.
        every: Duration,
        /// How long each lasts.
        duration: Duration,
    },
    /// At most so many requests are served at once, each for its latency; the others wait in a queue.
    Saturation(usize),
}

impl FromStr for Fault {
    type Err = String;

    /// Reads a fault as Python sends it: its kind, then `name=value` in any order, with the path in hexadecimal digits
    /// and times in nanoseconds: `latency seconds=5000 path=2f61 probability=0.5`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split(' ');
        let kind = words.next().unwrap_or_default();
        let fields: HashMap<_, _> = words.filter_map(|word| word.split_once('=')).collect();
        let number = |name: &str| -> Result<u64, String> {
            fields.get(name).and_then(|value| value.parse().ok()).ok_or(format!("{kind} needs a number {name}"))
        };
        let time = |name: &str| number(name).map(Duration::from_nanos);
        let positive = |name: &str| -> Result<NonZeroU64, String> {
            number(name)?.try_into().map_err(|_| format!("{name} must be above 0"))
        };
        let kind = match kind {
            "latency" => Kind::Latency(time("seconds")?),
            "bandwidth" => Kind::Bandwidth(positive("rate")?),
            "slow_close" => Kind::SlowClose(time("seconds")?),
            "timeout" => Kind::Timeout(time("seconds").ok()),
            "reset_peer" => Kind::ResetPeer(time("seconds").unwrap_or_default()),
            "slicer" => Kind::Slicer { size: positive("size")?, delay: time("seconds")? },
            "limit_data" => Kind::LimitData(number("size")?),
            "hiccup" => Kind::Hiccup { at: time("at")?, duration: time("seconds")? },
            "ramp" => Kind::Ramp { at: time("at")?, until: time("until")?, delay: time("seconds")? },
            "pauses" => Kind::Pauses { every: time("every")?, duration: time("seconds")? },
            "saturation" => Kind::Saturation(number("limit")? as usize),
            _ => return Err(format!("there is no fault {kind:?}")),
        };
        let path = match fields.get("path") {
            Some(digits) => {
                let path = unhex(digits).and_then(|bytes| String::from_utf8(bytes).ok());
                Some(path.ok_or_else(|| format!("{digits:?} is not a path"))?)
            }
            None => None,
        };
        let probability = fields.get("probability").map_or(Ok(1.0), |value| value.parse());
        Ok(Self { kind, path, probability: probability.map_err(|_| "probability takes a number".to_owned())? })
    }
}

/// What an exchange meets.
#[derive(Debug, Default)]
pub(super) struct Met {
    /// Nanoseconds until its reply is due.
    pub(super) delay: u64,
    /// Bytes of its body per second.
    pub(super) bandwidth: Option<u64>,
    /// Bytes of a piece, and nanoseconds from one piece to the next.
    pub(super) slices: Option<(u64, u64)>,
    /// The most bytes of its reply.
    pub(super) limit: Option<u64>,
    /// Nanoseconds from its last byte to the end of the connection.
    pub(super) slow_close: u64,
    /// What comes instead of its reply.
    pub(super) script: Option<Arc<[Step]>>,
}

impl Met {
    /// Whether only its time is affected.
    pub(super) fn is_only_late(&self) -> bool {
        self.bandwidth.is_none() && self.slices.is_none() && self.limit.is_none() && self.slow_close == 0
    }
}

/// The faults of a lab.
#[derive(Debug, Clone)]
pub(super) struct Faults {
    all: Vec<Fault>,
    seed: u64,
    /// When the first request came, which the times count from.
    origin: u64,
    /// Since then, how often each path was asked for, by its hash; empty if it does not matter.
    visits: HashMap<u64, u64>,
    /// Since then, when each worker of a saturated server is free again; the idle ones are missing.
    busy: BinaryHeap<Reverse<u64>>,
    /// How many workers there are.
    workers: Option<usize>,
}

impl Faults {
    /// None if there are none.
    pub(super) fn new(faults: &[Fault], seed: u64) -> Option<Self> {
        let limit = |fault: &Fault| if let Kind::Saturation(limit) = fault.kind { Some(limit.max(1)) } else { None };
        (!faults.is_empty()).then(|| Self {
            workers: faults.iter().filter_map(limit).min(),
            all: faults.to_vec(),
            seed,
            origin: 0,
            visits: HashMap::new(),
            busy: BinaryHeap::new(),
        })
    }

    /// What a request meets that came at `now` and would be answered after `delay`; the first one came at `origin`.
    pub(super) fn meet(&mut self, path: &str, now: u64, origin: u64, delay: u64) -> Met {
        if self.origin != origin {
            self.origin = origin;
            self.visits.clear();
            self.busy.clear();
        }
        let mut met = Met { delay, ..Met::default() };
        let hash = http::hash(path);
        let mut visit = 0;
        if self.all.iter().any(|fault| fault.probability < 1.0) {
            let visits = self.visits.entry(hash).or_default();
            *visits += 1;
            visit = *visits;
        }
        let elapsed = now - origin;
        for (number, fault) in (1..).zip(&self.all) {
            if !fault.concerns(path) || !fault.strikes(http::mix(self.seed ^ number, hash.wrapping_add(visit))) {
                continue;
            }
            match fault.kind {
                Kind::Latency(delay) => met.delay = met.delay.saturating_add(ns(delay)),
                Kind::Bandwidth(rate) => met.bandwidth = Some(met.bandwidth.unwrap_or(u64::MAX).min(rate.get())),
                Kind::SlowClose(delay) => met.slow_close = met.slow_close.max(ns(delay)),
                Kind::Timeout(after) => {
                    let steps = after.map_or(vec![Step::Hang], |after| vec![Step::Wait(after), Step::Close]);
                    met.script.get_or_insert(steps.into());
                }
                Kind::ResetPeer(after) => {
                    met.script.get_or_insert([Step::Wait(after), Step::Reset].into());
                }
                Kind::Slicer { size, delay } => met.slices = Some((size.get(), ns(delay))),
                Kind::LimitData(limit) => met.limit = Some(met.limit.unwrap_or(u64::MAX).min(limit)),
                Kind::Ramp { at, until, delay } => {
                    let (at, until) = (ns(at), ns(until.max(at)));
                    let risen = elapsed.clamp(at, until) - at;
                    let share = if elapsed >= until { 1.0 } else { risen as f64 / (until - at) as f64 };
                    met.delay = met.delay.saturating_add((share * ns(delay) as f64) as u64);
                }
                Kind::Hiccup { .. } | Kind::Pauses { .. } | Kind::Saturation(_) => {}
            }
        }
        if let Some(workers) = self.workers {
            // First come, first served: it begins when a worker is free.
            let free = if self.busy.len() < workers { None } else { self.busy.pop() };
            let begins = free.map_or(now, |Reverse(free)| free.max(now));
            let ends = begins.saturating_add(met.delay);
            self.busy.push(Reverse(ends));
            met.delay = ends - now;
        }
        met
    }

    /// If the server stands still at `now`: until when. The first request came at `origin`.
    pub(super) fn standing_still(&self, now: u64, origin: u64) -> Option<u64> {
        let elapsed = now - origin;
        let end = |fault: &Fault| {
            let (begin, duration) = match fault.kind {
                Kind::Hiccup { at, duration } => (ns(at), ns(duration)),
                Kind::Pauses { every, duration } => {
                    let every = ns(every).max(1);
                    let number = elapsed / every;
                    (if number == 0 { u64::MAX } else { number * every }, ns(duration))
                }
                _ => return None,
            };
            let end = begin.saturating_add(duration);
            (begin <= elapsed && elapsed < end).then(|| origin.saturating_add(end))
        };
        self.all.iter().filter_map(end).max()
    }
}

impl Fault {
    fn concerns(&self, path: &str) -> bool {
        self.path.as_ref().is_none_or(|wanted| match wanted.strip_suffix('*') {
            Some(beginning) => path.starts_with(beginning),
            None => path == wanted,
        })
    }

    /// Whether it happens, given a number that is uniform over all numbers.
    fn strikes(&self, number: u64) -> bool {
        self.probability >= 1.0 || (number as f64) < self.probability * 2_f64.powi(64)
    }
}

fn ns(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn faults(faults: &[Fault]) -> Faults {
        Faults::new(faults, 7).unwrap()
    }

    #[test]
    fn faults_are_read_or_refused() {
        let slicer = Kind::Slicer { size: NonZeroU64::new(3).unwrap(), delay: MS };
        assert_eq!("slicer seconds=1000000 size=3".parse(), Ok(Fault::from(slicer)));
        assert_eq!("timeout".parse(), Ok(Fault::from(Kind::Timeout(None))));
        let half = Fault { kind: Kind::LimitData(9), path: Some("/a*".to_owned()), probability: 0.5 };
        assert_eq!("limit_data size=9 path=2f612a probability=0.5".parse(), Ok(half));
        for wrong in ["", "x", "latency", "latency seconds=x", "slicer size=0 seconds=1", "timeout path=z"] {
            assert!(wrong.parse::<Fault>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_choice_depends_on_the_path_and_how_often_it_was_asked_for() {
        let late = |faults: &mut Faults, path: &str| faults.meet(path, 5, 5, 0).delay > 0;
        let one = Fault { probability: 0.3, ..Fault::from(Kind::Latency(MS)) };
        let paths: Vec<_> = (0..1_000).map(|number| format!("/{number}")).collect();
        let (mut first, mut second) = (faults(std::slice::from_ref(&one)), faults(&[one]));
        let forwards: Vec<_> = paths.iter().map(|path| late(&mut first, path)).collect();
        let mut backwards: Vec<_> = paths.iter().rev().map(|path| late(&mut second, path)).collect();
        backwards.reverse();
        assert_eq!(forwards, backwards);
        let struck = forwards.iter().filter(|&&late| late).count();
        assert!((250..350).contains(&struck), "{struck}");
        let again: Vec<_> = paths.iter().map(|path| late(&mut first, path)).collect();
        assert_ne!(forwards, again, "a second request of the same path");
        let reset: Vec<_> = paths.iter().map(|path| first.meet(path, 6, 6, 0).delay > 0).collect();
        assert_eq!(forwards, reset, "after a reset, all begins anew");
    }

    #[test]
    fn paths_are_matched_whole_or_by_their_beginning() {
        let concerns = |wanted: Option<&str>, path| {
            Fault { path: wanted.map(str::to_owned), ..Fault::from(Kind::LimitData(0)) }.concerns(path)
        };
        assert!(concerns(None, "/a") && concerns(Some("/a"), "/a") && concerns(Some("/a*"), "/a/b"));
        assert!(!concerns(Some("/a"), "/a/b") && !concerns(Some("/a*"), "/b/a"));
    }

    #[test]
    fn a_ramp_rises_and_stays() {
        let mut faults = faults(&[Kind::Ramp { at: 10 * MS, until: 20 * MS, delay: 8 * MS }.into()]);
        let mut delay = |ms: u32| faults.meet("/", 1 + ns(ms * MS), 1, 0).delay;
        assert_eq!([5, 10, 15, 20, 99].map(&mut delay), [0, 0, 4, 8, 8].map(|ms| ns(ms * MS)));
        let mut step = self::faults(&[Kind::Ramp { at: MS, until: MS, delay: 8 * MS }.into()]);
        assert_eq!([0, 1].map(|ms| step.meet("/", 1 + ns(ms * MS), 1, 0).delay), [0, ns(8 * MS)]);
    }

    #[test]
    fn a_saturated_server_takes_one_request_after_another() {
        let mut faults = faults(&[Kind::Saturation(2).into()]);
        let delays: Vec<_> = (0..5).map(|_| faults.meet("/", 9, 9, 10).delay).collect();
        assert_eq!(delays, [10, 10, 20, 20, 30]);
        assert_eq!(faults.meet("/", 100, 9, 10).delay, 10, "all are free again");
        assert_eq!(faults.meet("/", 101, 101, 10).delay, 10);
    }

    #[test]
    fn it_stands_still_when_it_should() {
        let still = |kind: Kind, ms: u32| {
            faults(&[kind.into()]).standing_still(7 + ns(ms * MS), 7).map(|end| (end - 7) / ns(MS))
        };
        let hiccup = Kind::Hiccup { at: 10 * MS, duration: 5 * MS };
        assert_eq!([9, 10, 14, 15, 30].map(|ms| still(hiccup, ms)), [None, Some(15), Some(15), None, None]);
        let pauses = Kind::Pauses { every: 10 * MS, duration: 5 * MS };
        assert_eq!(
            [0, 9, 10, 14, 15, 23].map(|ms| still(pauses, ms)),
            [None, None, Some(15), Some(15), None, Some(25)]
        );
    }
}
