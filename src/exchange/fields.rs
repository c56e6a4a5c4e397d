//! Header fields.

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
    /// Where in it each name begins and ends, and each value.
    places: Vec<[u32; 4]>,
}

impl Fields {
    /// The fields at these places of the head.
    pub(super) fn new(head: Vec<u8>, places: Vec<[u32; 4]>) -> Self {
        Fields { head, places }
    }

    /// The names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let part = |begin: u32, end: u32| &self.head[begin as usize..end as usize];
        self.places
            .iter()
            .map(move |&[name, name_end, value, value_end]| (part(name, name_end), part(value, value_end)))
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
