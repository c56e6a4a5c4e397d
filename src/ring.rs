//! What `uring` waits with: `io_uring`, in a form that needs no `unsafe` elsewhere. It knows sockets, wakers and alarms,
//! but nothing about HTTP.
//!
//! Operations are queued, and one system call both hands all of them to the kernel and waits for completions. Until the
//! completion of an operation arrives, the kernel reads or writes the memory that it was given. So this module owns all
//! such memory: requests are copied into it, and received bytes are lent from it. A connection's memory stays as it is
//! while an operation of that connection is in flight, and a ring that is dropped waits for all of them first.
//!
//! The sockets are normal descriptors. Direct ones, which only the ring knows, were measured and are no faster; they have
//! no local address, and no limit that would hold back a call as it does in the other strategies.

// To share memory with the kernel is what io_uring is for. Each block says what makes it sound.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::{Cell, OnceCell};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::ops::Deref;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::rc::Rc;
use std::slice;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::{Duration, Instant};

use io_uring::squeue::{Entry, Flags};
use io_uring::types::{BufRingEntry, CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode};
use rustix::event::{EventfdFlags, eventfd};
use rustix::param::page_size;
use socket2::{SockAddr, SockRef, Socket};

use crate::attempt::{LONG_READ_SIZE, READ_SIZE};
use crate::cancellation::TICK;
use crate::channel::{self, Acknowledging};
use crate::error::Error;
use crate::wakers::Woken;

/// A ring, and the places of as many waiters. Each place has a connection, a waker and an alarm.
pub struct Ring {
    uring: IoUring,
    connections: Box<[Connection]>,
    /// What is received into.
    pool: Rc<Pool>,
    /// What long reads receive into, once there are any; None if the kernel has no room for it.
    long_pool: OnceCell<Option<Rc<Pool>>>,
    /// How many operations the kernel has not completed yet.
    in_flight: usize,
    /// Who was woken, by any thread.
    woken: Arc<Woken>,
    /// Readable when somebody was woken. The kernel watches it; there is none before somebody expects to be woken.
    wake_up: Arc<OnceLock<OwnedFd>>,
    /// Those of the woken that are not taken yet.
    roused: Vec<usize>,
    /// The alarms, the next one first.
    alarms: BTreeSet<(Instant, usize)>,
    /// When the last wait ended.
    now: Instant,
}

/// What the kernel uses for the operations of one connection.
#[derive(Default)]
struct Connection {
    socket: Option<Socket>,
    address: Option<SockAddr>,
    /// The bytes to send.
    unsent: Vec<u8>,
    /// Its steps in flight, one bit each.
    in_flight: u8,
    /// Whether it asks for long reads.
    reads_long: bool,
    alarm: Option<Instant>,
    acknowledging: Acknowledging,
}

/// An operation of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Connect,
    Send,
    Receive,
}

/// Something that happened at a place.
#[derive(Debug)]
pub enum Event {
    /// The connection is established, or not.
    Connected(io::Result<()>),
    /// So many bytes were sent.
    Sent(io::Result<usize>),
    /// These bytes were received, none at the end of the stream.
    Received(io::Result<Received>),
    /// The waiter was woken.
    Woken,
    /// The alarm's time has come.
    Alarm,
}

impl Ring {
    /// The fewest and the most entries of the queue for operations. When it is full, it is handed to the kernel.
    const QUEUE: [u32; 2] = [8, 1024];
    /// How many completions to take at once. Each may lend a buffer, and there must be more of these.
    const AT_ONCE: usize = 96;
    /// How many bytes surely fit into a socket's buffer. Of a chain that sends more, an error could get lost.
    const SHORT: usize = 4096;
    /// How many bytes to send at once at most.
    const PIECE: usize = 256 * 1024;
    /// How long to try where memory is short: the kernel frees that of earlier rings a while after their end.
    const PATIENCE: Duration = Duration::from_millis(200);

