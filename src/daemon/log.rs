//! The daemon's log: names and outcomes, never values.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::{DaemonError, Options};
use crate::home::Home;

/// The log is put aside, once, when it gets longer than this.
const LOG_MAX_BYTES: u64 = 1 << 20;

/// Begins to log: to the file if detached, else to standard error.
pub(super) fn begin(home: &Home, options: &Options) {
    let asked = options.log.as_deref().filter(|level| !level.is_empty());
    let level: Option<LevelFilter> = asked.and_then(|level| level.parse().ok());
    let builder = tracing_subscriber::fmt()
        .with_max_level(level.unwrap_or(LevelFilter::INFO))
        .with_ansi(false)
        .with_target(false)
        // It would say so on standard error, and panic where that can't be written either.
        .log_internal_errors(false);
    // Another subscriber can only be there in a test of the library.
    if options.detached {
        let file = Rotating::new(&home.log_file());
        let _ = builder.with_writer(Lossy(Mutex::new(file))).try_init();
    } else {
        let _ = builder.with_writer(Lossy(Mutex::new(io::stderr()))).try_init();
    }
    if let Some(asked) = asked.filter(|_| level.is_none()) {
        tracing::warn!(PDS_LOG = asked, "no such level: error, warn, info, debug, trace, off");
    }
}

/// Lets go of what whoever started the daemon reads, so that it sees an end.
/// What is written to standard error from now on, a panic say, goes to the log.
pub(super) fn detach(home: &Home, detached: bool) -> Result<(), DaemonError> {
    if !detached {
        return Ok(());
    }
    let redirect = || {
        let nothing = File::options().read(true).write(true).open("/dev/null")?;
        dup2_stdin(&nothing)?;
        dup2_stdout(&nothing)?;
        dup2_stderr(open(&home.log_file()).unwrap_or(nothing))?;
        Ok(())
    };
    let failed = |error: io::Error| DaemonError::File { path: "/dev/null".into(), error };
    redirect().map_err(failed)
}

fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC;
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path)
}

/// Where lines go, or are lost: a full disk, or a reader that is gone, costs lines and
/// nothing else.
#[derive(Debug)]
struct Lossy<W>(Mutex<W>);

impl<'a, W: Write + 'a> MakeWriter<'a> for Lossy<W> {
    type Writer = LossyLine<'a, W>;

    fn make_writer(&'a self) -> Self::Writer {
        LossyLine(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug)]
struct LossyLine<'a, W>(MutexGuard<'a, W>);

impl<W: Write> Write for LossyLine<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = self.0.write_all(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file that starts anew when it has grown long; the one before is kept.
#[derive(Debug)]
struct Rotating {
    path: PathBuf,
    /// `None` while it can't be opened, which each line tries again.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
    /// Whether it ends in the middle of a line.
    is_torn: bool,
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        Ok(Self { bytes: file.metadata()?.len(), file, is_torn: false })
    }
}

impl Rotating {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: Open::at(path).ok() }
    }
}

impl Write for Rotating {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let is_long = self.open.as_ref().is_some_and(|open| open.bytes >= LOG_MAX_BYTES);
        if is_long && fs::rename(&self.path, self.path.with_extension("old")).is_ok() {
            self.open = None;
        }
        let open = match &mut self.open {
            Some(open) => open,
            none => {
                let open = none.insert(Open::at(&self.path)?);
                let _ = dup2_stderr(&open.file);
                open
            }
        };
        if std::mem::take(&mut open.is_torn) {
            open.file.write_all(b"\n")?;
        }
        // In one piece: a part that was written, and not the rest, is a line of its own.
        open.file.write_all(line).inspect_err(|_| open.is_torn = true)?;
        open.bytes += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_is_put_aside_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = Rotating::new(&path);
        let mut line = [b'x'; 1000];
        line[999] = b'\n';
        for _ in 0..2_500 {
            log.write_all(&line).unwrap();
        }
        let len = |path: &Path| fs::metadata(path).unwrap().len();
        assert!(len(&path) <= LOG_MAX_BYTES + 1000);
        assert!(len(&path.with_extension("old")) <= LOG_MAX_BYTES + 1000);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
