//! How far the trail had come, noted outside of it for one vault.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    line::{self, Head, Kind, Line},
    writer::read_file,
};
use crate::{
    crypto::{DeriveError, derive_audit_head_mac_key, keyed_mac},
    daemon::place,
    hex,
    home::audit_files,
    secret::SecureBytes,
    store::VaultId,
};

const NOTE_MAX_BYTES: u64 = 1_024;

/// The place of one vault's note, and the key that authenticates it, which is
/// there while the vault is unlocked.
#[derive(Debug)]
pub(in crate::daemon) struct HeadNote {
    folder: PathBuf,
    vault: VaultId,
    mac_key: SecureBytes,
}

/// What was found of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) enum Noted {
    /// None: the vault is new here, or the note was removed.
    Absent,
    /// It was altered.
    Altered,
    /// This was the last line.
    At(Head),
}

/// What the trail has of the line that was noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum Sought {
    /// It, with the MAC that was noted.
    Same,
    /// Another line in its place.
    Other,
    /// No such line; the oldest segment that there is.
    Nowhere {
        /// `None` if there is none.
        oldest: Option<u64>,
    },
}

impl Noted {
    /// Looks for the line that was noted in the trail in `folder`, from its end: an honest
    /// one is not far from there, and the trail before it is not read. Whether the line is
    /// genuine is for verifying to say, which finds a copied MAC in a forged line.
    ///
    /// Called off the event loop, beside which files may go by rotation.
    ///
    /// # Errors
    /// If the trail can't be read.
    pub(in crate::daemon) fn seek(&self, folder: &Path) -> io::Result<Sought> {
        let mut oldest = None;
        let Self::At(head) = self else { return Ok(Sought::Nowhere { oldest }) };
        for (_, path) in audit_files(folder)?.into_iter().rev() {
            let bytes = match read_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                bytes => bytes?,
            };
            let found = seek_in(&bytes, head);
            match found {
                Sought::Nowhere { oldest: here } => oldest = here.or(oldest),
                found => return Ok(found),
            }
        }
        Ok(Sought::Nowhere { oldest })
    }
}

/// Looks for a line in one file, which holds whole segments. Only what begins as that line
/// or as a segment does is parsed.
fn seek_in(bytes: &[u8], head: &Head) -> Sought {
    let (start, mut oldest, mut found) = (line::start(head.line), None, None);
    for text in line::backward(bytes) {
        if text.starts_with(&start) {
            found = Line::parse(text).map(|line| hex::encode(&line.mac) == head.mac);
        }
        let opening = text.starts_with(&line::start(1)).then(|| Line::parse(text)).flatten();
        let Some(opening) = opening.filter(|line| line.said.kind == Kind::Segment) else {
            continue;
        };
        oldest = Some(opening.said.segment);
        match found.take().filter(|_| oldest == Some(head.segment)) {
            Some(true) => return Sought::Same,
            Some(false) => return Sought::Other,
            None => {}
        }
    }
    Sought::Nowhere { oldest }
}

impl HeadNote {
    /// The note of a vault, under a key that only its `private` audit key gives.
    pub(in crate::daemon) fn new(
        folder: PathBuf,
        vault: VaultId,
        private: &SecureBytes,
    ) -> Result<Self, DeriveError> {
        Ok(Self { folder, vault, mac_key: derive_audit_head_mac_key(private)? })
    }

    /// Notes the last line. Not synced: a note that a power cut takes back lags behind.
    pub(super) fn write(&self, head: &Head) -> io::Result<()> {
        place::private_folder(&self.folder)?;
        let statement = self.statement(head);
        let mac = keyed_mac(&self.mac_key, statement.as_bytes()).map_err(io::Error::other)?;
        let path = self.path();
        let beside = path.with_extension("new");
        let text = format!("{statement}mac {mac}\n");
        fs::write(&beside, text)?;
        fs::rename(&beside, path)
    }

    /// Reads the note.
    ///
    /// # Errors
    /// What the kernel says, but that there is none.
    pub(in crate::daemon) fn read(&self) -> io::Result<Noted> {
        match fs::symlink_metadata(self.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Noted::Absent),
            Err(error) => return Err(error),
            Ok(found) if !found.is_file() || found.len() > NOTE_MAX_BYTES => {
                return Ok(Noted::Altered);
            }
            Ok(_) => {}
        }
        let text = fs::read(self.path())?;
        Ok(self.parse(&text).map_or(Noted::Altered, Noted::At))
    }

    fn parse(&self, text: &[u8]) -> Option<Head> {
        let text = std::str::from_utf8(text).ok()?;
        let mut lines = text.lines().skip(2);
        let segment = lines.next()?.strip_prefix("segment ")?.parse().ok()?;
        let line = lines.next()?.strip_prefix("line ")?.parse().ok()?;
        let head = lines.next()?.strip_prefix("head ")?.to_owned();
        let mac = blake3::Hash::from_hex(lines.next()?.strip_prefix("mac ")?).ok()?;
        let head = Head { segment, line, mac: head };
        let statement = self.statement(&head);
        // Compared in constant time.
        let same = keyed_mac(&self.mac_key, statement.as_bytes()).is_ok_and(|right| right == mac);
        (same && text == format!("{statement}mac {mac}\n")).then_some(head)
    }

    fn statement(&self, head: &Head) -> String {
        let vault = hex::encode(&self.vault.0);
        format!(
            "pds-audit-head 1\nvault {vault}\nsegment {}\nline {}\nhead {}\n",
            head.segment, head.line, head.mac
        )
    }

    fn path(&self) -> PathBuf {
        self.folder.join(self.vault.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(folder: &std::path::Path, key: u8) -> HeadNote {
        let private = SecureBytes::copy_from(&[key; 32]).unwrap();
        HeadNote::new(folder.to_owned(), VaultId([1; 16]), &private).unwrap()
    }

    #[test]
    fn a_note_is_what_was_written_under_the_same_key_or_altered() {
        let folder = tempfile::tempdir().unwrap();
        let note_here = note(folder.path(), 7);
        assert_eq!(note_here.read().unwrap(), Noted::Absent);
        let head = Head { segment: 2, line: 9, mac: "ab".repeat(32) };
        note_here.write(&head).unwrap();
        assert_eq!(note_here.read().unwrap(), Noted::At(head));
        assert_eq!(note(folder.path(), 8).read().unwrap(), Noted::Altered);
        let text = fs::read_to_string(note_here.path()).unwrap();
        fs::write(note_here.path(), text.replace("line 9", "line 8")).unwrap();
        assert_eq!(note_here.read().unwrap(), Noted::Altered);
    }
}
