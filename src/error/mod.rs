//! What a person may be told when something did not work, and the exit status.
//!
//! Each layer owns its errors and their words; only this file knows all of
//! them. `run` ends with 125 where pds could not, 126 and 127 as env(1) does;
//! other commands with 1 no, 2 usage, 3 locked, 4 not found, 5 denied, 6 no daemon.
#![forbid(unsafe_code)]

mod findings;
mod usage;

pub use findings::{Finding, as_json, of_refusals, of_run};
pub use usage::Usage;

use std::io::ErrorKind;

use crate::{
    client::{AskError, ClientError, PasswordError, Refusal},
    commands::CommandError,
    home::HomeError,
    run::RunError,
    say::{self, Told},
    sys::{exec::ExecError, start::EXIT_INTERNAL},
};

pub(crate) const NO: i32 = 1;
pub(crate) const USAGE: i32 = 2;
const NO_DAEMON: i32 = 6;
const NOT_EXECUTABLE: i32 = 126;
const COMMAND_NOT_FOUND: i32 = 127;

/// Why `pds` did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line is wrong; or it asked for help or the version.
    #[error("{0}")]
    Usage(Usage),
    /// The environment does not say where things are.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A command was not run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The daemon could not be asked, or refused.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// Some other command failed by itself.
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl From<PasswordError> for Error {
    fn from(error: PasswordError) -> Self {
        Self::Ask(error.into())
    }
}

impl From<ClientError> for Error {
    fn from(error: ClientError) -> Self {
        Self::Ask(error.into())
    }
}

impl Error {
    /// Says it, all of it, and returns the exit status.
    pub fn report(&self, is_run: bool) -> i32 {
        if let Self::Usage(usage) = self
            && usage.is_help()
        {
            // What was asked for goes to standard output, what stands in to standard error.
            match (usage.is_asked_for(), usage.print()) {
                (false, _) => return self.exit_status(is_run),
                (true, Ok(())) => return 0,
                (true, Err(error)) => {
                    return Self::Command(CommandError::Output(error)).report(is_run);
                }
            }
        }
        say::together(self.told()).iter().for_each(Told::say);
        self.exit_status(is_run)
    }

    /// Prints it as `--json` does: one object on standard output, whose `problems` have
    /// codes that scripts can rely on. Returns the exit status, which is the same.
    pub fn report_as_json(&self) -> i32 {
        let is_help = matches!(self, Self::Usage(usage) if usage.is_asked_for());
        if is_help || matches!(self, Self::Command(CommandError::Output(_))) {
            return self.report(false);
        }
        let findings = self.findings();
        if !findings.is_empty() {
            let object = serde_json::json!({ "problems": as_json(&findings) });
            if let Err(error) = say::print(say::json_line(&object).as_bytes()) {
                Self::Command(CommandError::Output(error)).report(false);
            }
        }
        self.exit_status(false)
    }

    /// Everything that is the matter, one by one.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        match self {
            // Whoever has closed the pipe has read enough.
            Self::Command(CommandError::Output(error)) | Self::Run(RunError::Output(error))
                if error.kind() == ErrorKind::BrokenPipe =>
            {
                Vec::new()
            }
            Self::Usage(usage) => vec![usage.told()],
            Self::Run(error) => error.told(),
            Self::Ask(error) => error.told(),
            Self::Command(error) => error.told(),
            Self::Home(HomeError::Unknown) => {
                vec![Told::new(self, Some("set PDS_HOME to a folder of yours".to_owned()))]
            }
            Self::Home(HomeError::SocketPathTooLong(_)) => {
                vec![Told::new(self, Some("set PDS_HOME to a shorter path".to_owned()))]
            }
            _ => vec![Told::new(self, None)],
        }
    }

    /// The exit status that goes with it.
    #[must_use]
    pub fn exit_status(&self, is_run: bool) -> i32 {
        match self {
            Self::Run(RunError::Exec {
                error: ExecError::NotFound | ExecError::NoInterpreter(_),
                ..
            }) => COMMAND_NOT_FOUND,
            Self::Run(RunError::Exec { error: ExecError::NotExecutable(_), .. }) => NOT_EXECUTABLE,
            _ if is_run => EXIT_INTERNAL,
            Self::Usage(_) => USAGE,
            Self::Ask(error) | Self::Run(RunError::Ask(error)) => exit_of_ask(error),
            Self::Command(error) => error.exit_status(),
            Self::Home(_) | Self::Run(_) => NO,
        }
    }
}

/// Of several, the status of the one that stands in the way of most: locked, denied, not
/// found.
#[must_use]
pub fn exit_of_refusals(refusals: &[Refusal]) -> i32 {
    let statuses = refusals.iter().map(Refusal::exit_status);
    statuses
        .min_by_key(|status| [3, 5, 4].iter().position(|s| s == status).unwrap_or(3))
        .unwrap_or(NO)
}

fn exit_of_ask(error: &AskError) -> i32 {
    match error {
        AskError::Refused(refusals) => exit_of_refusals(refusals),
        AskError::Client(
            ClientError::NoDaemon
            | ClientError::NoDaemonAt(_)
            | ClientError::NoDaemonProgram(_)
            | ClientError::LockedOut(_)
            | ClientError::CannotStart(_),
        ) => NO_DAEMON,
        AskError::Client(ClientError::NoIpcKey(_))
        | AskError::Password(PasswordError::NoSource(_)) => 3,
        AskError::Password(PasswordError::Ambiguous | PasswordError::NotAProfile) => USAGE,
        AskError::Client(_) | AskError::Password(_) => NO,
    }
}
