//! Every native strategy against a real socket, without Python.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use aio_strategies::attempt::{Assignment, Attempt, LONG_READ_SIZE, Outcome, READ_SIZE, Terms, Want};
use aio_strategies::background::{self, Background};
use aio_strategies::cancellation::{Cancellation, TICK};
use aio_strategies::clock::monotonic_ns;
use aio_strategies::connections::{Connections, Idle};
use aio_strategies::error::{Error, Phase};
use aio_strategies::exchange::{Header, Options};
use aio_strategies::strategies::{STRATEGIES, Way};
use aio_strategies::target::Target;
use aio_strategies::threads::in_threads;
use aio_strategies::work::{Due, List, Next, Slot, Work};

/// Each strategy: its key, whether it has one exchange at a time, and its function.
fn ways() -> impl Iterator<Item = (&'static str, bool, Way)> {
    let helper = Path::new(env!("CARGO_BIN_EXE_aio-strategies-helper"));
    STRATEGIES.iter().map(move |(key, make)| (*key, matches!(*key, "blocking" | "nonblocking"), make(helper)))
}

/// What a strategy makes of a list.
fn outcomes(way: &Way, list: List, cancellation: &Cancellation) -> Result<Vec<Outcome>, Error> {
    let list = Arc::new(list);
    background::run(way, &(Arc::clone(&list) as Arc<dyn Work>), cancellation)?;
    Ok(list.take_outcomes(&Error::Internal("not begun".into())))
}

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

    fn target(&self, index: usize) -> Arc<Target> {
        target(&format!("/{index}"), self.address)
    }

    fn list(&self, count: usize, concurrency: usize) -> List {
        list((0..count).map(|index| (self.target(index), None)).collect(), concurrency, Duration::from_secs(20))
    }

    /// Such a list, whose URL at `index` is due at `start` and `index` times `pause` later.
    fn paced(&self, count: u32, concurrency: usize, start: Instant, pause: Duration) -> List {
        let targets = (0..count).map(|index| (self.target(index as usize), Some(start + pause * index)));
        list(targets.collect(), concurrency, Duration::from_secs(20))
    }
}

fn target(path: &str, address: SocketAddr) -> Arc<Target> {
    Arc::new(Target { authority: "lab".into(), path: path.into(), addresses: [address].into(), tls_host: None })
}

fn list(targets: Vec<Due>, concurrency: usize, timeout: Duration) -> List {
    List::new(targets, concurrency, Terms::within(timeout))
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
    for (key, alone, way) in ways() {
        let server = Server::start(Duration::from_millis(80));
        let outcomes = outcomes(&way, server.list(12, 4), &Cancellation::by_hand()).unwrap();
        let bodies: Vec<_> = outcomes.into_iter().map(|outcome| outcome.result.unwrap().body).collect();
        let expected: Vec<_> = (0..12).map(|index| format!("/{index}").into_bytes()).collect();
        assert_eq!(bodies, expected, "{key}");
        assert_eq!(server.peak.load(Ordering::SeqCst), if alone { 1 } else { 4 }, "{key}");
    }
}

/// A port that nobody else can take and nobody listens on, as long as the socket lives.
fn refusing() -> (socket2::Socket, SocketAddr) {
    let held = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    held.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    let address = held.local_addr().unwrap().as_socket().unwrap();
    (held, address)
}

#[test]
fn a_refused_connection_leaves_the_others_alone() {
    let (_held, address) = refusing();
    for (key, _, way) in ways() {
        let server = Server::start(Duration::ZERO);
        let refused = target("/1", address);
        let targets = vec![(server.target(0), None), (refused, None), (server.target(2), None)];
        let outcomes = outcomes(&way, list(targets, 2, Duration::from_secs(20)), &Cancellation::by_hand()).unwrap();
        assert!(outcomes[0].result.is_ok() && outcomes[2].result.is_ok(), "{key}");
        let Err(Error::Network { errno, .. }) = &outcomes[1].result else { panic!("{key}: {outcomes:?}") };
        assert_eq!(*errno, Some(111), "{key}");
    }
}

