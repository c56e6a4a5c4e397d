//! Header fields.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A header field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The name, in the sender's spelling.
    pub name: Vec<u8>,
    /// The value, without the space around it.
    pub value: Vec<u8>,
}

/// The header fields of a response, in order, as they came, except that folded lines are joined. They are places in one
/// buffer: a response has no memory of its own for each name and value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fields {
    /// The head that they are part of.
    head: Vec<u8>,
    /// Where in it the names and values are.
    places: Vec<(Range<usize>, Range<usize>)>,
}

impl Fields {
    /// The fields at these places of the head.
    pub(super) fn new(head: Vec<u8>, places: Vec<(Range<usize>, Range<usize>)>) -> Self {
        Fields { head, places }
    }

    /// The names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.places.iter().map(|(name, value)| (&self.head[name.clone()], &self.head[value.clone()]))
    }

    /// The values of the fields with this name, in small letters.
    pub fn values(&self, name: &'static [u8]) -> impl Iterator<Item = &[u8]> {
        self.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}
