//! Values where the answer that brought them was opened. A copy of each would be as many pages
//! of secret memory again, and those are what a run of many secrets waits for.

use std::ops::Range;

use crate::{secret::SecureBuffer, wire::message::Plaintext};

/// The values of an answer, in the order in which they were asked for.
#[derive(Debug)]
pub struct Answered {
    text: SecureBuffer,
    places: Vec<Option<Range<usize>>>,
}

/// Where values lie, as long as the buffer that they were decoded in is not written to. They
/// borrow it, and it is to move into an [`Answered`].
#[derive(Debug)]
pub struct Addresses(Vec<Option<Range<usize>>>);

impl Addresses {
    /// Those of `values`.
    #[must_use]
    pub fn of(values: &[Option<Plaintext<'_>>]) -> Self {
        let address = |Plaintext(bytes): &Plaintext<'_>| {
            let at = bytes.as_ptr_range();
            at.start as usize..at.end as usize
        };
        Self(values.iter().map(|value| value.as_ref().map(address)).collect())
    }
}

impl Answered {
    /// `text`, in which the values lie at `addresses`.
    #[must_use]
    pub fn new(text: SecureBuffer, Addresses(addresses): Addresses) -> Self {
        let base = text.as_slice().as_ptr() as usize;
        let place = |at: Range<usize>| at.start - base..at.end - base;
        let places = addresses.into_iter().map(|at| at.map(place)).collect();
        Self { text, places }
    }

    /// Each value; `None` where there is none.
    pub fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        self.places.iter().map(|place| self.text.as_slice().get(place.clone()?))
    }
}
