//! The trail as it is written: segments, files, and what happens when the disk is full.

use std::{
    collections::HashSet,
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Serialize;

use super::{
    HeadNote, Noted, Recipient, SecretOperationAudit,
    chain::Link,
    envelope::{self, Place, hexadecimal},
    flood::Floods,
    line::{self, ALGORITHM, Closing, FORMAT, Head, Joining, Kind, Lost, Opening, SealedKey},
};
use crate::{
    daemon::{BUILD, stamp},
    home::{audit_file, audit_files},
    store::VaultId,
};

/// A file is closed, and the next one begun, once it is longer than this.
pub(super) const FILE_MAX_BYTES: u64 = 4 << 20;
/// Files kept; with one more the oldest goes.
pub(super) const FILES_KEPT: u64 = 16;
/// More than any file has: the longest line comes on top of [`FILE_MAX_BYTES`].
const FILE_READ_MAX_BYTES: u64 = 2 * FILE_MAX_BYTES;

/// The vaults that there are, whenever a segment begins.
type Recipients = Box<dyn Fn() -> Vec<Recipient> + Send + Sync>;

/// The trail.
pub(in crate::daemon) struct Trail {
    folder: PathBuf,
    recipients: Recipients,
    writer: Mutex<Writer>,
    /// How many of the lines are on the disk for good. Held while syncing, so that
    /// whoever comes second waits for what the first one syncs.
    synced: Mutex<u64>,
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trail").field("folder", &self.folder).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Writer {
    segment: Option<Segment>,
    /// The last line of the last segment that ended.
    previous: Option<Previous>,
    /// The file that lines go to; 0 if there is none yet.
    file: u64,
    file_bytes: u64,
    /// Bytes at the file's end that are of no line.
    torn: u64,
    floods: Floods,
    /// Lines written so far by this process.
    written: u64,
    unsynced: Vec<File>,
    file_max_bytes: u64,
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

/// The trail at one moment: its files, opened, and how far they go.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// By number, oldest first.
    pub(super) files: Vec<(u64, File)>,
    /// How long the last of them was.
    pub(super) last_bytes: u64,
    /// The running segment's last line.
    pub(super) head: Option<Head>,
}

impl Trail {
    /// Finds the end of the trail in `folder` and opens a segment behind it. If that
    /// can't be written, the next line tries again, and nothing is released until
    /// one succeeds.
    ///
    /// # Errors
    /// If the folder or the last file can't be read.
    pub(in crate::daemon) fn open(
        folder: &Path,
        recipients: impl Fn() -> Vec<Recipient> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::open_with(folder, recipients, FILE_MAX_BYTES)
    }

    pub(super) fn open_with(
        folder: &Path,
        recipients: impl Fn() -> Vec<Recipient> + Send + Sync + 'static,
        file_max_bytes: u64,
    ) -> io::Result<Self> {
        let mut writer = Writer::behind(folder)?;
        writer.file_max_bytes = file_max_bytes;
        let trail = Self {
            folder: folder.to_owned(),
            recipients: Box::new(recipients),
            writer: Mutex::new(writer),
            synced: Mutex::new(0),
        };
        if let Err(error) = trail.writer().open_segment(&trail) {
            tracing::error!(%error, "the audit trail can't be written");
        }
        Ok(trail)
    }

    /// A poisoned lock changes nothing: a line is written or owed, never half counted.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a line, in one write; or, for one of many denials, counts it in.
    ///
    /// # Errors
    /// If it is not wholly written. Nothing may be released then.
    pub(in crate::daemon) fn append(
        &self,
        event: &SecretOperationAudit<'_>,
        now: Duration,
    ) -> io::Result<()> {
        let mut writer = self.writer();
        if event.outcome == "denied" && !writer.floods.has_own_line(event, now) {
            return Ok(());
        }
        while let Some(owed) = writer.floods.before_line_of(event.requester) {
            writer.append(self, Kind::Operation, &owed.event(stamp()))?;
            writer.floods.settle(&owed, now);
        }
        writer.append(self, Kind::Operation, event)
    }

    /// Writes the sums of denials whose time has come.
    pub(in crate::daemon) fn tick(&self, now: Duration) -> io::Result<()> {
        let mut writer = self.writer();
        while let Some(owed) = writer.floods.due(now) {
            writer.append(self, Kind::Operation, &owed.event(stamp()))?;
            writer.floods.settle(&owed, now);
        }
        Ok(())
    }

    /// Gives a vault that the running segment does not know yet the key of what comes.
    ///
    /// # Errors
    /// If it is not on record. The vault may not be used then: it could not vouch for its own use.
    pub(in crate::daemon) fn admit(&self, to: &Recipient) -> io::Result<()> {
        let mut writer = self.writer();
        let segment = writer.opened(self)?;
        if segment.vaults.contains(&to.vault) {
            return Ok(());
        }
        let joining = Joining {
            time: stamp(),
            before: segment.hasher.finalize().to_string(),
            keys: vec![segment.sealed(to)?],
        };
        writer.append(self, Kind::Key, &joining)?;
        if let Some(segment) = &mut writer.segment {
            segment.vaults.insert(to.vault);
        }
        Ok(())
    }

    /// Holds a note, as an unlocking finds it, against the trail as it is. That the
    /// trail lost what the note had goes on record.
    ///
    /// # Errors
    /// If that can't be read or written.
    pub(in crate::daemon) fn compare(&self, profile: &str, noted: &Noted) -> io::Result<bool> {
        let noted = match noted {
            Noted::Absent => return Ok(true),
            Noted::At(head) if self.has(head)? => return Ok(true),
            Noted::At(head) => Some(head.clone()),
            Noted::Altered => None,
        };
        let lost = Lost { time: stamp(), profile, noted };
        self.writer().append(self, Kind::Lost, &lost)?;
        Ok(false)
    }

    /// Whether the trail has a line, or has let it go by rotation. Whether the line
    /// is genuine is for verifying to say, which finds a copied MAC in a forged line.
    fn has(&self, head: &Head) -> io::Result<bool> {
        let mut oldest = None;
        for (_, path) in audit_files(&self.folder)? {
            let bytes = read_file(&path)?;
            let mut segment = 0;
            for piece in line::pieces(&bytes) {
                let Some(line) = piece.line else { continue };
                if line.said.kind == Kind::Segment {
                    segment = line.said.segment;
                    oldest.get_or_insert(segment);
                }
                if segment == head.segment && line.said.n == head.line {
                    return Ok(hexadecimal(&line.mac) == head.mac);
                }
            }
        }
        // A trail that rotated away from a vault that was locked all the time.
        Ok(oldest.is_some_and(|oldest| oldest > head.segment && self.rotated()))
    }

    fn rotated(&self) -> bool {
        self.writer().file > FILES_KEPT
    }

    /// Brings what is written to the disk. Called off the event loop. True if there
    /// was something new.
    ///
    /// # Errors
    /// What the kernel says; then nothing counts as synced that did not before.
    pub(in crate::daemon) fn sync(&self) -> io::Result<bool> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        let (target, files) = {
            let writer = self.writer();
            if *synced >= writer.written {
                return Ok(false);
            }
            (writer.written, writer.to_sync()?)
        };
        for file in &files {
            file.sync_data()?;
        }
        // A file that was begun must not be gone after a power cut.
        File::open(&self.folder)?.sync_all()?;
        self.writer().unsynced.clear();
        *synced = target;
        Ok(true)
    }

    /// Notes how far the trail has come. Called off the event loop.
    pub(in crate::daemon) fn note_head<'n>(&self, notes: impl IntoIterator<Item = &'n HeadNote>) {
        let head = self.writer().head();
        for (note, head) in notes.into_iter().zip(std::iter::repeat(head)) {
            if let Some(Err(error)) = head.map(|head| note.write(&head)) {
                tracing::warn!(%error, "the head of the audit trail can't be noted");
            }
        }
    }

    /// Ends the trail of this process with a closing line.
    ///
    /// # Errors
    /// If it can't be written or synced.
    pub(in crate::daemon) fn close(&self) -> io::Result<()> {
        {
            let mut writer = self.writer();
            while let Some(owed) = writer.floods.any() {
                writer.append(self, Kind::Operation, &owed.event(stamp()))?;
                writer.floods.settle(&owed, Duration::ZERO);
            }
            writer.close_segment("stop")?;
        }
        self.sync().map(drop)
    }

    pub(super) fn snapshot(&self) -> io::Result<Snapshot> {
        let writer = self.writer();
        let open = |(number, path): (u64, PathBuf)| Ok((number, open_for_reading(&path)?));
        Ok(Snapshot {
            files: audit_files(&self.folder)?.into_iter().map(open).collect::<io::Result<_>>()?,
            last_bytes: writer.file_bytes,
            head: writer.head(),
        })
    }
}

