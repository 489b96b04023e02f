//! Where a password comes from: a file, systemd, or the person at the terminal.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Read},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::MetadataExt,
    },
    path::{Path, PathBuf},
};

use super::given;
use crate::{
    say::{self, Told},
    secret::{OutOfSecretMemory, PASSWORD_MAX_BYTES, SecureBytes, TrustProfileName},
    sys::{
        process::effective_uid,
        terminal::{self, PromptError},
    },
};

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Nobody can be asked and no file was named.
    #[error("the password of profile `{0}` is needed, and there is no terminal to ask at")]
    NoSource(TrustProfileName),
    /// `--password-file F` while several profiles are locked.
    #[error("`--password-file` must say whose password it is, as PROFILE=FILE")]
    Ambiguous,
    /// The profile's name in `P=F` can't be one.
    #[error("`--password-file` names no profile before its `=`")]
    NotAProfile,
    /// The file can't be read.
    #[error("can't read the password from `{}`: {error}", super::shown(path))]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// It is longer than any password.
    #[error("a password has at most {PASSWORD_MAX_BYTES} bytes")]
    TooLong,
    /// Two answers that should be the same are not.
    #[error("the two passwords are not the same")]
    Mismatch,
    /// The person did not answer.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// There is no memory for it.
    #[error(transparent)]
    OutOfSecretMemory(#[from] OutOfSecretMemory),
}

impl PasswordError {
    /// The stable word for it in `--json`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSource(_) => "no-password",
            Self::Ambiguous | Self::NotAProfile => "usage",
            Self::Unreadable { .. } => "file-unusable",
            Self::TooLong => "unusable-password",
            Self::Mismatch => "mismatch",
            Self::Prompt(PromptError::NoTerminal) => "no-terminal",
            Self::Prompt(PromptError::Cancelled | PromptError::TooLong | PromptError::Io(_)) => {
                "no-answer"
            }
            Self::OutOfSecretMemory(_) => "out-of-secret-memory",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoSource(profile) => {
                let option = super::profile_option(profile);
                return Some(format!("pds unlock{option} at a terminal, or --password-file FILE"));
            }
            Self::Ambiguous | Self::NotAProfile => "--password-file PROFILE=FILE",
            Self::OutOfSecretMemory(_) => "raise RLIMIT_MEMLOCK (`ulimit -l`)",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// The sources of passwords that a command was given.
#[derive(Debug, Default)]
pub struct Passwords {
    /// A file for one profile, or for the only one that is locked.
    files: Vec<(Option<TrustProfileName>, PathBuf)>,
    may_ask: bool,
}

impl Passwords {
    /// From `--password-file` and `--no-prompt`, or the variables in their place.
    ///
    /// # Errors
    /// [`PasswordError::NotAProfile`].
    pub fn new(files: &[OsString], no_prompt: bool) -> Result<Self, PasswordError> {
        let mut named = files.iter().map(|file| split(file)).collect::<Result<Vec<_>, _>>()?;
        if named.is_empty() {
            let set = env::var_os("PDS_PASSWORD_FILE").filter(|file| !file.is_empty());
            named.extend(set.map(|file| (None, PathBuf::from(file))));
        }
        let forbidden = env::var_os("PDS_NO_PROMPT").is_some_and(|set| !set.is_empty());
        Ok(Self { files: named, may_ask: !no_prompt && !forbidden })
    }

    /// Takes the descriptors that were named for passwords, and for the key of this client,
    /// away from the command that this process becomes: they were given to pds alone. No
    /// password can be had after it.
    pub fn take_back_descriptors(&self, client_key: Option<&Path>) {
        let named = self.files.iter().map(|(_, path)| path.as_path());
        given::take_back(named.chain(client_key));
    }

    /// Whether systemd's folder of credentials holds a password.
    #[must_use]
    pub fn are_in_credentials(&self) -> bool {
        let Some(folder) = env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from) else {
            return false;
        };
        let mut named = self.files.iter().map(|(_, path)| path.as_path());
        has_credentials() || named.any(|path| given::lies_in(path, &folder))
    }

    /// Whether the person may be asked.
    #[must_use]
    pub fn may_ask(&self) -> bool {
        self.may_ask && terminal::has_terminal()
    }

