//! `status`: what runs, how it is protected, and what is unlocked. Starts nothing.

use std::time::Duration;

use super::print;
use crate::{
    cli,
    client::{AskError, Client, ClientError, Refusal},
    error::Error,
    home::Home,
    say::{escaped, json_line, report_line},
    secret::SecureBuffer,
    wire::message::{self, ProfileStatus, Request, Response, Status},
};

pub(super) fn status(options: &cli::Status, home: &Home) -> Result<(), Error> {
    let mut client = match Client::connect(home) {
        Err(ClientError::NoDaemon) => return none(options),
        other => other?,
    };
    let mut buffer = SecureBuffer::new()?;
    client.exchange(&Request::Status, &mut buffer)?;
    let answer = message::decode(buffer.as_slice()).map_err(|_| ClientError::Malformed)?;
    let status = match answer {
        Response::Status(status) => status,
        Response::Refused(problems) => {
            let refused = problems.iter().map(|problem| Refusal::new(*problem, "", ""));
            return Err(AskError::Refused(refused.collect()).into());
        }
        _ => return Err(ClientError::Malformed.into()),
    };
    let text = if options.json { as_json(&status) } else { as_text(&status) };
    Ok(print(text.as_bytes())?)
}

fn none(options: &cli::Status) -> Result<(), Error> {
    let text = match options.json {
        true => "{\"daemon\":null}\n",
        false => "daemon     none runs; everything is locked\n",
    };
    Ok(print(text.as_bytes())?)
}

/// Where what is told begins.
const COLUMN: usize = 11;

fn as_text(status: &Status<'_>) -> String {
    let (memory, degraded) = memory(status.memory);
    let mut text = format!("daemon     {}, process {}\n", escaped(status.build), status.pid);
    let mark = if degraded { " (degraded)" } else { "" };
    text.push_str(&format!("memory     {memory}{mark}\n"));
    let lifetime = shown(Duration::from_millis(status.value_lifetime_ms));
    text.push_str(&format!("values     kept for {lifetime}\n"));
    if let Some(error) = status.config_error {
        let config = format!("config     {}; the last good one is in force", escaped(error));
        text.push_str(&report_line(&config, COLUMN));
    }
    for profile in &status.profiles {
        text.push_str(&format!("profile    {}: {}\n", escaped(profile.profile), state(profile)));
    }
    if status.profiles.is_empty() {
        text.push_str("profile    none has a vault yet\n");
    }
    text
}

fn state(profile: &ProfileStatus<'_>) -> String {
    match profile.unlocked_for_ms {
        Some(left) => {
            let mut text = format!("unlocked for {}", shown(Duration::from_millis(left)));
            for (count, word) in [(profile.expired, "expired"), (profile.expiring, "expiring")] {
                if let Some(count) = count.filter(|count| *count > 0) {
                    text.push_str(&format!(", {count} {word}"));
                }
            }
            text
        }
        None if profile.damaged == Some(true) => "damaged, and locked".to_owned(),
        None => "locked".to_owned(),
    }
}

/// How secret memory is protected, and whether that is less than it could be.
fn memory(protection: u8) -> (&'static str, bool) {
    match protection {
        0 => ("memfd_secret: not readable by others, not swapped, not dumped", false),
        1 => ("mlock: not swapped, not dumped", true),
        _ => ("some buffers could not be locked, and may be swapped", true),
    }
}

fn shown(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

fn as_json(status: &Status<'_>) -> String {
    let profile = |profile: &ProfileStatus<'_>| {
        serde_json::json!({
            "profile": profile.profile,
            "unlocked_for_seconds": profile.unlocked_for_ms.map(|left| left / 1000),
            "expired": profile.expired,
            "expiring": profile.expiring,
            "damaged": profile.damaged == Some(true),
        })
    };
    let (_, degraded) = memory(status.memory);
    let protection = ["memfd_secret", "mlock", "none"][usize::from(status.memory.min(2))];
    let object = serde_json::json!({
        "daemon": { "build": status.build, "pid": status.pid },
        "memory": { "protection": protection, "degraded": degraded },
        "value_lifetime_seconds": status.value_lifetime_ms / 1000,
        "config_error": status.config_error,
        "profiles": status.profiles.iter().map(profile).collect::<Vec<_>>(),
    });
    json_line(&object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_people_say_them() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (300, "5 min"),
            (305, "5 min 5 s"),
            (28_800, "8 h"),
            (28_799, "7 h 59 min"),
        ] {
            assert_eq!(shown(Duration::from_secs(seconds)), text);
        }
    }
}
