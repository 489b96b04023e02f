//! Starting the daemon: it answers when it is ready and not before.
//!
//! The command that this process becomes must not find a child that it never
//! made, so the daemon is a grandchild: `pds daemon --background` starts
//! `pds-daemon --detached` and is gone.

use std::{
    env,
    ffi::OsString,
    io::Read,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, Stdio},
};

use super::ClientError;
use crate::{home::Home, wire::READY};

/// More than any message of a daemon that did not start.
const ANSWER_MAX_BYTES: u64 = 32 << 10;
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
    let mut child = Command::new(own_program())
        .arg0("pds")
        .args(["daemon", "--background"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| ClientError::CannotStart(error.to_string()))?;
    let mut answer = String::new();
    if let Some(output) = child.stdout.take() {
        output.take(ANSWER_MAX_BYTES).read_to_string(&mut answer)?;
    }
    child.wait()?;
    match answer.as_str() {
        READY => Ok(()),
        "" => Err(ClientError::CannotStart(format!(
            "it said nothing; see `{}`",
            home.log_file().display()
        ))),
        said => Err(ClientError::CannotStart(said.trim_end().to_owned())),
    }
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
