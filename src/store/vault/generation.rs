//! How far a vault had come, noted outside of it.
//!
//! Against whoever puts an older copy of a vault in its place, so that a value or a password
//! that was replaced counts again. Such a copy is whole in itself; only this note, which is in
//! another folder, tells that the vault had come further. The note is written after each commit,
//! so that after a crash it may lag behind the vault. A vault that lags behind its note was put
//! back.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use super::{VaultError, VaultId, folder};
use crate::{crypto::keyed_mac, secret::SecureBytes};

const NOTE_MAX_BYTES: u64 = 512;
const BLOCK_LINES: usize = 4;

/// How many write transactions a vault has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(pub u64);

/// What was found of the note at an unlock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// None: the vault is new here, was brought from elsewhere, or the note was removed.
    Absent,
    /// The vault is where the note says.
    Same,
    /// The note lags behind, as after a crash between commit and note.
    Behind,
    /// The vault went back, or the note was altered, and that was accepted.
    Accepted,
}

/// The place of one vault's note, and the key that authenticates it.
pub(in crate::store) struct GenerationNote {
    folder: PathBuf,
    id: VaultId,
    mac_key: SecureBytes,
}

impl GenerationNote {
    pub(super) fn new(folder: &Path, id: VaultId, mac_key: SecureBytes) -> Self {
        Self { folder: folder.to_owned(), id, mac_key }
    }

    /// Notes `generation`: beside, synced, renamed.
    ///
    /// The folder is not synced: a rename that a power cut takes back leaves the note before,
    /// which only lags behind.
    pub(in crate::store) fn write(&self, generation: u64) -> Result<(), VaultError> {
        self.put(&self.block(generation)?)
    }

    fn put(&self, text: &str) -> Result<(), VaultError> {
        folder::make_folder(&self.folder)?;
        let beside = self.folder.join(format!(".{}.new", self.id));
        match fs::remove_file(&beside) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
                return Err(folder::named(&beside, &why));
            }
            _ => (),
        }
        folder::write_new_file(&beside, text.as_bytes())?;
        fs::rename(&beside, self.path()).map_err(|why| folder::named(&beside, &why))
    }

    fn block(&self, generation: u64) -> Result<String, VaultError> {
        let statement = self.statement(generation);
        let mac = keyed_mac(&self.mac_key, statement.as_bytes())?;
        Ok(format!("{statement}mac {mac}\n"))
    }

    /// Notes `generation`, and what another key's note says beside it: while a vault is swapped
    /// for one of the same id under another key, either may be found in its place.
    pub(super) fn write_with(
        &self,
        generation: Generation,
        other: &Self,
        others: Generation,
    ) -> Result<(), VaultError> {
        self.put(&[self.block(generation.0)?, other.block(others.0)?].concat())
    }

    /// Holds the generation of the vault against the note.
    pub(super) fn compare(
        &self,
        found: Generation,
        accept_older: bool,
    ) -> Result<Note, VaultError> {
        match self.read() {
            Ok(None) => Ok(Note::Absent),
            Ok(Some(noted)) if found == noted => Ok(Note::Same),
            Ok(Some(noted)) if found > noted => Ok(Note::Behind),
            Ok(Some(_)) | Err(VaultError::NoteAltered) if accept_older => Ok(Note::Accepted),
            Ok(Some(noted)) => Err(VaultError::WentBack { found: found.0, noted: noted.0 }),
            Err(why) => Err(why),
        }
    }

    fn read(&self) -> Result<Option<Generation>, VaultError> {
        let text = match folder::read_private_file(&self.path(), NOTE_MAX_BYTES) {
            Ok(text) => text,
            Err(VaultError::Missing) => return Ok(None),
            Err(VaultError::Damaged { .. }) => return Err(VaultError::NoteAltered),
            Err(why) => return Err(why),
        };
        self.parse(&text).ok_or(VaultError::NoteAltered)?.map(Some)
    }

    /// One block, or two while a password is being changed: the one under this key counts.
    fn parse(&self, text: &[u8]) -> Option<Result<Generation, VaultError>> {
        let lines: Vec<&str> = std::str::from_utf8(text).ok()?.split_inclusive('\n').collect();
        let blocks = lines.chunks(BLOCK_LINES).map(<[&str]>::concat);
        (lines.len() <= 2 * BLOCK_LINES).then_some(())?;
        blocks.filter_map(|block| self.parse_block(&block)).next()
    }

    fn parse_block(&self, text: &str) -> Option<Result<Generation, VaultError>> {
        let mut lines = text.lines().skip(2);
        let generation = lines.next()?.strip_prefix("generation ")?.parse().ok()?;
        let mac = blake3::Hash::from_hex(lines.next()?.strip_prefix("mac ")?).ok()?;
        let statement = self.statement(generation);
        if text != format!("{statement}mac {mac}\n") {
            return None;
        }
        match keyed_mac(&self.mac_key, statement.as_bytes()) {
            // Compared in constant time.
            Ok(expected) if expected == mac => Some(Ok(Generation(generation))),
            Ok(_) => None,
            Err(why) => Some(Err(why.into())),
        }
    }

    fn statement(&self, generation: u64) -> String {
        format!("pds-generation 1\nid {}\ngeneration {generation}\n", self.id)
    }

    fn path(&self) -> PathBuf {
        self.folder.join(self.id.to_string())
    }
}

impl fmt::Debug for GenerationNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GenerationNote")
    }
}
