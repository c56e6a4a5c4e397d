//! The event loop that `callback`, `generator` and `yield_from` share: it knows sockets, deadlines and callbacks, nothing
//! of HTTP and nothing of coroutines.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use crate::channel::READ_SIZE;
use crate::error::Error;
use crate::job::{Cancellation, TICK};

/// What the loop calls, once: when a socket is ready or its deadline has passed (the callback sees for itself which), or
/// when a time has come.
pub type Callback = Box<dyn FnOnce(&mut EventLoop)>;

/// What a callback waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The socket can be written to.
    Write,
    /// The socket can be read from.
    Read,
}

/// A socket's number in the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SocketId(usize);

/// A socket, and who waits for it.
struct Source {
    stream: TcpStream,
    /// When the callback is called in any case.
    deadline: Instant,
    waiting: Option<(Event, Callback)>,
    /// The system tells a change only once: what it has told is kept here until an attempt would block.
    writable: bool,
    readable: bool,
    /// The peer has ended, or the connection is broken: a read will never block again.
    ended: bool,
}

/// A selector, its sockets, their deadlines, timers, and the callbacks that wait for them.
pub struct EventLoop {
    poll: Poll,
    /// What the selector told in this turn.
    events: Events,
    sources: Slab<Source>,
    /// The deadlines of all sockets, the next one first.
    deadlines: BTreeSet<(Instant, SocketId)>,
    /// The callbacks that wait for a time, the next one first; the numbers keep those of the same time in their order.
    timers: BTreeMap<(Instant, u64), Callback>,
    /// How many timers there have been.
    timer_count: u64,
    /// The callbacks whose time has come.
    ready: Vec<Callback>,
    /// Where all sockets read to, one at a time.
    buffer: Box<[u8]>,
}

impl EventLoop {
    /// A loop without sockets.
    pub fn new() -> Result<Self, Error> {
        Ok(EventLoop {
            poll: Poll::new().map_err(|error| Error::internal("starting an event loop", &error))?,
            events: Events::with_capacity(1024),
            sources: Slab::new(),
            deadlines: BTreeSet::new(),
            timers: BTreeMap::new(),
            timer_count: 0,
            ready: Vec::new(),
            buffer: vec![0; READ_SIZE].into_boxed_slice(),
        })
    }

    /// One turn: sleep until something can go on, then call back all that can.
    pub fn turn(&mut self, cancellation: &Cancellation) -> Result<(), Error> {
        cancellation.check()?;

        // 1. How long may this turn sleep? Not at all if someone is ready, and never past the next deadline or timer.
        let deadline = self.deadlines.first().map(|(deadline, _)| deadline);
        let timer = self.timers.first_key_value().map(|((when, _), _)| when);
        let nearest =
            deadline.into_iter().chain(timer).min().map(|when| when.saturating_duration_since(Instant::now()));
        let sleep = if self.ready.is_empty() { nearest.unwrap_or(TICK).min(TICK) } else { Duration::ZERO };

        // 2. Sleep until a socket is ready. A signal ends it, too.
        match self.poll.poll(&mut self.events, Some(sleep)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                return Err(Error::internal("waiting for sockets", &error));
            }
            _ => {}
        }

        // 3. Note what each socket can do now, and take the callbacks that waited for it.
        for event in &self.events {
            let Some(source) = self.sources.get_mut(event.token().0) else { continue };
            source.ended |= event.is_error() || event.is_read_closed();
            source.readable |= event.is_readable() || source.ended;
            source.writable |= event.is_writable() || source.ended;
            self.ready.extend(source.take_ready());
        }

        // 4. Take the callbacks whose deadline has passed.
        let now = Instant::now();
        while let Some(&(deadline, id)) = self.deadlines.first()
            && deadline <= now
        {
            self.deadlines.pop_first();
            self.ready.extend(self.sources[id.0].waiting.take().map(|(_, callback)| callback));
        }

        // 5. Take the callbacks whose time has come.
        while let Some(timer) = self.timers.first_entry()
            && timer.key().0 <= now
        {
            self.ready.push(timer.remove());
        }

        // 6. Call them. What they make ready is for the next turn.
        for callback in std::mem::take(&mut self.ready) {
            callback(self);
        }
        Ok(())
    }

    /// Begins to connect; the socket becomes writable when the connection stands or has failed.
    pub fn connect(&mut self, address: SocketAddr, deadline: Instant) -> io::Result<SocketId> {
        let mut stream = TcpStream::connect(address)?;
        let entry = self.sources.vacant_entry();
        let id = SocketId(entry.key());
        self.poll.registry().register(&mut stream, Token(id.0), Interest::READABLE | Interest::WRITABLE)?;
        entry.insert(Source { stream, deadline, waiting: None, writable: false, readable: false, ended: false });
        self.deadlines.insert((deadline, id));
        Ok(id)
    }

    /// Calls back once, in a later turn, when the socket is ready or its deadline has passed.
    pub fn call_when_ready(&mut self, id: SocketId, event: Event, callback: impl FnOnce(&mut EventLoop) + 'static) {
        let source = &mut self.sources[id.0];
        source.waiting = Some((event, Box::new(callback)));
        self.ready.extend(source.take_ready());
    }

    /// Calls back once, in a later turn, when the time has come.
    pub fn call_at(&mut self, when: Instant, callback: impl FnOnce(&mut EventLoop) + 'static) {
        self.timers.insert((when, self.timer_count), Box::new(callback));
        self.timer_count += 1;
    }

    /// How the connection attempt ended, once the socket has become writable.
    pub fn connected(&self, id: SocketId) -> io::Result<()> {
        // Never after this point: it would swallow a reset, and the next read would look like a clean end.
        self.sources[id.0].stream.take_error()?.map_or(Ok(()), Err)
    }

    /// Writes some of `data`; `None` if that would block.
    pub fn write(&mut self, id: SocketId, data: &[u8]) -> io::Result<Option<usize>> {
        let source = &mut self.sources[id.0];
        let written = unless_blocked(|| source.stream.write(data))?;
        source.writable = source.ended || written == Some(data.len());
        Ok(written)
    }

    /// Reads once: the bytes that came, none at the end of the stream, `None` if that would block.
    pub fn read(&mut self, id: SocketId) -> io::Result<Option<&[u8]>> {
        let source = &mut self.sources[id.0];
        let count = unless_blocked(|| source.stream.read(&mut self.buffer))?;
        // A buffer that was not filled has drained the socket.
        source.readable = source.ended || count == Some(self.buffer.len());
        Ok(count.map(|count| &self.buffer[..count]))
    }

    /// Closes the socket.
    pub fn close(&mut self, id: SocketId) {
        // The system forgets a registration with its socket.
        let source = self.sources.remove(id.0);
        self.deadlines.remove(&(source.deadline, id));
    }
}

impl Source {
    /// The callback, if what it waits for is there.
    fn take_ready(&mut self) -> Option<Callback> {
        let (event, _) = self.waiting.as_ref()?;
        let ready = match event {
            Event::Write => self.writable,
            Event::Read => self.readable,
        };
        if ready { self.waiting.take().map(|(_, callback)| callback) } else { None }
    }
}

fn unless_blocked(mut operation: impl FnMut() -> io::Result<usize>) -> io::Result<Option<usize>> {
    loop {
        match operation() {
            Ok(count) => return Ok(Some(count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
