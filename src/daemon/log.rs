//! The daemon's log: names and outcomes, never values.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Mutex,
};

use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};
use tracing::level_filters::LevelFilter;

use super::{DaemonError, Options};
use crate::home::Home;

/// The log is put aside, once, when it gets longer than this.
const LOG_MAX_BYTES: u64 = 1 << 20;

/// Begins to log: to the file if detached, else to standard error.
pub(super) fn begin(home: &Home, options: &Options) -> Result<(), DaemonError> {
    let level = options.log.as_deref().and_then(|level| level.parse().ok());
    let builder = tracing_subscriber::fmt()
        .with_max_level(level.unwrap_or(LevelFilter::INFO))
        .with_ansi(false)
        .with_target(false);
    if options.detached {
        let path = home.log_file();
        let file = Rotating::open(&path).map_err(|error| DaemonError::File { path, error })?;
        // Another subscriber can only be there in a test of the library.
        let _ = builder.with_writer(Mutex::new(file)).try_init();
    } else {
        let _ = builder.with_writer(io::stderr).try_init();
    }
    Ok(())
}

/// Lets go of what whoever started the daemon reads, so that it sees an end.
/// What is written to standard error from now on, a panic say, goes to the log.
pub(super) fn detach(home: &Home, detached: bool) -> Result<(), DaemonError> {
    if !detached {
        return Ok(());
    }
    let path = home.log_file();
    let redirect = || {
        let nothing = File::options().read(true).write(true).open("/dev/null")?;
        dup2_stdin(&nothing)?;
        dup2_stdout(&nothing)?;
        dup2_stderr(open(&path)?)?;
        Ok(())
    };
    redirect().map_err(|error: io::Error| DaemonError::File { path: path.clone(), error })
}

fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC;
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path)
}

/// A file that starts anew when it has grown long; the one before is kept.
#[derive(Debug)]
struct Rotating {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Rotating {
    fn open(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        Ok(Self { path: path.to_owned(), bytes: file.metadata()?.len(), file })
    }
}

impl Write for Rotating {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.bytes >= LOG_MAX_BYTES {
            fs::rename(&self.path, self.path.with_extension("old"))?;
            *self = Self::open(&self.path)?;
            let _ = dup2_stderr(&self.file);
        }
        let written = self.file.write(line)?;
        self.bytes += written as u64;
        Ok(written)
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
        let mut log = Rotating::open(&path).unwrap();
        let line = [b'x'; 1000];
        for _ in 0..2_500 {
            log.write_all(&line).unwrap();
        }
        let len = |path: &Path| fs::metadata(path).unwrap().len();
        assert!(len(&path) <= LOG_MAX_BYTES + 1000);
        assert!(len(&path.with_extension("old")) <= LOG_MAX_BYTES + 1000);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
