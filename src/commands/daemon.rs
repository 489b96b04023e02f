//! `daemon` and `stop`.

use std::{env, process::Stdio, time::Duration};

use super::CommandError;
use crate::{
    cli,
    client::{AskError, Client, ClientError, daemon_command},
    config::parse_duration,
    daemon::{self, Options},
    error::Error,
    home::Home,
    secret::SecureBuffer,
    wire::message::{self, Request, Response},
};

pub(super) fn daemon(options: &cli::Daemon, home: &Home) -> Result<(), Error> {
    if options.background {
        return start_detached(home);
    }
    let lifetime = match &options.ttl {
        Some(ttl) => Some(seconds("--ttl", ttl)?),
        None => from_environment()?,
    };
    let idle = options.idle.as_deref().map(|idle| time("--idle", idle)).transpose()?;
    if options.detached {
        // A session of its own, or the terminal's signals would reach it.
        let _ = nix::unistd::setsid();
    }
    let served = daemon::run(
        home,
        &Options {
            value_lifetime: lifetime,
            idle_lifetime: idle,
            detached: options.detached,
            log: env::var("PDS_LOG").ok(),
        },
    );
    if let Err(error) = &served
        && options.detached
    {
        // Whoever started it reads standard output and nothing else.
        let _ = crate::say::print(format!("{error}\n").as_bytes());
    }
    Ok(served?)
}

/// Starts the daemon as a child of nobody: this process ends before it.
fn start_detached(home: &Home) -> Result<(), Error> {
    let mut command = daemon_command("--detached", home);
    command.stdout(Stdio::inherit());
    command.spawn().map_err(|error| ClientError::CannotStart(error.to_string()))?;
    Ok(())
}

fn from_environment() -> Result<Option<Duration>, CommandError> {
    match env::var("PDS_SECRET_TTL") {
        Ok(ttl) if !ttl.is_empty() => seconds("PDS_SECRET_TTL", &ttl).map(Some),
        _ => Ok(None),
    }
}

/// A number of seconds, or a duration with its unit.
fn seconds(option: &'static str, text: &str) -> Result<Duration, CommandError> {
    match text.parse() {
        Ok(0) => Err(CommandError::NotADuration { option, problem: "must be longer than nothing" }),
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => time(option, text),
    }
}

fn time(option: &'static str, text: &str) -> Result<Duration, CommandError> {
    parse_duration(text).map_err(|problem| CommandError::NotADuration { option, problem })
}

/// Locks everything and ends the daemon. Where none runs, that is done already.
pub(super) fn stop(home: &Home) -> Result<(), Error> {
    let mut client = match Client::connect(home) {
        Err(ClientError::NoDaemon | ClientError::Closed) => return Ok(()),
        other => other?,
    };
    let mut buffer = SecureBuffer::new().map_err(CommandError::from)?;
    client.exchange(&Request::Stop, &mut buffer)?;
    match message::decode(buffer.as_slice()) {
        Ok(Response::Done) => {}
        _ => return Err(AskError::from(ClientError::Malformed).into()),
    }
    // It closes the connection by ending: then a new one can start at once.
    let ended = client.exchange(&Request::Status, &mut buffer);
    debug_assert!(ended.is_err());
    Ok(())
}
