//! How a line is written, and the one way in which it is read.

use serde::{Deserialize, Serialize};

use super::{Boot, chain::MAC_BYTES};
use crate::hex;

/// The format of the trail, in each segment's first line.
pub(super) const FORMAT: u32 = 1;
/// The one set of algorithms of that format. A line that names another is altered.
pub(super) const ALGORITHM: &str = "blake3-mac blake3-derive-key x25519-blake3-aes256gcm";

const MAC_FIELD: &[u8] = b",\"mac\":\"";
const END: &[u8] = b"\"}";

/// What begins a segment.
#[derive(Debug, Serialize)]
pub(super) struct Opening<'a> {
    pub(super) time: String,
    pub(super) format: u32,
    pub(super) algorithm: &'static str,
    pub(super) build: &'a str,
    /// The number of this segment, and of the file that it is in.
    pub(super) segment: u64,
    pub(super) file: u64,
    /// The oldest file that there is now: older ones went by rotation.
    pub(super) oldest: u64,
    /// When the processes that it names have their numbers.
    #[serde(flatten)]
    pub(super) boot: &'a Boot,
    /// How many runs are on record as granted that were not over when it began.
    pub(super) running: usize,
    /// The last line of the segment before, and BLAKE3 of all its lines, so that a segment
    /// that no unlocked vault can open is vouched for by the next one.
    pub(super) previous: Option<Head>,
    pub(super) before: Option<String>,
    pub(super) keys: Vec<SealedKey>,
}

/// What gives a vault that came later the key of this very line.
#[derive(Debug, Serialize)]
pub(super) struct Joining {
    pub(super) time: String,
    /// BLAKE3 of the segment's lines so far: what that vault can't check, this line vouches for.
    pub(super) before: String,
    pub(super) keys: Vec<SealedKey>,
}

/// What ends a segment.
#[derive(Debug, Serialize)]
pub(super) struct Closing {
    pub(super) time: String,
    /// `stop` or `rotate`.
    pub(super) why: &'static str,
    /// The lines before this one, and the MAC of the last of them.
    pub(super) count: u64,
    pub(super) head: String,
}

/// What says that the trail is not the one that a note outside of it knew.
#[derive(Debug, Serialize)]
pub(super) struct Lost<'a> {
    pub(super) time: String,
    pub(super) profile: &'a str,
    /// What the note had; `null` if the note itself was altered.
    pub(super) noted: Option<Head>,
}

/// The key of a line, sealed to one vault.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SealedKey {
    pub(super) profile: String,
    pub(super) vault: String,
    pub(super) sealed: String,
}

/// A line of the trail: which, and its MAC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::daemon) struct Head {
    pub(super) segment: u64,
    pub(super) line: u64,
    pub(super) mac: String,
}

/// What a line says, as far as the chain is concerned.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    pub(super) n: u64,
    pub(super) kind: Kind,
    /// Bytes before this line that are of no line: a write that was cut off.
    pub(super) torn: u64,
    pub(super) format: u32,
    pub(super) algorithm: String,
    pub(super) segment: u64,
    pub(super) file: u64,
    pub(super) oldest: u64,
    pub(super) previous: Option<Head>,
    #[serde(skip)]
    pub(super) keys: Vec<SealedKey>,
    pub(super) before: Option<String>,
    pub(super) count: u64,
    pub(super) head: String,
    pub(super) profile: String,
    pub(super) noted: Option<Head>,
}

/// What a line is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    #[default]
    Operation,
    Segment,
    Key,
    Close,
    Lost,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Operation => "operation",
            Self::Segment => "segment",
            Self::Key => "key",
            Self::Close => "close",
            Self::Lost => "lost",
        }
    }

    /// Whether its `keys` are sealed ones and not names.
    fn has_sealed_keys(self) -> bool {
        matches!(self, Self::Segment | Self::Key)
    }
}

/// A line of the right form. Nothing of it is believed yet.
#[derive(Debug)]
pub(super) struct Line<'t> {
    /// What the MAC is over.
    pub(super) body: &'t [u8],
    pub(super) mac: [u8; MAC_BYTES],
    pub(super) said: Said,
}

