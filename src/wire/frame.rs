//! Frames: a length of two bytes, big endian, and that many bytes.

use super::{FRAME_MAX_BYTES, MAGIC, PROTOCOL_VERSION};

/// Bytes of a frame's length field.
pub const LENGTH_BYTES: usize = 2;

/// A frame that is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than the reader takes now.
    #[error("a frame is longer than allowed")]
    TooLong,
    /// No bytes, which no message of this protocol has.
    #[error("a frame is empty")]
    Empty,
    /// The first frame does not begin with `pds` and a version.
    #[error("the peer does not speak this protocol")]
    NotOurs,
    /// The peer speaks another version of the protocol.
    #[error("the peer speaks protocol version {0}")]
    Version(u8),
}

/// The length that a frame's first two bytes announce, if the reader takes it.
///
/// # Errors
/// [`FrameError::Empty`] or [`FrameError::TooLong`]. Nothing has been allocated then.
pub fn length(field: [u8; LENGTH_BYTES], max: usize) -> Result<usize, FrameError> {
    match usize::from(u16::from_be_bytes(field)) {
        0 => Err(FrameError::Empty),
        len if len > max => Err(FrameError::TooLong),
        len => Ok(len),
    }
}

/// Appends `payload` to `out` as a frame.
///
/// # Errors
/// [`FrameError::TooLong`] beyond [`FRAME_MAX_BYTES`].
pub fn write(payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
    let len = u16::try_from(payload.len()).map_err(|_| FrameError::TooLong)?;
    debug_assert!(payload.len() <= FRAME_MAX_BYTES);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(payload);
    Ok(())
}

/// The bytes in front of the first handshake message, which are the Noise prologue too.
#[must_use]
pub fn greeting(version: u8) -> [u8; MAGIC.len() + 1] {
    let [p, d, s] = MAGIC;
    [p, d, s, version]
}

/// Splits the first frame into the version it speaks and the handshake message.
///
/// # Errors
/// [`FrameError::NotOurs`] or, for a version that is not served, [`FrameError::Version`].
pub fn split_greeting(frame: &[u8]) -> Result<&[u8], FrameError> {
    let rest = frame.strip_prefix(&MAGIC).ok_or(FrameError::NotOurs)?;
    match rest.split_first() {
        Some((&PROTOCOL_VERSION, message)) => Ok(message),
        Some((&other, _)) => Err(FrameError::Version(other)),
        None => Err(FrameError::NotOurs),
    }
}

/// What a daemon answers, in clear, to a version that it does not serve:
/// `pds`, its own version, and its build as text.
#[must_use]
pub fn version_answer(build: &str) -> Vec<u8> {
    [greeting(PROTOCOL_VERSION).as_slice(), build.as_bytes()].concat()
}

/// Whether an answer to the first frame is a [`version_answer`], and which.
#[must_use]
pub fn parse_version_answer(frame: &[u8]) -> Option<(u8, String)> {
    // The second handshake message has 48 bytes of which the first 32 are a
    // random point, so that it begins with the magic once in 16 million tries;
    // then its version byte or its build would also have to make sense.
    let (&version, build) = frame.strip_prefix(&MAGIC)?.split_first()?;
    let build = std::str::from_utf8(build).ok()?;
    let printable = build.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    printable.then(|| (version, build.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_taken_up_to_the_limit_and_never_beyond() {
        assert_eq!(length([0, 0], 256), Err(FrameError::Empty));
        assert_eq!(length([0, 1], 256), Ok(1));
        assert_eq!(length([1, 0], 256), Ok(256));
        assert_eq!(length([1, 1], 256), Err(FrameError::TooLong));
        assert_eq!(length([0xFF, 0xFF], FRAME_MAX_BYTES), Ok(65_535));
    }

    #[test]
    fn a_first_frame_names_the_protocol_and_its_version() {
        assert_eq!(split_greeting(b"pds\x01rest"), Ok(&b"rest"[..]));
        assert_eq!(split_greeting(b"pds\x02rest"), Err(FrameError::Version(2)));
        for stray in [&b""[..], b"GET / HTTP/1.1", b"pd", b"pds"] {
            assert_eq!(split_greeting(stray), Err(FrameError::NotOurs));
        }
    }

    #[test]
    fn a_version_answer_is_told_apart_from_a_handshake_message() {
        let answer = version_answer("pds 0.1.0");
        assert_eq!(parse_version_answer(&answer), Some((PROTOCOL_VERSION, "pds 0.1.0".into())));
        assert_eq!(parse_version_answer(&[0x42; 48]), None);
        assert_eq!(parse_version_answer(b"pds\x01\x00\x01\x02"), None);
    }
}
