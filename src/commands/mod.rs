//! One small file a verb, over the client.
#![forbid(unsafe_code)]

mod allow;
mod audit;
pub mod backup;
mod beside;
mod carried;
mod check;
mod client;
mod complete;
pub mod credential;
mod daemon;
mod doctor;
mod error;
mod expiry;
mod explain;
pub mod export;
mod get;
mod granted;
pub mod import;
mod init;
mod list;
mod lock;
mod passwd;
mod progress;
mod schema;
mod set;
mod status;
mod takeover;
mod told;
mod versions;

use std::{env, io, path::PathBuf};

use crate::{
    cli::{Command, PasswordOptions, ProfileOption},
    client::{AskError, Asker, ClientError, DEFAULT_PROFILE, Passwords, Refusal, Wanted},
    error::Error,
    home::Home,
    run::{self, RunError},
    secret::{OutOfSecretMemory, SecureBuffer, TrustProfileName},
    sys::process::Inherited,
    wire::message::{Reason, Request, Response},
};
pub use complete::complete;
pub use error::CommandError;

impl From<OutOfSecretMemory> for Error {
    fn from(error: OutOfSecretMemory) -> Self {
        Self::Command(error.into())
    }
}

/// Does what the command line says.
///
/// # Errors
/// [`Error`], which has not been said yet.
pub fn dispatch(command: &Command, inherited: Inherited) -> Result<(), Error> {
    let home = home(command.client_key())?;
    let is_client = home.client_key.is_some();
    let done = done(command, home, inherited);
    if is_client && !command.takes_client_key() { done.map_err(owners_alone) } else { done }
}

/// No rule grants a client what is the owner's, so none is to be asked for.
fn owners_alone(error: Error) -> Error {
    match error {
        Error::Ask(AskError::Refused(all))
            if all.iter().all(|refusal| refusal.reason == Reason::AccessDenied) =>
        {
            CommandError::OwnersAlone.into()
        }
        other => other,
    }
}

fn done(command: &Command, home: Home, inherited: Inherited) -> Result<(), Error> {
    match command {
        Command::Run(options) => {
            run::run(options, &home, inherited)?;
            Ok(())
        }
        Command::Init(options) => init::init(options, &home),
        Command::Set(options) => set::set(options, &home),
        Command::Get(options) => get::get(options, &home),
        Command::History(options) => versions::history(options, &home),
        Command::Rollback(options) => versions::rollback(options, &home),
        Command::Passwd(options) => passwd::passwd(options, &home),
        Command::Backup(options) => backup::backup(options, &home),
        Command::Restore(options) => backup::restore(options, &home),
        Command::Delete(options) => set::delete(options, &home),
        Command::Rename(options) => set::rename(options, &home),
        Command::List(options) => list::list(options, &home),
        Command::Import(options) => import::import(options, &home),
        Command::Export(options) => export::export(options, &home),
        Command::Check(options) => check::check(options, &home),
        Command::Explain(options) => explain::explain(options, &home),
        Command::Schema => schema::schema(),
        Command::Allow(options) => allow::allow(options, &home),
        Command::Disallow(options) => allow::disallow(options, &home),
        Command::Unlock(options) => lock::unlock(options, &home),
        Command::Lock(options) => lock::lock(options, &home),
        Command::Status(options) => status::status(options, &home),
        Command::Doctor(options) => doctor::doctor(options, &home),
        Command::Audit(options) => audit::audit(options, &home),
        Command::Client(options) => client::client(options, &home),
        Command::Daemon(options) => daemon::daemon(options, &home),
        Command::Stop => daemon::stop(&home),
        Command::Completions(options) => carried::completions(options),
        Command::Man(options) => carried::man(options),
    }
}

/// Where things are, and as whom to ask: the client that is named, if any.
///
/// # Errors
/// [`Error::Home`].
pub fn home(client_key: Option<&PathBuf>) -> Result<Home, Error> {
    let named = env::var_os("PDS_CLIENT_KEY").filter(|file| !file.is_empty()).map(PathBuf::from);
    match client_key.cloned().or(named) {
        Some(key) => Ok(Home::of_client(key)),
        None => Ok(Home::from_environment()?),
    }
}

