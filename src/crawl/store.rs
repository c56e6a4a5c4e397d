//! What a crawl must remember to go on after it was killed: the URLs that wait, and the rows of those that are done.
//!
//! A thread writes it, in transactions that take all that has come meanwhile: none waits for another.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use redb::{Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

use super::page::Row;
use crate::error::Error;

/// The name of the file in the folder of a crawl.
const FILE: &str = "crawl.redb";
/// Bytes of the file that are kept in memory.
const CACHE: usize = 16 << 20;

/// The URLs that wait, by their numbers.
const WAITING: TableDefinition<u64, &[u8]> = TableDefinition::new("waiting");
/// The rows of those that are done.
const DONE: TableDefinition<u64, &[u8]> = TableDefinition::new("done");

/// A URL that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Waiting {
    /// The URL.
    pub(super) url: String,
    /// The page that led to it first.
    pub(super) referrer: Option<String>,
    /// How many links led to it.
    pub(super) depth: u32,
    /// How many redirects may follow.
    pub(super) redirects: u32,
}

/// What the thread that writes has done.
#[derive(Debug)]
pub(super) enum Event {
    /// It has recorded this many URLs as done.
    Written(usize),
    /// These wait, as it was asked; there may be more.
    Read(Vec<(u64, Waiting)>),
    /// Nothing more is written, because of this.
    Failed(Error),
}

/// What a store holds, with the URL's number.
#[derive(Debug)]
pub(super) enum Stored {
    /// A URL that waits.
    Waiting(u64, Waiting),
    /// The row of one that is done.
    Done(u64, Row),
}

/// A file that is written by a thread of its own.
pub(super) struct Store {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    unwritten: Mutex<Unwritten>,
    changed: Condvar,
}

#[derive(Default)]
struct Unwritten {
    waiting: Vec<(u64, Waiting)>,
    done: Vec<(u64, Row)>,
    /// The first number of those that are to be read, and how many.
    wanted: Option<(u64, usize)>,
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Unwritten> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Opens the file in this folder, which is made if there is none; `restore` takes what it holds: those that are
    /// done, then those that wait, in the order of their numbers.
    pub(super) fn open(folder: &Path, restore: impl FnMut(Stored)) -> Result<Database, Error> {
        let failed = |error: String| Error::Unavailable(format!("opening the state in {}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        // redb panics about some damages.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let database =
                Builder::new().set_cache_size(CACHE).create(folder.join(FILE)).map_err(|error| match error {
                    DatabaseError::DatabaseAlreadyOpen => "another crawl has it open".to_owned(),
                    error => error.to_string(),
                })?;
            read_all(&database, restore).map_err(|error| error.to_string())?;
            Ok(database)
        }));
        opened.unwrap_or_else(|_| Err("it is damaged".to_owned())).map_err(failed)
    }

    /// Starts the thread that writes; it tells `report` what it has done.
    pub(super) fn start(database: Database, report: impl Fn(Event) + Send + 'static) -> Result<Self, Error> {
        let shared: Arc<Shared> = Arc::default();
        let ours = Arc::clone(&shared);
        let write_all = move || {
            while let Some(unwritten) = ours.next() {
                match write(&database, &unwritten) {
                    Ok(read) => {
                        report(Event::Written(unwritten.done.len()));
                        if unwritten.wanted.is_some() {
                            report(Event::Read(read));
                        }
                    }
                    Err(error) => {
                        return report(Event::Failed(Error::Unavailable(format!("writing the state: {error}"))));
                    }
                }
            }
        };
        let thread = std::thread::Builder::new().name("aio-store".to_owned()).spawn(write_all);
        let thread = thread.map_err(|error| Error::internal("starting a thread that writes the state", &error))?;
        Ok(Store { shared, writer: Mutex::new(Some(thread)) })
    }

    /// Has a URL written that waits.
    pub(super) fn add(&self, number: u64, waiting: Waiting) {
        self.shared.lock().waiting.push((number, waiting));
        self.shared.changed.notify_one();
    }

    /// Has a URL written that is done.
    pub(super) fn finish(&self, number: u64, row: Row) {
        self.shared.lock().done.push((number, row));
        self.shared.changed.notify_one();
    }

    /// Has URLs read that wait: `count` of them, from this number on.
    pub(super) fn read(&self, from: u64, count: usize) {
        self.shared.lock().wanted = Some((from, count));
        self.shared.changed.notify_one();
    }

    /// Writes what is not written yet, and returns when the file is closed.
    pub(super) fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && writer.thread().id() != std::thread::current().id()
        {
            let _ = writer.join();
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    /// Waits for something to write; nothing more comes once it is closed.
    fn next(&self) -> Option<Unwritten> {
        let mut unwritten = self.lock();
        while unwritten.waiting.is_empty() && unwritten.done.is_empty() && unwritten.wanted.is_none() {
            if unwritten.closed {
                return None;
            }
            unwritten = self.changed.wait(unwritten).unwrap_or_else(PoisonError::into_inner);
        }
        let closed = unwritten.closed;
        Some(std::mem::replace(&mut unwritten, Unwritten { closed, ..Unwritten::default() }))
    }
}

fn read_all(database: &Database, mut restore: impl FnMut(Stored)) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(WAITING)?;
    transaction.open_table(DONE)?;
    transaction.commit()?;
    let transaction = database.begin_read()?;
    for entry in transaction.open_table(DONE)?.iter()? {
        let (number, value) = entry?;
        restore(Stored::Done(number.value(), postcard::from_bytes(value.value()).map_err(corrupted)?));
    }
    for entry in transaction.open_table(WAITING)?.iter()? {
        let (number, value) = entry?;
        restore(Stored::Waiting(number.value(), postcard::from_bytes(value.value()).map_err(corrupted)?));
    }
    Ok(())
}

/// Does what is wanted, in one transaction, and returns the URLs that were to be read.
fn write(database: &Database, unwritten: &Unwritten) -> Result<Vec<(u64, Waiting)>, redb::Error> {
    let transaction = database.begin_write()?;
    let mut read = Vec::new();
    {
        let (mut waiting, mut done) = (transaction.open_table(WAITING)?, transaction.open_table(DONE)?);
        for (number, url) in &unwritten.waiting {
            waiting.insert(number, &*postcard::to_stdvec(url).map_err(corrupted)?)?;
        }
        for (number, row) in &unwritten.done {
            waiting.remove(number)?;
            done.insert(number, &*postcard::to_stdvec(row).map_err(corrupted)?)?;
        }
        if let Some((from, count)) = unwritten.wanted {
            for entry in waiting.range(from..)?.take(count) {
                let (number, value) = entry?;
                read.push((number.value(), postcard::from_bytes(value.value()).map_err(corrupted)?));
            }
        }
    }
    transaction.commit()?;
    Ok(read)
}

#[allow(clippy::needless_pass_by_value)] // for map_err
fn corrupted(error: postcard::Error) -> redb::Error {
    redb::Error::Corrupted(error.to_string())
}
