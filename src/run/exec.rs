//! The last moments: build the block, wipe everything else, become the command.

use std::{
    ffi::{CStr, CString, OsString},
    os::unix::ffi::OsStrExt,
};

use super::{
    RunError,
    environment::{Entry, Environment, STRIPPED, Sources},
    fetch::Values,
    plan::Plan,
};
use crate::{
    client::Passwords,
    secret::OutOfSecretMemory,
    sys::{
        exec::{self, Block, ExecError},
        kernel,
        process::{self, Inherited},
        stack,
    },
};

/// A command with its environment, checked and ready.
#[derive(Debug)]
pub(super) struct Prepared {
    program: OsString,
    arguments: Vec<CString>,
    block: Block,
    /// The PATH that the command will have, which is where it is looked for.
    path: Option<Vec<u8>>,
}

impl Prepared {
    /// Builds the environment. When this returns, the block holds the only copy
    /// of the values in this process.
    pub(super) fn new(
        plan: &Plan<'_>,
        values: &Values,
        clean: bool,
        withheld: &[&str],
        command: &[OsString],
    ) -> Result<Self, RunError> {
        let inherited: Vec<&'static CStr> =
            process::environment().filter(|entry| !is_any_of(withheld, entry)).collect();
        let texts: Vec<&[u8]> = inherited.iter().map(|entry| entry.to_bytes()).collect();
        let inherit = plan.inherit(clean);
        let environment = Environment::bind(Sources {
            inherited: &texts,
            inherit: &inherit,
            vars: &plan.vars,
            secrets: values.resolved(plan),
            absent: values.absent(plan),
            compose: &plan.compose,
            conflict: plan.conflict(),
        })
        .map_err(RunError::Environment)?;
        let program = command.first().cloned().unwrap_or_default();
        let words: Vec<&[u8]> = command.iter().map(|word| word.as_bytes()).collect();
        environment
            .check_size(program.as_bytes(), &words, kernel::stack_limit_bytes())
            .map_err(RunError::TooLarge)?;
        // A command line never holds a NUL: the kernel's strings end there.
        let arguments = words.iter().filter_map(|word| CString::new(*word).ok()).collect();
        Ok(Self {
            program,
            arguments,
            block: block(&environment, &inherited)?,
            path: path(&environment),
        })
    }

    /// Becomes the command. Returns only why it could not; the values are wiped then.
    pub(super) fn exec(self, inherited: Inherited) -> ExecError {
        let path = self.path.as_deref();
        let before = || {
            // What ciphers and parsers have left on this stack.
            stack::wipe_below();
            inherited.restore();
        };
        exec::exec(&self.program, &self.arguments, &self.block, path, before)
    }
}

/// Variables that do not reach the command, because they say where a password or a key is.
pub(super) fn withheld(passwords: &Passwords) -> Vec<&'static str> {
    let credentials = passwords.are_in_credentials().then_some("CREDENTIALS_DIRECTORY");
    STRIPPED.into_iter().chain(credentials).collect()
}

fn is_any_of(names: &[&str], entry: &CStr) -> bool {
    let bytes = entry.to_bytes();
    names
        .iter()
        .any(|name| bytes.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"=")))
}

/// Copies what is set here into the block, and points to what was inherited
/// where the kernel has put it.
fn block(
    environment: &Environment<'_>,
    inherited: &[&'static CStr],
) -> Result<Block, OutOfSecretMemory> {
    let set = environment.entries().iter().filter(|entry| entry.variable().is_some());
    let bytes = set.map(Entry::len).sum();
    let mut block = Block::with_capacity(bytes).map_err(|_| OutOfSecretMemory)?;
    let mut left = inherited.iter();
    for entry in environment.entries() {
        match entry {
            // Both are in the same order, so one walk finds each.
            Entry::Inherited(text) => {
                let same = |c: &&&CStr| std::ptr::eq(c.to_bytes(), *text);
                if let Some(string) = left.find(same) {
                    block.push_inherited(string);
                }
            }
            _ => block.push(&entry.parts()).map_err(|_| OutOfSecretMemory)?,
        }
    }
    Ok(block)
}

fn path(environment: &Environment<'_>) -> Option<Vec<u8>> {
    let entry = environment.entries().iter().find(|entry| entry.name() == b"PATH")?;
    let whole = entry.parts().concat();
    whole.strip_prefix(b"PATH=").map(<[u8]>::to_vec)
}
