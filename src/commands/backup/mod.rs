//! `backup` and `restore`: a whole vault as one file, encrypted as it is.
//!
//! The daemon opens no path that a client names: this process writes and reads the file, and
//! what is in it crosses the socket in pieces.

mod container;

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

pub use container::NotABackup;
use container::{Head, Writer};

use super::{
    CommandError,
    beside::{Beside, may_replace},
    change, passwords_of, print, profile_of,
    progress::Progress,
};
use crate::{
    cli,
    client::{Asker, ClientError, Wanted, profile_option},
    error::Error,
    home::Home,
    say::{hint, note},
    secret::{SecureBuffer, TrustProfileName},
    wire::{
        TRANSFER_CHUNK_BYTES,
        message::{Backup, BackupPart, Plaintext, Request, Response, RestoreBegin, RestoreCommit},
    },
};

pub(super) fn backup(options: &cli::Backup, home: &Home) -> Result<(), Error> {
    let profile = profile_of(&options.profile)?;
    let passwords = passwords_of(&options.password)?;
    if is_stream(&options.file) {
        return Err(CommandError::NoStream.into());
    }
    may_replace(&options.file, "choose another name")?;
    if options.file.symlink_metadata().is_ok() {
        return Err(CommandError::FileExists(options.file.clone()).into());
    }
    let mut asker = Asker::new(home, &passwords);
    let mut buffer = SecureBuffer::new()?;
    let request = Request::Backup(Backup { profile: &profile, offset: None, names: options.list });
    let taken = part(&mut asker, &request, &profile, &mut buffer)?;
    let secrets = taken.secrets;
    let head = Head {
        profile: profile.clone(),
        header_bytes: taken.bytes.0.len() as u64,
        database_bytes: taken.database_bytes,
    };
    let beside = Beside::create(&options.file)?;
    let mut writer = begin(&beside, &head, taken.bytes.0)?;
    receive(&mut asker, &profile, &head, |piece| {
        writer.write(piece).map_err(|error| beside.failed(error))
    })?;
    let file = writer.finish().map_err(|error| beside.failed(error))?;
    file.sync_all().map_err(|error| beside.failed(error))?;
    verify(&beside.path, &options.file)?;
    beside.rename()?;
    if options.list {
        let names: String = taken.names.iter().flat_map(|name| [*name, "\n"]).collect();
        print(names.as_bytes())?;
    }
    note(format_args!("wrote {} of profile `{profile}`, encrypted", super::import::count(secrets)));
    Ok(())
}

fn begin<'f>(
    beside: &'f Beside,
    head: &Head,
    header: &[u8],
) -> Result<Writer<&'f File>, CommandError> {
    let begin = || {
        let mut writer = Writer::begin(&beside.file, head)?;
        writer.write(header)?;
        Ok(writer)
    };
    begin().map_err(|error| beside.failed(error))
}

/// Reads the copy that the daemon has taken, piece by piece.
fn receive(
    asker: &mut Asker<'_>,
    profile: &TrustProfileName,
    head: &Head,
    mut write: impl FnMut(&[u8]) -> Result<(), CommandError>,
) -> Result<(), Error> {
    let mut progress = Progress::new(head.database_bytes);
    let mut offset = 0;
    while offset < head.database_bytes {
        let mut buffer = SecureBuffer::new()?;
        let request = Request::Backup(Backup { profile, offset: Some(offset), names: false });
        let piece = part(asker, &request, profile, &mut buffer)?.bytes.0;
        if piece.is_empty() {
            return Err(malformed());
        }
        write(piece)?;
        offset += piece.len() as u64;
        progress.reach(offset);
    }
    if offset == head.database_bytes { Ok(()) } else { Err(malformed()) }
}

fn part<'b>(
    asker: &mut Asker<'_>,
    request: &Request<'_>,
    profile: &TrustProfileName,
    buffer: &'b mut SecureBuffer,
) -> Result<BackupPart<'b>, Error> {
    let about = [Wanted { profiles: vec![profile], key: "" }];
    match asker.ask(request, &about, buffer)? {
        Response::Backup(part) => Ok(part),
        _ => Err(malformed()),
    }
}

