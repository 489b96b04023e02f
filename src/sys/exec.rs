//! `execve`, and the block of strings that it is given.
//!
//! The block is secret memory: the kernel copies the strings into the new
//! program and then clears the block's pages with the rest of this process.
//! `std::process::Command` would leave six copies of each value on the heap.

use std::{
    ffi::{CStr, CString, OsStr},
    fs::File,
    io::Read,
    os::unix::ffi::OsStrExt,
    path::Path,
    ptr,
};

use super::{
    arena::{self, Slot},
    region::{Protection, Region, RegionError},
};

/// Up to this size the block lies in the arena, on pages that are there already. A
/// mapping of its own costs a run of a few secrets more than all that is written to it.
const IN_ARENA_MAX_BYTES: usize = 2 << 10;

/// Where `execvp` looks when there is no PATH (glibc's confstr(_CS_PATH)).
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";
/// As much of a script as the kernel looks at for its interpreter (BINPRM_BUF_SIZE).
const FIRST_LINE_MAX_BYTES: usize = 256;
/// What runs a script without `#!`, as execvp(3) does.
const SHELL: &CStr = c"/bin/sh";

/// An environment, or any list of strings, ready for `execve`.
#[derive(Debug)]
pub struct Block {
    memory: Memory,
    /// Bytes taken by strings, from the memory's start.
    used: usize,
    /// Entries: offsets into the memory, or strings that live elsewhere.
    entries: Vec<Entry>,
}

#[derive(Debug)]
enum Memory {
    Arena(Slot),
    Own(Region),
}

