//! The referee's log: one record per exchange, and the live counters.
//!
//! Memory is bounded: records are kept in blocks, and the oldest block is dropped when the limit is reached. The paths
//! of a block share a single buffer, so that a record needs no allocation. A full block never changes again, so a
//! reader takes references to the blocks and does not hold up the server while it decodes them.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Records in a block, unless the limit of the whole log requires smaller blocks.
const BLOCK_RECORDS: usize = 4096;
/// Bytes of a record as it is written for Python.
const RECORD: usize = 96;
/// Bytes of paths that a block holds before it counts as full.
const BLOCK_PATHS: usize = 1 << 20;
/// Bytes of paths that the whole log holds before its oldest block is dropped.
const LOG_PATHS: usize = 256 << 20;

/// One exchange, as the server saw it. Times are nanoseconds of [`crate::clock::monotonic_ns`]; 0 if there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Number of the exchange, from 1, in the order in which they began.
    pub id: u64,
    /// Number of the connection, from 1, in the order in which they were accepted.
    pub connection: u64,
    /// The request's target; empty if no readable request arrived.
    pub path: String,
    /// The reply's status; 0 if no byte of a reply was sent, or if a raw reply has none.
    pub status: u16,
    /// Bytes of the body, or of a raw reply, that were handed to the kernel (or, with https, encrypted).
    pub size: u64,
    /// When the connection was accepted.
    pub accepted: u64,
    /// When its TLS handshake had ended.
    pub secured: u64,
    /// When it began: the first on a connection when that was accepted; a later one when the first byte of its request
    /// had arrived, and the one before had ended.
    pub begun: u64,
    /// When the whole head of the request had arrived.
    pub request: u64,
    /// Just before the reply's first byte was handed to the kernel.
    pub first_byte: u64,
    /// Just after the reply's last byte was handed to the kernel.
    pub last_byte: u64,
    /// When the connection was closed; 0 while it is open.
    pub closed: u64,
}

/// The live counters. A reset restarts all of them except the two that describe the present.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Exchanges that ended with a complete 200 reply.
    pub served: u64,
    /// Exchanges that ended with a complete reply of another status.
    pub errors: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub open_connections: u64,
    /// The most connections open at once.
    pub peak_connections: u64,
    /// Exchanges in flight now.
    pub in_flight: u64,
    /// The most exchanges in flight at once.
    pub peak_in_flight: u64,
    /// Records dropped because the log was full.
    pub log_dropped: u64,
}

/// A record as it is stored: the fields of [`Record`], with the path in its block's buffer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) connection: u64,
    pub(super) accepted: u64,
    pub(super) secured: u64,
    pub(super) begun: u64,
    pub(super) request: u64,
    pub(super) first_byte: u64,
    pub(super) last_byte: u64,
    pub(super) closed: u64,
    pub(super) size: u64,
    pub(super) status: u16,
    /// Where the path starts in the block's buffer; the log fills it in.
    pub(super) path_start: u32,
    /// Length of the path; the log fills it in.
    pub(super) path_length: u32,
}

/// The end of a connection that has records from before its end.
#[derive(Debug, Clone, Copy)]
struct Closing {
    connection: u64,
    closed: u64,
}

/// A run of records.
#[derive(Debug, Clone, Default)]
struct Block {
    entries: Vec<Entry>,
    /// They concern only records of this block and of older ones, so they can be dropped together with it.
    closings: Vec<Closing>,
    /// The paths of the entries, one after another.
    paths: Vec<u8>,
}

/// One of the lab's two ports. What comes in at each has a log and counters of its own, so that a comparison, which
/// uses the private one, is not mistaken about who made a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entrance {
    Public,
    Private,
}

/// The logs of the entrances.
#[derive(Debug, Clone)]
pub(super) struct Logs([Arc<Mutex<Log>>; 2]);

impl Logs {
    /// Empty logs that keep at most `limit` records each, at least one.
    pub(super) fn new(limit: usize) -> Self {
        Self(std::array::from_fn(|_| Arc::new(Mutex::new(Log::new(limit)))))
    }

