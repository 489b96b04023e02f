//! `daemon` and `stop`.

use std::{
    env,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

use crate::{
    cli,
    client::{AskError, Client, ClientError, Refusal, daemon_environment, daemon_program},
    error::Error,
    home::Home,
    secret::SecureBuffer,
    sys::process::withhold_descriptors,
    wire::message::{self, Request, Response},
};

/// Becomes the daemon, or starts one for a command that needs it.
pub(super) fn daemon(options: &cli::Daemon, home: &Home) -> Result<(), Error> {
    let mut command = Command::new(daemon_program()?);
    if options.background {
        return start_detached(command, home);
    }
    // What was typed, as it was: the daemon reads the same options.
    command.args(env::args_os().skip(2));
    Err(ClientError::CannotStart(command.exec().to_string()).into())
}

/// Starts the daemon as a child of nobody: this process ends before it.
fn start_detached(mut command: Command, home: &Home) -> Result<(), Error> {
    // It outlives its caller: a pipe of theirs that it held would never end for its reader.
    withhold_descriptors();
    command.arg("--detached").env_clear().envs(daemon_environment(home));
    command.current_dir("/").stdin(Stdio::null()).stderr(Stdio::null());
    command.spawn().map_err(|error| ClientError::CannotStart(error.to_string()))?;
    Ok(())
}

/// Locks everything and ends the daemon. Where none runs, that is done already.
pub(super) fn stop(home: &Home) -> Result<(), Error> {
    let mut client = match Client::connect(home) {
        Err(ClientError::NoDaemon) => return Ok(()),
        other => other?,
    };
    let mut buffer = SecureBuffer::new()?;
    client.exchange(&Request::Stop, &mut buffer)?;
    match message::decode(buffer.as_slice()) {
        Ok(Response::Done) => {}
        Ok(Response::Refused(problems)) => {
            let refused = problems.iter().map(|problem| Refusal::new(*problem, "", ""));
            return Err(AskError::Refused(refused.collect()).into());
        }
        _ => return Err(ClientError::Malformed.into()),
    }
    // It closes the connection by ending, after which a new one can start.
    match client.exchange(&Request::Status, &mut buffer) {
        Err(error) if error.is_silence() => Err(error.into()),
        _ => Ok(()),
    }
}