/// A line's bytes up to its MAC.
pub(super) fn body(
    n: u64,
    kind: Kind,
    torn: u64,
    event: &impl Serialize,
) -> serde_json::Result<String> {
    let event = serde_json::to_string(event)?;
    let inner = event.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let torn = if torn == 0 { String::new() } else { format!("\"torn\":{torn},") };
    Ok(format!("{{\"n\":{n},\"kind\":\"{}\",{torn}{}", kind.word(), inner.unwrap_or_default()))
}

/// How line `n` of a segment begins.
pub(super) fn start(n: u64) -> Vec<u8> {
    format!("{{\"n\":{n},").into_bytes()
}

/// The whole line, with its newline.
pub(super) fn whole(body: &str, mac: &[u8; MAC_BYTES]) -> String {
    format!("{body},\"mac\":\"{}\"}}\n", hex::encode(mac))
}

impl<'t> Line<'t> {
    /// Reads a line without its newline; `None` if it is not of the one form that
    /// lines have.
    pub(super) fn parse(text: &'t [u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Keys {
            keys: Vec<SealedKey>,
        }
        let rest = text.strip_suffix(END)?;
        let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(2 * MAC_BYTES)?)?;
        let body = rest.strip_suffix(MAC_FIELD)?;
        let digits = std::str::from_utf8(digits).ok()?;
        let mac = hex::decode(digits)?.try_into().ok()?;
        let mut said: Said = serde_json::from_slice(text).ok()?;
        if said.n == 0 {
            return None;
        }
        if said.kind.has_sealed_keys() {
            said.keys = serde_json::from_slice::<Keys>(text).ok()?.keys;
        }
        Some(Self { body, mac, said })
    }
}

/// A piece of a file: a line of the right form, or what is none, with where it is.
#[derive(Debug)]
pub(super) struct Piece<'t> {
    /// Counted from 1.
    pub(super) number: u64,
    /// From where to where, the newline not counted.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) line: Option<Line<'t>>,
}

/// A file's pieces. One that does not end with a newline is no line.
pub(super) fn pieces(bytes: &[u8]) -> Vec<Piece<'_>> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    while start < bytes.len() {
        let newline = bytes[start..].iter().position(|&byte| byte == b'\n');
        let end = newline.map_or(bytes.len(), |at| start + at);
        let line = newline.and_then(|_| Line::parse(&bytes[start..end]));
        pieces.push(Piece { number: pieces.len() as u64 + 1, start, end, line });
        start = end + 1;
    }
    pieces
}

/// A file's lines, whatever is in them, the last one first. One that does not end with a
/// newline is none.
pub(super) fn backward(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    // What is behind the last newline is the first piece, and empty in a whole file.
    bytes.rsplit(|&byte| byte == b'\n').skip(1)
}

/// Reads a file's pieces for nothing but [`fuzz`](crate::fuzz): how many, and of how
/// many bytes.
#[doc(hidden)]
#[must_use]
pub fn read_lines(bytes: &[u8]) -> (usize, usize) {
    let pieces = pieces(bytes);
    (pieces.len(), pieces.iter().map(|piece| piece.end - piece.start).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read_and_no_other_spelling_of_it() {
        let closing = Closing { time: "t".into(), why: "stop", count: 3, head: "00".into() };
        let body = body(4, Kind::Close, 0, &closing).unwrap();
        let text = whole(&body, &[0xAB; MAC_BYTES]);
        let line = Line::parse(text.trim_end().as_bytes()).unwrap();
        assert_eq!((line.said.n, line.said.kind, line.said.count), (4, Kind::Close, 3));
        assert_eq!((line.body, line.mac), (body.as_bytes(), [0xAB; MAC_BYTES]));
        for other in [text.clone(), text.trim_end().replace("ab", "AB"), text.replace('}', " }")] {
            assert!(Line::parse(other.as_bytes()).is_none(), "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>) {
            let _ = pieces(&bytes);
            let _ = Line::parse(&bytes);
        }
    }
}
