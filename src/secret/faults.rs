//! What a test must notice: faults that only a build for the tests has.
//!
//! A scanner that finds nothing has shown something only if it finds what is there;
//! "a panic says nothing of a value" only if something panics with a value in hand.

use super::SecureBytes;

/// Is in each program that has these faults, and in no other.
const MARK: &str = "faults-on-purpose";
/// Reading this key panics while its value is in hand.
const PANIC_KEY: &str = "panic/on/purpose";

/// Leaves a copy behind on the ordinary heap, as whoever forgets to wipe does.
pub(super) fn leak(bytes: &[u8]) {
    std::hint::black_box(MARK);
    std::hint::black_box(Box::leak(bytes.to_vec().into_boxed_slice()));
}

/// Panics over the value of [`PANIC_KEY`].
///
/// # Panics
/// On purpose.
pub fn stumble_over(key: &str, value: Option<&SecureBytes>) {
    if let Some(value) = value.filter(|_| key == PANIC_KEY) {
        panic!("{key} is {}", value.expose().escape_ascii());
    }
}