    /// A ring for this many waiters. It fails with `Unavailable` where `io_uring` is not allowed, or too old.
    pub fn new(places: usize) -> Result<Self, Error> {
        Self::build(places).map_err(|error| {
            let why = match error.raw_os_error() {
                Some(libc::ENOSYS) => "this kernel has no io_uring, or a container's filter hides it",
                Some(libc::EPERM | libc::EACCES) => {
                    "the sysctl kernel.io_uring_disabled or a container's filter forbids io_uring"
                }
                Some(libc::EINVAL) => "the kernel's io_uring is older than that of Linux 5.19",
                Some(libc::ENOMEM) => "the limit on locked memory (ulimit -l) has no room for io_uring",
                _ => return Error::internal("starting io_uring", &error),
            };
            Error::unavailable(why, &error)
        })
    }

    fn build(places: usize) -> io::Result<Self> {
        let pool = Pool::new(Pool::SHORT, places)?;
        let [fewest, most] = Self::QUEUE;
        // A place has two steps in flight and, maybe, their cancellation.
        let mut completions = u32::try_from(3 * places).unwrap_or(u32::MAX).max(fewest);
        let mut operations = completions.min(most).next_power_of_two();
        let give_up = Instant::now() + Self::PATIENCE;
        let uring = loop {
            match Self::set_up(operations, completions, &pool) {
                Err(error) if error.raw_os_error() == Some(libc::ENOMEM) && Instant::now() < give_up => {
                    // Short queues do, too: what does not fit in is kept elsewhere by the kernel.
                    operations = fewest.max(operations / 2);
                    completions = 2 * operations;
                    std::thread::sleep(Self::PATIENCE / 100);
                }
                set_up => break set_up?,
            }
        };
        let wake_up = Arc::new(OnceLock::new());
        let interrupt = Arc::clone(&wake_up);
        uring.submit()?; // nothing yet: a filter may forbid this, too
        Ok(Ring {
            uring,
            connections: (0..places).map(|_| Connection::default()).collect(),
            pool,
            long_pool: OnceCell::new(),
            in_flight: 0,
            woken: Woken::new(move || {
                let _ = interrupt.get().map(|descriptor: &OwnedFd| rustix::io::write(descriptor, &1_u64.to_ne_bytes()));
            }),
            wake_up,
            roused: Vec::new(),
            alarms: BTreeSet::new(),
            now: Instant::now(),
        })
    }

