//! `client`: who else may ask the daemon, and for what.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use blake2::{Blake2s256, Digest};

use super::{CommandError, expiry::stamp, granted::warn_of_absent_profiles, print};
use crate::{
    cli::{self, ClientCommand},
    client::{AskError, Asker, ClientError, Passwords, Wanted},
    error::Error,
    hex,
    home::Home,
    say::{escaped, json_line, report_line},
    secret::{SecureBuffer, validate_client_name},
    wire::{
        identity::{KeyPair, PublicStaticKey},
        message::{ClientAdd, ClientAdded, ClientRow, GrantRow, Request, Response, StaticKey},
    },
};

pub(super) fn client(options: &cli::Client, home: &Home) -> Result<(), Error> {
    match &options.command {
        ClientCommand::Add(options) => add(options, home),
        ClientCommand::List(options) => list(options, home),
        ClientCommand::Revoke(options) => revoke(options, home),
    }
}

/// The private key is made here, goes into the file, and nowhere else.
fn add(options: &cli::ClientAdd, home: &Home) -> Result<(), Error> {
    let name = options.name.as_str();
    if !validate_client_name(name) {
        return Err(CommandError::NotAClient(name.to_owned()).into());
    }
    let mut grants = Vec::new();
    for text in &options.grant {
        grants.extend(rows(text)?);
    }
    let path = match &options.key_file {
        Some(path) => path.clone(),
        None => PathBuf::from(format!("{name}.key")),
    };
    // First, so that nobody is enrolled whose key has no place.
    let mut file = create(&path)?;
    let enrolled = enrol(name, options.uid, &grants, home, &mut file, &path);
    match enrolled {
        Ok(()) => warn_of_absent_profiles(name, &grants, home),
        Err(_) => drop(fs::remove_file(&path)),
    }
    enrolled
}

fn enrol(
    name: &str,
    uid: Option<u32>,
    grants: &[GrantRow<'_>],
    home: &Home,
    file: &mut File,
    path: &Path,
) -> Result<(), Error> {
    let mut pair = KeyPair::generate()?;
    let key = *pair.public();
    let asked = ClientAdd { name, key: StaticKey(key), uid, grants: grants.to_vec() };
    let mut buffer = SecureBuffer::new()?;
    let answer = ask(&Request::ClientAdd(asked), name, home, &mut buffer)?;
    let Response::ClientAdded(added) = answer else { return Err(ClientError::Malformed.into()) };
    pair.remember(&added.daemon.0)?;
    write(&pair, &added, file)
        .map_err(|error| CommandError::File { path: path.to_owned(), error })?;
    let shown = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let text = format!(
        "key          {}\nsocket       {}\nfingerprint  {}\n",
        escaped(&shown.to_string_lossy()),
        escaped(added.socket),
        fingerprint(&key)
    );
    Ok(print(text.as_bytes())?)
}

/// The key file: the two keys of a pair, the daemon's public one and what is shared with
/// it, 32 bytes each, and then the socket's path.
fn write(pair: &KeyPair, added: &ClientAdded<'_>, file: &mut File) -> io::Result<()> {
    let bytes = pair.to_file_bytes().map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    file.write_all(bytes.expose())?;
    file.write_all(added.socket.as_bytes())?;
    file.sync_all()
}

fn create(path: &Path) -> Result<File, CommandError> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
        match error.kind() {
            io::ErrorKind::AlreadyExists => CommandError::FileExists(path.to_owned()),
            _ => CommandError::File { path: path.to_owned(), error },
        }
    })
}

/// The grants in `PROFILE:KEYS:OPERATIONS`. What each part may be, the daemon says.
fn rows(text: &str) -> Result<Vec<GrantRow<'_>>, CommandError> {
    let parts: Vec<&str> = text.split(':').collect();
    let [profile, keys, operations] = parts.as_slice() else {
        return Err(CommandError::NotAGrant(text.to_owned()));
    };
    let row = |operation| match operation {
        "get" | "set" | "delete" | "list" | "unlock" | "lock" => {
            Ok(GrantRow { profile, operation, keys })
        }
        _ => Err(CommandError::NotAGrant(text.to_owned())),
    };
    operations.split(',').map(row).collect()
}

fn list(options: &cli::ClientList, home: &Home) -> Result<(), Error> {
    let mut buffer = SecureBuffer::new()?;
    let answer = ask(&Request::ClientList, "", home, &mut buffer)?;
    let Response::Clients(rows) = answer else { return Err(ClientError::Malformed.into()) };
    let text = match options.json {
        true => {
            let rows: Vec<_> = rows.iter().map(as_json).collect();
            json_line(&rows.into())
        }
        false => rows.iter().map(as_text).collect(),
    };
    Ok(print(text.as_bytes())?)
}

fn as_text(row: &ClientRow<'_>) -> String {
    let used = row.last_used_at.map_or_else(|| "never".to_owned(), stamp);
    let state = if row.revoked { ", revoked" } else { "" };
    let (name, key) = (escaped(row.name), fingerprint(&row.key.0));
    let line = format!("{name}  {key}  user {}, last used {used}{state}", row.uid);
    let mut text = report_line(&line, 4);
    for grant in &row.grants {
        let GrantRow { profile, operation, keys } = grant;
        let line = format!("  {profile}: {operation} {keys}");
        text.push_str(&format!("{}\n", escaped(&line)));
    }
    text
}

fn as_json(row: &ClientRow<'_>) -> serde_json::Value {
    let grant = |grant: &GrantRow<'_>| {
        serde_json::json!({
            "profile": grant.profile,
            "operation": grant.operation,
            "keys": grant.keys,
        })
    };
    serde_json::json!({
        "name": row.name,
        "fingerprint": fingerprint(&row.key.0),
        "uid": row.uid,
        "last_used": row.last_used_at.map(stamp),
        "revoked": row.revoked,
        "rules": row.grants.iter().map(grant).collect::<Vec<_>>(),
    })
}

/// What two people compare: the first half of BLAKE2s over the public key.
fn fingerprint(key: &PublicStaticKey) -> String {
    const SHOWN_BYTES: usize = 16;
    let digest = Blake2s256::digest(key);
    hex::encode(digest.get(..SHOWN_BYTES).unwrap_or_default())
}

fn revoke(options: &cli::ClientRevoke, home: &Home) -> Result<(), Error> {
    let mut buffer = SecureBuffer::new()?;
    match ask(&Request::ClientRevoke(&options.name), &options.name, home, &mut buffer)? {
        Response::Done => Ok(()),
        _ => Err(ClientError::Malformed.into()),
    }
}

/// Asks for something about one client, or about all of them.
fn ask<'b>(
    request: &Request<'_>,
    name: &str,
    home: &Home,
    buffer: &'b mut SecureBuffer,
) -> Result<Response<'b>, AskError> {
    let passwords = Passwords::default();
    let mut asker = Asker::new(home, &passwords);
    asker.ask(request, &[Wanted { profiles: Vec::new(), key: name }], buffer)
}
