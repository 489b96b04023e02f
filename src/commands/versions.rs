//! `history` and `rollback`: older versions of a secret.

use super::{
    CommandError, change, check_key, expiry::stamp, not_there, passwords_of, print, profile_of,
};
use crate::{
    cli,
    client::{AskError, Asker, ClientError, Wanted},
    error::Error,
    home::Home,
    say::{escaped, json_line, note},
    secret::SecureBuffer,
    wire::message::{KeyInProfile, KeyVersion, Reason, Request, Response, VersionRow},
};

pub(super) fn history(options: &cli::History, home: &Home) -> Result<(), Error> {
    check_key(&options.key)?;
    let profile = profile_of(&options.profile)?;
    let passwords = passwords_of(&options.password)?;
    let mut asker = Asker::new(home, &passwords);
    let request = Request::History(KeyInProfile { profile: &profile, key: &options.key });
    let about = [Wanted { profiles: vec![&profile], key: &options.key }];
    let mut buffer = SecureBuffer::new()?;
    let answer = asker.ask(&request, &about, &mut buffer);
    let Response::Versions(rows) = answer.map_err(|error| not_there(error.into()))? else {
        return Err(ClientError::Malformed.into());
    };
    let text = if options.json { as_json(&rows) } else { as_text(&rows) };
    Ok(print(text.as_bytes())?)
}

fn as_text(rows: &[VersionRow<'_>]) -> String {
    let width = rows.first().map_or(1, |newest| newest.version.to_string().len());
    let line = |row: &VersionRow<'_>| {
        let by = escaped(row.set_by.unwrap_or("-"));
        let mark = if row.current { "  current" } else { "" };
        format!("{:>width$}  {}  {by}{mark}\n", row.version, stamp(row.created_at))
    };
    rows.iter().map(line).collect()
}

fn as_json(rows: &[VersionRow<'_>]) -> String {
    let row = |row: &VersionRow<'_>| {
        serde_json::json!({
            "version": row.version,
            "set": stamp(row.created_at),
            "by": row.set_by,
            "current": row.current,
        })
    };
    json_line(&rows.iter().map(row).collect())
}

pub(super) fn rollback(options: &cli::Rollback, home: &Home) -> Result<(), Error> {
    check_key(&options.key)?;
    let profile = profile_of(&options.profile)?;
    let passwords = passwords_of(&options.password)?;
    let mut asker = Asker::new(home, &passwords);
    let at = KeyInProfile { profile: &profile, key: &options.key };
    let request = Request::Rollback(KeyVersion { at, version: options.to });
    change(&mut asker, &request, &profile, &options.key)
        .map_err(|error| missing(error, Some(options.to)))?;
    let key = escaped(&options.key);
    note(format_args!("`{key}` has the value of version {} again, and no expiry", options.to));
    Ok(())
}

/// Of a version that was asked for, what is missing may be the version and not the key.
pub(super) fn missing(error: Error, version: Option<u32>) -> Error {
    let Some(version) = version else { return error };
    match error {
        Error::Ask(AskError::Refused(refusals))
            if refusals.iter().all(|refusal| refusal.reason == Reason::NotFound) =>
        {
            let key = refusals.first().map(|refusal| refusal.key.clone()).unwrap_or_default();
            CommandError::NoVersion { key, version }.into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_shown_with_when_and_by_whom_and_which_is_current() {
        let row = |version, set_by, current| VersionRow { version, created_at: 0, set_by, current };
        let rows = [row(10, Some("launcher"), true), row(9, None, false)];
        assert_eq!(
            as_text(&rows),
            "10  1970-01-01T00:00:00Z  launcher  current\n 9  1970-01-01T00:00:00Z  -\n"
        );
        let json: serde_json::Value = serde_json::from_str(&as_json(&rows)).unwrap();
        assert_eq!(json[1]["by"], serde_json::Value::Null);
        assert_eq!(json[0]["current"], true);
    }
}
