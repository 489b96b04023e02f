//! Starting the daemon: it answers when it is ready and not before.
//!
//! The command that this process becomes must not find a child that it never
//! made, so the daemon is a grandchild: `pds daemon --background` starts
//! `pds-daemon --detached` and is gone.

use std::{
    env,
    ffi::OsString,
    io::{self, ErrorKind, Read},
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::{ClientError, process, running};
use crate::{home::Home, wire::READY};

/// More than any message of a daemon that did not start.
const ANSWER_MAX_BYTES: usize = 32 << 10;
/// How long a daemon that was started may say nothing. It takes milliseconds, and up to 10 s
/// where another one holds the lock and does not answer.
const START_SILENCE_MAX: Duration = Duration::from_secs(30);
/// The variables that the daemon gets: those that say where things are, and how
/// long to keep them. Nothing else of a caller's environment is its business.
const VARIABLES: [&str; 8] = [
    "PDS_HOME",
    "PDS_LOG",
    "PDS_SECRET_TTL",
    "HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_RUNTIME_DIR",
];

/// Starts a daemon, or finds the one that somebody else has started meanwhile.
pub(super) fn start(home: &Home) -> Result<(), ClientError> {
    // Asked first, because the child could tell it to nobody.
    daemon_program()?;
    // Unlike a pipe it can be read for a limited time.
    let (ours, theirs) = UnixStream::pair()?;
    let mut child = Command::new(own_program())
        .arg0("pds")
        .args(["daemon", "--background"])
        .stdin(Stdio::null())
        .stdout(OwnedFd::from(theirs))
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| ClientError::CannotStart(error.to_string()))?;
    let answer = answer(ours, START_SILENCE_MAX);
    if answer.is_err() {
        child.kill()?;
    }
    child.wait()?;
    let log = home.log_file();
    let problem = match answer {
        Ok(said) if said == READY => return Ok(()),
        Ok(said) if said.is_empty() => format!("it said nothing; see `{}`", log.display()),
        Ok(said) => said.trim_end().to_owned(),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            let (process, waited) =
                (process(running::holder(&home.lock_file())), START_SILENCE_MAX);
            format!("it{process} said nothing for {} s; see `{}`", waited.as_secs(), log.display())
        }
        Err(error) => return Err(error.into()),
    };
    Err(ClientError::CannotStart(problem))
}

/// All that is said before the other side closes, which is to be in `time`.
fn answer(mut from: UnixStream, time: Duration) -> io::Result<String> {
    let begun = Instant::now();
    let (mut said, mut bytes) = (Vec::new(), [0; 1024]);
    while said.len() < ANSWER_MAX_BYTES {
        let left = time.checked_sub(begun.elapsed()).filter(|left| !left.is_zero());
        from.set_read_timeout(Some(left.ok_or(ErrorKind::TimedOut)?))?;
        match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(read) => said.extend_from_slice(&bytes[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(String::from_utf8_lossy(&said).into_owned())
}

fn own_program() -> PathBuf {
    env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"))
}

/// The daemon's program: in the folder that this one is in.
///
/// # Errors
/// [`ClientError::NoDaemonProgram`] if it isn't there.
pub fn daemon_program() -> Result<PathBuf, ClientError> {
    let beside = own_program().with_file_name("pds-daemon");
    if beside.is_file() { Ok(beside) } else { Err(ClientError::NoDaemonProgram(beside)) }
}

/// The environment of a daemon that a command starts: pds's paths alone.
pub fn daemon_environment(home: &Home) -> impl Iterator<Item = (&'static str, OsString)> {
    // `PDS_HOME` may be relative to a folder that the daemon does not start in.
    let root = home.data.parent().map(|root| root.as_os_str().to_owned());
    VARIABLES.into_iter().filter_map(move |name| {
        let value = env::var_os(name)?;
        match &root {
            Some(root) if name == "PDS_HOME" && !value.is_empty() => Some((name, root.clone())),
            _ => Some((name, value)),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn who_starts_and_says_nothing_is_not_waited_for_without_end() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let error = answer(ours, Duration::from_millis(20)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        drop(theirs);

        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(READY.as_bytes()).unwrap();
        let error = answer(ours, Duration::from_millis(20)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "it has not closed");

        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(READY.as_bytes()).unwrap();
        drop(theirs);
        assert_eq!(answer(ours, START_SILENCE_MAX).unwrap(), READY);
    }
}