    pub(super) fn of(&self, entrance: Entrance) -> MutexGuard<'_, Log> {
        self.0[entrance as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The log and the counters of an entrance.
#[derive(Debug)]
pub(super) struct Log {
    counters: Counters,
    /// The most records kept.
    limit: usize,
    /// Records in a full block.
    block_records: usize,
    /// Full blocks, oldest first.
    full: VecDeque<Arc<Block>>,
    /// The block being written.
    current: Block,
    /// Records in all blocks.
    kept: usize,
    /// Bytes of paths in the full blocks.
    full_paths: usize,
    /// Number of the exchange that began last.
    last_exchange: u64,
    /// Number of the connection that was accepted last.
    last_connection: u64,
    /// When the first request since the start or the last reset came, if that matters; else 0.
    origin: u64,
}

impl Log {
    /// An empty log that keeps at most `limit` records, at least one.
    pub(super) fn new(limit: usize) -> Self {
        let limit = limit.max(1);
        Self {
            counters: Counters::default(),
            limit,
            // small enough that dropping a block never loses much of the log
            block_records: (limit / 8).clamp(1, BLOCK_RECORDS),
            full: VecDeque::new(),
            current: Block::default(),
            kept: 0,
            full_paths: 0,
            last_exchange: 0,
            last_connection: 0,
            origin: 0,
        }
    }

    /// When the first request since the start or the last reset came, if one has.
    pub(super) fn origin(&self) -> Option<u64> {
        (self.origin != 0).then_some(self.origin)
    }

    /// The same, with a request that comes `now`.
    pub(super) fn origin_with(&mut self, now: u64) -> u64 {
        if self.origin == 0 {
            self.origin = now;
        }
        self.origin
    }

    pub(super) fn counters(&self) -> Counters {
        self.counters
    }

    /// Counts a connection and its first exchange, which is in flight from here; returns the numbers of both.
    pub(super) fn open_connection(&mut self) -> (u64, u64) {
        self.last_connection += 1;
        let counters = &mut self.counters;
        counters.connections += 1;
        counters.open_connections += 1;
        counters.peak_connections = counters.peak_connections.max(counters.open_connections);
        (self.last_connection, self.begin_exchange())
    }

    /// Counts an exchange that is in flight from here; returns its number.
    pub(super) fn begin_exchange(&mut self) -> u64 {
        self.last_exchange += 1;
        let counters = &mut self.counters;
        counters.in_flight += 1;
        counters.peak_in_flight = counters.peak_in_flight.max(counters.in_flight);
        self.last_exchange
    }

    /// Counts and records the end of an exchange; with `last_byte` 0 it ended before its reply did.
    pub(super) fn end_exchange(&mut self, mut entry: Entry, path: &[u8]) {
        self.counters.in_flight -= 1;
        if entry.last_byte != 0 {
            if entry.status == 200 {
                self.counters.served += 1;
            } else {
                self.counters.errors += 1;
            }
        }

        if self.kept >= self.limit || self.full_paths >= LOG_PATHS {
            self.drop_oldest();
        }
        if self.current.entries.capacity() == 0 {
            self.current.entries.reserve_exact(self.block_records);
        }
        entry.path_start = self.current.paths.len() as u32;
        entry.path_length = path.len() as u32;
        self.current.paths.extend_from_slice(path);
        self.current.entries.push(entry);
        self.kept += 1;
        if self.current.entries.len() >= self.block_records || self.current.paths.len() >= BLOCK_PATHS {
            let block = std::mem::take(&mut self.current);
            self.full_paths += block.paths.len();
            self.full.push_back(Arc::new(block));
        }
    }

    /// Counts the end of a connection; `listed` says that it has records that still lack their `closed`.
    pub(super) fn close_connection(&mut self, connection: u64, closed: u64, listed: bool) {
        self.counters.open_connections -= 1;
        if listed {
            self.current.closings.push(Closing { connection, closed });
        }
    }

    /// Clears all records and counts; the peaks restart from what is open now.
    pub(super) fn reset(&mut self) {
        let Counters { open_connections, in_flight, .. } = self.counters;
        self.counters = Counters {
            open_connections,
            peak_connections: open_connections,
            in_flight,
            peak_in_flight: in_flight,
            ..Counters::default()
        };
        self.full.clear();
        self.current = Block::default();
        self.kept = 0;
        self.full_paths = 0;
        self.origin = 0;
    }

    /// The present contents of the log.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut blocks: Vec<_> = self.full.iter().cloned().collect();
        blocks.push(Arc::new(self.current.clone()));
        Snapshot { blocks, dropped: self.counters.log_dropped }
    }

    fn drop_oldest(&mut self) {
        // There is one: the current block is never full, and holds less than the limits.
        if let Some(block) = self.full.pop_front() {
            self.kept -= block.entries.len();
            self.full_paths -= block.paths.len();
            self.counters.log_dropped += block.entries.len() as u64;
        }
    }
}

/// The log at one moment, which can be read without holding the lock.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// Oldest first.
    blocks: Vec<Arc<Block>>,
    /// Records dropped before.
    dropped: u64,
}

