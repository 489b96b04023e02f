//! `audit show`, and `audit` alone.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal, Read},
    path::Path,
};

use jiff::{SignedDuration, Timestamp};

use super::record::Record;
use crate::{
    cli::{AuditFilter, AuditShow},
    commands::{CommandError, print},
    error::Error,
    home::{Home, audit_files},
    say::json_line_of,
};

/// Lines that `audit` alone shows.
const LAST_LINES: usize = 20;
/// No line has more, so that a file of anything else does not fill the memory.
const LINE_MAX_BYTES: u64 = 8 << 20;

pub(super) fn show(options: &AuditShow, home: &Home) -> Result<(), Error> {
    let since = options.since.as_deref().map(|text| time("--since", text)).transpose()?;
    let until = options.until.as_deref().map(|text| time("--until", text)).transpose()?;
    for_each_line(home, |line| {
        let Some(record) = Record::parse(line) else { return Ok(()) };
        let at = record.at();
        let is_within = since.is_none_or(|since| at.is_some_and(|at| at >= since))
            && until.is_none_or(|until| at.is_some_and(|at| at <= until));
        if is_within { shown(&record, line, &options.filter) } else { Ok(()) }
    })
}

/// The last lines.
pub(super) fn last(home: &Home) -> Result<(), Error> {
    let mut rows = VecDeque::with_capacity(LAST_LINES);
    for_each_line(home, |line| {
        if let Some(record) = Record::parse(line) {
            if rows.len() == LAST_LINES {
                rows.pop_front();
            }
            rows.push_back(record.shown());
        }
        Ok(())
    })?;
    let text: String = rows.into_iter().collect();
    Ok(print(text.as_bytes())?)
}

/// Prints a line that passes the filter: for a person, or as it is.
pub(super) fn shown(record: &Record, line: &[u8], filter: &AuditFilter) -> Result<(), Error> {
    if !record.passes(filter) {
        return Ok(());
    }
    let text = match (filter.json, std::str::from_utf8(line)) {
        // A terminal gets the same JSON with other escapes; whoever reads lines gets the line.
        (true, Ok(line)) if io::stdout().is_terminal() => json_line_of(line).into_bytes(),
        (true, _) => [line, b"\n"].concat(),
        (false, _) => record.shown().into_bytes(),
    };
    Ok(print(&text)?)
}

fn for_each_line(
    home: &Home,
    mut each: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let folder = home.audit();
    let files = match audit_files(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|error| failed(&folder, error))?,
    };
    for path in files.values() {
        let file = match File::open(path) {
            // It went by rotation meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other.map_err(|error| failed(path, error))?,
        };
        let (mut reader, mut line) = (BufReader::new(file), Vec::new());
        loop {
            line.clear();
            let mut within = reader.by_ref().take(LINE_MAX_BYTES);
            let read = within.read_until(b'\n', &mut line).map_err(|error| failed(path, error))?;
            match line.strip_suffix(b"\n") {
                _ if read == 0 => break,
                Some(whole) => each(whole)?,
                None => {}
            }
        }
    }
    Ok(())
}

pub(super) fn failed(path: &Path, error: io::Error) -> CommandError {
    CommandError::File { path: path.to_owned(), error }
}

/// A moment, a day (its beginning, UTC), or how long ago.
fn time(option: &'static str, text: &str) -> Result<Timestamp, CommandError> {
    let ago = || Timestamp::now().checked_sub(text.parse::<SignedDuration>().ok()?).ok();
    let day = || format!("{}T00:00:00Z", text.parse::<jiff::civil::Date>().ok()?).parse().ok();
    text.parse().ok().or_else(day).or_else(ago).ok_or(CommandError::NotATime { option })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_moments_days_or_how_long_ago() {
        let time = |text| time("--since", text);
        assert_eq!(time("2026-01-31").unwrap(), "2026-01-31T00:00:00Z".parse().unwrap());
        assert_eq!(time("2026-01-31T12:00:00+01:00").unwrap().to_string(), "2026-01-31T11:00:00Z");
        assert!(time("8h").unwrap() < Timestamp::now());
        assert!(time("yesterday").is_err());
    }
}
