//! The lab server over real sockets: replies, delays, who closes when, and what the referee's log says of it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use aio_strategies::lab::{Config, Counters, Fault, Kind, Lab, Record, Step};

/// Far beyond what anything here should take.
const PATIENCE: Duration = Duration::from_secs(10);

fn fast() -> Config {
    Config { latency: Duration::ZERO, ..Config::default() }
}

fn connect(lab: &Lab) -> TcpStream {
    let stream = TcpStream::connect(lab.addresses()[0]).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends `request`, and reads to the end.
fn exchange(lab: &Lab, request: &str) -> String {
    let mut stream = connect(lab);
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

fn get(lab: &Lab, path: &str) -> String {
    exchange(lab, &format!("GET {path} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n"))
}

fn status(reply: &str) -> u16 {
    reply.split(' ').nth(1).unwrap_or_default().parse().unwrap_or(0)
}

fn body(reply: &str) -> &str {
    reply.split_once("\r\n\r\n").expect("a head").1
}

/// Reads one reply of a connection that is kept alive; returns its body.
fn read_reply(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.split("Content-Length: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

/// Waits for what another thread is about to bring about.
fn eventually(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "it never came true");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Checks that the times of a whole exchange on a closed connection are in order.
fn assert_in_order(record: &Record) {
    let times = [record.accepted, record.request, record.first_byte, record.last_byte, record.closed];
    assert!(times[0] > 0 && times.is_sorted(), "{record:?}");
}

#[test]
fn a_body_is_the_path_and_filler_of_the_exact_length() {
    for body_size in [0, 1, 5, 6, 7, 1024, 300_000, 3_000_000] {
        let lab = Lab::start(&Config { body_size, ..fast() }).unwrap();
        let (one, again, other) = (get(&lab, "/page"), get(&lab, "/page"), get(&lab, "/pagf"));
        assert_eq!(body(&one).len() as u64, body_size);
        assert_eq!(one, again);
        assert!(one.contains(&format!("\r\nContent-Length: {body_size}\r\n")));
        assert!("/page\n".starts_with(&body(&one)[..body(&one).len().min(6)]));
        assert_eq!(body(&one) == body(&other), body_size < 5, "{body_size}");
        assert!(body(&one).is_ascii());
    }
}

#[test]
fn head_has_the_length_and_no_body() {
    let lab = Lab::start(&fast()).unwrap();
    let reply = exchange(&lab, "HEAD /x HTTP/1.0\r\n\r\n");
    assert!(reply.contains("\r\nContent-Length: 1024\r\n") && reply.ends_with("\r\n\r\n"), "{reply}");
    assert_eq!(lab.records()[0].size, 0);
}

#[test]
fn wrong_requests_are_refused_and_their_replies_arrive() {
    let lab = Lab::start(&fast()).unwrap();
    let fields = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    let upload = format!("POST /form HTTP/1.1\r\nContent-Length: 500000\r\n\r\n{}", "x".repeat(500_000));
    let cases = [
        ("nonsense\r\n\r\n", 400),
        ("GET /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 400),
        ("GET /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("GET /x HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST /x HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("DELETE /x HTTP/1.1\r\n\r\n", 405),
        (&upload, 405),
        (&fields, 431),
    ];
    for (request, expected) in cases {
        let mut stream = connect(&lab);
        // The rest of a long request is read away, so that no reset destroys the reply.
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        assert_eq!(status(&reply), expected, "{}", &request[..30.min(request.len())]);
        assert!(reply.contains("\r\nConnection: close\r\n"));
    }
    eventually(|| lab.counters().open_connections == 0);
    assert_eq!((lab.counters().served, lab.counters().errors), (0, 8));
    let records = lab.records();
    assert_eq!(
        records.iter().map(|record| record.status).collect::<Vec<_>>(),
        [400, 400, 400, 400, 400, 405, 405, 431]
    );
    assert_eq!(records[6].path, "/form");
    records.iter().for_each(assert_in_order);
}

#[test]
fn a_connection_is_kept_alive_where_the_client_wants_it() {
    let lab = Lab::start(&fast()).unwrap();
    let mut stream = connect(&lab);
    for number in 0..5 {
        let request = format!("GET /{number} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        assert!(read_reply(&mut stream).starts_with(&format!("/{number}\n")));
        let records = lab.records();
        assert_eq!((records.len(), records[number].closed), (number + 1, 0), "its record is there, and not closed");
    }
    drop(stream);
    eventually(|| lab.counters().open_connections == 0);
    let records = lab.records();
    assert_eq!(records.len(), 5);
    records.iter().for_each(assert_in_order);
    for record in &records {
        assert_eq!((record.accepted, record.closed), (records[0].accepted, records[0].closed));
    }
    let counters = lab.counters();
    assert_eq!((counters.connections, counters.peak_connections, counters.peak_in_flight), (1, 1, 1));
}

#[test]
fn pipelined_requests_wait_together() {
    let latency = Duration::from_millis(100);
    let lab = Lab::start(&Config { latency, ..fast() }).unwrap();
    let mut stream = connect(&lab);
    let start = Instant::now();
    // More than a connection may have waiting at once, in pieces that do not end where requests do.
    let requests: Vec<_> = (0..100).map(|number| format!("GET /{number} HTTP/1.1\r\n\r\n")).collect();
    let requests = requests.concat();
    for piece in requests.as_bytes().chunks(37) {
        stream.write_all(piece).unwrap();
    }
    for number in 0..100 {
        assert!(read_reply(&mut stream).starts_with(&format!("/{number}\n")));
    }
    assert!(start.elapsed() >= latency);
    assert!(start.elapsed() < latency * 50, "they waited one after another: {:?}", start.elapsed());
    assert!(lab.counters().peak_in_flight > 10);
    assert_eq!(lab.counters().in_flight, 0);
}

#[test]
fn a_half_closed_client_gets_its_reply() {
    let lab = Lab::start(&Config { latency: Duration::from_millis(30), ..fast() }).unwrap();
    let mut stream = connect(&lab);
    stream.write_all(b"GET /x HTTP/1.1\r\n\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert_eq!(body(&reply).len(), 1024);
}

#[test]
fn a_half_closed_client_is_told_from_one_that_has_gone() {
    let latency = Duration::from_millis(400);
    let lab = Lab::start(&Config { latency, ..fast() }).unwrap();
    let (mut waiting, mut gone) = (connect(&lab), connect(&lab));
    waiting.write_all(b"GET /waiting HTTP/1.1\r\n\r\n").unwrap();
    gone.write_all(b"GET /gone HTTP/1.1\r\n\r\n").unwrap();
    eventually(|| lab.counters().in_flight == 2);
    let start = Instant::now();
    waiting.shutdown(Shutdown::Write).unwrap();
    drop(gone);
    eventually(|| lab.counters().open_connections == 1);
    assert!(start.elapsed() < latency, "it waited until the reply was due");
    let record = &lab.records()[0];
    assert_eq!((record.path.as_str(), record.status, record.first_byte), ("/gone", 0, 0));
    let mut reply = String::new();
    waiting.read_to_string(&mut reply).unwrap();
    assert_eq!((status(&reply), body(&reply).len()), (200, 1024));
    let record = &lab.records()[1];
    assert_in_order(record);
    assert!(record.first_byte - record.request >= latency.as_nanos() as u64);
}

#[test]
fn a_head_that_takes_too_long_is_refused() {
    let head_timeout = Duration::from_millis(200);
    let lab = Lab::start(&Config { head_timeout, ..fast() }).unwrap();
    let mut idle = connect(&lab);
    let mut stream = connect(&lab);
    let start = Instant::now();
    let mut reply = [0; 12];
    stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    while stream.read_exact(&mut reply).is_err() {
        assert!(start.elapsed() < PATIENCE);
        stream.write_all(b"G").unwrap();
    }
    assert!(start.elapsed() >= head_timeout);
    assert_eq!(&reply, b"HTTP/1.1 408");
    idle.write_all(b"GET /x HTTP/1.0\r\n\r\n").unwrap();
    let mut reply = String::new();
    idle.read_to_string(&mut reply).unwrap();
    assert_eq!(status(&reply), 200);
}

#[test]
fn raw_replies_and_faults_do_what_they_say() {
    let faults = vec![Fault { path: Some("/cut*".to_owned()), ..Kind::LimitData(30).into() }];
    let lab = Lab::start(&Config { faults, ..fast() }).unwrap();
    lab.reply("/raw", Some(vec![Step::Send(b"HT".to_vec()), Step::Wait(Duration::from_millis(20)), Step::Reset]));
    assert_eq!(get(&lab, "/cut/short").len(), 30);
    let mut stream = connect(&lab);
    stream.write_all(b"GET /raw HTTP/1.1\r\n\r\n").unwrap();
    let mut reply = Vec::new();
    assert_eq!(stream.read_to_end(&mut reply).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(reply, b"HT");
    lab.reply("/raw", None);
    assert_eq!(status(&get(&lab, "/raw")), 200);
    assert_eq!(lab.records().iter().map(|record| record.last_byte > 0).collect::<Vec<_>>(), [false, false, true]);
}

#[test]
fn no_reply_leaves_before_its_time() {
    let latency = Duration::from_millis(30);
    let lab = Lab::start(&Config { latency, ..fast() }).unwrap();
    for number in 0..10 {
        get(&lab, &format!("/{number}"));
    }
    for record in lab.records() {
        assert_in_order(&record);
        let waited = Duration::from_nanos(record.first_byte - record.request);
        assert!(waited >= latency && waited < PATIENCE, "{waited:?}");
    }
}

#[test]
fn the_jitter_of_a_path_does_not_depend_on_the_order() {
    let jitter = Duration::from_millis(60);
    let config = Config { latency: Duration::from_millis(5), jitter, seed: 3, ..fast() };
    let waits = |order: &mut dyn Iterator<Item = u32>| -> Vec<Duration> {
        let lab = Lab::start(&config).unwrap();
        order.for_each(|number| drop(get(&lab, &format!("/{number}"))));
        let mut records = lab.records();
        records.sort_by(|one, other| one.path.cmp(&other.path));
        records.iter().map(|record| Duration::from_nanos(record.first_byte - record.request)).collect()
    };
    let (forwards, backwards) = (waits(&mut (0..8)), waits(&mut (0..8).rev()));
    assert!(forwards.iter().all(|&wait| wait >= config.latency));
    let spread = forwards.iter().max().unwrap().abs_diff(*forwards.iter().min().unwrap());
    assert!(spread > jitter / 6, "{forwards:?}");
    // A late wake-up of a busy machine may hit some of them.
    let close = |(one, other): (&Duration, &Duration)| one.abs_diff(*other) < Duration::from_millis(4);
    assert!(forwards.iter().zip(&backwards).filter(|&pair| close(pair)).count() >= 5, "{forwards:?} {backwards:?}");
}

#[test]
fn the_bandwidth_paces_a_body() {
    let config = Config { body_size: 20_000, bandwidth: NonZeroU64::new(100_000), ..fast() };
    let lab = Lab::start(&config).unwrap();
    let start = Instant::now();
    assert_eq!(body(&get(&lab, "/x")).len(), 20_000);
    assert!(start.elapsed() >= Duration::from_millis(200));
    let record = &lab.records()[0];
    let took = Duration::from_nanos(record.last_byte - record.first_byte);
    assert!(took >= Duration::from_millis(200) && took < PATIENCE, "{took:?}");

    // A limit far above what the machine does is none.
    for bandwidth in [1_000_000_000, u64::MAX] {
        let config = Config { body_size: 5_000_000, bandwidth: NonZeroU64::new(bandwidth), ..fast() };
        let lab = Lab::start(&config).unwrap();
        assert_eq!(body(&get(&lab, "/x")).len(), 5_000_000);
    }
}

#[test]
fn a_slow_reader_gets_all_of_a_large_body() {
    let lab = Lab::start(&Config { body_size: 30_000_000, ..fast() }).unwrap();
    let mut stream = connect(&lab);
    stream.write_all(b"GET /x HTTP/1.0\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(50)); // until the kernel's buffers are full
    assert_eq!(lab.counters().in_flight, 1);
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert_eq!(body(&reply).len(), 30_000_000);
    assert_eq!(lab.records()[0].size, 30_000_000);
}

#[test]
fn a_serial_client_is_never_seen_twice_at_once() {
    let lab = Lab::start(&fast()).unwrap();
    for number in 0..2_000 {
        if number % 2 == 0 {
            get(&lab, "/x"); // the server closes first
        } else {
            let mut stream = connect(&lab);
            stream.write_all(b"GET /x HTTP/1.1\r\n\r\n").unwrap();
            read_reply(&mut stream); // the client closes first
        }
    }
    let counters = lab.counters();
    assert_eq!((counters.peak_connections, counters.peak_in_flight), (1, 1));
    assert_eq!((counters.served, counters.connections), (2_000, 2_000));
}

#[test]
fn the_server_closes_together_with_its_last_byte() {
    let lab = Lab::start(&Config { latency: Duration::from_millis(20), ..fast() }).unwrap();
    for _ in 0..50 {
        let mut stream = connect(&lab);
        stream.write_all(b"GET /x HTTP/1.0\r\n\r\n").unwrap();
        let mut reply = vec![0; 65_536];
        let count = stream.read(&mut reply).unwrap();
        assert!(reply[..count].ends_with(b"\n") || count > 1024, "the whole reply came at once");
        // One segment carries data and end: right after the data, the end is there without waiting.
        stream.set_nonblocking(true).unwrap();
        assert_eq!(stream.read(&mut reply).unwrap(), 0);
        assert_eq!(lab.counters().open_connections, 0);
    }
}

#[test]
fn parallel_clients_are_in_flight_together() {
    let lab = Lab::start(&Config { latency: Duration::from_millis(300), ..fast() }).unwrap();
    std::thread::scope(|scope| {
        for number in 0..20 {
            let lab = &lab;
            scope.spawn(move || get(lab, &format!("/{number}")));
        }
    });
    let counters = lab.counters();
    assert_eq!((counters.peak_connections, counters.peak_in_flight, counters.in_flight), (20, 20, 0));
}

#[test]
fn connections_without_a_request_are_recorded() {
    let lab = Lab::start(&fast()).unwrap();
    drop(connect(&lab));
    connect(&lab).write_all(b"GET /half HT").unwrap();
    eventually(|| lab.counters().open_connections == 0 && lab.counters().connections == 2);
    for record in lab.records() {
        assert_eq!((record.status, record.path.as_str(), record.size), (0, "", 0));
        assert_eq!((record.request, record.first_byte, record.last_byte), (0, 0, 0));
        assert!(record.accepted > 0 && record.closed >= record.accepted);
    }
    let counters = lab.counters();
    assert_eq!((counters.served, counters.errors, counters.in_flight), (0, 0, 0));
}

#[test]
fn a_client_that_resets_ends_its_exchange() {
    let lab = Lab::start(&Config { latency: Duration::from_secs(60), ..fast() }).unwrap();
    let mut stream = connect(&lab);
    stream.write_all(b"GET /x HTTP/1.0\r\n\r\n").unwrap();
    eventually(|| lab.counters().in_flight == 1);
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
    eventually(|| {
        lab.counters() == Counters { connections: 1, peak_connections: 1, peak_in_flight: 1, ..Counters::default() }
    });
    let record = &lab.records()[0];
    assert_eq!((record.status, record.path.as_str(), record.last_byte), (0, "/x", 0));
}

#[test]
fn a_reset_restarts_the_counters() {
    let lab = Lab::start(&fast()).unwrap();
    get(&lab, "/x");
    let idle = connect(&lab);
    eventually(|| lab.counters().open_connections == 1);
    lab.reset();
    assert!(lab.records().is_empty());
    let expected =
        Counters { open_connections: 1, peak_connections: 1, in_flight: 1, peak_in_flight: 1, ..Counters::default() };
    assert_eq!(lab.counters(), expected);
    drop(idle);
    eventually(|| lab.counters().open_connections == 0);
    get(&lab, "/y");
    assert_eq!(lab.counters().served, 1);
    assert_eq!(lab.records().len(), 2);
}

#[test]
fn a_port_in_use_is_an_error_and_a_free_one_is_taken_again() {
    let lab = Lab::start(&fast()).unwrap();
    let port = lab.addresses()[0].port();
    get(&lab, "/x"); // leaves the server in TIME_WAIT
    let error = Lab::start(&Config { port, ..fast() }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    drop(lab);
    let lab = Lab::start(&Config { port, ..fast() }).unwrap();
    assert_eq!(lab.addresses()[0].port(), port);
}

#[test]
fn every_address_is_of_the_loopback_and_serves() {
    let lab = Lab::start(&fast()).unwrap();
    for &address in lab.addresses() {
        assert!(address.ip().is_loopback());
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /x HTTP/1.0\r\n\r\n").unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        assert_eq!(status(&reply), 200);
    }
}