impl Writer {
    /// The writer that goes on behind what is in `folder`.
    fn behind(folder: &Path) -> io::Result<Self> {
        let mut writer = Self {
            segment: None,
            previous: None,
            file: 0,
            file_bytes: 0,
            torn: 0,
            floods: Floods::default(),
            written: 0,
            unsynced: Vec::new(),
            file_max_bytes: FILE_MAX_BYTES,
        };
        for (number, path) in audit_files(folder)?.into_iter().rev() {
            let bytes = read_file(&path)?;
            let pieces = line::pieces(&bytes);
            if writer.file == 0 {
                let last = pieces.iter().rev().find(|piece| piece.line.is_some());
                let good = last.map_or(0, |piece| piece.end as u64 + 1);
                writer.file = number;
                writer.file_bytes = fs::metadata(&path)?.len();
                writer.torn = writer.file_bytes.saturating_sub(good);
            }
            writer.previous = last_segment(&pieces, &bytes);
            if writer.previous.is_some() {
                break;
            }
        }
        Ok(writer)
    }

    fn head(&self) -> Option<Head> {
        let running = self.segment.as_ref().map(|segment| Head {
            segment: segment.number,
            line: segment.link.n - 1,
            mac: hexadecimal(&segment.link.before),
        });
        running.or_else(|| self.previous.as_ref().map(|previous| previous.head.clone()))
    }

