//! Finding a manifest, and reading it once.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{Invalid, Lifted, MANIFEST_MAX_BYTES, Manifest};
use crate::say::{escaped, quoted};

/// What a manifest's file is called.
pub const FILE_NAME: &str = "pds.toml";

const ROOT: u32 = 0;
/// What `mode` must not have: group or others could rewrite what is about to be read.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Why there is no manifest to work with.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// None on the way up.
    #[error("there is no `{FILE_NAME}` here or in a folder above")]
    NotFound,
    /// It can't be opened or read.
    #[error("`{}` can't be read: {source}", shown(.path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A symbolic link: what it points to can change between approval and use.
    #[error("`{}` is a symbolic link", shown(.0))]
    SymbolicLink(PathBuf),
    /// A folder, a device, a socket, a FIFO.
    #[error("`{}` is not a regular file", shown(.0))]
    NotAFile(PathBuf),
    /// Owned by neither the user nor root.
    #[error("`{}` belongs to another user", shown(.0))]
    ForeignOwner(PathBuf),
    /// Group or others may write to it.
    #[error("`{}` can be changed by other users", shown(.0))]
    WritableByOthers(PathBuf),
    /// More than [`MANIFEST_MAX_BYTES`].
    #[error("`{}` has more than {MANIFEST_MAX_BYTES} bytes", shown(.0))]
    TooLarge(PathBuf),
    /// It was read, and is wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// A path that plays no tricks on a terminal.
fn shown(path: &Path) -> impl std::fmt::Display {
    escaped(&path.to_string_lossy()).to_string()
}

impl ManifestError {
    /// The stable word for it in `--json`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "no-manifest",
            Self::Invalid(_) => "manifest-invalid",
            Self::Unreadable { .. }
            | Self::SymbolicLink(_)
            | Self::NotAFile(_)
            | Self::ForeignOwner(_)
            | Self::WritableByOthers(_)
            | Self::TooLarge(_) => "manifest-unusable",
        }
    }

    /// The file that it is about, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::NotFound => None,
            Self::Invalid(invalid) => Some(&invalid.path),
            Self::Unreadable { path, .. }
            | Self::SymbolicLink(path)
            | Self::NotAFile(path)
            | Self::ForeignOwner(path)
            | Self::WritableByOthers(path)
            | Self::TooLarge(path) => Some(path),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound => Some("make one with `pds init`".to_owned()),
            Self::SymbolicLink(_) => Some("name the file itself with `-m`".to_owned()),
            Self::ForeignOwner(_) => {
                Some("take a copy that is yours, and read it before you allow it".to_owned())
            }
            Self::WritableByOthers(path) => {
                Some(format!("chmod go-w {}", quoted(&path.to_string_lossy())))
            }
            _ => None,
        }
    }
}

impl Manifest {
    /// The manifest for a command started in `start`: the first `pds.toml` from there
    /// upwards. The search ends with the root of the repository (a folder with `.git`) or
    /// with `home`, both looked into, and before a folder of another owner.
    ///
    /// `start` and `home` are absolute and without symbolic links, as `getcwd` has them.
    /// `user` is the user id that this process runs for.
    ///
    /// # Errors
    /// [`ManifestError::NotFound`], or whatever is wrong with the first one found: a bad
    /// manifest is never passed over for one further up.
    pub fn find(
        start: &Path,
        home: Option<&Path>,
        user: u32,
        lifted: Lifted<'_>,
    ) -> Result<Self, ManifestError> {
        let owner = |folder: &Path| fs::metadata(folder).map(|m| m.uid()).ok();
        let start_owner = owner(start);
        for folder in start.ancestors() {
            if folder != start && owner(folder) != start_owner {
                break;
            }
            let path = folder.join(FILE_NAME);
            match open(&path) {
                Ok(file) => return read(file, path, user, lifted),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(path, error)),
            }
            if home == Some(folder) || folder.join(".git").symlink_metadata().is_ok() {
                break;
            }
        }
        Err(ManifestError::NotFound)
    }

    /// The manifest `path`, named by the person. Links on the way to its folder are
    /// followed, and [`Manifest::path`] is without them.
    ///
    /// # Errors
    /// Whatever keeps it from being used.
    pub fn load(path: &Path, user: u32, lifted: Lifted<'_>) -> Result<Self, ManifestError> {
        let file = open(path).map_err(|error| unreadable(path.to_owned(), error))?;
        let path = Self::path_of(path).map_err(|error| unreadable(path.to_owned(), error))?;
        read(file, path, user, lifted)
    }

    /// The path that a manifest named `path` has, or would have if it were there: its folder
    /// without links.
    ///
    /// # Errors
    /// If there is no such folder.
    pub fn path_of(path: &Path) -> io::Result<PathBuf> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")))?;
        Ok(path.file_name().map_or(folder.clone(), |name| folder.join(name)))
    }
}

/// Without following a link, and without waiting for a FIFO's other end.
fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

fn unreadable(path: PathBuf, source: io::Error) -> ManifestError {
    match source.raw_os_error() {
        Some(libc::ELOOP) => ManifestError::SymbolicLink(path),
        Some(libc::ENXIO) => ManifestError::NotAFile(path), // a socket
        _ => ManifestError::Unreadable { path, source },
    }
}