#[test]
fn ten_thousand_refusals_in_a_row_need_no_deep_stack() {
    let (_held, address) = refusing();
    for (key, _, way) in ways().filter(|(key, ..)| *key != "process") {
        let target = target("/", address);
        let targets = vec![(target, None); 10_000];
        let outcomes = outcomes(&way, list(targets, 1, Duration::from_secs(20)), &Cancellation::by_hand()).unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.result.is_err()), "{key}");
    }
}

#[test]
fn the_deadline_holds() {
    for (key, _, way) in ways() {
        let server = Server::start(Duration::from_secs(5));
        let targets = (0..2).map(|index| (server.target(index), None)).collect();
        let started = Instant::now();
        let outcomes = outcomes(&way, list(targets, 2, Duration::from_millis(120)), &Cancellation::by_hand()).unwrap();
        assert!(started.elapsed() >= Duration::from_millis(120), "{key}");
        assert!(started.elapsed() < Duration::from_secs(4), "{key}: {:?}", started.elapsed());
        for outcome in outcomes {
            assert!(matches!(outcome.result, Err(Error::Timeout { .. })), "{key}: {outcome:?}");
        }
    }
}

/// A request that no socket buffer holds, for a server at this address.
fn long_request(address: SocketAddr, timeout: Duration) -> List {
    let header = Header { name: b"X-Long".to_vec(), value: vec![b'x'; 16 << 20] };
    let options = Options { headers: vec![header], ..Options::default() };
    List::new(vec![(target("/", address), None)], 1, Terms { options, ..Terms::within(timeout) })
}

#[test]
fn a_request_that_no_socket_buffer_holds_is_sent_whole() {
    for (key, _, way) in ways() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut piece, mut received) = (vec![0; 1 << 20], Vec::<u8>::new());
            while !received.ends_with(b"\r\n\r\n") {
                let count = stream.read(&mut piece).unwrap();
                assert!(count > 0, "the request was cut off");
                received.extend_from_slice(&piece[..count]);
            }
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            received.len()
        });
        let list = long_request(address, Duration::from_secs(60));
        let outcomes = outcomes(&way, list, &Cancellation::by_hand()).unwrap();
        assert!(outcomes[0].result.is_ok(), "{key}: {:?}", outcomes[0].result);
        assert!(server.join().unwrap() >= 16 << 20, "{key}");
    }
}

#[test]
fn the_deadline_holds_while_a_request_is_being_sent() {
    for (key, _, way) in ways() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap(); // it never accepts, but the system does
        let list = long_request(listener.local_addr().unwrap(), Duration::from_millis(200));
        let outcomes = outcomes(&way, list, &Cancellation::by_hand()).unwrap();
        assert!(matches!(outcomes[0].result, Err(Error::Timeout { phase: Phase::Write, .. })), "{key}: {outcomes:?}");
    }
}

#[test]
fn many_deadlines_pass_at_once() {
    for (key, alone, way) in ways().filter(|(key, ..)| !matches!(*key, "process" | "thread")) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let count = if alone { 3 } else { 100 };
        let targets = vec![(target("/", listener.local_addr().unwrap()), None); count];
        let outcomes =
            outcomes(&way, list(targets, count, Duration::from_millis(100)), &Cancellation::by_hand()).unwrap();
        assert!(outcomes.iter().all(|it| matches!(it.result, Err(Error::Timeout { .. }))), "{key}: {outcomes:?}");
    }
}

/// A cancellation by the caller, a tenth of a second from now.
fn soon() -> (Instant, Cancellation) {
    let until = Instant::now() + Duration::from_millis(100);
    (until, Cancellation::asking(move || Instant::now() > until))
}

#[test]
fn a_cancelled_call_ends_at_once() {
    for (key, _, way) in ways() {
        let server = Server::start(Duration::from_secs(20));
        let (until, cancellation) = soon();
        let ended = outcomes(&way, server.list(6, 3), &cancellation);
        assert!(matches!(ended, Err(Error::Cancelled)), "{key}: {ended:?}");
        assert!(until.elapsed() < Duration::from_secs(2), "{key}: {:?}", until.elapsed());
    }
}

#[test]
fn a_call_is_cancelled_while_bytes_keep_coming() {
    for (key, _, way) in ways() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let flood = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            while stream.write_all(b"drip").is_ok() {
                thread::sleep(Duration::from_millis(1));
            }
        });
        let target = target("/", address);
        let (until, cancellation) = soon();
        let ended = outcomes(&way, list(vec![(target, None)], 1, Duration::from_secs(20)), &cancellation);
        assert!(matches!(ended, Err(Error::Cancelled)), "{key}: {ended:?}");
        assert!(until.elapsed() < Duration::from_secs(2), "{key}: {:?}", until.elapsed());
        flood.join().unwrap();
    }
}

