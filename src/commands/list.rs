//! `list`: names, and with `--json` versions and times.

use std::io::IsTerminal;

use super::{
    expiry::{self, stamp},
    passwords_of, print, profile_of,
};
use crate::{
    cli,
    client::{Asker, ClientError, Wanted},
    error::Error,
    home::Home,
    say::json_line,
    secret::SecureBuffer,
    wire::message::{KeyRow, Request, Response},
};

pub(super) fn list(options: &cli::List, home: &Home) -> Result<(), Error> {
    let profile = profile_of(&options.profile)?;
    let passwords = passwords_of(&options.password)?;
    let mut asker = Asker::new(home, &passwords);
    let about = [Wanted { profiles: vec![&profile], key: "" }];
    let mut buffer = SecureBuffer::new()?;
    let Response::Keys(rows) = asker.ask(&Request::List(&profile), &about, &mut buffer)? else {
        return Err(ClientError::Malformed.into());
    };
    let text = match options.json {
        true => as_json(&rows),
        // Only for a person: whoever reads this with a program wants names and nothing else.
        false if std::io::stdout().is_terminal() => marked(&rows, expiry::now()),
        false => as_text(&rows),
    };
    Ok(print(text.as_bytes())?)
}

fn as_text(rows: &[KeyRow<'_>]) -> String {
    rows.iter().flat_map(|row| [row.key, "\n"]).collect()
}

fn marked(rows: &[KeyRow<'_>], now: i64) -> String {
    let line = |row: &KeyRow<'_>| match expiry::State::of(row.expires_at, now) {
        Some(state) => format!("{}  ({})\n", row.key, state),
        None => format!("{}\n", row.key),
    };
    rows.iter().map(line).collect()
}

fn as_json(rows: &[KeyRow<'_>]) -> String {
    let row = |row: &KeyRow<'_>| {
        serde_json::json!({
            "key": row.key,
            "version": row.version,
            "created": stamp(row.created_at),
            "updated": stamp(row.updated_at),
            "expires": row.expires_at.map(stamp),
        })
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    json_line(&rows.into())
}
