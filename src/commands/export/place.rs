//! Where it goes: a file that is whole and yours alone, or standard output.

use std::{
    env,
    fs::{File, OpenOptions},
    io::{self, Write},
    os::{
        fd::AsFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use super::{ExportError, Named, form::Format, write};
use crate::{
    cli,
    commands::{
        CommandError,
        beside::{Beside, may_replace},
    },
    secret::SecureBuffer,
};

/// Of what no file may take the place of.
const INSTEAD: &str = "choose another name, or redirect standard output there";

/// Where the text goes.
pub(super) enum Place {
    Output,
    File {
        path: PathBuf,
        replace: bool,
    },
    /// To a file that the runner has made, behind what other steps have written.
    Github(PathBuf),
}

impl Place {
    /// Refused here already if it is taken: before anything is asked or fetched.
    pub(super) fn new(options: &cli::Export, format: Format) -> Result<Self, CommandError> {
        let named = options.output.clone();
        if format == Format::Github {
            let set = [env::var_os("GITHUB_ENV"), env::var_os("GITHUB_OUTPUT")];
            let [to, output] = set.map(|p| p.filter(|p| !p.is_empty()).map(PathBuf::from));
            let path = named.or_else(|| to.clone()).ok_or(ExportError::NoGithubFile)?;
            let mut files = [Some(path.clone()), to, output].into_iter().flatten();
            if files.any(|file| is_output(&file)) {
                return Err(ExportError::MasksInFile.into());
            }
            return Ok(Self::Github(path));
        }
        let Some(path) = named.filter(|path| path.as_os_str() != "-") else {
            return Ok(Self::Output);
        };
        may_replace(&path, INSTEAD)?;
        if !options.force && path.symlink_metadata().is_ok() {
            return Err(CommandError::FileExists(path));
        }
        Ok(Self::File { path, replace: options.force })
    }

    /// The file, where that is all that shows a value.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } => Some(path),
            Self::Output | Self::Github(_) => None,
        }
    }

    pub(super) fn write(
        &self,
        text: &SecureBuffer,
        named: &[Named<'_>],
    ) -> Result<(), CommandError> {
        match self {
            Self::Output => print(text),
            Self::File { path, replace } => {
                let beside = Beside::create(path)?;
                let mut file = &beside.file;
                file.write_all(text.as_slice())
                    .and_then(|()| file.sync_all())
                    .map_err(|error| beside.failed(error))?;
                if *replace { beside.replace(INSTEAD) } else { beside.rename() }
            }
            Self::Github(path) => {
                // Masked first: what is not yet known to the runner it would print.
                print(&write::masks(named)?)?;
                let mut options = OpenOptions::new();
                let opened = options.append(true).create(true).mode(0o600).open(path);
                opened
                    .and_then(|mut file| file.write_all(text.as_slice()))
                    .map_err(|error| CommandError::File { path: path.clone(), error })
            }
        }
    }
}

/// Whether standard output is this very file, by whatever name.
fn is_output(path: &Path) -> bool {
    let output = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    let (Ok(output), Ok(file)) = (output.and_then(|output| output.metadata()), path.metadata())
    else {
        return false;
    };
    file.is_file() && (output.dev(), output.ino()) == (file.dev(), file.ino())
}

/// Straight to the descriptor: Rust's own standard output keeps what passes through it.
fn print(text: &SecureBuffer) -> Result<(), CommandError> {
    let output = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    output.and_then(|mut output| output.write_all(text.as_slice())).map_err(CommandError::Output)
}
