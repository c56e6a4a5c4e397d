//! Lecture 2.3.2.2, `yield from`: the coroutine is split into smaller ones that it delegates to: `connect`, `read`,
//! `read_all`. In Rust these are `async fn`s, `.await` is the `yield from`, and what polls them is our own small executor
//! over the event loop.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use super::{Batch, Outcomes};
use crate::error::Error;
use crate::event_loop::{Event, EventLoop, SocketId};
use crate::job::{Attempt, Cancellation, Job};

/// Fetches the URLs by coroutines made of coroutines.
pub fn yield_from_way(job: &Job, cancellation: &Cancellation) -> Outcomes {
    let batch = Rc::new(Batch::new(job));
    let mut executor = Executor::new()?;
    for _ in 0..job.workers() {
        executor.spawn(fetch_urls(Rc::clone(&batch), Rc::clone(&executor.event_loop)));
    }
    while !batch.is_done() {
        executor.turn(cancellation)?;
    }
    batch.take_outcomes()
}

/// Fetches URLs as long as there are any.
async fn fetch_urls(batch: Rc<Batch>, event_loop: Rc<RefCell<EventLoop>>) {
    while let Some(index) = batch.next() {
        due(&batch.job, index, &event_loop).await;
        let mut attempt = batch.job.attempt(index);
        let ended = fetch(&mut attempt, &event_loop).await;
        batch.put(index, attempt.finish(ended));
    }
}

/// Waits until the exchange of the URL at `index` may begin.
async fn due(job: &Job, index: usize, event_loop: &Rc<RefCell<EventLoop>>) {
    let wait = |context: &mut Context<'_>| match job.due_later(index) {
        Some(due) => {
            let waker = context.waker().clone();
            event_loop.borrow_mut().call_at(due, move |_| waker.wake());
            Poll::Pending
        }
        None => Poll::Ready(()),
    };
    poll_fn(wait).await;
}

/// Fetches one URL.
async fn fetch(attempt: &mut Attempt, event_loop: &Rc<RefCell<EventLoop>>) -> Result<(), Error> {
    let socket = connect(attempt, event_loop).await?;
    write_all(attempt, &socket).await?;
    read_all(attempt, &socket).await
}

/// Makes the connection.
async fn connect(attempt: &mut Attempt, event_loop: &Rc<RefCell<EventLoop>>) -> Result<Socket, Error> {
    let connect = event_loop.borrow_mut().connect(attempt.address(), attempt.deadline());
    let id = connect.map_err(|error| attempt.failed(&error))?;
    let socket = Socket { id, event_loop: Rc::clone(event_loop) };
    socket.ready(Event::Write).await;
    attempt.time_left()?;
    event_loop.borrow().connected(id).map_err(|error| attempt.failed(&error))?;
    attempt.connected();
    Ok(socket)
}

/// Sends the request.
async fn write_all(attempt: &mut Attempt, socket: &Socket) -> Result<(), Error> {
    loop {
        let count = socket.event_loop.borrow_mut().write(socket.id, attempt.unsent());
        let count = count.map_err(|error| attempt.failed(&error))?;
        if attempt.sent(count.unwrap_or(0)) {
            return Ok(());
        }
        socket.ready(Event::Write).await;
        attempt.time_left()?;
    }
}

/// Receives some of the response; tells whether that was the last of it.
async fn read(attempt: &mut Attempt, socket: &Socket) -> Result<bool, Error> {
    socket.ready(Event::Read).await;
    attempt.time_left()?;
    match socket.event_loop.borrow_mut().read(socket.id).map_err(|error| attempt.failed(&error))? {
        Some(data) => attempt.receive(data),
        None => Ok(false),
    }
}

/// Receives all of the response.
async fn read_all(attempt: &mut Attempt, socket: &Socket) -> Result<(), Error> {
    while !read(attempt, socket).await? {}
    Ok(())
}

/// A socket of the loop, closed when it goes out of scope.
struct Socket {
    id: SocketId,
    event_loop: Rc<RefCell<EventLoop>>,
}

impl Socket {
    /// Waits until the socket is ready for `event`, or its deadline has passed.
    fn ready(&self, event: Event) -> Ready<'_> {
        Ready { socket: self, event, asked: false }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.event_loop.borrow_mut().close(self.id);
    }
}

/// What a coroutine awaits in the end: this is where it pauses.
struct Ready<'socket> {
    socket: &'socket Socket,
    event: Event,
    /// Whether the loop has been asked to wake us.
    asked: bool,
}

impl Future for Ready<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // A task is polled only when its one waker was called, so the second time is the time.
        if std::mem::replace(&mut self.asked, true) {
            return Poll::Ready(());
        }
        let waker = context.waker().clone();
        let mut event_loop = self.socket.event_loop.borrow_mut();
        event_loop.call_when_ready(self.socket.id, self.event, move |_| waker.wake());
        Poll::Pending
    }
}

/// Polls the coroutines that can go on.
struct Executor {
    event_loop: Rc<RefCell<EventLoop>>,
    /// The coroutines, by number; `None` when one has ended.
    tasks: Vec<Option<Task>>,
    /// The numbers of those that were woken.
    woken: Arc<Mutex<Vec<usize>>>,
}

/// A coroutine on the heap, with its way to ask for more.
struct Task {
    coroutine: Pin<Box<dyn Future<Output = ()>>>,
    waker: Waker,
}

impl Executor {
    fn new() -> Result<Self, Error> {
        Ok(Executor { event_loop: Rc::new(RefCell::new(EventLoop::new()?)), tasks: Vec::new(), woken: Arc::default() })
    }

    /// Takes a coroutine in; it runs from the next turn on.
    fn spawn(&mut self, coroutine: impl Future<Output = ()> + 'static) {
        let waker = TaskWaker { number: self.tasks.len(), woken: Arc::clone(&self.woken) };
        waker.wake_by_number();
        self.tasks.push(Some(Task { coroutine: Box::pin(coroutine), waker: Waker::from(Arc::new(waker)) }));
    }

    /// Polls all coroutines that were woken, then lets the event loop wake more.
    fn turn(&mut self, cancellation: &Cancellation) -> Result<(), Error> {
        let woken = std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner));
        for number in woken {
            if let Some(task) = &mut self.tasks[number]
                && task.coroutine.as_mut().poll(&mut Context::from_waker(&task.waker)).is_ready()
            {
                self.tasks[number] = None;
            }
        }
        if self.tasks.iter().all(Option::is_none) {
            return Ok(());
        }
        self.event_loop.borrow_mut().turn(cancellation)
    }
}

/// Puts its task on the list of those to be polled.
struct TaskWaker {
    number: usize,
    woken: Arc<Mutex<Vec<usize>>>,
}

impl TaskWaker {
    fn wake_by_number(&self) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_number();
    }
}