impl Memory {
    fn map(bytes: usize) -> Result<Self, RegionError> {
        if bytes <= IN_ARENA_MAX_BYTES
            && let Ok(slot) = arena::allocate(bytes)
        {
            return Ok(Self::Arena(slot));
        }
        Region::map(bytes, Protection::Plain).map(Self::Own)
    }

    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Arena(slot) => slot.as_slice(),
            Self::Own(region) => region.as_slice(),
        }
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        match self {
            Self::Arena(slot) => slot.as_mut_slice(),
            Self::Own(region) => region.as_mut_slice(),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Entry {
    Inside(usize),
    Elsewhere(&'static CStr),
}

impl Block {
    /// Room for strings of `bytes` in all, NULs included.
    ///
    /// # Errors
    /// [`RegionError::OutOfMemory`]. Where locked memory is short the block takes
    /// [`Protection::Plain`], since it lives for less than a millisecond.
    pub fn with_capacity(bytes: usize) -> Result<Self, RegionError> {
        Ok(Self { memory: Memory::map(bytes)?, used: 0, entries: Vec::new() })
    }

    /// Adds a string made of `parts`, and its NUL.
    ///
    /// # Errors
    /// [`RegionError::OutOfMemory`] if it does not fit in the capacity asked for.
    pub fn push(&mut self, parts: &[&[u8]]) -> Result<(), RegionError> {
        let start = self.used;
        for part in parts.iter().copied().chain([b"\0".as_slice()]) {
            let end = self.used.checked_add(part.len()).ok_or(RegionError::OutOfMemory)?;
            let room = self.memory.as_mut_slice().get_mut(self.used..end);
            room.ok_or(RegionError::OutOfMemory)?.copy_from_slice(part);
            self.used = end;
        }
        self.entries.push(Entry::Inside(start));
        Ok(())
    }

    /// Adds a string that the kernel put into this process already.
    pub fn push_inherited(&mut self, string: &'static CStr) {
        self.entries.push(Entry::Elsewhere(string));
    }

    /// The array that `execve` wants: a pointer for each string, then a null one.
    fn pointers(&self) -> Vec<*const libc::c_char> {
        let base = self.memory.as_slice();
        let one = |entry: &Entry| match *entry {
            Entry::Inside(offset) => base[offset..].as_ptr().cast(),
            Entry::Elsewhere(string) => string.as_ptr(),
        };
        self.entries.iter().map(one).chain([ptr::null()]).collect()
    }
}

/// Why a command did not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    /// No such file, in any folder of PATH.
    #[error("no such command")]
    NotFound,
    /// There is one, and what is to run it is not there. The kernel says of both the same.
    #[error("its interpreter{} is missing", in_backticks(.0))]
    NoInterpreter(String),
    /// There is one, and the kernel would not run it.
    #[error("{}", nix::errno::Errno::from_raw(*.0).desc())]
    NotExecutable(i32),
}

/// Becomes `program`, searched for in `path` (a PATH, or `None` for the
/// system's default) as execvp(3) does. Returns only to say why it could not.
///
/// `before` runs immediately before the first try: the place to give back
/// what the command must inherit.
pub fn exec(
    program: &OsStr,
    arguments: &[CString],
    environment: &Block,
    path: Option<&[u8]>,
    before: impl FnOnce(),
) -> ExecError {
    let argv: Vec<_> = arguments.iter().map(|a| a.as_ptr()).chain([ptr::null()]).collect();
    let envp = environment.pointers();
    before();
    let mut refusal = None;
    for candidate in candidates(program.as_bytes(), path) {
        match exec_one(&candidate, &argv, &envp) {
            libc::ENOENT | libc::ENOTDIR => {}
            // Somewhere else in PATH there may be one that may be run.
            libc::EACCES => refusal = Some(libc::EACCES),
            other => return ExecError::NotExecutable(other),
        }
    }
    if let Some(refusal) = refusal {
        return ExecError::NotExecutable(refusal);
    }
    let mut found = candidates(program.as_bytes(), path).into_iter();
    found.find_map(|file| no_interpreter(&file)).unwrap_or(ExecError::NotFound)
}

/// What a file that `execve` did not find lacks, if it is there itself: what the first line of
/// a script names, whose end the kernel takes literally (`#!/bin/sh` and a carriage return),
/// or a program's loader, which has no name here.
fn no_interpreter(file: &CStr) -> Option<ExecError> {
    let path = Path::new(OsStr::from_bytes(file.to_bytes()));
    if !path.is_file() {
        return None;
    }
    let mut start = [0; FIRST_LINE_MAX_BYTES];
    // Who may run it may not be one who may read it.
    let read = File::open(path).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
    let line = start[..read].split(|&byte| byte == b'\n').next().unwrap_or_default();
    let named = line.strip_prefix(b"#!").unwrap_or_default();
    let mut words = named.split(|&byte| byte == b' ' || byte == b'\t');
    let named = words.find(|word| !word.is_empty()).unwrap_or_default();
    Some(ExecError::NoInterpreter(String::from_utf8_lossy(named).into_owned()))
}

fn in_backticks(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" `{name}`") }
}

fn candidates(program: &[u8], path: Option<&[u8]>) -> Vec<CString> {
    let join = |folder: &[u8]| match folder {
        b"" => CString::new(program),
        _ => CString::new([folder, b"/", program].concat()),
    };
    if program.is_empty() {
        return Vec::new();
    }
    if program.contains(&b'/') {
        return CString::new(program).into_iter().collect();
    }
    let path = path.unwrap_or(DEFAULT_PATH);
    path.split(|&byte| byte == b':').filter_map(|folder| join(folder).ok()).collect()
}

/// One `execve`, with execvp's second try for a script without `#!`. Returns errno.
fn exec_one(
    file: &CStr,
    argv: &[*const libc::c_char],
    envp: &[*const libc::c_char],
) -> libc::c_int {
    // SAFETY: both arrays end with a null pointer and point at NUL-terminated
    // strings that outlive the call, which either does not return or leaves
    // everything as it was.
    unsafe { libc::execve(file.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    let error = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::ENOEXEC);
    if error != libc::ENOEXEC {
        return error;
    }
    let arguments = argv.get(1..).unwrap_or_default();
    let script: Vec<_> =
        [SHELL.as_ptr(), file.as_ptr()].into_iter().chain(arguments.iter().copied()).collect();
    // SAFETY: as above; `arguments` brings the null pointer that ends the array.
    unsafe { libc::execve(SHELL.as_ptr(), script.as_ptr(), envp.as_ptr()) };
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::ENOEXEC)
}