    /// Whether a password could come from anywhere but the person.
    #[must_use]
    pub fn has_files(&self) -> bool {
        !self.files.is_empty() || has_credentials()
    }

    /// The password of `profile`; `only` if it is the only one that is asked for.
    ///
    /// # Errors
    /// [`PasswordError`] if there is none to be had.
    pub fn of(&self, profile: &TrustProfileName, only: bool) -> Result<SecureBytes, PasswordError> {
        if let Some(path) = self.file_of(profile, only)? {
            return read_file(&path);
        }
        if !self.may_ask() {
            return Err(PasswordError::NoSource(profile.clone()));
        }
        prompt(&format!("pds: password for profile `{profile}`: "))
    }

    /// A password for a vault that is to be made: from a file, or asked for twice.
    ///
    /// # Errors
    /// [`PasswordError`] if there is none to be had.
    pub fn fresh(&self, profile: &TrustProfileName) -> Result<SecureBytes, PasswordError> {
        if let Some(path) = self.file_of(profile, true)? {
            return read_file(&path);
        }
        self.ask_twice(profile)
    }

    /// A password in the place of one: from `file`, or asked for twice. The files that were
    /// named for passwords hold the one that it replaces.
    ///
    /// # Errors
    /// [`PasswordError`] if there is none to be had.
    pub fn replacement(
        &self,
        profile: &TrustProfileName,
        file: Option<&Path>,
    ) -> Result<SecureBytes, PasswordError> {
        match file {
            Some(path) => read_file(path),
            None => self.ask_twice(profile),
        }
    }

    fn ask_twice(&self, profile: &TrustProfileName) -> Result<SecureBytes, PasswordError> {
        if !self.may_ask() {
            return Err(PasswordError::NoSource(profile.clone()));
        }
        let first = prompt(&format!("pds: new password for profile `{profile}`: "))?;
        let strength = super::strength::strength(first.expose());
        let second = prompt(&format!("pds: {strength}\npds: the same again: "))?;
        if second.ct_eq(first.expose()) { Ok(first) } else { Err(PasswordError::Mismatch) }
    }

    fn file_of(
        &self,
        profile: &TrustProfileName,
        only: bool,
    ) -> Result<Option<PathBuf>, PasswordError> {
        let named = |(name, _): &&(Option<_>, _)| name.as_ref() == Some(profile);
        if let Some((_, path)) = self.files.iter().find(named) {
            return Ok(Some(path.clone()));
        }
        match self.files.iter().find(|(name, _)| name.is_none()) {
            Some((_, path)) if only => Ok(Some(path.clone())),
            Some(_) => Err(PasswordError::Ambiguous),
            None => Ok(credential(profile, only)),
        }
    }
}

/// The name of a credential with a password; one for a profile goes on with `.PROFILE`.
const CREDENTIAL: &str = "pds.password";

/// systemd's credential for this profile (systemd.exec(5), LoadCredential=). The one without
/// a name is, like a file without one, for the only profile that is asked for.
fn credential(profile: &TrustProfileName, only: bool) -> Option<PathBuf> {
    let folder = PathBuf::from(env::var_os("CREDENTIALS_DIRECTORY")?);
    let own = folder.join(format!("{CREDENTIAL}.{profile}"));
    let shared = only.then(|| folder.join(CREDENTIAL));
    [Some(own), shared].into_iter().flatten().find(|path| path.exists())
}

/// Whether systemd has passed any password. A unit may have credentials for other uses.
fn has_credentials() -> bool {
    let entries = env::var_os("CREDENTIALS_DIRECTORY").and_then(|folder| fs::read_dir(folder).ok());
    let is_ours = |name: &[u8]| {
        let rest = name.strip_prefix(CREDENTIAL.as_bytes());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"."))
    };
    entries.is_some_and(|mut all| {
        all.any(|entry| entry.is_ok_and(|entry| is_ours(entry.file_name().as_bytes())))
    })
}

/// `PROFILE=FILE` or `FILE`. A path with a slash before its `=` names no profile.
fn split(file: &OsStr) -> Result<(Option<TrustProfileName>, PathBuf), PasswordError> {
    let bytes = file.as_bytes();
    match bytes.iter().position(|&byte| byte == b'=') {
        Some(at) if !bytes[..at].contains(&b'/') => {
            let name = std::str::from_utf8(&bytes[..at]).ok();
            let name = name.and_then(|name| TrustProfileName::new(name).ok());
            let name = name.ok_or(PasswordError::NotAProfile)?;
            Ok((Some(name), OsString::from_vec(bytes[at + 1..].to_vec()).into()))
        }
        _ => Ok((None, file.into())),
    }
}

