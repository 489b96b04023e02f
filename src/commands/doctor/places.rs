//! Whether what belongs to the user alone is the user's alone.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{Check, State};
use crate::{home::Home, say::quoted, sys::process::effective_uid};

/// The bits of a mode that let others in at all, and those that let them write.
const OPEN: u32 = 0o077;
const WRITABLE: u32 = 0o022;

/// One place that others could get at, and the command that ends that.
struct Open {
    path: PathBuf,
    what: &'static str,
    remedy: String,
}

pub(super) fn check(home: &Home) -> Check {
    let open: Vec<Open> =
        places(home).into_iter().filter_map(|(path, refused)| judge(path, refused)).collect();
    let Some(first) = open.first() else {
        return Check::ok("permissions", "all files and folders are yours alone");
    };
    let more = match open.len() {
        1 => String::new(),
        count => format!(", and {} more", count - 1),
    };
    let detail = format!("`{}` {}{more}", first.path.display(), first.what);
    let remedies: Vec<&str> = open.iter().map(|open| open.remedy.as_str()).collect();
    Check::new("permissions", State::Wrong, detail, &remedies.join(" && "))
}

/// Everything of pds's, with the bits that it must not have. A client's own socket folder
/// and the config may be seen by others, but not written.
fn places(home: &Home) -> Vec<(PathBuf, u32)> {
    let mut places: Vec<(PathBuf, u32)> = [&home.data, &home.state, &home.runtime]
        .into_iter()
        .map(|folder| (folder.clone(), OPEN))
        .collect();
    places.push((home.config.clone(), WRITABLE));
    places.push((home.config_file(), WRITABLE));
    let files = [
        home.daemon_key(),
        home.launcher_key(),
        home.log_file(),
        home.vaults(),
        home.audit(),
        home.audit_heads(),
    ];
    places.extend(files.map(|path| (path, OPEN)));
    let generations = home.generations();
    let notes = [home.audit(), home.audit_heads(), generations.clone()];
    places.push((generations, OPEN));
    places.extend(notes.iter().flat_map(|folder| entries(folder)).map(|path| (path, OPEN)));
    // The profiles' folders and the files in them.
    let profiles = entries(&home.vaults());
    places.extend(profiles.iter().flat_map(|profile| entries(profile)).map(|path| (path, OPEN)));
    places.extend(profiles.into_iter().map(|path| (path, OPEN)));
    places
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = std::fs::read_dir(folder);
    read.into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn judge(path: PathBuf, refused: u32) -> Option<Open> {
    let metadata: Metadata = path.symlink_metadata().ok()?;
    let shown = quoted(&path.to_string_lossy());
    if metadata.is_symlink() {
        let remedy = format!("rm {shown}");
        return Some(Open { path, what: "is a symbolic link", remedy });
    }
    if metadata.uid() != effective_uid() {
        let remedy = format!("chown {} {shown}", effective_uid());
        return Some(Open { path, what: "belongs to another user", remedy });
    }
    (metadata.mode() & refused != 0).then(|| {
        let bits = if refused == OPEN { "go=" } else { "go-w" };
        Open { path, what: "is open to other users", remedy: format!("chmod {bits} {shown}") }
    })
}
