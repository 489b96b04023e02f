//! Whether git tracks a file, without running git: it would obey the repository's own
//! configuration, which may name programs.

use std::{
    fs::File,
    io::Read,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// A longer index is looked at up to here. A `.env` is near its start: names are sorted.
const INDEX_READ_BYTES: u64 = 64 << 20;

/// Whether the index of the repository that `folder` is in lists `name` in `folder`. False
/// also where that can't be told.
pub(super) fn tracks(folder: &Path, name: &str) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    let mut roots = folder.ancestors();
    let Some((root, git)) = roots.find_map(|root| Some((root, git_folder(root)?))) else {
        return false;
    };
    let Ok(below) = folder.strip_prefix(root) else { return false };
    let mut index = Vec::new();
    let read = File::open(git.join("index"))
        .and_then(|file| file.take(INDEX_READ_BYTES).read_to_end(&mut index));
    read.is_ok() && lists(&index, below.join(name).as_os_str().as_bytes())
}

/// The git folder of a repository's root: `.git`, or what is named in it for a worktree.
fn git_folder(root: &Path) -> Option<PathBuf> {
    let git = root.join(".git");
    let is = git.metadata().ok()?;
    if is.is_dir() {
        return Some(git);
    }
    let mut text = String::new();
    File::open(git).ok()?.take(4_096).read_to_string(&mut text).ok()?;
    Some(root.join(text.strip_prefix("gitdir:")?.trim()))
}

/// An entry ends with two bytes of flags, of which the low 12 bits are the name's length,
/// perhaps two more bytes of flags, the name, and a NUL (gitformat-index(5)). Version 4
/// shortens names: there the answer may be a wrong no.
fn lists(index: &[u8], name: &[u8]) -> bool {
    let length = name.len().min(0xFFF) as u16;
    let has_length = |at: Option<usize>| {
        let flags = at.and_then(|at| index.get(at..at + 2)).and_then(|two| two.try_into().ok());
        flags.is_some_and(|flags| u16::from_be_bytes(flags) & 0xFFF == length)
    };
    let is_entry = |at: usize| {
        index.get(at + name.len()) == Some(&0)
            && (has_length(at.checked_sub(2)) || has_length(at.checked_sub(4)))
    };
    let mut found = index.windows(name.len().max(1)).enumerate();
    found.any(|(at, window)| window == name && is_entry(at))
}
