//! What was given to pds alone, and is not for the command that it becomes.
//!
//! `--password-file /dev/fd/3 3< FILE` and `<(…)` leave a descriptor open through which the
//! command would read the vault's password, and with it everything instead of its own few
//! secrets.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::sys::process;

/// Links that are followed from a name to a descriptor: `/dev/stdin` takes two.
const LINKS_MAX: usize = 8;

/// Takes every descriptor that one of `paths` names away from the command. To be called
/// when they have been read for the last time.
pub(super) fn take_back<'p>(paths: impl Iterator<Item = &'p Path>) {
    paths.filter_map(descriptor).for_each(process::withhold_descriptor);
}

/// The descriptor of this process that `path` leads to, if it leads to one.
fn descriptor(path: &Path) -> Option<i32> {
    let own = ["/proc/self/fd", "/proc/thread-self/fd"].map(|own| fs::canonicalize(own).ok());
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = fs::canonicalize(parent.unwrap_or(Path::new("."))).ok()?;
        if own.iter().flatten().any(|own| *own == folder) {
            return path.file_name()?.to_str()?.parse().ok();
        }
        path = folder.join(fs::read_link(&path).ok()?);
    }
    None
}

/// Whether `path` lies in `folder`, whatever links lead there.
pub(super) fn lies_in(path: &Path, folder: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
    real(path).starts_with(real(folder))
}

#[cfg(test)]
mod tests {
    use std::os::{fd::AsRawFd, unix::fs::symlink};

    use super::*;

    #[test]
    fn every_way_to_name_a_descriptor_is_known_and_no_file_is_taken_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = fs::File::create(folder.path().join("3")).unwrap();
        let number = file.as_raw_fd();
        let link = folder.path().join("link");
        symlink(format!("/dev/fd/{number}"), &link).unwrap();
        let own = std::process::id();
        for path in [
            format!("/dev/fd/{number}"),
            format!("/proc/self/fd/{number}"),
            format!("/proc/thread-self/fd/{number}"),
            format!("/proc/{own}/fd/{number}"),
            format!("/dev/../dev/./fd//{number}"),
            link.to_str().unwrap().to_owned(),
        ] {
            assert_eq!(descriptor(Path::new(&path)), Some(number), "{path}");
        }
        assert_eq!(descriptor(Path::new("/dev/stdin")), Some(0));
        let plain = folder.path().join("3");
        for path in [plain.as_path(), Path::new("3"), Path::new("/proc/1/fd/0"), Path::new("/")] {
            assert_eq!(descriptor(path), None, "{}", path.display());
        }
    }
}
