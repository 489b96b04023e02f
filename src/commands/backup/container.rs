//! The file that a backup is.
//!
//! ```text
//! pds-backup 1
//! profile work
//! header 291                      bytes of the vault's header that follow
//! database 49152                  bytes of the encrypted database that follow it
//! (an empty line, the header, the database)
//! <32 bytes>                      BLAKE3 of all that comes before
//! ```
//!
//! The first line and the sum at the end are in every format there will be. The sum is there to
//! tell a damaged file before a password is asked for; that nobody altered it, the vault's own
//! MACs say. Nothing in it can be read without the password that a thief of the vault's files
//! could read there: the header says how the password becomes the key, and the profile's name
//! is that of the vault's folder.

use std::io::{self, Read, Write};

use crate::secret::TrustProfileName;

const FORMAT: u32 = 1;
/// The lines at the beginning have at most this many bytes.
const HEAD_MAX_BYTES: usize = 256;
/// A header has at most this many bytes.
const HEADER_MAX_BYTES: u64 = 1024;
const SUM_BYTES: u64 = 32;

/// Why a file is no backup that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotABackup {
    /// It does not begin like one.
    #[error("is not a backup of pds")]
    Foreign,
    /// A later format.
    #[error("is a backup of format {0}, which this pds does not know")]
    Newer(u32),
    /// It is shorter or longer than it says.
    #[error("is a backup that was cut off, or that something was added to")]
    Length,
    /// Its sum is wrong.
    #[error("is a damaged backup: its checksum is wrong")]
    Sum,
}

/// What a backup's first lines say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) profile: TrustProfileName,
    pub(super) header_bytes: u64,
    pub(super) database_bytes: u64,
}

impl Head {
    fn text(&self) -> String {
        let Self { profile, header_bytes, database_bytes } = self;
        format!(
            "pds-backup {FORMAT}\nprofile {profile}\nheader {header_bytes}\n\
             database {database_bytes}\n\n"
        )
    }

    /// Reads the first lines and leaves `from` behind them.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Result<Self, NotABackup>> {
        let mut text = Vec::new();
        let mut byte = [0];
        while !text.ends_with(b"\n\n") && text.len() < HEAD_MAX_BYTES {
            match from.read(&mut byte)? {
                0 => break,
                _ => text.extend(byte),
            }
        }
        Ok(Self::parse(&text))
    }

    fn parse(text: &[u8]) -> Result<Self, NotABackup> {
        let mut lines = std::str::from_utf8(text).map_err(|_| NotABackup::Foreign)?.lines();
        let version = lines.next().and_then(|line| line.strip_prefix("pds-backup "));
        match version.and_then(|version| version.parse().ok()).ok_or(NotABackup::Foreign)? {
            FORMAT => {}
            version => return Err(NotABackup::Newer(version)),
        }
        let mut field = |name: &str| lines.next()?.strip_prefix(name);
        let head = (|| {
            Some(Self {
                profile: field("profile ")?.parse().ok()?,
                header_bytes: field("header ")?.parse().ok()?,
                database_bytes: field("database ")?.parse().ok()?,
            })
        })();
        // There is one way to write it.
        head.filter(|head| head.text().as_bytes() == text && head.header_bytes <= HEADER_MAX_BYTES)
            .ok_or(NotABackup::Foreign)
    }

    fn file_bytes(&self) -> Option<u64> {
        let head = self.text().len() as u64;
        head.checked_add(self.header_bytes)?
            .checked_add(self.database_bytes)?
            .checked_add(SUM_BYTES)
    }
}

/// Writes a backup, piece by piece, and its sum at the end.
#[derive(Debug)]
pub(super) struct Writer<W> {
    to: W,
    sum: blake3::Hasher,
}

impl<W: Write> Writer<W> {
    pub(super) fn begin(to: W, head: &Head) -> io::Result<Self> {
        let mut writer = Self { to, sum: blake3::Hasher::new() };
        writer.write(head.text().as_bytes())?;
        Ok(writer)
    }

    pub(super) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.sum.update(piece);
        self.to.write_all(piece)
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        self.to.write_all(self.sum.finalize().as_bytes())?;
        Ok(self.to)
    }
}

/// Whether a file of `bytes` bytes is a whole backup. Reads all of it.
pub(super) fn verify(mut from: impl Read, bytes: u64) -> io::Result<Result<Head, NotABackup>> {
    let head = match Head::read(&mut from)? {
        Ok(head) => head,
        Err(problem) => return Ok(Err(problem)),
    };
    if head.file_bytes() != Some(bytes) {
        return Ok(Err(NotABackup::Length));
    }
    let mut sum = blake3::Hasher::new();
    sum.update(head.text().as_bytes());
    let mut content = from.by_ref().take(head.header_bytes + head.database_bytes);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match content.read(&mut piece)? {
            0 => break,
            read => sum.update(piece.get(..read).unwrap_or_default()),
        };
    }
    let mut found = [0; SUM_BYTES as usize];
    match from.read_exact(&mut found) {
        Ok(()) if sum.finalize() == found => Ok(Ok(head)),
        Ok(()) => Ok(Err(NotABackup::Sum)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Err(NotABackup::Length)),
        Err(error) => Err(error),
    }
}

const PIECE_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn backup() -> Vec<u8> {
        let profile = TrustProfileName::new("work").unwrap();
        let head = Head { profile, header_bytes: 6, database_bytes: 8 };
        let mut writer = Writer::begin(Vec::new(), &head).unwrap();
        writer.write(b"header").unwrap();
        writer.write(b"database").unwrap();
        writer.finish().unwrap()
    }

    fn check(file: &[u8]) -> Result<Head, NotABackup> {
        verify(file, file.len() as u64).unwrap()
    }

    #[test]
    fn what_was_written_is_whole() {
        let head = check(&backup()).unwrap();
        assert_eq!((head.profile.as_str(), head.header_bytes, head.database_bytes), ("work", 6, 8));
    }

    #[test]
    fn a_flipped_bit_or_another_length_is_noticed_wherever_it_is() {
        let whole = backup();
        for bit in 0..whole.len() * 8 {
            let mut bent = whole.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert!(check(&bent).is_err(), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(check(&whole[..length]).is_err(), "cut at {length}");
        }
        assert_eq!(check(&[&whole[..], b"x"].concat()), Err(NotABackup::Length));
    }

    #[test]
    fn later_formats_and_other_files_are_told_apart() {
        let text = String::from_utf8_lossy(&backup()).replace("backup 1", "backup 2");
        assert_eq!(check(text.as_bytes()), Err(NotABackup::Newer(2)));
        for other in [&b""[..], b"PK\x03\x04", b"pds-vault 1\n", &[b'a'; 4096]] {
            assert_eq!(check(other), Err(NotABackup::Foreign));
        }
        let huge = b"pds-backup 1\nprofile a\nheader 1\ndatabase 18446744073709551615\n\n";
        assert_eq!(check(huge), Err(NotABackup::Length));
    }
}
