//! The filters of templates, from secret memory into secret memory.
//!
//! Each is a function from bytes to a sink of single bytes and is run twice: once to
//! count, once to write. So no value is ever in a buffer that grows, and leaves copies
//! of itself where it grew from.

use crate::{
    run::manifest::Filter,
    secret::{OutOfSecretMemory, SecureBytes, encode},
};

const HEX_UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// Why a filter gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FilterError {
    /// `json` needs UTF-8.
    NotText,
    /// There is no room for what it would write.
    TooLong,
    /// Secret memory ran out.
    OutOfSecretMemory(OutOfSecretMemory),
}

impl From<OutOfSecretMemory> for FilterError {
    fn from(error: OutOfSecretMemory) -> Self {
        Self::OutOfSecretMemory(error)
    }
}

/// `value` as `filter` writes it, in at most `room` bytes. No filter writes less than it reads.
pub(super) fn apply(filter: Filter, value: &[u8], room: usize) -> Result<SecureBytes, FilterError> {
    if value.len() > room || filter == Filter::Base64 && base64_len(value) > room {
        return Err(FilterError::TooLong);
    }
    if filter == Filter::Json && str::from_utf8(value).is_err() {
        return Err(FilterError::NotText);
    }
    match filter {
        Filter::Base64 => Ok(encode::base64(value)?),
        Filter::UrlEncode => {
            written_twice(room, |sink| value.iter().for_each(|&b| url_encode(b, sink)))
        }
        Filter::Json => written_twice(room, |sink| {
            sink(b'"');
            value.iter().for_each(|&byte| json(byte, sink));
            sink(b'"');
        }),
        Filter::Shell => written_twice(room, |sink| {
            sink(b'\'');
            value.iter().for_each(|&byte| shell(byte, sink));
            sink(b'\'');
        }),
    }
}

/// Runs `write` to count, and again into secret memory of that size.
fn written_twice(
    room: usize,
    write: impl Fn(&mut dyn FnMut(u8)),
) -> Result<SecureBytes, FilterError> {
    let mut len = 0;
    write(&mut |_| len += 1);
    if len > room {
        return Err(FilterError::TooLong);
    }
    let mut written = SecureBytes::zeroed(len)?;
    let mut places = written.expose_mut().iter_mut();
    write(&mut |byte| {
        if let Some(place) = places.next() {
            *place = byte;
        }
    });
    Ok(written)
}

fn base64_len(value: &[u8]) -> usize {
    value.len().div_ceil(3) * 4
}

fn url_encode(byte: u8, sink: &mut dyn FnMut(u8)) {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        return sink(byte);
    }
    sink(b'%');
    sink(HEX_UPPER[usize::from(byte >> 4)]);
    sink(HEX_UPPER[usize::from(byte & 15)]);
}

fn json(byte: u8, sink: &mut dyn FnMut(u8)) {
    let (written, len) = encode::json(byte);
    written[..len].iter().for_each(|&byte| sink(byte));
}

fn shell(byte: u8, sink: &mut dyn FnMut(u8)) {
    if byte == b'\'' {
        b"'\\'".iter().for_each(|&b| sink(b));
    }
    sink(byte);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(filter: Filter, value: &[u8]) -> Vec<u8> {
        apply(filter, value, usize::MAX).unwrap().expose().to_vec()
    }

    #[test]
    fn urlencode_leaves_only_the_unreserved() {
        let written = written(Filter::UrlEncode, b"aZ9-._~ /:@%+\0\xff");
        assert_eq!(written, b"aZ9-._~%20%2F%3A%40%25%2B%00%FF");
    }

    #[test]
    fn base64_passes_the_vectors_of_rfc_4648() {
        for (value, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(written(Filter::Base64, value.as_bytes()), expected.as_bytes());
        }
        assert_eq!(written(Filter::Base64, &[0xfb, 0xff]), b"+/8=");
    }

    #[test]
    fn json_needs_text() {
        assert_eq!(apply(Filter::Json, b"\xff", 9).unwrap_err(), FilterError::NotText);
    }

    #[test]
    fn nothing_is_written_that_there_is_no_room_for() {
        let filters = Filter::ALL.map(|(_, filter)| filter);
        for (filter, expected) in
            filters.into_iter().zip(["%27%27", "Jyc=", "\"''\"", r"''\'''\'''"])
        {
            assert_eq!(apply(filter, b"''", expected.len()).unwrap().expose(), expected.as_bytes());
            for room in 0..expected.len() {
                assert_eq!(apply(filter, b"''", room).unwrap_err(), FilterError::TooLong);
            }
        }
    }

    proptest! {
        #[test]
        fn json_reads_back(value in any::<String>()) {
            let written = written(Filter::Json, value.as_bytes());
            prop_assert_eq!(serde_json::from_slice::<String>(&written).unwrap(), value);
        }

        #[test]
        fn shell_is_one_word_that_reads_back(value in "[^\0]*") {
            let written = String::from_utf8(written(Filter::Shell, value.as_bytes())).unwrap();
            prop_assert_eq!(shell_words::split(&written).unwrap(), [value]);
        }
    }
}