impl Snapshot {
    /// The records, in the order in which the exchanges ended.
    pub(super) fn records(&self) -> Vec<Record> {
        let closings = self.blocks.iter().flat_map(|block| &block.closings);
        let closed: HashMap<u64, u64> = closings.map(|closing| (closing.connection, closing.closed)).collect();
        let decode = |block: &Block, entry: &Entry| {
            let path = &block.paths[entry.path_start as usize..][..entry.path_length as usize];
            Record {
                id: entry.id,
                connection: entry.connection,
                path: String::from_utf8_lossy(path).into_owned(),
                status: entry.status,
                size: entry.size,
                accepted: entry.accepted,
                secured: entry.secured,
                begun: entry.begun,
                request: entry.request,
                first_byte: entry.first_byte,
                last_byte: entry.last_byte,
                closed: if entry.closed == 0 {
                    closed.get(&entry.connection).copied().unwrap_or(0)
                } else {
                    entry.closed
                },
            }
        };
        self.blocks.iter().flat_map(|block| block.entries.iter().map(move |entry| decode(block, entry))).collect()
    }

    /// Writes the log as Python's `lab/log.py` reads it: a line of JSON that says how many bytes follow, and of what;
    /// the records of 96 bytes; the closings, which are pairs of a connection and its time of closing, for records
    /// without one; and the paths. Integers are little-endian, and 8 bytes long except for a path's length (4) and the
    /// status (2).
    pub(super) fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let sum = |of: fn(&Block) -> usize| self.blocks.iter().map(|block| of(block)).sum::<usize>();
        let (records, closings) = (sum(|block| block.entries.len()), sum(|block| block.closings.len()));
        let bytes = RECORD * records + 16 * closings + sum(|block| block.paths.len());
        let dropped = self.dropped;
        writeln!(
            output,
            r#"{{"bytes": {bytes}, "records": {records}, "closings": {closings}, "dropped": {dropped}}}"#
        )?;

        let mut bytes = Vec::with_capacity(RECORD * BLOCK_RECORDS);
        let mut paths_before = 0;
        for block in &self.blocks {
            bytes.clear();
            for entry in &block.entries {
                for field in [
                    entry.id,
                    entry.connection,
                    entry.accepted,
                    entry.secured,
                    entry.begun,
                    entry.request,
                    entry.first_byte,
                    entry.last_byte,
                    entry.closed,
                    entry.size,
                    paths_before + u64::from(entry.path_start),
                ] {
                    bytes.extend_from_slice(&field.to_le_bytes());
                }
                bytes.extend_from_slice(&entry.path_length.to_le_bytes());
                bytes.extend_from_slice(&entry.status.to_le_bytes());
                bytes.extend_from_slice(&[0; 2]); // padding to a multiple of eight
            }
            output.write_all(&bytes)?;
            paths_before += block.paths.len() as u64;
        }
        for block in &self.blocks {
            bytes.clear();
            for closing in &block.closings {
                bytes.extend_from_slice(&closing.connection.to_le_bytes());
                bytes.extend_from_slice(&closing.closed.to_le_bytes());
            }
            output.write_all(&bytes)?;
        }
        for block in &self.blocks {
            output.write_all(&block.paths)?;
        }
        output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_one(log: &mut Log, path: &str) {
        let (connection, id) = log.open_connection();
        log.end_exchange(Entry { id, connection, status: 200, last_byte: 1, ..Entry::default() }, path.as_bytes());
        log.close_connection(connection, 9, true);
    }

    #[test]
    fn never_keeps_more_than_the_limit_and_counts_the_rest() {
        for limit in [1, 2, 7, 8, 100, 50_000] {
            let mut log = Log::new(limit);
            let ended = 3 * limit + 5;
            for number in 0..ended {
                end_one(&mut log, &format!("/{number}"));
                assert!(log.kept <= limit);
            }
            let records = log.snapshot().records();
            assert_eq!(records.len() as u64 + log.counters().log_dropped, ended as u64);
            assert!(records.len() * 8 >= limit * 7 || limit < 8, "{} of {limit}", records.len());
            assert_eq!(records.last().unwrap().path, format!("/{}", ended - 1));
            assert!(records.iter().all(|record| record.closed == 9));
        }
    }

    #[test]
    fn long_paths_make_short_blocks() {
        let mut log = Log::new(1_000_000);
        let path = "x".repeat(60_000);
        for _ in 0..5_000 {
            end_one(&mut log, &path);
        }
        assert!(log.full_paths <= LOG_PATHS + BLOCK_PATHS + path.len());
        assert!(log.counters().log_dropped > 0);
        assert!(log.snapshot().records().iter().all(|record| record.path == path));
    }

    #[test]
    fn a_reset_keeps_what_is_going_on() {
        let mut log = Log::new(10);
        end_one(&mut log, "/");
        log.open_connection();
        log.reset();
        let expected = Counters {
            open_connections: 1,
            peak_connections: 1,
            in_flight: 1,
            peak_in_flight: 1,
            ..Counters::default()
        };
        assert_eq!(log.counters(), expected);
        assert!(log.snapshot().records().is_empty());
    }
}