fn malformed() -> Error {
    ClientError::Malformed.into()
}

/// Whether `path` means standard input or output elsewhere.
fn is_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads a backup once and says what it is, under the name that a person knows it by.
fn verify(path: &Path, name: &Path) -> Result<Head, CommandError> {
    let failed = |error| CommandError::File { path: name.to_owned(), error };
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let verified = container::verify(BufReader::new(file), bytes).map_err(failed)?;
    verified.map_err(|problem| CommandError::NotABackup { path: name.to_owned(), problem })
}

pub(super) fn restore(options: &cli::Restore, home: &Home) -> Result<(), Error> {
    if is_stream(&options.file) {
        return Err(CommandError::NoStream.into());
    }
    let head = verify(&options.file, &options.file)?;
    let profile = head.profile.clone();
    if let Some(named) = options.profile.clone().filter(|named| *named != profile) {
        return Err(CommandError::OtherProfile { backup: profile, named }.into());
    }
    let passwords = passwords_of(&options.password)?;
    // Told before a password is asked for; the daemon asks the same again.
    if !options.replace && home.vaults().join(profile.as_str()).symlink_metadata().is_ok() {
        return Err(CommandError::VaultExists(profile).into());
    }
    let password = passwords.of(&profile, true)?;
    let mut asker = Asker::new(home, &passwords);
    send(&mut asker, options, &head)?;
    let mut buffer = SecureBuffer::new()?;
    let request = Request::RestoreCommit(RestoreCommit { password: Plaintext(password.expose()) });
    let about = [Wanted { profiles: vec![&profile], key: "" }];
    let Response::Restored(secrets) = asker.ask(&request, &about, &mut buffer)? else {
        return Err(malformed());
    };
    if options.list {
        let Response::Keys(rows) = asker.ask(&Request::List(&profile), &about, &mut buffer)? else {
            return Err(malformed());
        };
        let names: String = rows.iter().flat_map(|row| [row.key, "\n"]).collect();
        print(names.as_bytes())?;
    }
    note(format_args!("restored {} of profile `{profile}`", super::import::count(secrets)));
    hint(format_args!("pds list{}", profile_option(&profile)));
    Ok(())
}

/// Sends a backup's content, piece by piece.
fn send(asker: &mut Asker<'_>, options: &cli::Restore, head: &Head) -> Result<(), Error> {
    let failed = |error| CommandError::File { path: options.file.clone(), error };
    let mut file = BufReader::new(File::open(&options.file).map_err(failed)?);
    // It was whole a moment ago; what it is now the daemon checks to the last value.
    let again = Head::read(&mut file).map_err(failed)?;
    if again.as_ref() != Ok(head) {
        return Err(malformed());
    }
    let mut piece = Vec::new();
    let mut next = |bytes: u64| -> Result<Vec<u8>, CommandError> {
        piece.clear();
        file.by_ref().take(bytes).read_to_end(&mut piece).map_err(failed)?;
        Ok(piece.clone())
    };
    let header = next(head.header_bytes)?;
    let begin = Request::RestoreBegin(RestoreBegin {
        profile: &head.profile,
        header: Plaintext(&header),
        database_bytes: head.database_bytes,
        replace: options.replace,
    });
    change(asker, &begin, &head.profile, "")?;
    let mut progress = Progress::new(head.database_bytes);
    let mut sent = 0;
    while sent < head.database_bytes {
        let piece = next((head.database_bytes - sent).min(TRANSFER_CHUNK_BYTES as u64))?;
        if piece.is_empty() {
            return Err(malformed());
        }
        change(asker, &Request::RestoreWrite(Plaintext(&piece)), &head.profile, "")?;
        sent += piece.len() as u64;
        progress.reach(sent);
    }
    Ok(())
}