/// Everything that is checked is checked of the open file: its name may lead elsewhere by now.
fn read(
    file: File,
    path: PathBuf,
    user: u32,
    lifted: Lifted<'_>,
) -> Result<Manifest, ManifestError> {
    let metadata = match file.metadata() {
        Ok(metadata) => metadata,
        Err(source) => return Err(ManifestError::Unreadable { path, source }),
    };
    if !metadata.is_file() {
        return Err(ManifestError::NotAFile(path));
    }
    if metadata.uid() != user && metadata.uid() != ROOT {
        return Err(ManifestError::ForeignOwner(path));
    }
    if metadata.mode() & WRITABLE_BY_OTHERS != 0 {
        return Err(ManifestError::WritableByOthers(path));
    }
    let limit = MANIFEST_MAX_BYTES as u64;
    if metadata.len() > limit {
        return Err(ManifestError::TooLarge(path));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    if let Err(source) = file.take(limit + 1).read_to_end(&mut bytes) {
        return Err(ManifestError::Unreadable { path, source });
    }
    if bytes.len() > MANIFEST_MAX_BYTES {
        return Err(ManifestError::TooLarge(path)); // it grew meanwhile
    }
    Ok(Manifest::parse(&bytes, &path, metadata.uid(), lifted)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    };

    use super::{super::UNJUDGED, *};

    fn sandbox() -> (tempfile::TempDir, PathBuf, u32) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().canonicalize().unwrap();
        let user = fs::metadata(&path).unwrap().uid();
        (home, path, user)
    }

    fn write(folder: &Path, text: &str) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        let path = folder.join(FILE_NAME);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        path
    }

    #[test]
    fn the_nearest_manifest_upwards_counts() {
        let (_keep, home, user) = sandbox();
        let (outer, inner) = (write(&home, "pds = 1"), write(&home.join("a/b"), "pds = 1"));
        fs::create_dir_all(home.join("a/b/c")).unwrap();
        let found =
            |start: &str| Manifest::find(&home.join(start), Some(&home), user, UNJUDGED).unwrap();
        assert_eq!(found("a/b/c").path, inner);
        assert_eq!(found("a/b").directory, home.join("a/b"));
        assert_eq!(found("a").path, outer);
    }

    #[test]
    fn the_search_ends_with_the_repository_and_with_home() {
        let (_keep, home, user) = sandbox();
        write(&home, "pds = 1");
        fs::create_dir_all(home.join("repo/.git")).unwrap();
        fs::create_dir_all(home.join("repo/src")).unwrap();
        let find = |start: &str, end: &str| {
            Manifest::find(&home.join(start), Some(&home.join(end)), user, UNJUDGED)
        };
        assert!(matches!(find("repo/src", ""), Err(ManifestError::NotFound)));
        let own = write(&home.join("repo"), "pds = 1");
        assert_eq!(find("repo/src", "").unwrap().path, own);
        fs::create_dir_all(home.join("other/src")).unwrap();
        assert!(matches!(find("other/src", "other"), Err(ManifestError::NotFound)));
    }

    #[test]
    fn a_bad_manifest_is_not_passed_over() {
        let (_keep, home, user) = sandbox();
        write(&home, "pds = 1");
        write(&home.join("a"), "pds = 2");
        let found = Manifest::find(&home.join("a"), Some(&home), user, UNJUDGED);
        assert!(matches!(found, Err(ManifestError::Invalid(_))), "{found:?}");
    }

    #[test]
    fn what_is_not_a_regular_file_is_refused_at_once() {
        let (_keep, home, user) = sandbox();
        let real = write(&home.join("real"), "pds = 1");
        let path = home.join(FILE_NAME);
        symlink(&real, &path).unwrap();
        assert!(matches!(
            Manifest::load(&path, user, UNJUDGED),
            Err(ManifestError::SymbolicLink(_))
        ));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(Manifest::load(&path, user, UNJUDGED), Err(ManifestError::NotAFile(_))));
        fs::remove_dir(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(matches!(Manifest::load(&path, user, UNJUDGED), Err(ManifestError::NotAFile(_))));
        fs::remove_file(&path).unwrap();
        let _socket = UnixListener::bind(&path).unwrap();
        assert!(matches!(Manifest::load(&path, user, UNJUDGED), Err(ManifestError::NotAFile(_))));
        for device in ["/dev/zero", "/dev/null"] {
            let refused = Manifest::load(Path::new(device), user, UNJUDGED);
            assert!(matches!(refused, Err(ManifestError::NotAFile(_))), "{refused:?}");
        }
    }

    #[test]
    fn who_else_could_have_written_it_decides() {
        let (_keep, home, user) = sandbox();
        let path = write(&home, "pds = 1");
        for (mode, fine) in [(0o600, true), (0o644, true), (0o664, false), (0o646, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = matches!(
                Manifest::load(&path, user, UNJUDGED),
                Err(ManifestError::WritableByOthers(_))
            );
            assert_eq!(refused, !fine, "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let foreign = user != ROOT; // root's own is anybody's to read
        let refused = matches!(
            Manifest::load(&path, user + 1, UNJUDGED),
            Err(ManifestError::ForeignOwner(_))
        );
        assert_eq!(refused, foreign);
    }

    #[test]
    fn the_size_has_an_edge_and_a_sparse_gigabyte_is_not_read() {
        let (_keep, home, user) = sandbox();
        let text = "pds = 1\n#";
        let path = write(&home, &format!("{text}{}", "x".repeat(MANIFEST_MAX_BYTES - text.len())));
        assert!(Manifest::load(&path, user, UNJUDGED).is_ok());
        for len in [MANIFEST_MAX_BYTES as u64 + 1, 1 << 30] {
            OpenOptions::new().write(true).open(&path).unwrap().set_len(len).unwrap();
            assert!(matches!(
                Manifest::load(&path, user, UNJUDGED),
                Err(ManifestError::TooLarge(_))
            ));
        }
    }

    #[test]
    fn a_path_is_shown_without_what_a_terminal_would_obey() {
        let error = ManifestError::NotAFile(PathBuf::from("/a\u{1b}[2J\n"));
        assert_eq!(error.to_string(), "`/a\\u{1b}[2J\\n` is not a regular file");
    }
}