    /// The kernel's ring, with queues of these lengths.
    fn set_up(operations: u32, completions: u32, pool: &Pool) -> io::Result<IoUring> {
        let mut builder = IoUring::builder();
        builder.setup_clamp().setup_cqsize(completions.max(operations));
        builder.setup_submit_all().setup_coop_taskrun().setup_taskrun_flag();
        // From Linux 6.1: completions are worked out by this thread, while it waits for them.
        let mut newer = builder.clone();
        newer.setup_single_issuer().setup_defer_taskrun();
        let uring = match newer.build(operations) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => builder.build(operations)?,
            built => built?,
        };
        pool.register(&uring)?;
        Ok(uring)
    }

    /// Wakes the waiter at `place`, from any thread: at once, if somebody expects to be woken.
    #[must_use]
    pub fn waker(&self, place: usize) -> Waker {
        self.woken.waker(place)
    }

    /// Ends a wait, from any thread, if somebody expects to be woken.
    #[must_use]
    pub fn interrupt(&self) -> Waker {
        Arc::clone(&self.woken).into()
    }

    /// Has an `Alarm` at `place` at this instant, unless an earlier one is set; that one remains alone.
    pub fn alarm(&mut self, place: usize, when: Instant) {
        let alarm = &mut self.connections[place].alarm;
        if alarm.is_none_or(|earlier| when < earlier) {
            if let Some(later) = alarm.replace(when) {
                self.alarms.remove(&(later, place));
            }
            self.alarms.insert((when, place));
        }
    }

    /// Takes a socket for the place, open or not.
    pub fn attach(&mut self, place: usize, socket: Option<Socket>) {
        self.connections[place].idle().socket = socket;
    }

    /// Gives the place's socket back.
    pub fn detach(&mut self, place: usize) -> Option<Socket> {
        self.connections[place].idle().socket.take()
    }

    /// Opens a socket for a connection to `address`.
    pub fn open(&mut self, place: usize, address: SocketAddr) -> io::Result<()> {
        let connection = self.connections[place].idle();
        // A blocking one: then an operation waits until it can be done, instead of failing.
        connection.socket = Some(channel::tcp_socket(address)?);
        connection.address = Some(address.into());
        Ok(())
    }

    /// Begins to connect the socket that is open.
    pub fn connect(&mut self, place: usize) -> io::Result<()> {
        self.begin(place, &[Step::Connect])
    }

    /// Begins to send all of `bytes`, if they are short; once they are sent, receives. If not, sends some.
    pub fn send(&mut self, place: usize, bytes: &[u8]) -> io::Result<()> {
        let connection = self.connections[place].idle();
        connection.acknowledging = Acknowledging::default();
        connection.reads_long = false;
        let unsent = &mut connection.unsent;
        unsent.clear();
        unsent.extend_from_slice(&bytes[..bytes.len().min(Self::PIECE)]);
        self.begin(place, if bytes.len() <= Self::SHORT { &[Step::Send, Step::Receive] } else { &[Step::Send] })
    }

    /// Begins to receive, up to `size` bytes: `READ_SIZE` or `LONG_READ_SIZE`.
    pub fn receive(&mut self, place: usize, size: usize) -> io::Result<()> {
        let connection = self.connections[place].idle();
        connection.reads_long = size > READ_SIZE;
        if let Some(socket) = &connection.socket {
            connection.acknowledging.before_wait(&SockRef::from(socket));
        }
        self.begin(place, &[Step::Receive])
    }

    /// What the connection receives into.
    fn pool(&self, place: usize) -> &Rc<Pool> {
        let long = if self.connections[place].reads_long { self.long_pool() } else { None };
        long.unwrap_or(&self.pool)
    }

    fn long_pool(&self) -> Option<&Rc<Pool>> {
        let make = || {
            let pool = Pool::new(Pool::LONG, self.connections.len())?;
            pool.register(&self.uring).map(|()| pool)
        };
        self.long_pool.get_or_init(|| make().ok()).as_ref()
    }

    /// Asks the kernel to end what the connection does. Each step still has its event.
    ///
    /// The kernel may not find an operation that it is just about to begin: ask again after a while.
    pub fn cancel(&mut self, place: usize) -> io::Result<()> {
        // The steps after the first in flight end with it.
        let Some(step) = self.connections[place].first_in_flight() else { return Ok(()) };
        let cancel = opcode::AsyncCancel2::new(CancelBuilder::user_data(step.of(place)));
        self.push(&cancel.build().flags(Flags::SKIP_SUCCESS).user_data(CANCEL))
    }

    /// Whether the connection has steps in flight.
    #[must_use]
    pub fn is_busy(&self, place: usize) -> bool {
        self.connections[place].in_flight != 0
    }

    /// Closes the connection, if there is one.
    pub fn close(&mut self, place: usize) {
        self.connections[place].idle().socket = None;
    }

    /// The address of this end.
    pub fn local_address(&self, place: usize) -> io::Result<SocketAddr> {
        channel::local_address(self.connections[place].socket.as_ref().ok_or(ErrorKind::NotConnected)?)
    }

    /// Has wakers end a wait from now on.
    pub fn expect_waking(&mut self) -> io::Result<()> {
        if self.wake_up.get().is_some() {
            return Ok(());
        }
        // Readable at once: somebody may have been woken just before.
        let _ = self.wake_up.set(eventfd(1, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        self.watch()
    }

    /// Hands the kernel what was begun. Sleeps until something has happened, but not longer than a tick.
    pub fn wait(&mut self) -> io::Result<()> {
        let until_next = self.alarms.first().map_or(TICK, |(when, _)| when.saturating_duration_since(Instant::now()));
        self.enter(1, until_next.min(TICK))?;
        // The kernel works out few completions at a time, although more may be there: ask for these, too.
        if self.uring.submission().taskrun() {
            self.enter(self.in_flight.min(Self::AT_ONCE), Duration::ZERO)?;
        }
        self.now = Instant::now();
        self.roused = self.woken.take();
        Ok(())
    }

    /// Takes the next event of those that ended the wait: its place, and what happened.
    pub fn take(&mut self) -> io::Result<Option<(usize, Event)>> {
        loop {
            let Some(completion) = self.uring.completion().next() else { break };
            match completion.user_data() {
                CANCEL => {}
                WAKE_UP => {
                    self.in_flight -= 1;
                    let _ = self.wake_up.get().map(|descriptor| rustix::io::read(descriptor, &mut [0; 8]));
                    self.watch()?;
                }
                _ => return Ok(Some(self.completed(&completion))),
            }
        }
        if let Some(place) = self.roused.pop() {
            return Ok(Some((place, Event::Woken)));
        }
        match self.alarms.first() {
            Some(&(when, place)) if when <= self.now => {
                self.alarms.pop_first();
                self.connections[place].alarm = None;
                Ok(Some((place, Event::Alarm)))
            }
            _ => Ok(None),
        }
    }

    /// The event of a completed step.
    fn completed(&mut self, completion: &cqueue::Entry) -> (usize, Event) {
        let (place, step) = Step::at(completion.user_data());
        self.connections[place].in_flight &= !step.bit();
        self.in_flight -= 1;
        let buffer = cqueue::buffer_select(completion.flags());
        let count = usize::try_from(completion.result()).map_err(|_| match -completion.result() {
            // The step before it has failed, or it was cancelled; or so much has arrived that all buffers are lent.
            libc::ECANCELED | libc::ENOBUFS => ErrorKind::WouldBlock.into(),
            errno => io::Error::from_raw_os_error(errno),
        });
        let event = match step {
            Step::Connect => Event::Connected(count.map(drop)),
            Step::Send => Event::Sent(count),
            // Made in any case, as it gives the buffer back.
            Step::Receive => {
                if count.is_ok() {
                    self.connections[place].acknowledging.note_read();
                }
                let received =
                    Received { pool: Rc::clone(self.pool(place)), buffer, count: *count.as_ref().unwrap_or(&0) };
                Event::Received(count.map(|_| received))
            }
        };
        (place, event)
    }

    /// Queues the steps: each begins when the one before it has succeeded.
    fn begin(&mut self, place: usize, steps: &[Step]) -> io::Result<()> {
        self.make_room(steps.len())?;
        self.connections[place].idle();
        for (number, step) in steps.iter().enumerate() {
            let connection = &self.connections[place];
            let socket = Fd(connection.socket.as_ref().ok_or(ErrorKind::NotConnected)?.as_raw_fd());
            let entry = match step {
                Step::Connect => {
                    let address = connection.address.as_ref().ok_or(ErrorKind::NotConnected)?;
                    opcode::Connect::new(socket, address.as_ptr().cast(), address.len()).build()
                }
                Step::Send => {
                    let unsent = &connection.unsent;
                    // In a chain, all of them: what falls short has failed, and ends the chain.
                    let how = if steps.len() > 1 { libc::MSG_WAITALL } else { 0 };
                    opcode::Send::new(socket, unsent.as_ptr(), unsent.len() as u32).flags(how).build()
                }
                Step::Receive => {
                    // After sending, there is nothing to receive yet: do not even try.
                    let first = if number > 0 { POLL_FIRST } else { 0 };
                    let Kind { group, size, .. } = self.pool(place).kind;
                    let receive = opcode::Recv::new(socket, std::ptr::null_mut(), size as u32);
                    receive.buf_group(group).ioprio(first).build().flags(Flags::BUFFER_SELECT)
                }
            };
            let link = if number + 1 < steps.len() { Flags::IO_LINK } else { Flags::empty() };
            self.push(&entry.flags(link).user_data(step.of(place)))?;
            self.connections[place].in_flight |= step.bit();
            self.in_flight += 1;
        }
        Ok(())
    }

    /// Has the kernel watch for wakers.
    fn watch(&mut self) -> io::Result<()> {
        let Some(descriptor) = self.wake_up.get() else { return Ok(()) };
        let poll = opcode::PollAdd::new(Fd(descriptor.as_raw_fd()), libc::POLLIN as u32);
        self.push(&poll.build().user_data(WAKE_UP))?;
        self.in_flight += 1;
        Ok(())
    }

    /// Hands the kernel what is queued, unless there is room for so many more operations. (A chain must not be torn.)
    fn make_room(&mut self, count: usize) -> io::Result<()> {
        loop {
            let queue = self.uring.submission();
            if queue.capacity() - queue.len() >= count {
                return Ok(());
            }
            drop(queue);
            match self.uring.submit() {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
    }

    /// Queues an operation.
    fn push(&mut self, entry: &Entry) -> io::Result<()> {
        self.make_room(1)?;
        // Sound: the entry points to a connection, which is not moved or changed while it has steps in flight, and not
        // freed before these are completed (see `drop`); or nowhere.
        unsafe { self.uring.submission().push(entry) }.map_err(io::Error::other)
    }

    /// Hands the kernel what is queued, and waits for so many completions, but not longer than `sleep`.
    fn enter(&mut self, completions: usize, sleep: Duration) -> io::Result<()> {
        let sleep = Timespec::from(sleep);
        match self.uring.submitter().submit_with_args(completions, &SubmitArgs::new().timespec(&sleep)) {
            Ok(_) => Ok(()),
            Err(error) => match error.raw_os_error() {
                // Time is up, a signal came, or memory is short at the moment.
                Some(libc::ETIME | libc::EINTR | libc::EAGAIN | libc::EBUSY) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// Has all operations end, and waits until they have.
    fn end_all(&mut self) -> io::Result<()> {
        while self.in_flight > 0 {
            let cancel = opcode::AsyncCancel2::new(CancelBuilder::any().all());
            self.push(&cancel.build().flags(Flags::SKIP_SUCCESS).user_data(CANCEL))?;
            self.enter(1, TICK / 10)?;
            let ended = self.uring.completion().filter(|completion| completion.user_data() != CANCEL).count();
            self.in_flight -= ended;
        }
        Ok(())
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // The sockets are closed after this, with the connections.
        if self.end_all().is_err() {
            // The kernel may still use this memory: keep it for ever.
            Box::leak(std::mem::take(&mut self.connections));
            std::mem::forget((Rc::clone(&self.pool), self.long_pool.clone()));
        }
    }
}

impl Connection {
    /// The connection, to be changed: only while the kernel does not use it.
    fn idle(&mut self) -> &mut Self {
        assert!(self.in_flight == 0, "a connection is changed while the kernel uses it");
        self
    }

    /// The step that the others wait for.
    fn first_in_flight(&self) -> Option<Step> {
        Step::ALL.into_iter().find(|step| self.in_flight & step.bit() != 0)
    }
}

impl Step {
    const ALL: [Step; 3] = [Step::Connect, Step::Send, Step::Receive];

    fn bit(self) -> u8 {
        1 << self as u8
    }

    /// The step's name in the queues: the place and the step.
    fn of(self, place: usize) -> u64 {
        (place as u64) << 2 | self as u64
    }

    fn at(name: u64) -> (usize, Step) {
        ((name >> 2) as usize, Step::ALL[(name & 3) as usize])
    }
}

/// The names of what is no step of a connection.
const WAKE_UP: u64 = u64::MAX;
const CANCEL: u64 = u64::MAX - 1;

/// `IORING_RECVSEND_POLL_FIRST`.
const POLL_FIRST: u16 = 1;

/// Received bytes. Their buffer goes back to the pool when this is dropped.
#[derive(Debug)]
pub struct Received {
    pool: Rc<Pool>,
    /// The number of the buffer, if there is one.
    buffer: Option<u16>,
    count: usize,
}

impl Deref for Received {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let Some(buffer) = self.buffer else { return &[] };
        // Sound: the kernel has written this many bytes there, and does not touch the buffer until it gets it back.
        unsafe { slice::from_raw_parts(self.pool.buffer(buffer), self.count) }
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer {
            self.pool.provide(buffer);
        }
    }
}

/// The buffers that the kernel chooses from when something has arrived: ten thousand connections need no buffer each.
///
/// After a fork, they remain the parent's: Linux copies a page that the kernel holds for the child.
#[derive(Debug)]
struct Pool {
    kind: Kind,
    /// Those that the kernel may take: a page of memory.
    queue: NonNull<u8>,
    buffers: NonNull<MaybeUninit<u8>>,
    /// How many buffers there are: a power of two.
    count: u16,
    /// How many times a buffer was provided, modulo 2^16.
    tail: Cell<u16>,
}

/// What a pool is for.
#[derive(Debug, Clone, Copy)]
struct Kind {
    /// The number under which the ring knows it.
    group: u16,
    /// Bytes of a buffer.
    size: usize,
    /// The most buffers: a power of two. The queue of so many fits into a page.
    most: usize,
}

impl Pool {
    /// More buffers are not needed: no more are lent at a time.
    const SHORT: Kind = Kind { group: 0, size: READ_SIZE, most: 128 };
    /// If all are lent, another read waits for the next turn.
    const LONG: Kind = Kind { group: 1, size: LONG_READ_SIZE, most: 32 };

    /// A pool for this many connections, all of whose buffers are provided.
    fn new(kind: Kind, connections: usize) -> io::Result<Rc<Self>> {
        let count = connections.clamp(1, kind.most).next_power_of_two();
        // Sound: a page is not empty.
        let queue = unsafe { alloc_zeroed(Self::page()?) };
        let queue = NonNull::new(queue).ok_or(ErrorKind::OutOfMemory)?;
        let buffers = NonNull::from(Box::leak(Box::<[u8]>::new_uninit_slice(count * kind.size))).cast();
        let pool = Pool { kind, queue, buffers, count: count as u16, tail: Cell::new(0) };
        (0..pool.count).for_each(|buffer| pool.provide(buffer));
        Ok(Rc::new(pool))
    }

    /// The kernel's page, where the queue has to begin.
    fn page() -> io::Result<Layout> {
        Layout::from_size_align(page_size(), page_size()).map_err(io::Error::other)
    }

    /// Makes the pool known to the ring, which must not outlive it while anything is received.
    fn register(&self, uring: &IoUring) -> io::Result<()> {
        // Sound: the queue is there until the pool is dropped, and `Ring` keeps the pool until the ring is idle.
        unsafe {
            uring.submitter().register_buf_ring_with_flags(self.queue.as_ptr() as u64, self.count, self.kind.group, 0)
        }
    }

    /// Where the buffer begins.
    fn buffer(&self, buffer: u16) -> *mut u8 {
        assert!(buffer < self.count);
        // Sound: it is one of them.
        unsafe { self.buffers.add(usize::from(buffer) * self.kind.size) }.as_ptr().cast()
    }

    /// Gives the buffer to the kernel.
    fn provide(&self, buffer: u16) {
        let queue: *mut BufRingEntry = self.queue.as_ptr().cast();
        let tail = self.tail.get();
        // Sound: the entry is within the page, and the kernel does not read it before the tail says so. There are as
        // many entries as buffers, so it has read the one that was there.
        unsafe {
            let entry = &mut *queue.add(usize::from(tail & (self.count - 1)));
            entry.set_addr(self.buffer(buffer) as u64);
            entry.set_len(self.kind.size as u32);
            entry.set_bid(buffer);
        }
        self.tail.set(tail.wrapping_add(1));
        // Sound: the tail is within the page, aligned, and read by the kernel only.
        let shared = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(queue).cast_mut()) };
        shared.store(self.tail.get(), Ordering::Release);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let buffers = NonNull::slice_from_raw_parts(self.buffers, usize::from(self.count) * self.kind.size);
        // Sound: it is the box of `new`, the pool's alone; no `Received` is left, nor an operation that receives.
        drop(unsafe { Box::from_raw(buffers.as_ptr()) });
        if let Ok(page) = Self::page() {
            // Sound: it is the page of `new`, the pool's alone.
            unsafe { dealloc(self.queue.as_ptr(), page) };
        }
    }
}
