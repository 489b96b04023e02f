//! `audit follow`: lines as they come, over rotations.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
    thread,
    time::Duration,
};

use super::{
    record::Record,
    show::{failed, shown},
};
use crate::{
    cli::AuditFollow,
    error::Error,
    home::{Home, audit_file, audit_files},
};

/// How often there is a look for more.
const STEP: Duration = Duration::from_millis(100);

pub(super) fn follow(options: &AuditFollow, home: &Home) -> Result<(), Error> {
    let folder = home.audit();
    let newest = || match audit_files(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(|files| files.into_keys().next_back()),
    };
    let mut number = newest().map_err(|error| failed(&folder, error))?;
    let mut follower = match number {
        Some(number) => Some(Follower::open(audit_file(&folder, number), true)?),
        None => None,
    };
    loop {
        if let Some(follower) = &mut follower {
            follower.more(options)?;
        }
        let now = newest().map_err(|error| failed(&folder, error))?;
        if now != number
            && let Some(now) = now
        {
            // What came last in the file before, and those between, if there are any.
            if let Some(follower) = &mut follower {
                follower.more(options)?;
            }
            for between in number.map_or(now, |number| number.saturating_add(1))..now {
                Follower::open(audit_file(&folder, between), false)?.more(options)?;
            }
            follower = Some(Follower::open(audit_file(&folder, now), false)?);
            number = Some(now);
            continue;
        }
        thread::sleep(STEP);
    }
}

/// One file, as far as it was read, and the beginning of a line.
struct Follower {
    path: PathBuf,
    file: File,
    begun: Vec<u8>,
}

impl Follower {
    fn open(path: PathBuf, at_end: bool) -> Result<Self, Error> {
        let open = || {
            let mut file = File::open(&path)?;
            if at_end {
                file.seek(SeekFrom::End(0))?;
            }
            Ok(file)
        };
        let file = open().map_err(|error: io::Error| failed(&path, error))?;
        Ok(Self { path, file, begun: Vec::new() })
    }

    fn more(&mut self, options: &AuditFollow) -> Result<(), Error> {
        self.file.read_to_end(&mut self.begun).map_err(|error| failed(&self.path, error))?;
        while let Some(end) = self.begun.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.begun.drain(..=end).collect();
            let line = &line[..end];
            if let Some(record) = Record::parse(line) {
                shown(&record, line, &options.filter)?;
            }
        }
        Ok(())
    }
}