/// Says that others can read a file of the person's own that holds a password. Not of what
/// systemd keeps in its folder, which nobody else gets into; and no reason to refuse it: in a
/// container there may be nobody else.
fn warn_if_others_read(path: &Path, file: &fs::Metadata) {
    let others = file.is_file() && file.mode() & 0o044 != 0 && file.uid() == effective_uid();
    let credentials = env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    if !others || credentials.is_some_and(|folder| given::lies_in(path, &folder)) {
        return;
    }
    let hint = format!("chmod go= {}", say::quoted(&path.to_string_lossy()));
    let message = format!("warning: others can read the password in `{}`", path.display());
    Told::new(message, Some(hint)).say();
}

/// A password from a file; one newline at its end is not part of it.
fn read_file(path: &Path) -> Result<SecureBytes, PasswordError> {
    let failed = |error| PasswordError::Unreadable { path: path.to_owned(), error };
    let mut file = File::open(path).map_err(failed)?;
    warn_if_others_read(path, &file.metadata().map_err(failed)?);
    // Room for a password of the full length, its newline, and one byte too many.
    let mut bytes = SecureBytes::zeroed(PASSWORD_MAX_BYTES + 2)?;
    let mut len = 0;
    loop {
        match file.read(&mut bytes.expose_mut()[len..]).map_err(failed)? {
            0 => break,
            more => len += more,
        }
    }
    if bytes.expose()[..len].ends_with(b"\n") {
        len -= 1;
    }
    if len > PASSWORD_MAX_BYTES {
        return Err(PasswordError::TooLong);
    }
    bytes.truncate(len);
    Ok(bytes)
}

/// Asks at the terminal, without echo, for at most [`PASSWORD_MAX_BYTES`].
///
/// # Errors
/// [`PasswordError::Prompt`].
pub fn prompt(question: &str) -> Result<SecureBytes, PasswordError> {
    let mut answer = SecureBytes::zeroed(PASSWORD_MAX_BYTES)?;
    let len = terminal::ask_hidden(question, answer.expose_mut())?;
    answer.truncate(len);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn from_file(content: &[u8]) -> Result<SecureBytes, PasswordError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        read_file(file.path())
    }

    #[test]
    fn one_newline_at_the_end_is_not_part_of_a_password() {
        assert!(from_file(b"secret").unwrap().ct_eq(b"secret"));
        assert!(from_file(b"secret\n").unwrap().ct_eq(b"secret"));
        assert!(from_file(b"secret\n\n").unwrap().ct_eq(b"secret\n"));
        assert!(from_file(b"a\r\n").unwrap().ct_eq(b"a\r"));
    }

    #[test]
    fn a_password_is_never_cut() {
        let longest = vec![b'x'; PASSWORD_MAX_BYTES];
        assert!(from_file(&longest).unwrap().ct_eq(&longest));
        let with_newline = [longest.as_slice(), b"\n"].concat();
        assert!(from_file(&with_newline).unwrap().ct_eq(&longest));
        let longer = vec![b'x'; PASSWORD_MAX_BYTES + 1];
        assert!(matches!(from_file(&longer), Err(PasswordError::TooLong)));
        let endless = vec![b'x'; 1 << 20];
        assert!(matches!(from_file(&endless), Err(PasswordError::TooLong)));
    }

    #[test]
    fn a_file_belongs_to_a_profile_or_to_the_only_one() {
        let work = TrustProfileName::new("work").unwrap();
        let split = |text: &str| split(OsStr::new(text)).unwrap();
        assert_eq!(split("work=/p"), (Some(work.clone()), PathBuf::from("/p")));
        assert_eq!(split("/p=q"), (None, PathBuf::from("/p=q")));
        let passwords = Passwords::new(&["/shared".into()], true).unwrap();
        assert_eq!(passwords.file_of(&work, true).unwrap(), Some(PathBuf::from("/shared")));
        assert!(matches!(passwords.file_of(&work, false), Err(PasswordError::Ambiguous)));
    }
}
