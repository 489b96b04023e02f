//! `completions` and `man`: what the program carries along for an installation that has
//! put nothing but itself anywhere.

use std::{
    io::{self, IsTerminal, Write},
    process::{Command, Stdio},
};

use super::print;
use crate::{cli, commands::CommandError, error::Error};

const BASH: &str = include_str!("../../completions/pds.bash");
const ZSH: &str = include_str!("../../completions/_pds");
const FISH: &str = include_str!("../../completions/pds.fish");
const PDS_1: &str = include_str!("../../man/pds.1");
const PDS_5: &str = include_str!("../../man/pds.5");
const PDS_DAEMON_8: &str = include_str!("../../man/pds-daemon.8");

pub(super) fn completions(options: &cli::Completions) -> Result<(), Error> {
    let file = match options.shell.as_str() {
        "bash" => BASH,
        "zsh" => ZSH,
        _ => FISH,
    };
    Ok(print(file.as_bytes())?)
}

/// Shown by man(1) to a person, and as it is to whoever wants the file.
pub(super) fn man(options: &cli::Man) -> Result<(), Error> {
    let page = match options.page.as_str() {
        "1" => PDS_1,
        "5" => PDS_5,
        _ => PDS_DAEMON_8,
    };
    if io::stdout().is_terminal() && shown(page).map_err(CommandError::Output)? {
        return Ok(());
    }
    Ok(print(page.as_bytes())?)
}

/// Whether a program was there to show it: man-db's man reads a page from its standard
/// input, and so does mandoc.
fn shown(page: &str) -> io::Result<bool> {
    for (program, arguments) in [("man", ["-l", "-"]), ("mandoc", ["-a", "-Tutf8"])] {
        // Where it is a stub that says how to get the real one, it can't do this either.
        let started = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut child) = started else { continue };
        let written = child.stdin.take().map(|mut input| input.write_all(page.as_bytes()));
        let status = child.wait()?;
        if status.success() && matches!(written, Some(Ok(()))) {
            return Ok(true);
        }
    }
    Ok(false)
}