#[test]
fn none_begins_before_it_is_due() {
    for (key, _, way) in ways() {
        let server = Server::start(Duration::ZERO);
        let before = monotonic_ns();
        let pause = Duration::from_millis(40);
        let list = server.paced(5, 2, Instant::now() + pause, pause);
        let outcomes = outcomes(&way, list, &Cancellation::by_hand()).unwrap();
        for (outcome, due) in outcomes.into_iter().zip((1..).map(|n| n * 40_000_000)) {
            assert!(outcome.started.unwrap() >= before + due, "{key}: {outcome:?}");
            assert!(outcome.result.is_ok(), "{key}: {outcome:?}");
        }
    }
}

#[test]
fn one_that_is_due_waits_for_its_turn_nevertheless() {
    for (key, _, way) in ways() {
        let server = Server::start(Duration::from_millis(20));
        let list = server.paced(4, 1, Instant::now(), Duration::from_millis(1));
        for pair in outcomes(&way, list, &Cancellation::by_hand()).unwrap().windows(2) {
            let end = pair[0].started.unwrap() + pair[0].elapsed.as_nanos() as u64;
            assert!(pair[1].started.unwrap() >= end, "{key}: {pair:?}");
        }
    }
}

#[test]
fn waiting_for_a_due_time_is_cancelled_at_once() {
    for (key, _, way) in ways() {
        let server = Server::start(Duration::ZERO);
        let (until, cancellation) = soon();
        let list = server.paced(6, 3, Instant::now(), Duration::from_secs(30));
        let ended = outcomes(&way, list, &cancellation);
        assert!(matches!(ended, Err(Error::Cancelled)), "{key}: {ended:?}");
        assert!(until.elapsed() < Duration::from_secs(2), "{key}: {:?}", until.elapsed());
    }
}

#[test]
fn what_could_not_begin_for_want_of_ports_begins_later() {
    let server = Server::start(Duration::ZERO);
    let list = server.list(2, 2);
    let (mut one, mut other) = (Slot::of_this_thread(), Slot::of_this_thread());
    let ticket = |next| match next {
        Next::Begin(Assignment { ticket, .. }) => ticket,
        next => panic!("{next:?}"),
    };
    let no_port = |ticket| {
        let error = io::Error::from_raw_os_error(libc::EADDRNOTAVAIL);
        Outcome::lost(ticket, Error::network(Phase::Connect, &error))
    };
    assert_eq!(ticket(list.next(&mut one)), 0);
    assert_eq!(ticket(list.next(&mut other)), 1);
    // While others are under way, one waiter less leaves enough for them.
    list.put(&mut one, no_port(0));
    assert!(matches!(list.next(&mut one), Next::End));
    // The last one stays, and tries again after a while.
    list.put(&mut other, no_port(1));
    assert!(matches!(list.next(&mut other), Next::Wait(Some(_))));
    assert_eq!(ticket(list.next(&mut other)), 0);
    list.put(&mut other, Outcome::lost(0, Error::Cancelled));
    assert_eq!(ticket(list.next(&mut other)), 1);
    list.put(&mut other, Outcome::lost(1, Error::Cancelled));
    assert!(matches!(list.next(&mut other), Next::End));
    assert_eq!(list.shortage(), Some(libc::EADDRNOTAVAIL));
}

#[test]
fn a_connection_with_itself_is_refused() {
    let server = Server::start(Duration::ZERO);
    let list = server.list(1, 1);
    let Next::Begin(assignment) = list.next(&mut Slot::of_this_thread()) else { panic!("nothing to begin") };
    let mut connections = Connections::new(None::<TcpStream>);
    let mut attempt = Attempt::begin(&assignment, &mut connections);
    assert!(attempt.connected(Ok(()), || Ok(assignment.target.addresses[0])));
    let Err(Error::Network { errno, .. }) = attempt.finish(&mut connections).result else {
        panic!("it is connected with itself")
    };
    assert_eq!(errno, Some(libc::ECONNREFUSED));
}

