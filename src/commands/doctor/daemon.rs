//! What the running daemon says of itself; without one, what one would have here.

use super::{Check, State};
use crate::{
    client::{Client, ClientError, daemon_program},
    config::Config,
    home::Home,
    say::escaped,
    secret::SecureBuffer,
    sys::{Protection, Region, kernel},
    wire::message::{self, LandlockState, Request, Response, Status},
};

/// What this program calls itself.
const BUILD: &str = concat!("pds ", env!("CARGO_PKG_VERSION"));
/// What 50,000 values and their keys take, and what Linux gives by default.
const LOCKED_MEMORY_ENOUGH_BYTES: u64 = 8 << 20;
const RAISE_THE_LIMIT: &str = "`ulimit -l 8192`, or LimitMEMLOCK=8M in the unit";

/// A page, to try what kind of memory can be had.
const TRIED_BYTES: usize = 4_096;

pub(super) fn checks(home: &Home) -> Vec<Check> {
    let mut buffer = match SecureBuffer::new() {
        Ok(buffer) => buffer,
        Err(_) => return vec![no_memory()],
    };
    match ask(home, &mut buffer) {
        Ok(Some(status)) => of_daemon(&status),
        Ok(None) => {
            let mut checks = vec![match daemon_program() {
                Ok(_) => to_be_started(home),
                Err(error) => {
                    let hint = error.hint().unwrap_or_default();
                    Check::new("daemon", State::Wrong, error.to_string(), &hint)
                }
            }];
            checks.extend(without_daemon());
            checks
        }
        Err(error) => {
            let hint = error.hint().unwrap_or_else(|| "pds stop, and try again".to_owned());
            let mut checks = vec![Check::new("daemon", State::Wrong, error.to_string(), &hint)];
            checks.extend(without_daemon());
            checks
        }
    }
}

/// What the next command would come to, that starts a daemon: the config can keep it from that.
fn to_be_started(home: &Home) -> Check {
    let path = home.config_file();
    match Config::read(&path) {
        Ok(_) => Check::ok("daemon", "none runs; the next command starts one"),
        Err(error) => {
            let path = path.to_string_lossy();
            let detail = format!("none runs, and none would start: {}: {error}", escaped(&path));
            Check::new("daemon", State::Wrong, detail, "mend `config.toml`; it is read again")
        }
    }
}

fn ask<'b>(home: &Home, buffer: &'b mut SecureBuffer) -> Result<Option<Status<'b>>, ClientError> {
    let mut client = match Client::connect(home) {
        Err(ClientError::NoDaemon) => return Ok(None),
        other => other?,
    };
    client.exchange(&Request::Status, buffer)?;
    match message::decode(buffer.as_slice()) {
        Ok(Response::Status(status)) => Ok(Some(status)),
        _ => Err(ClientError::Malformed),
    }
}

fn of_daemon(status: &Status<'_>) -> Vec<Check> {
    let running = format!("{}, process {}", status.build, status.pid);
    let daemon = match (status.build == BUILD, status.config_error) {
        (false, _) => {
            let detail = format!("{running}; this is {BUILD}");
            Check::new("daemon", State::Wrong, detail, "pds stop, which locks")
        }
        (true, Some(error)) => {
            let detail = format!("{running}; the config is not in force: {error}");
            Check::new("daemon", State::Wrong, detail, "mend `config.toml`; it is read again")
        }
        (true, None) => Check::ok("daemon", running),
    };
    let landlock = match status.landlock {
        LandlockState::Full => Check::ok("Landlock", "the daemon is kept inside its folders"),
        LandlockState::Partial => partial_landlock(),
        LandlockState::None => no_landlock(),
    };
    vec![
        daemon,
        memory(status.memory),
        limit(status.locked_memory_limit_bytes),
        dumps(status.is_dumpable),
        landlock,
        Check::ok("seccomp", "the daemon can start no program and open no network"),
    ]
}

fn no_memory() -> Check {
    let detail = "not a page of locked memory can be had";
    Check::new("secret memory", State::Wrong, detail, RAISE_THE_LIMIT)
}

fn seccomp(has_filters: bool) -> Check {
    match has_filters {
        true => Check::ok("seccomp", "the kernel has it"),
        false => Check::new(
            "seccomp",
            State::Wrong,
            "the kernel takes no filters, and the daemon does not start without",
            "use a kernel with CONFIG_SECCOMP_FILTER",
        ),
    }
}

fn without_daemon() -> Vec<Check> {
    let protection = Region::map(TRIED_BYTES, Protection::Plain).map(|region| region.protection());
    let landlock = match kernel::landlock_version() {
        Some(_) => Check::ok("Landlock", "the kernel has it"),
        None => no_landlock(),
    };
    vec![
        memory(protection.map_or(u8::MAX, |protection| protection as u8)),
        limit(kernel::locked_memory_limit_bytes()),
        dumps(kernel::is_dumpable()),
        landlock,
        seccomp(kernel::has_seccomp_filters()),
    ]
}

fn memory(protection: u8) -> Check {
    let kernel = "a kernel from 5.14 on, booted with secretmem.enable=1";
    match protection {
        0 => Check::ok("secret memory", "memfd_secret: read by nobody, not swapped, not dumped"),
        1 => {
            let detail = "mlock: not swapped, not dumped, but root can read it";
            Check::new("secret memory", State::Degraded, detail, kernel)
        }
        _ => {
            let detail = "some buffers could not be locked, and may be swapped";
            Check::new("secret memory", State::Degraded, detail, RAISE_THE_LIMIT)
        }
    }
}

fn limit(bytes: Option<u64>) -> Check {
    match bytes {
        None => Check::ok("locked memory", "no limit"),
        Some(bytes) if bytes >= LOCKED_MEMORY_ENOUGH_BYTES => {
            Check::ok("locked memory", format!("up to {} KiB", bytes >> 10))
        }
        Some(bytes) => {
            let detail = format!("up to {} KiB, which a large cache does not fit in", bytes >> 10);
            Check::new("locked memory", State::Degraded, detail, RAISE_THE_LIMIT)
        }
    }
}

fn dumps(is_dumpable: bool) -> Check {
    match is_dumpable || kernel::core_limit_bytes() != Some(0) {
        false => Check::ok("core dumps", "none; nor can another process of yours look inside"),
        true => Check::new(
            "core dumps",
            State::Wrong,
            "the kernel did not take the process out of reach",
            "do not run pds under a debugger or in this sandbox",
        ),
    }
}

fn partial_landlock() -> Check {
    let detail = "the kernel enforces only a part of what the daemon gives up";
    Check::new("Landlock", State::Degraded, detail, "a kernel from 6.12 on enforces all of it")
}

fn no_landlock() -> Check {
    let detail = "the kernel does not keep the daemon inside its folders";
    Check::new("Landlock", State::Degraded, detail, "add landlock to the kernel's `lsm=` list")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_daemon_starts_without_is_wrong_and_says_what_helps() {
        let no_page = "not a page of locked memory can be had";
        assert_eq!(no_memory().told(), (State::Wrong, no_page, Some(RAISE_THE_LIMIT)));
        let no_filters = "the kernel takes no filters, and the daemon does not start without";
        let hint = Some("use a kernel with CONFIG_SECCOMP_FILTER");
        assert_eq!(seccomp(false).told(), (State::Wrong, no_filters, hint));
    }
}
