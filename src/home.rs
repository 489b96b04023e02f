//! Where things live: the four folders, by the XDG Base Directory Specification.
//!
//! The environment is all that is asked. Looking a home folder up in the user
//! database would load name-service modules into a static binary.
#![forbid(unsafe_code)]

use std::{
    collections::BTreeMap,
    env, io,
    path::{Path, PathBuf},
};

/// A Unix socket's path, its NUL included, has at most this many bytes (unix(7)).
const SOCKET_PATH_MAX_BYTES: usize = 108;

/// The folders of one user, or of one `PDS_HOME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Holds `config.toml`; pds only reads it.
    pub config: PathBuf,
    /// Holds `vaults/`, the static keys, `clients/` and `lock`.
    pub data: PathBuf,
    /// Holds `audit/`, `audit-heads/`, `generations/`, `tries/` and `log`.
    pub state: PathBuf,
    /// Holds the sockets.
    pub runtime: PathBuf,
    /// The key file of an enrolled client, for whoever is one and not the owner.
    pub client_key: Option<PathBuf>,
}

/// Why the folders can't be told.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Neither `PDS_HOME` nor `HOME` is set to an absolute path.
    #[error("neither `PDS_HOME` nor `HOME` says where the vaults are")]
    Unknown,
    /// The current folder, which a relative `PDS_HOME` starts from, is gone.
    #[error("can't make `PDS_HOME` absolute: {0}")]
    NoCurrentFolder(io::Error),
    /// No socket fits below the runtime folder.
    #[error("the path `{0}` is too long for a socket")]
    SocketPathTooLong(PathBuf),
}

impl HomeError {
    /// The stable word for it in `--json`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "no-home",
            Self::NoCurrentFolder(_) => "no-current-folder",
            Self::SocketPathTooLong(_) => "path-too-long",
        }
    }
}

impl Home {
    /// The folders that this process's environment names.
    ///
    /// # Errors
    /// [`HomeError`] if it names none.
    pub fn from_environment() -> Result<Self, HomeError> {
        let home = Self::named_by(|name| env::var_os(name).map(PathBuf::from))?;
        if home.socket().as_os_str().len() >= SOCKET_PATH_MAX_BYTES {
            return Err(HomeError::SocketPathTooLong(home.socket()));
        }
        Ok(home)
    }

    /// The folders of this process's environment, as an enrolled client with this key.
    /// It needs none of them: in a container, there may be none.
    #[must_use]
    pub fn of_client(key: PathBuf) -> Self {
        let home = Self::named_by(|name| env::var_os(name).map(PathBuf::from));
        let home = home.unwrap_or_else(|_| Self::below(Path::new("/nonexistent")));
        Self { client_key: Some(key), ..home }
    }

    fn named_by(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<Self, HomeError> {
        if let Some(root) = variable("PDS_HOME").filter(|root| !root.as_os_str().is_empty()) {
            let root = std::path::absolute(root).map_err(HomeError::NoCurrentFolder)?;
            return Ok(Self::below(&root));
        }
        // The specification says that a relative path is to be ignored.
        let absolute = |name| variable(name).filter(|path| path.is_absolute());
        let user = absolute("HOME");
        let folder = |name, fallback: &str| {
            let chosen = absolute(name).or_else(|| user.as_ref().map(|user| user.join(fallback)));
            chosen.map(|folder| folder.join("pds")).ok_or(HomeError::Unknown)
        };
        let state = folder("XDG_STATE_HOME", ".local/state")?;
        Ok(Self {
            config: folder("XDG_CONFIG_HOME", ".config")?,
            data: folder("XDG_DATA_HOME", ".local/share")?,
            runtime: absolute("XDG_RUNTIME_DIR")
                .map_or_else(|| state.join("run"), |r| r.join("pds")),
            state,
            client_key: None,
        })
    }

    /// All four under one folder, as `PDS_HOME` has them.
    pub(crate) fn below(root: &Path) -> Self {
        Self {
            config: root.join("config"),
            data: root.join("data"),
            state: root.join("state"),
            runtime: root.join("run"),
            client_key: None,
        }
    }

    /// The user's own configuration.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// The folder that holds a folder for each profile.
    #[must_use]
    pub fn vaults(&self) -> PathBuf {
        self.data.join("vaults")
    }

    /// The daemon's lock, with the path of its socket in it.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        self.data.join("lock")
    }

