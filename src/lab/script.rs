//! Raw replies: a script of bytes, waits and an end, in place of a reply that keeps to HTTP.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A step of a raw reply. After the last one the connection is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Wait for this time.
    Wait(Duration),
    /// Close the connection.
    Close,
    /// Reset the connection.
    Reset,
    /// Neither send anything more nor close, until the client does.
    Hang,
}

/// How far a raw reply has come.
#[derive(Debug)]
pub(super) struct Script {
    steps: Arc<[Step]>,
    /// The index of the step that comes next.
    pub(super) place: usize,
    /// Bytes of this step that are sent.
    pub(super) sent: usize,
    /// When this step's wait ends; 0 before it begins.
    pub(super) until: u64,
}

impl Script {
    pub(super) fn new(steps: Arc<[Step]>) -> Self {
        Self { steps, place: 0, sent: 0, until: 0 }
    }

    /// The step that comes next.
    pub(super) fn step(&self) -> &Step {
        self.steps.get(self.place).unwrap_or(&Step::Close)
    }

    /// Goes on to the step after this one.
    pub(super) fn advance(&mut self) {
        (self.place, self.sent, self.until) = (self.place + 1, 0, 0);
    }

    /// Whether nothing more will be sent.
    pub(super) fn is_silent(&self) -> bool {
        !self.steps[self.place.min(self.steps.len())..].iter().any(|step| matches!(step, Step::Send(_)))
    }

    /// The status in the first bytes; 0 if there is none.
    pub(super) fn status(&self) -> u16 {
        let first = self.steps.iter().find_map(|step| if let Step::Send(bytes) = step { Some(bytes) } else { None });
        first
            .and_then(|bytes| bytes.strip_prefix(b"HTTP/")?.split(|&byte| byte == b' ').nth(1)?.get(..3))
            .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
            .unwrap_or(0)
    }
}

/// The raw replies of a lab, by path.
#[derive(Debug, Default)]
pub(super) struct RawReplies {
    /// There are some: most labs have none, and need no lock to see it.
    any: AtomicBool,
    by_path: Mutex<HashMap<String, Arc<[Step]>>>,
}

impl RawReplies {
    /// Sets the reply of a path, or with None removes it.
    pub(super) fn set(&self, path: String, steps: Option<Vec<Step>>) {
        let mut by_path = self.by_path.lock().unwrap_or_else(PoisonError::into_inner);
        match steps {
            Some(steps) => by_path.insert(path, steps.into()),
            None => by_path.remove(&path),
        };
        self.any.store(!by_path.is_empty(), Ordering::Release);
    }

    /// The reply of a path.
    pub(super) fn get(&self, path: &str) -> Option<Arc<[Step]>> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        self.by_path.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }
}

/// Reads a path and its script as Python sends them: words separated by spaces, with the path and what is to be sent in
/// hexadecimal digits, and `end` as the last one: `2f61 remove end` or `2f61 send=4869 wait=5000 close end`. Waits are in
/// nanoseconds. None if that is not what it says.
pub(super) fn parse(text: &str) -> Option<(String, Option<Vec<Step>>)> {
    // A command that was cut off must not count as a shorter one.
    let mut words = text.strip_suffix(" end")?.split(' ');
    let path = String::from_utf8(unhex(words.next()?)?).ok()?;
    let words: Vec<_> = words.collect();
    if words == ["remove"] {
        return Some((path, None));
    }
    let step = |word: &str| match word.split_once('=').unwrap_or((word, "")) {
        ("send", digits) => Some(Step::Send(unhex(digits)?)),
        ("wait", digits) => Some(Step::Wait(Duration::from_nanos(digits.parse().ok()?))),
        ("close", "") => Some(Step::Close),
        ("reset", "") => Some(Step::Reset),
        ("hang", "") => Some(Step::Hang),
        _ => None,
    };
    Some((path, Some(words.into_iter().map(step).collect::<Option<_>>()?)))
}

/// The bytes that hexadecimal digits stand for.
pub(super) fn unhex(digits: &str) -> Option<Vec<u8>> {
    let value = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let (pairs, []) = digits.as_bytes().as_chunks() else { return None };
    pairs.iter().map(|&[high, low]| Some(value(high)? << 4 | value(low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_whole_or_not_at_all() {
        let steps = vec![Step::Send(b"Hi".to_vec()), Step::Wait(Duration::from_nanos(5)), Step::Reset];
        assert_eq!(parse("2f61 send=4869 wait=5 reset end"), Some(("/a".to_owned(), Some(steps))));
        assert_eq!(parse("2f61 remove end"), Some(("/a".to_owned(), None)));
        assert_eq!(parse("2f61 end"), Some(("/a".to_owned(), Some(Vec::new()))));
        for wrong in ["", "end", "2f6 end", "2f61 send=4 end", "2f61 send=48", "2f61 wait=x end", "2f61 hang=1 end"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_status_is_that_of_the_first_bytes() {
        let status = |bytes: &[u8]| Script::new([Step::Hang, Step::Send(bytes.to_vec())].into()).status();
        assert_eq!(status(b"HTTP/1.1 503 Busy\r\n"), 503);
        assert_eq!(status(b"HTTP/1.1 204"), 204);
        for other in [b"SSH-2.0 503 x".as_slice(), b"HTTP/1.1", b"HTTP/1.1 20", b"HTTP/1.1 abc", b""] {
            assert_eq!(status(other), 0);
        }
    }
}
