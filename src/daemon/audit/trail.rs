//! The trail: what the daemon's tasks write to, sync and close, one at a time.

use std::{
    fmt,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    HeadNote, Noted, Processes, Recipient, SecretOperationAudit, Sought,
    line::{Head, Kind, Lost},
    writer::{FILE_MAX_BYTES, FILES_KEPT, Writer, open_for_reading},
};
use crate::{daemon::stamp, home::audit_files};

/// The trail.
pub(in crate::daemon) struct Trail {
    folder: PathBuf,
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

/// The trail at one moment: its files, opened, and how far they go.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// By number, oldest first.
    pub(super) files: Vec<(u64, File)>,
    /// Which of them the daemon writes to: the last, unless others were put there.
    pub(super) written_to: u64,
    /// How much of that one it has written.
    pub(super) written_bytes: u64,
    /// Whether there is more in it.
    pub(super) has_more: bool,
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
        processes: Processes,
    ) -> io::Result<Self> {
        Self::open_with(folder, recipients, processes, FILE_MAX_BYTES)
    }

    pub(super) fn open_with(
        folder: &Path,
        recipients: impl Fn() -> Vec<Recipient> + Send + Sync + 'static,
        processes: Processes,
        file_max_bytes: u64,
    ) -> io::Result<Self> {
        let writer = Writer::behind(folder, Box::new(recipients), processes, file_max_bytes)?;
        let trail =
            Self { folder: folder.to_owned(), writer: Mutex::new(writer), synced: Mutex::new(0) };
        if let Err(error) = trail.writer().open_segment() {
            tracing::error!(%error, "the audit trail can't be written");
        }
        Ok(trail)
    }

    /// A poisoned lock changes nothing: a line is written or owed, never half counted.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a line, in one write; or, for one of many denials, counts it in. Says
    /// whether it has a line of its own.
    ///
    /// # Errors
    /// If it is not wholly written. Nothing may be released then.
    pub(in crate::daemon) fn append(
        &self,
        event: &SecretOperationAudit<'_>,
        now: Duration,
    ) -> io::Result<bool> {
        let mut writer = self.writer();
        if event.outcome == "denied" && !writer.floods.has_own_line(event, now) {
            return Ok(false);
        }
        while let Some(owed) = writer.floods.before_line_of(event.requester) {
            writer.append(Kind::Operation, &owed.event(stamp()))?;
            writer.floods.settle(&owed, now);
        }
        writer.append_event(event).map(|()| true)
    }

    /// Writes the sums of denials whose time has come.
    pub(in crate::daemon) fn tick(&self, now: Duration) -> io::Result<()> {
        let mut writer = self.writer();
        while let Some(owed) = writer.floods.due(now) {
            writer.append(Kind::Operation, &owed.event(stamp()))?;
            writer.floods.settle(&owed, now);
        }
        Ok(())
    }

    /// Gives a vault that the running segment does not know yet the key of what comes.
    ///
    /// # Errors
    /// If it is not on record. The vault may not be used then: it could not vouch for its own use.
    pub(in crate::daemon) fn admit(&self, to: &Recipient) -> io::Result<()> {
        self.writer().admit(to)
    }

    /// Judges a note, as an unlocking finds it, by what the trail has of its line. That
    /// the trail lost what the note had goes on record.
    ///
    /// # Errors
    /// If that can't be written.
    pub(in crate::daemon) fn judge(
        &self,
        profile: &str,
        noted: &Noted,
        sought: Sought,
    ) -> io::Result<bool> {
        let noted = match noted {
            Noted::Absent => return Ok(true),
            Noted::At(head) if self.vouches(head, sought) => return Ok(true),
            Noted::At(head) => Some(head.clone()),
            Noted::Altered => None,
        };
        let lost = Lost { time: stamp(), profile, noted };
        self.writer().append(Kind::Lost, &lost)?;
        Ok(false)
    }

    /// Whether the trail has a line, or has let it go by rotation, away from a vault that
    /// was locked all the time.
    fn vouches(&self, head: &Head, sought: Sought) -> bool {
        match sought {
            Sought::Same => true,
            Sought::Other => false,
            Sought::Nowhere { oldest } => {
                oldest.is_some_and(|oldest| oldest > head.segment)
                    && self.writer().file > FILES_KEPT
            }
        }
    }

    /// Brings what is written to the disk. Called off the event loop. True if there
    /// was something new.
    ///
    /// # Errors
    /// What the kernel says; then nothing counts as synced that did not before.
    pub(in crate::daemon) fn sync(&self) -> io::Result<bool> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        let unsynced = {
            let writer = self.writer();
            if *synced >= writer.written {
                return Ok(false);
            }
            writer.unsynced()?
        };
        // Without the writer's lock: lines go on being written, and files being begun.
        for file in &unsynced.files {
            file.sync_data()?;
        }
        // A file that was begun must not be gone after a power cut.
        File::open(&self.folder)?.sync_all()?;
        *synced = unsynced.lines;
        self.writer().are_synced(unsynced);
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
                writer.append(Kind::Operation, &owed.event(stamp()))?;
                writer.floods.settle(&owed, Duration::ZERO);
            }
            writer.close_segment("stop")?;
        }
        self.sync().map(drop)
    }

    /// For a trail that goes on behind this one.
    pub(in crate::daemon) fn processes(&self) -> Processes {
        self.writer().processes.clone()
    }

    pub(super) fn snapshot(&self) -> io::Result<Snapshot> {
        let writer = self.writer();
        let open = |(number, path): (u64, PathBuf)| Ok((number, open_for_reading(&path)?));
        let files: Vec<_> =
            audit_files(&self.folder)?.into_iter().map(open).collect::<io::Result<_>>()?;
        let written_to = files.iter().find(|(number, _)| *number == writer.file);
        let bytes = written_to.map(|(_, file)| file.metadata()).transpose()?;
        Ok(Snapshot {
            has_more: bytes.is_some_and(|there| there.len() > writer.file_bytes),
            files,
            written_to: writer.file,
            written_bytes: writer.file_bytes,
            head: writer.head(),
        })
    }
}