#[test]
fn a_read_that_brings_all_it_could_is_followed_by_a_longer_one() {
    let server = Server::start(Duration::ZERO);
    let list = server.list(1, 1);
    let Next::Begin(assignment) = list.next(&mut Slot::of_this_thread()) else { panic!("nothing to begin") };
    let mut attempt = Attempt::begin(&assignment, &mut Connections::new(None::<TcpStream>));
    attempt.connected(Ok(()), || Ok("127.0.0.1:1".parse().unwrap()));
    let Want::Send(request) = attempt.wants() else { panic!("nothing to send") };
    let count = request.len();
    attempt.sent(Ok(count));
    let mut sizes = Vec::new();
    for count in [100, READ_SIZE - 1, READ_SIZE, 1, LONG_READ_SIZE] {
        attempt.receive(|buffer| {
            buffer.fill(b'x');
            if sizes.is_empty() {
                let head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n";
                buffer[..head.len()].copy_from_slice(head);
            }
            sizes.push(buffer.len());
            Ok(count)
        });
    }
    assert_eq!(sizes, [READ_SIZE, READ_SIZE, READ_SIZE, LONG_READ_SIZE, LONG_READ_SIZE]);
}

#[test]
fn a_shortage_ends_the_connections_to_other_hosts() {
    let server = Server::start(Duration::ZERO);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (here, there) = (server.list(1, 1), listener.local_addr().unwrap());
    let Next::Begin(assignment) = here.next(&mut Slot::of_this_thread()) else { panic!("nothing to begin") };
    let mut connections = Connections::new(Some(TcpStream::connect(there).unwrap()));
    let (mut peer, _) = listener.accept().unwrap();
    let elsewhere = Arc::new(Target { authority: "elsewhere".into(), ..Target::clone(&assignment.target) });
    connections.leave(Idle { target: elsewhere, tls: None, since: monotonic_ns() });
    let kept = Terms { others_kept: 1, ..Terms::clone(&assignment.terms) };
    let assignment = Assignment { terms: Arc::new(kept), ..assignment };

    let mut attempt = Attempt::begin(&assignment, &mut connections);
    peer.set_nonblocking(true).unwrap();
    assert_eq!(peer.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock, "it is kept");
    attempt.failed(&io::Error::from_raw_os_error(libc::EMFILE));
    assert_eq!(attempt.finish(&mut connections).shortage(), Some(libc::EMFILE));
    peer.set_nonblocking(false).unwrap();
    assert_eq!(peer.read(&mut [0]).unwrap(), 0, "it is closed");
}

#[test]
fn a_panic_in_a_thread_is_an_error_and_the_others_go_on() {
    let done = AtomicUsize::new(0);
    let number = AtomicUsize::new(0);
    let work = |_: &Cancellation| {
        assert!(number.fetch_add(1, Ordering::SeqCst) != 1, "the second one");
        done.fetch_add(1, Ordering::SeqCst);
        Ok(())
    };
    let ended = in_threads(4, "test", &Cancellation::by_hand(), work, |why| panic!("{why}"), || {});
    assert!(matches!(&ended, Err(Error::Internal(text)) if text.contains("the second one")), "{ended:?}");
    assert_eq!(done.load(Ordering::SeqCst), 3);
}

/// Work that is found one piece at a time, as a stream's or a crawler's is: waiters that find nothing must be woken.
#[derive(Default)]
struct Feed(Mutex<Fed>);

#[derive(Default)]
struct Fed {
    found: Vec<Arc<Target>>,
    begun: usize,
    outcomes: Vec<Outcome>,
    closed: bool,
    asleep: Vec<Waker>,
    /// How often a waiter asked.
    asked: usize,
}

impl Feed {
    fn change(&self, change: impl FnOnce(&mut Fed)) {
        let mut fed = self.0.lock().unwrap();
        change(&mut fed);
        fed.asleep.drain(..).for_each(Waker::wake);
    }
}

impl Work for Feed {
    fn waiters(&self) -> usize {
        3
    }

    fn next(&self, slot: &mut Slot) -> Next {
        let mut fed = self.0.lock().unwrap();
        fed.asked += 1;
        if let Some(target) = fed.found.get(fed.begun).cloned() {
            let ticket = fed.begun;
            fed.begun += 1;
            return Next::Begin(Assignment { ticket, target, terms: Arc::new(Terms::within(Duration::from_secs(20))) });
        }
        if fed.closed {
            return Next::End;
        }
        fed.asleep.push(slot.waker().clone());
        Next::Wait(None)
    }

