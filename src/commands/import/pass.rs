//! The store of pass(1): a folder of files, each encrypted by gpg, which decrypts them
//! here too, with the agent and the questions that its owner knows.

use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
    process::{Command, Stdio},
};

use super::{IMPORT_MAX_ENTRIES, Imported};
use crate::{
    commands::{CommandError, read_to_end},
    run::environment::STRIPPED,
    say::{escaped, note},
    secret::{SecureBytes, VALUE_MAX_BYTES, validate_secret_key},
};

/// Why a store can't be imported.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// Neither `PASSWORD_STORE_DIR` nor `HOME`.
    #[error("can't tell where the store is: PASSWORD_STORE_DIR and HOME are not set")]
    NoHome,
    /// A name that leads out of the store, or to nothing in it.
    #[error("there is no `{}` in the store `{}`", shown(name), shown(store))]
    NoEntry {
        /// What was asked for.
        name: PathBuf,
        /// Where it was looked for.
        store: PathBuf,
    },
    /// No entries at all.
    #[error("the store `{}` holds nothing", shown(.0))]
    Empty(PathBuf),
    /// More entries than are imported at once.
    #[error("the store `{}` has more than {IMPORT_MAX_ENTRIES} entries", shown(.0))]
    TooMany(PathBuf),
    /// Two entries for one key.
    #[error("`{first}` and `{second}` would both be `{key}`")]
    Both {
        /// One.
        first: String,
        /// The other.
        second: String,
        /// What both would be.
        key: String,
    },
    /// gpg is not there.
    #[error("can't run `gpg`: {0}")]
    NoGpg(std::io::Error),
    /// gpg has refused; what it said is above.
    #[error("gpg did not decrypt `{0}`")]
    Gpg(String),
}

impl PassError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Empty(_) => Some("PASSWORD_STORE_DIR names another store"),
            Self::NoGpg(_) => Some("install gnupg"),
            Self::Gpg(_) => Some("nothing was stored; `pass show` of the same says more"),
            Self::TooMany(_) => Some("name one of its folders"),
            Self::Both { .. } => Some("rename one of the two"),
            _ => None,
        }
    }
}

fn shown(path: &Path) -> String {
    escaped(&path.to_string_lossy()).to_string()
}

/// The entries below `name`, or all of the store, decrypted one after the other.
pub(super) fn read(name: Option<&Path>, first_line: bool) -> Result<Vec<Imported>, CommandError> {
    let store = store()?;
    let entries = entries(&store, name)?;
    if entries.len() > IMPORT_MAX_ENTRIES {
        return Err(PassError::TooMany(store).into());
    }
    let named = named(&store, &entries)?;
    let mut found = Vec::new();
    for (name, path) in named {
        found.push(Imported { value: decrypt(path, first_line)?, name });
    }
    Ok(found)
}

fn store() -> Result<PathBuf, PassError> {
    let set =
        |path: std::ffi::OsString| Some(PathBuf::from(path)).filter(|p| !p.as_os_str().is_empty());
    let named = env::var_os("PASSWORD_STORE_DIR").and_then(set);
    let at_home = || Some(env::var_os("HOME").and_then(set)?.join(".password-store"));
    named.or_else(at_home).ok_or(PassError::NoHome)
}

/// The files, in the order of their paths. Links are not followed: they lead elsewhere.
fn entries(store: &Path, name: Option<&Path>) -> Result<Vec<PathBuf>, CommandError> {
    let name = name.unwrap_or(Path::new(""));
    let none = || match name.as_os_str().is_empty() {
        true => PassError::Empty(store.to_owned()),
        false => PassError::NoEntry { name: name.to_owned(), store: store.to_owned() },
    };
    if name.components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(none().into());
    }
    let mut file = store.join(name).into_os_string();
    file.push(".gpg");
    let file = PathBuf::from(file);
    if !name.as_os_str().is_empty() && file.is_file() {
        return Ok(vec![file]);
    }
    if !store.join(name).is_dir() {
        return Err(none().into());
    }
    let (mut found, mut folders) = (Vec::new(), vec![store.join(name)]);
    while let Some(folder) = folders.pop() {
        let failed = |error| CommandError::File { path: folder.clone(), error };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let path = entry.path();
            // As pass does: `.git`, `.gpg-id` and `.extensions` are no entries.
            if entry.file_name().as_bytes().starts_with(b".") {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|end| end == "gpg") {
                found.push(path);
            }
        }
    }
    found.sort();
    if found.is_empty() { Err(none().into()) } else { Ok(found) }
}

/// Each file with its name as a key. What no key can have becomes `_`, and is said.
fn named<'p>(store: &Path, paths: &'p [PathBuf]) -> Result<Vec<(String, &'p Path)>, PassError> {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let mut named = Vec::new();
    for path in paths {
        let name = path.strip_prefix(store).unwrap_or(path).with_extension("");
        let name = name.to_string_lossy().into_owned();
        let fits = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
        let key: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
        if let Some(first) = seen.insert(key.clone(), name.clone()) {
            let (first, second) = (escaped(&first).to_string(), escaped(&name).to_string());
            return Err(PassError::Both { first, second, key });
        }
        if key != name && validate_secret_key(&key).is_ok() {
            note(format_args!("`{}` becomes `{key}`", escaped(&name)));
        }
        named.push((key, path.as_path()));
    }
    Ok(named)
}

/// What gpg makes of a file: all of it but one newline at its end, which pass(1) puts
/// there; or its first line, where pass keeps the password.
fn decrypt(path: &Path, first_line: bool) -> Result<SecureBytes, CommandError> {
    let mut command = Command::new("gpg");
    command.args(["--quiet", "--yes", "--decrypt", "--"]).arg(path);
    for name in STRIPPED {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(PassError::NoGpg)?;
    let failed = |error| CommandError::File { path: path.to_owned(), error };
    let read = match child.stdout.take() {
        Some(mut output) => read_to_end(&mut output, VALUE_MAX_BYTES, failed),
        None => Err(CommandError::ValueTooLong),
    };
    if read.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(failed)?;
    let mut value = read
        .map_err(|error| match error {
            CommandError::ValueTooLong => {
                CommandError::FileTooLong { path: path.to_owned(), max_bytes: VALUE_MAX_BYTES }
            }
            other => other,
        })?
        .into_bytes();
    if !status.success() {
        return Err(PassError::Gpg(shown(path)).into());
    }
    let text = value.expose();
    let end = match first_line {
        true => text.iter().position(|b| *b == b'\n').unwrap_or(text.len()),
        false => text.strip_suffix(b"\n").unwrap_or(text).len(),
    };
    value.truncate(end);
    Ok(value)
}