    fn opened(&mut self, trail: &Trail) -> io::Result<&mut Segment> {
        if self.segment.is_none() {
            self.open_segment(trail)?;
        }
        self.segment.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn append(&mut self, trail: &Trail, kind: Kind, event: &impl Serialize) -> io::Result<()> {
        self.opened(trail)?;
        self.write(kind, event)?;
        if self.file_bytes >= self.file_max_bytes {
            // If there is no room for it, the next line will try again.
            let _ = self.close_segment("rotate");
        }
        Ok(())
    }

    fn open_segment(&mut self, trail: &Trail) -> io::Result<()> {
        if self.file == 0 || self.file_bytes >= self.file_max_bytes {
            self.file += 1;
            self.file_bytes = 0;
            self.torn = 0;
        }
        let number = self.previous.as_ref().map_or(0, |previous| previous.head.segment) + 1;
        let to = (trail.recipients)();
        let mut segment = Segment {
            file: open_for_appending(&audit_file(&trail.folder, self.file))?,
            number,
            link: Link::first().map_err(io::Error::other)?,
            vaults: to.iter().map(|to| to.vault).collect(),
            hasher: blake3::Hasher::new(),
        };
        let kept = self.file.saturating_sub(FILES_KEPT - 1);
        let there = audit_files(&trail.folder)?;
        let oldest = there.keys().find(|number| **number >= kept).copied().unwrap_or(self.file);
        let opening = Opening {
            time: stamp(),
            format: FORMAT,
            algorithm: ALGORITHM,
            build: BUILD,
            segment: number,
            file: self.file,
            oldest,
            previous: self.previous.as_ref().map(|previous| previous.head.clone()),
            before: self.previous.as_ref().map(|previous| previous.digest.to_string()),
            keys: to.iter().map(|to| segment.sealed(to)).collect::<io::Result<_>>()?,
        };
        let torn = &mut self.torn;
        segment.write(Kind::Segment, &opening, &mut self.file_bytes, torn)?;
        self.written += 1;
        self.segment = Some(segment);
        for (_, path) in there.range(..oldest) {
            let _ = fs::remove_file(path);
        }
        Ok(())
    }

    fn close_segment(&mut self, why: &'static str) -> io::Result<()> {
        let Some(segment) = &self.segment else { return Ok(()) };
        let closing = Closing {
            time: stamp(),
            why,
            count: segment.link.n - 1,
            head: hexadecimal(&segment.link.before),
        };
        self.write(Kind::Close, &closing)?;
        let head = self.head();
        if let Some((head, segment)) = head.zip(self.segment.take()) {
            self.previous = Some(Previous { head, digest: segment.hasher.finalize() });
            self.unsynced.push(segment.file);
        }
        Ok(())
    }

    fn write(&mut self, kind: Kind, event: &impl Serialize) -> io::Result<()> {
        let Some(segment) = &mut self.segment else { return Err(io::ErrorKind::NotFound.into()) };
        segment.write(kind, event, &mut self.file_bytes, &mut self.torn)?;
        self.written += 1;
        Ok(())
    }

    fn to_sync(&self) -> io::Result<Vec<File>> {
        let running = self.segment.iter().map(|segment| &segment.file);
        self.unsynced.iter().chain(running).map(File::try_clone).collect()
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

/// The last segment that begins in a file.
fn last_segment(pieces: &[line::Piece<'_>], bytes: &[u8]) -> Option<Previous> {
    let is_opening = |piece: &line::Piece<'_>| {
        piece.line.as_ref().is_some_and(|line| line.said.kind == Kind::Segment)
    };
    let lines = &pieces[pieces.iter().rposition(is_opening)?..];
    let lines = || lines.iter().filter_map(|piece| Some((piece, piece.line.as_ref()?)));
    let mut hasher = blake3::Hasher::new();
    for (piece, _) in lines() {
        hasher.update(&bytes[piece.start..piece.end]).update(b"\n");
    }
    let (segment, last) = (lines().next()?.1.said.segment, lines().last()?.1);
    let head = Head { segment, line: last.said.n, mac: hexadecimal(&last.mac) };
    Some(Previous { head, digest: hasher.finalize() })
}

fn open_for_appending(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
        .open(path)
}

fn open_for_reading(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_for_reading(path)?.take(FILE_READ_MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
