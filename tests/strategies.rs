//! Every native strategy against a real socket, without Python.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aio_strategies::clock::monotonic_ns;
use aio_strategies::error::Error;
use aio_strategies::exchange::Limits;
use aio_strategies::job::{Cancellation, Job, Target};
use aio_strategies::strategies::{
    Outcomes, asyncio_way, blocking_way::blocking_way, callback_way::callback_way, generator_way::generator_way,
    nonblocking_way::nonblocking_way, process_way::process_way, thread_way::thread_way, yield_from_way::yield_from_way,
};

/// Name, whether it has one exchange at a time, function.
type Way = (&'static str, bool, fn(&Job, &Cancellation) -> Outcomes);

const WAYS: [Way; 8] = [
    ("blocking", true, blocking_way),
    ("process", false, |job, cancellation| {
        process_way(job, cancellation, Path::new(env!("CARGO_BIN_EXE_aio-strategies-helper")))
    }),
    ("thread", false, thread_way),
    ("nonblocking", true, nonblocking_way),
    ("callback", false, callback_way),
    ("generator", false, generator_way),
    ("yield_from", false, yield_from_way),
    ("asyncio", false, |job, cancellation| {
        let running = asyncio_way::Running::start(job.clone())?;
        thread::scope(|scope| {
            // What the event loop of Python does elsewhere: wait for the end, or cancel.
            let waiting = scope.spawn(|| running.wait());
            while !waiting.is_finished() && cancellation.check().is_ok() {
                thread::sleep(Duration::from_millis(1));
            }
            if !waiting.is_finished() {
                running.cancel();
            }
            waiting.join().unwrap()
        })
    }),
];

/// A server that answers each request with its path after a while, and knows how many it had at most at a time.
struct Server {
    address: SocketAddr,
    peak: Arc<AtomicUsize>,
}

impl Server {
    fn start(latency: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&peak);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (now, peak) = (Arc::clone(&now), Arc::clone(&peak));
                thread::spawn(move || {
                    peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    answer(stream.unwrap(), latency, &now);
                });
            }
        });
        Server { address, peak: counted }
    }

    fn job(&self, count: usize, concurrency: usize) -> Job {
        let target =
            |index| Target { authority: "lab".into(), path: format!("/{index}"), address: self.address, due: None };
        Job {
            targets: (0..count).map(target).collect(),
            concurrency,
            timeout: Duration::from_secs(20),
            limits: Limits::default(),
        }
    }
}

/// The same job, whose URL at `index` is due at `start` and `index` times `pause` later.
fn paced(job: &Job, start: Instant, pause: Duration) -> Job {
    let due = |index| start + pause * u32::try_from(index).unwrap();
    let targets = job.targets.iter().enumerate();
    Job {
        targets: targets.map(|(index, target)| Target { due: Some(due(index)), ..target.clone() }).collect(),
        ..job.clone()
    }
}

fn answer(mut stream: TcpStream, latency: Duration, now: &AtomicUsize) {
    let mut request = [0; 1024];
    let count = stream.read(&mut request).unwrap_or(0);
    let request = String::from_utf8_lossy(&request[..count]).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default();
    thread::sleep(latency);
    // Before the answer, upon which the client may begin the next one.
    now.fetch_sub(1, Ordering::SeqCst);
    let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len());
}

#[test]
fn all_fetch_the_same_with_as_many_in_flight_as_they_may() {
    for (name, alone, way) in WAYS {
        let server = Server::start(Duration::from_millis(80));
        let outcomes = way(&server.job(12, 4), &Cancellation::by_hand()).unwrap();
        let bodies: Vec<_> = outcomes.into_iter().map(|outcome| outcome.result.unwrap().body).collect();
        let expected: Vec<_> = (0..12).map(|index| format!("/{index}").into_bytes()).collect();
        assert_eq!(bodies, expected, "{name}");
        assert_eq!(server.peak.load(Ordering::SeqCst), if alone { 1 } else { 4 }, "{name}");
    }
}

