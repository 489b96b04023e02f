//! Lines into files: the running segment, the next one, and what a failed write leaves behind.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{
    Processes, Recipient, SecretOperationAudit,
    chain::Link,
    envelope::{self, Place},
    flood::Floods,
    line::{self, ALGORITHM, Closing, FORMAT, Head, Joining, Kind, Opening, SealedKey},
};
use crate::{
    daemon::{BUILD, stamp},
    hex,
    home::{audit_file, audit_files},
    store::VaultId,
};

/// A file is closed, and the next one begun, once it is longer than this.
pub(super) const FILE_MAX_BYTES: u64 = 4 << 20;
/// Files kept; with one more the oldest goes.
pub(super) const FILES_KEPT: u64 = 16;
/// More than any file has, as the longest line comes on top of [`FILE_MAX_BYTES`]: a planted one
/// does not fill the memory.
pub(super) const FILE_READ_MAX_BYTES: u64 = 8 << 20;

/// The vaults that there are, whenever a segment begins.
pub(super) type Recipients = Box<dyn Fn() -> Vec<Recipient> + Send + Sync>;

/// What writes the trail.
pub(super) struct Writer {
    folder: PathBuf,
    recipients: Recipients,
    segment: Option<Segment>,
    /// The last line of the last segment that ended.
    previous: Option<Previous>,
    /// The file that lines go to; 0 if there is none yet.
    pub(super) file: u64,
    pub(super) file_bytes: u64,
    /// The oldest file that counts; 0 if nothing has said so yet. It is carried on, and not
    /// read from what is there: whoever takes files away would make the trail begin later.
    oldest: u64,
    /// Bytes at the file's end that are of no line.
    torn: u64,
    pub(super) processes: Processes,
    pub(super) floods: Floods,
    /// Lines written so far by this process.
    pub(super) written: u64,
    /// Files that were ended and may not be on the disk for good, oldest first.
    ended: Vec<File>,
    file_max_bytes: u64,
}

/// The files that hold lines which may not be on the disk for good, at one moment.
#[derive(Debug)]
pub(super) struct Unsynced {
    pub(super) files: Vec<File>,
    /// How many of them, from the first, had ended.
    ended: usize,
    /// How many lines this process had written.
    pub(super) lines: u64,
}

/// A segment that ended: its last line, and BLAKE3 of all its lines.
#[derive(Debug, Clone)]
struct Previous {
    head: Head,
    digest: blake3::Hash,
}

/// The running segment.
#[derive(Debug)]
struct Segment {
    file: File,
    number: u64,
    link: Link,
    vaults: HashSet<VaultId>,
    /// Over its lines, each with its newline.
    hasher: blake3::Hasher,
}

impl Writer {
    /// The writer that goes on behind what is in `folder`.
    pub(super) fn behind(
        folder: &Path,
        recipients: Recipients,
        processes: Processes,
        file_max_bytes: u64,
    ) -> io::Result<Self> {
        let mut writer = Self {
            folder: folder.to_owned(),
            recipients,
            segment: None,
            previous: None,
            file: 0,
            file_bytes: 0,
            oldest: 0,
            torn: 0,
            processes,
            floods: Floods::default(),
            written: 0,
            ended: Vec::new(),
            file_max_bytes,
        };
        for (number, path) in audit_files(folder)?.into_iter().rev() {
            let bytes = read_file(&path)?;
            let pieces = line::pieces(&bytes);
            let segment = last_segment(&pieces, &bytes);
            // Its segments say which file they are in: one that has none of its own does not
            // move the trail on, nor make older files go.
            if segment.as_ref().is_some_and(|(opening, _)| opening.file != number) {
                continue;
            }
            // A file in which nothing was written before the daemon ended comes next, if it is one.
            let next = number.saturating_add(1);
            let goes_on = writer.file == 0 || segment.is_some() && writer.file != next;
            if goes_on {
                let last = pieces.iter().rev().find(|piece| piece.line.is_some());
                let good = last.map_or(0, |piece| piece.end as u64 + 1);
                writer.file = number;
                writer.file_bytes = fs::metadata(&path)?.len();
                writer.torn = writer.file_bytes.saturating_sub(good);
            }
            if let Some((opening, previous)) = segment {
                (writer.oldest, writer.previous) = (opening.oldest, Some(previous));
                break;
            }
        }
        Ok(writer)
    }