    fn put(&self, _slot: &mut Slot, outcome: Outcome) {
        self.0.lock().unwrap().outcomes.push(outcome);
    }

    fn fewer_waiters(&self, why: &io::Error) {
        panic!("{why}");
    }
}

#[test]
fn waiters_that_find_nothing_sleep_until_they_are_woken() {
    for (key, alone, way) in ways() {
        let server = Server::start(Duration::from_millis(60));
        let feed = Arc::new(Feed::default());
        thread::scope(|scope| {
            let work = Arc::clone(&feed) as Arc<dyn Work>;
            let way = &way;
            let running = scope.spawn(move || background::run(way, &work, &Cancellation::by_hand()));
            for batch in 0..3 {
                thread::sleep(Duration::from_millis(150));
                feed.change(|fed| fed.found.extend((0..3).map(|index| server.target(3 * batch + index))));
            }
            thread::sleep(Duration::from_millis(150));
            feed.change(|fed| fed.closed = true);
            running.join().unwrap().unwrap();
        });
        let mut done = feed.0.lock().unwrap();
        done.outcomes.sort_by_key(|outcome| outcome.ticket);
        let bodies: Vec<_> = done.outcomes.iter().map(|outcome| outcome.result.clone().unwrap().body).collect();
        let expected: Vec<_> = (0..9).map(|index| format!("/{index}").into_bytes()).collect();
        assert_eq!(bodies, expected, "{key}");
        assert_eq!(server.peak.load(Ordering::SeqCst), if alone { 1 } else { 3 }, "{key}");
        // Asleep: looking up twenty times a second is allowed, asking again and again is `nonblocking`'s alone.
        assert!(key == "nonblocking" || done.asked < 200, "{key}: asked {} times", done.asked);
    }
}

#[test]
fn beside_the_caller_any_strategy_is_waited_for_and_cancelled() {
    use std::os::fd::AsRawFd;

    for (key, _, way) in ways() {
        let server = Server::start(Duration::from_millis(20));
        let list = Arc::new(server.list(4, 2));
        let running = Background::start(way, Arc::clone(&list) as Arc<dyn Work>).unwrap();
        // Whoever watches sees the end, also where a forked child holds a copy of both ends, as this one does of one.
        let watched = running.as_raw_fd();
        wait_readable(watched);
        running.wait().unwrap();
        assert!(list.take_outcomes(&Error::Cancelled).iter().all(|outcome| outcome.result.is_ok()), "{key}");
    }
    for (key, _, way) in ways() {
        let server = Server::start(Duration::from_secs(20));
        let running = Background::start(way, Arc::new(server.list(4, 2)) as Arc<dyn Work>).unwrap();
        thread::sleep(Duration::from_millis(100));
        let begun = Instant::now();
        running.cancel();
        assert!(begun.elapsed() < Duration::from_secs(2), "{key}: {:?}", begun.elapsed());
    }
}

#[test]
fn an_event_loop_need_not_look_whether_it_is_cancelled_from_elsewhere() {
    for (key, _, way) in ways() {
        if !["callback", "generator", "yield_from", "asyncio", "uring"].contains(&key) {
            continue;
        }
        let way = Arc::new(way);
        let shortest = (0..5).map(|_| {
            let server = Server::start(Duration::from_secs(20));
            let way = Arc::clone(&way);
            let way: Way = Box::new(move |work, cancellation| way(work, cancellation));
            let running = Background::start(way, Arc::new(server.list(4, 2)) as Arc<dyn Work>).unwrap();
            // It has looked once since it began to wait: not long ago.
            thread::sleep(TICK + TICK / 5);
            let begun = Instant::now();
            running.cancel();
            begun.elapsed()
        });
        assert!(shortest.min().unwrap() < TICK / 2, "{key}");
    }
}

fn wait_readable(descriptor: i32) {
    use rustix::event::{PollFd, PollFlags, poll};
    use std::os::fd::BorrowedFd;

    // Borrowed from a `Background` that outlives this call.
    #[allow(unsafe_code)]
    let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
    poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], None).unwrap();
}