#[test]
fn a_refused_connection_leaves_the_others_alone() {
    for (name, _, way) in WAYS {
        let server = Server::start(Duration::ZERO);
        let mut job = server.job(3, 2);
        let mut targets = job.targets.to_vec();
        // Bound, so that nobody else takes the port, and not listening.
        let held = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        held.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        targets[1].address = held.local_addr().unwrap().as_socket().unwrap();
        job.targets = targets.into();
        let outcomes = way(&job, &Cancellation::by_hand()).unwrap();
        assert!(outcomes[0].result.is_ok() && outcomes[2].result.is_ok(), "{name}");
        let Err(Error::Network { errno, .. }) = &outcomes[1].result else { panic!("{name}: {outcomes:?}") };
        assert_eq!(*errno, Some(111), "{name}");
    }
}

#[test]
fn the_deadline_holds() {
    for (name, _, way) in WAYS {
        let server = Server::start(Duration::from_secs(5));
        let job = Job { timeout: Duration::from_millis(120), ..server.job(2, 2) };
        let started = Instant::now();
        let outcomes = way(&job, &Cancellation::by_hand()).unwrap();
        assert!(started.elapsed() >= Duration::from_millis(120), "{name}");
        assert!(started.elapsed() < Duration::from_secs(4), "{name}: {:?}", started.elapsed());
        for outcome in outcomes {
            assert!(matches!(outcome.result, Err(Error::Timeout { .. })), "{name}: {outcome:?}");
        }
    }
}

#[test]
fn a_cancelled_call_ends_at_once() {
    for (name, _, way) in WAYS {
        let server = Server::start(Duration::from_secs(20));
        let until = Instant::now() + Duration::from_millis(100);
        let cancellation = Cancellation::asking(move || Instant::now() > until);
        let ended = way(&server.job(6, 3), &cancellation);
        assert!(matches!(ended, Err(Error::Cancelled)), "{name}: {ended:?}");
        assert!(until.elapsed() < Duration::from_secs(2), "{name}: {:?}", until.elapsed());
    }
}

#[test]
fn none_begins_before_it_is_due() {
    for (name, _, way) in WAYS {
        let server = Server::start(Duration::ZERO);
        let before = monotonic_ns();
        let job = paced(&server.job(5, 2), Instant::now() + Duration::from_millis(40), Duration::from_millis(40));
        for (outcome, due) in
            way(&job, &Cancellation::by_hand()).unwrap().into_iter().zip((1..).map(|n| n * 40_000_000))
        {
            assert!(outcome.started.unwrap() >= before + due, "{name}: {outcome:?}");
            assert!(outcome.result.is_ok(), "{name}: {outcome:?}");
        }
    }
}

#[test]
fn one_that_is_due_waits_for_its_turn_nevertheless() {
    for (name, _, way) in WAYS {
        let server = Server::start(Duration::from_millis(20));
        let outcomes =
            way(&paced(&server.job(4, 1), Instant::now(), Duration::from_millis(1)), &Cancellation::by_hand());
        for pair in outcomes.unwrap().windows(2) {
            let end = pair[0].started.unwrap() + pair[0].elapsed.as_nanos() as u64;
            assert!(pair[1].started.unwrap() >= end, "{name}: {pair:?}");
        }
    }
}

#[test]
fn waiting_for_a_due_time_is_cancelled_at_once() {
    for (name, _, way) in WAYS {
        let server = Server::start(Duration::ZERO);
        let until = Instant::now() + Duration::from_millis(100);
        let cancellation = Cancellation::asking(move || Instant::now() > until);
        let ended = way(&paced(&server.job(6, 3), Instant::now(), Duration::from_secs(30)), &cancellation);
        assert!(matches!(ended, Err(Error::Cancelled)), "{name}: {ended:?}");
        assert!(until.elapsed() < Duration::from_secs(2), "{name}: {:?}", until.elapsed());
    }
}