    pub(super) fn head(&self) -> Option<Head> {
        let running = self.segment.as_ref().map(|segment| Head {
            segment: segment.number,
            line: segment.link.n - 1,
            mac: hex::encode(&segment.link.before),
        });
        running.or_else(|| self.previous.as_ref().map(|previous| previous.head.clone()))
    }

    fn opened(&mut self) -> io::Result<&mut Segment> {
        if self.segment.is_none() {
            self.open_segment()?;
        }
        self.segment.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn append(&mut self, kind: Kind, event: &impl Serialize) -> io::Result<()> {
        self.opened()?;
        self.write(kind, event)?;
        if self.file_bytes >= self.file_max_bytes {
            // If there is no room for it, the next line will try again.
            let _ = self.close_segment("rotate");
        }
        Ok(())
    }

    /// Appends the line of an operation, and keeps count of the runs that are not over.
    pub(super) fn append_event(&mut self, event: &SecretOperationAudit<'_>) -> io::Result<()> {
        self.append(Kind::Operation, event)?;
        let running = &mut self.processes.running;
        match (event.operation, event.outcome) {
            ("run", "granted") => *running += 1,
            ("run-end", _) => *running = running.saturating_sub(1),
            _ => {}
        }
        Ok(())
    }

    /// Gives a vault the key of the next line, if it has none of this segment.
    pub(super) fn admit(&mut self, to: &Recipient) -> io::Result<()> {
        let segment = self.opened()?;
        if segment.vaults.contains(&to.vault) {
            return Ok(());
        }
        let joining = Joining {
            time: stamp(),
            before: segment.hasher.finalize().to_string(),
            keys: vec![segment.sealed(to)?],
        };
        self.append(Kind::Key, &joining)?;
        if let Some(segment) = &mut self.segment {
            segment.vaults.insert(to.vault);
        }
        Ok(())
    }

    pub(super) fn open_segment(&mut self) -> io::Result<()> {
        if self.file == 0 || self.file_bytes >= self.file_max_bytes {
            // What was read there may be anything.
            self.file = self.file.saturating_add(1);
            self.file_bytes = 0;
            self.torn = 0;
        }
        let last = self.previous.as_ref().map_or(0, |previous| previous.head.segment);
        let number = last.saturating_add(1);
        let to = (self.recipients)();
        let mut segment = Segment {
            file: open_for_appending(&audit_file(&self.folder, self.file))?,
            number,
            link: Link::first().map_err(io::Error::other)?,
            vaults: to.iter().map(|to| to.vault).collect(),
            hasher: blake3::Hasher::new(),
        };
        let kept = self.file.saturating_sub(FILES_KEPT - 1);
        let there = audit_files(&self.folder)?;
        let first = || there.keys().next().map_or(self.file, |first| *first.min(&self.file));
        let oldest = if self.oldest == 0 { first() } else { self.oldest }.max(kept);
        let opening = Opening {
            time: stamp(),
            format: FORMAT,
            algorithm: ALGORITHM,
            build: BUILD,
            segment: number,
            file: self.file,
            oldest,
            boot: &self.processes.boot,
            running: self.processes.running,
            previous: self.previous.as_ref().map(|previous| previous.head.clone()),
            before: self.previous.as_ref().map(|previous| previous.digest.to_string()),
            keys: to.iter().map(|to| segment.sealed(to)).collect::<io::Result<_>>()?,
        };
        let torn = &mut self.torn;
        segment.write(Kind::Segment, &opening, &mut self.file_bytes, torn)?;
        self.written += 1;
        self.segment = Some(segment);
        self.oldest = oldest;
        for (_, path) in there.range(..oldest) {
            let _ = fs::remove_file(path);
        }
        Ok(())
    }

    pub(super) fn close_segment(&mut self, why: &'static str) -> io::Result<()> {
        let Some(segment) = &self.segment else { return Ok(()) };
        let closing = Closing {
            time: stamp(),
            why,
            count: segment.link.n - 1,
            head: hex::encode(&segment.link.before),
        };
        self.write(Kind::Close, &closing)?;
        let head = self.head();
        if let Some((head, segment)) = head.zip(self.segment.take()) {
            self.previous = Some(Previous { head, digest: segment.hasher.finalize() });
            self.ended.push(segment.file);
        }
        Ok(())
    }

    fn write(&mut self, kind: Kind, event: &impl Serialize) -> io::Result<()> {
        let Some(segment) = &mut self.segment else { return Err(io::ErrorKind::NotFound.into()) };
        segment.write(kind, event, &mut self.file_bytes, &mut self.torn)?;
        self.written += 1;
        Ok(())
    }

    /// What is to be synced so that all lines written so far are on the disk for good.
    pub(super) fn unsynced(&self) -> io::Result<Unsynced> {
        let running = self.segment.iter().map(|segment| &segment.file);
        let files =
            self.ended.iter().chain(running).map(File::try_clone).collect::<io::Result<_>>()?;
        Ok(Unsynced { files, ended: self.ended.len(), lines: self.written })
    }

    /// Forgets the files that had ended when `unsynced` was taken, and no other: the one that
    /// was running then may have been written to, and ended, while it was being synced.
    pub(super) fn are_synced(&mut self, unsynced: Unsynced) {
        self.ended.drain(..unsynced.ended);
    }
}

impl Segment {
    fn sealed(&self, to: &Recipient) -> io::Result<SealedKey> {
        let place = Place { segment: self.number, n: self.link.n };
        let sealed = envelope::seal(self.link.key(), to, place).map_err(io::Error::other)?;
        Ok(SealedKey { profile: to.profile.clone(), vault: to.vault.to_string(), sealed })
    }