    /// The daemon's own static key.
    #[must_use]
    pub fn daemon_key(&self) -> PathBuf {
        self.data.join("daemon.key")
    }

    /// The public half of the daemon's static key, which clients read.
    #[must_use]
    pub fn daemon_public_key(&self) -> PathBuf {
        self.data.join("daemon.pub")
    }

    /// The launcher's static key.
    #[must_use]
    pub fn launcher_key(&self) -> PathBuf {
        self.data.join("launcher.key")
    }

    /// The files besides the socket without which the launcher can't reach a daemon.
    #[must_use]
    pub fn keys_of_launcher(&self) -> [PathBuf; 2] {
        [self.daemon_public_key(), self.launcher_key()]
    }

    /// The socket that the launcher connects to.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.runtime.join("pds.sock")
    }

    /// The folder of what is known of enrolled clients.
    #[must_use]
    pub fn clients(&self) -> PathBuf {
        self.data.join("clients")
    }

    /// The folder of the enrolled clients' sockets.
    #[must_use]
    pub fn client_sockets(&self) -> PathBuf {
        self.runtime.join("clients")
    }

    /// The daemon's log.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.state.join("log")
    }

    /// The folder of the notes that say how far each vault had come.
    #[must_use]
    pub fn generations(&self) -> PathBuf {
        self.state.join("generations")
    }

    /// The folder of the notes that say how many wrong passwords each profile has seen.
    #[must_use]
    pub fn tries(&self) -> PathBuf {
        self.state.join("tries")
    }

    /// The folder of the audit trail.
    #[must_use]
    pub fn audit(&self) -> PathBuf {
        self.state.join("audit")
    }

    /// The folder of the notes that say how far the audit trail had come.
    #[must_use]
    pub fn audit_heads(&self) -> PathBuf {
        self.state.join("audit-heads")
    }
}

/// A file of the audit trail in its folder. Files are numbered from 1.
#[must_use]
pub fn audit_file(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:08}.jsonl"))
}

/// The files of the audit trail that are there, by number, oldest first.
///
/// # Errors
/// What the kernel says of the folder.
pub fn audit_files(folder: &Path) -> io::Result<BTreeMap<u64, PathBuf>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".jsonl"));
        if let Some(number) = number.and_then(|number| number.parse().ok())
            && audit_file(folder, number) == path
        {
            files.insert(number, path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(set: &[(&str, &str)]) -> Result<Home, HomeError> {
        Home::named_by(|name| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| PathBuf::from(value))
        })
    }

    #[test]
    fn pds_home_holds_all_four() {
        let home = named(&[("PDS_HOME", "/p"), ("HOME", "/h"), ("XDG_DATA_HOME", "/x")]).unwrap();
        assert_eq!(home, Home::below(Path::new("/p")));
    }

    #[test]
    fn a_relative_xdg_folder_is_ignored() {
        let home = named(&[("HOME", "/h"), ("XDG_DATA_HOME", "x"), ("XDG_STATE_HOME", "/s")]);
        let home = home.unwrap();
        assert_eq!(home.data, Path::new("/h/.local/share/pds"));
        assert_eq!(home.state, Path::new("/s/pds"));
        assert_eq!(home.runtime, Path::new("/s/pds/run"));
    }

    #[test]
    fn without_any_home_there_is_an_error() {
        assert!(matches!(named(&[("HOME", "relative")]), Err(HomeError::Unknown)));
    }
}
