//! Lecture 2.3.4, native coroutines: the structure is that of `yield_from`, with `async fn`s; the event loop, the tasks
//! and the streams come from a library, tokio (asyncio in Python).

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Wake};
use std::time::Instant;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime;
use tokio::sync::Notify;
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout_at;

use crate::attempt::{Attempt, Want};
use crate::cancellation::{Cancellation, TICK};
use crate::channel::{Acknowledging, acknowledge_with_request};
use crate::connections::Connections;
use crate::error::Error;
use crate::work::{Next, Slot, Work};

/// A stream of the loop, from connecting until it is closed.
type Socket = Option<TcpStream>;

/// Fetches the URLs with tokio tasks.
pub fn asyncio_way(work: &Arc<dyn Work>, cancellation: &Cancellation) -> Result<(), Error> {
    // One thread, as asyncio has: tasks are switched, never moved.
    // It looks for what has arrived when nothing else is left to do, and not in between.
    let event_loop = runtime::Builder::new_current_thread().enable_all().event_interval(1024).build();
    let event_loop = event_loop.map_err(|error| Error::internal("starting the tokio runtime", &error))?;
    let follows = Arc::new(cancellation.for_worker());
    let ended = event_loop.block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..work.waiters() {
            tasks.spawn(fetch_urls(Arc::clone(work), Arc::clone(&follows)));
        }
        tokio::select! {
            ended = all(tasks) => ended,
            cancelled = cancelled(cancellation) => Err(cancelled),
        }
    });
    cancellation.check()?;
    ended
}

/// Fetches URLs until there are none left, or the call is cancelled.
async fn fetch_urls(work: Arc<dyn Work>, cancellation: Arc<Cancellation>) {
    let sleeper = Arc::new(Sleeper::default());
    let mut slot = Slot::new(Arc::clone(&sleeper).into());
    let mut connections = Connections::new(Socket::None);
    while cancellation.check().is_ok() {
        match work.next(&mut slot) {
            Next::Begin(assignment) => {
                let mut attempt = Attempt::begin(&assignment, &mut connections);
                // Once the deadline has passed, all that is left to do is to close, which takes no time.
                while timeout_at(attempt.deadline().into(), fetch(&mut attempt, &mut connections.socket)).await.is_err()
                {
                }
                work.put(&mut slot, attempt.finish(&mut connections));
                // After all that has arrived: a server that is asked in bursts sleeps less often, which saves both sides
                // work.
                yield_now().await;
            }
            Next::Wait(until) => woken(&sleeper, until).await,
            Next::End => return,
        }
    }
}

/// Fetches one URL.
async fn fetch(attempt: &mut Attempt, socket: &mut Socket) {
    loop {
        match attempt.wants() {
            Want::Connect(address) => connect(attempt, address, socket).await,
            Want::Send(_) => write_all(attempt, socket).await,
            Want::Receive => read_all(attempt, socket).await,
            Want::Close => {
                *socket = None;
                attempt.closed();
            }
            Want::Done => return,
        }
    }
}

/// Opens the connection.
async fn connect(attempt: &mut Attempt, address: SocketAddr, socket: &mut Socket) {
    let connected = open(address).await.map(|stream| *socket = Some(stream));
    yield_now().await; // it is the turn of all that connect, and then of all that send
    attempt.connected(connected, || socket.as_ref().map_or(Err(ErrorKind::NotConnected.into()), TcpStream::local_addr));
}

/// Opens a stream to the address.
async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    acknowledge_with_request(&SockRef::from(&socket));
    socket.connect(address).await
}

/// Sends the request.
async fn write_all(attempt: &mut Attempt, socket: &mut Socket) {
    while let (Want::Send(bytes), Some(socket)) = (attempt.wants(), &mut *socket) {
        let count = socket.write(bytes).await;
        attempt.sent(count);
    }
}

/// Receives all of the response.
async fn read_all(attempt: &mut Attempt, socket: &mut Socket) {
    let mut acknowledging = Acknowledging::default();
    while let (Want::Receive, Some(socket)) = (attempt.wants(), &mut *socket) {
        acknowledging.before_wait(&SockRef::from(&*socket));
        poll_fn(|context| {
            let ready = attempt.receive(|buffer| {
                let mut buffer = ReadBuf::new(buffer);
                match Pin::new(&mut *socket).poll_read(context, &mut buffer) {
                    Poll::Ready(ended) => ended.map(|()| buffer.filled().len()),
                    Poll::Pending => Err(ErrorKind::WouldBlock.into()),
                }
            });
            if ready { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        acknowledging.note_read();
    }
}

/// Waits until woken, or until the given instant.
async fn woken(sleeper: &Sleeper, until: Option<Instant>) {
    match until {
        Some(until) => drop(timeout_at(until.into(), sleeper.0.notified()).await),
        None => sleeper.0.notified().await,
    }
}

/// A sleeper, which any thread can wake.
#[derive(Default)]
struct Sleeper(Notify);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

/// Waits until all tasks have ended.
async fn all(mut tasks: JoinSet<()>) -> Result<(), Error> {
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| Error::Internal(error.to_string()))?;
    }
    Ok(())
}

/// Waits until the call is cancelled.
async fn cancelled(cancellation: &Cancellation) -> Error {
    let sleeper = Arc::new(Sleeper::default());
    let _waking = cancellation.waking(Arc::clone(&sleeper).into());
    loop {
        if let Err(error) = cancellation.check() {
            return error;
        }
        woken(&sleeper, Some(Instant::now() + TICK)).await;
    }
}