    /// Writes a line in one write. What a failed one leaves behind is cut off again, or
    /// else stays as a torn line, which the next one counts.
    fn write(
        &mut self,
        kind: Kind,
        event: &impl Serialize,
        file_bytes: &mut u64,
        torn: &mut u64,
    ) -> io::Result<()> {
        let body = line::body(self.link.n, kind, *torn, event)?;
        let mac = *self.link.mac(body.as_bytes()).map_err(io::Error::other)?.as_bytes();
        let next = self.link.after(mac).map_err(io::Error::other)?;
        let text = line::whole(&body, &mac);
        let owed = if *torn == 0 { "" } else { "\n" };
        let bytes = [owed, &text].concat();
        if let Err(error) = self.file.write_all(bytes.as_bytes()) {
            let good = *file_bytes - *torn;
            if self.file.set_len(good).is_ok() {
                (*file_bytes, *torn) = (good, 0);
            } else {
                *file_bytes = self.file.metadata().map_or(*file_bytes, |now| now.len());
                *torn = *file_bytes - good.min(*file_bytes);
            }
            return Err(error);
        }
        *file_bytes += bytes.len() as u64;
        *torn = 0;
        self.hasher.update(text.as_bytes());
        self.link = next;
        Ok(())
    }
}

/// The last segment that begins in a file: what its opening says, and how it ends.
fn last_segment<'p>(
    pieces: &'p [line::Piece<'_>],
    bytes: &[u8],
) -> Option<(&'p line::Said, Previous)> {
    let is_opening = |piece: &line::Piece<'_>| {
        piece.line.as_ref().is_some_and(|line| line.said.kind == Kind::Segment)
    };
    let lines = &pieces[pieces.iter().rposition(is_opening)?..];
    let lines = || lines.iter().filter_map(|piece| Some((piece, piece.line.as_ref()?)));
    let mut hasher = blake3::Hasher::new();
    for (piece, _) in lines() {
        hasher.update(&bytes[piece.start..piece.end]).update(b"\n");
    }
    let (opening, last) = (&lines().next()?.1.said, lines().next_back()?.1);
    let (segment, line) = (opening.segment, last.said.n);
    let head = Head { segment, line, mac: hex::encode(&last.mac) };
    Some((opening, Previous { head, digest: hasher.finalize() }))
}

fn open_for_appending(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
        .open(path)
}

pub(super) fn open_for_reading(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

pub(super) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_for_reading(path)?.take(FILE_READ_MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_ends_while_it_is_synced_is_synced_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer =
            Writer::behind(folder.path(), Box::new(Vec::new), Processes::default(), 1_000).unwrap();
        writer.open_segment().unwrap();
        let being_synced = writer.unsynced().unwrap();
        while writer.file == 1 {
            let event = crate::daemon::SecretOperationAudit::default();
            writer.append(Kind::Operation, &event).unwrap();
        }
        writer.are_synced(being_synced);
        let left = writer.unsynced().unwrap();
        assert_eq!((left.files.len(), left.ended), (2, 1), "the file that ended, and the next");
        writer.are_synced(left);
        assert_eq!(writer.unsynced().unwrap().files.len(), 1);
    }
}
