//! `pds` runs a command with exactly the secrets that its project's manifest asks for.
//!
//! # The path of a secret
//!
//! ```text
//! manifest → references → client → Noise channel → gates → cache → store
//!                                                                    │
//! execve ← environment block ← launcher ← Noise channel ←────────────┘
//! ```
//!
//! Two processes run this code, and which of them a line runs in is the first
//! thing a folder's name says. The **launcher** is the caller's process: single-threaded,
//! blocking, and gone at `execve`, when it *becomes* the command. The **daemon**
//! keeps what is unlocked. They meet only in [`wire`].
//!
//! Plaintext has one type, [`secret::SecureBytes`]; ciphertext one home, [`store`];
//! `unsafe` one folder, [`sys`].
//!
//! # Words
//!
//! - A *secret* is a *key*, which is its name, and a *value*. Cryptographic keys are always
//!   called by what they are: master key, vault key, static key.
//! - A *profile* is a set of secrets under one password; its *vault* is the folder that keeps them.
//!   *Unlocking* a profile opens its vault and keeps its master key in memory; *locking* wipes that.
//! - A *manifest* (`pds.toml`) says which keys a command needs, and as which variables. It gets
//!   nothing before the person has *approved* what it asks for.
//! - The *launcher* is `pds` itself, run by the owner of the vaults. A *client* is anybody else who
//!   was *enrolled*: an agent, a container, a CI job. The *requester* is whichever of them asks.
//! - A *gate* is one question that can refuse a request. A *grant* is the proof that all of them let
//!   it pass, a *denial* what one of them said, and a *refusal* any answer that is no.
//! - The *trail* is the audit trail: a line for each decision.

pub mod cli;
pub mod client;
pub mod commands;
pub mod config;
pub mod crypto;
pub mod daemon;
pub mod error;
#[doc(hidden)]
pub mod fuzz;
pub mod hex;
pub mod home;
pub mod mistake;
pub mod run;
pub mod say;
pub mod secret;
pub mod store;
pub mod sys;
pub mod variable;
pub mod wire;

#[cfg(all(feature = "faults-on-purpose", not(debug_assertions)))]
compile_error!("`faults-on-purpose` leaks every secret: it is for the tests' debug builds alone");

#[global_allocator]
static HEAP: sys::WipingAllocator = sys::WipingAllocator;

/// The program `pds`: reads the command line, does it, and says what went wrong.
/// Returns the exit status.
pub fn main() -> i32 {
    let inherited = sys::process::harden();
    let arguments: Vec<_> = std::env::args_os().collect();
    if cli::is_credential_helper(&arguments) {
        return credential_main(arguments);
    }
    if arguments.get(1).is_some_and(|name| name == "__complete") {
        commands::complete(arguments.get(2..).unwrap_or_default());
        return 0;
    }
    let is_run = arguments.get(1).is_some_and(|name| name == "run");
    let as_json = !is_run && cli::asks_for_json(&arguments);
    let outcome = match cli::parse(arguments) {
        Ok(cli) => commands::dispatch(&cli.command, inherited),
        Err(error) => Err(usage(error, cli::command_of(std::env::args_os()))),
    };
    match outcome {
        Err(error) if as_json => {
            sys::stack::wipe_below();
            error.report_as_json()
        }
        outcome => ended(outcome, is_run),
    }
}

fn usage(error: clap::Error, command: String) -> error::Error {
    error::Error::Usage(error::Usage::new(error, command))
}

/// The exit status of what a command came to. What it has left on the stack goes first:
/// `run` wipes it before it becomes another program, and the others end here.
fn ended(outcome: Result<(), error::Error>, is_run: bool) -> i32 {
    sys::stack::wipe_below();
    outcome.map_or_else(|error| error.report(is_run), |()| 0)
}

/// The program `git-credential-pds`, which is `pds` by another name.
fn credential_main(arguments: Vec<std::ffi::OsString>) -> i32 {
    let named = |error| usage(error, cli::CREDENTIAL_PROGRAM.to_owned());
    let outcome = cli::parse_credential(arguments).map_err(named).and_then(|options| {
        let home = commands::home(options.client.client_key.as_ref())?;
        commands::credential::credential(&options, &home)
    });
    ended(outcome, false)
}

/// The program `pds-daemon`, which `pds` starts. Returns the exit status.
pub fn daemon_main() -> i32 {
    sys::process::harden();
    let asked = match cli::parse_daemon(std::env::args_os().collect()) {
        Ok(asked) => asked,
        Err(error) => return usage(error, "pds-daemon".to_owned()).report(false),
    };
    let served = daemon::Options::new(&asked).and_then(|options| {
        let home = home::Home::from_environment()?;
        daemon::run(&home, &options)
    });
    match served {
        Ok(served) => {
            if served == daemon::Served::NotIt && !asked.detached {
                say::note("a daemon runs already, and serves on as it was started");
            }
            0
        }
        Err(error) => {
            // Whoever has started a detached one reads its standard output alone.
            if asked.detached {
                let _ = say::print(format!("{error}\n").as_bytes());
            } else {
                say::note(&error);
            }
            if error.is_usage() { error::USAGE } else { error::NO }
        }
    }
}
