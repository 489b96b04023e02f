//! `audit show --running`: who holds which secrets now.

use crate::{
    cli::AuditShow,
    client::{Asker, ClientError, Passwords},
    commands::print,
    error::Error,
    home::Home,
    say::{escaped, is_page, json_line, report_line},
    secret::SecureBuffer,
    wire::message::{Request, Response, RunRow},
};

pub(super) fn running(options: &AuditShow, home: &Home) -> Result<(), Error> {
    // Where no daemon runs, the one that is started for this finds the runs again.
    let passwords = Passwords::default();
    let mut asker = Asker::new(home, &passwords);
    let mut buffer = SecureBuffer::new()?;
    let Response::Running(runs) = asker.ask(&Request::AuditRunning, &[], &mut buffer)? else {
        return Err(ClientError::Malformed.into());
    };
    let filter = &options.filter;
    let is = |wanted: &Option<String>, found: Option<&str>| {
        wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
    };
    let wanted = |run: &&RunRow<'_>| {
        let key = filter.key.as_deref();
        key.is_none_or(|key| run.keys.contains(&key))
            && is(&filter.client, Some(run.requester))
            && is(&filter.project, run.project)
    };
    let form = if filter.json { as_json } else { as_text };
    let text: String = runs.iter().filter(wanted).map(form).collect();
    Ok(print(text.as_bytes())?)
}

fn as_text(run: &RunRow<'_>) -> String {
    let since = run.since.get(..19).unwrap_or(run.since).replace('T', " ");
    let claims: Vec<&str> = [run.project, run.command].into_iter().flatten().collect();
    let between = if is_page() { ", " } else { "," };
    let (profiles, keys) = (run.profiles.join(between), run.keys.join(between));
    let pid = run.pid;
    let row = format!("{since}  {pid:<8} {:<24} {profiles:<10} {keys}", claims.join("/"));
    report_line(&escaped(row.trim_end()).to_string(), since.len() + 2)
}

fn as_json(run: &RunRow<'_>) -> String {
    let object = serde_json::json!({
        "pid": run.pid,
        "requester": run.requester,
        "project": run.project,
        "command": run.command,
        "profiles": run.profiles,
        "keys": run.keys,
        "since": run.since,
    });
    json_line(&object)
}
