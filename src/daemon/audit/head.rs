//! How far the trail had come, noted outside of it for one vault.

use std::{fs, io, path::PathBuf};

use super::{envelope, line::Head};
use crate::{
    crypto::{DeriveError, derive_audit_head_mac_key, keyed_mac},
    daemon::place,
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
        let vault = envelope::hexadecimal(&self.vault.0);
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