/// The one profile that a command is about.
fn profile_of(option: &ProfileOption) -> Result<TrustProfileName, Error> {
    let named: Vec<_> = option.profile.iter().cloned().collect();
    let profiles = run::plan::profiles(&named, None).map_err(RunError::from)?;
    profiles.into_iter().next().map_or_else(default_profile, Ok)
}

fn default_profile() -> Result<TrustProfileName, Error> {
    TrustProfileName::new(DEFAULT_PROFILE).map_err(|_| ClientError::Malformed.into())
}

fn passwords_of(options: &PasswordOptions) -> Result<Passwords, Error> {
    Ok(Passwords::new(&options.password_file, options.no_prompt)?)
}

/// Refuses what can't be a key before anything is asked or unlocked.
fn check_key(key: &str) -> Result<(), CommandError> {
    crate::secret::validate_secret_key(key)
        .map_err(|reason| CommandError::NotAKey { key: key.to_owned(), reason })
}

/// Asks for a change in one profile; anything but "done" is an error.
fn change(
    asker: &mut Asker<'_>,
    request: &Request<'_>,
    profile: &str,
    key: &str,
) -> Result<(), Error> {
    let mut buffer = SecureBuffer::new()?;
    let about = [Wanted { profiles: vec![profile], key }];
    match asker.ask(request, &about, &mut buffer)? {
        Response::Done => Ok(()),
        _ => Err(ClientError::Malformed.into()),
    }
}

/// Of what can only be done to a key that is there: the names that are there help, and
/// storing a value under this one does not.
fn not_there(error: Error) -> Error {
    match error {
        Error::Ask(AskError::Refused(mut refusals))
            if refusals.iter().all(|r| r.reason == Reason::NotFound && !r.key.is_empty()) =>
        {
            let Some(Refusal { key, profile, .. }) = refusals.pop() else {
                return AskError::Refused(refusals).into();
            };
            CommandError::NoKey { key, profile }.into()
        }
        other => other,
    }
}

/// Writes data to standard output.
fn print(data: &[u8]) -> Result<(), CommandError> {
    crate::say::print(data).map_err(CommandError::Output)
}

/// The bytes of a file, or of standard input for `-`, in secret memory.
fn read_value(path: Option<&std::path::Path>, max: usize) -> Result<SecureBuffer, CommandError> {
    let failed = |error| CommandError::File { path: named(path), error };
    let mut source: Box<dyn io::Read> = match path {
        Some(path) => Box::new(std::fs::File::open(path).map_err(failed)?),
        // Unbuffered: Rust's own standard input keeps what passes through it.
        None => Box::new(io::Read::take(stdin_file().map_err(failed)?, u64::MAX)),
    };
    read_to_end(&mut *source, max, failed)
}

/// What a file goes by in messages, and standard input if it is none.
fn named(path: Option<&std::path::Path>) -> PathBuf {
    path.map_or_else(|| PathBuf::from("standard input"), PathBuf::from)
}

/// All that `source` has, if that is at most `max` bytes, in secret memory.
fn read_to_end(
    source: &mut dyn io::Read,
    max: usize,
    failed: impl Fn(io::Error) -> CommandError,
) -> Result<SecureBuffer, CommandError> {
    let mut value = SecureBuffer::new()?;
    loop {
        const STEP_BYTES: usize = 4_096;
        match source.read(value.spare(STEP_BYTES)?) {
            Ok(0) => return Ok(value),
            Ok(more) => value.advance(more),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
        if value.as_slice().len() > max {
            return Err(CommandError::ValueTooLong);
        }
    }
}

fn stdin_file() -> io::Result<std::fs::File> {
    use std::os::fd::AsFd;
    Ok(std::fs::File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// The folder that a command was started in.
fn current_folder() -> Result<PathBuf, Error> {
    Ok(env::current_dir().map_err(RunError::NoCurrentFolder)?)
}
