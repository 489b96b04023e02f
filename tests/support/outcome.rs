//! A call of the program, and what became of it.

use std::{
    ffi::OsStr,
    io::Write,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

/// A call that is being put together.
#[must_use = "nothing runs before `.done()`"]
pub(crate) struct Pds {
    command: Command,
    input: Option<Vec<u8>>,
}

impl Pds {
    pub(crate) fn over(command: Command) -> Self {
        Self { command, input: None }
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn arguments(&mut self, arguments: &[&str]) {
        self.command.args(arguments);
    }

    pub(crate) fn cwd(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub(crate) fn input(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.input = Some(bytes.as_ref().to_vec());
        self
    }

    pub(crate) fn start(&mut self) -> Child {
        let stdin = if self.input.is_some() { Stdio::piped() } else { Stdio::null() };
        self.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command.spawn().unwrap()
    }

    pub(crate) fn done(mut self) -> Outcome {
        let mut child = self.start();
        let mut stdin = child.stdin.take();
        let input = self.input.take().unwrap_or_default();
        // In a thread: a child that answers before it has read all must not wait for us.
        let writer = std::thread::spawn(move || {
            stdin.as_mut().map(|stdin| stdin.write_all(&input));
        });
        let outcome = Outcome::of(child);
        writer.join().unwrap();
        outcome
    }

    /// Runs it; it must succeed without a word on standard error.
    #[track_caller]
    pub(crate) fn ok(self) -> Vec<u8> {
        let outcome = self.done();
        assert_eq!((outcome.status(), outcome.stderr().as_str()), (0, ""), "{outcome:?}");
        outcome.0.stdout
    }

    /// Runs it; it must succeed. Returns its standard output as text.
    #[track_caller]
    pub(crate) fn text(self) -> String {
        String::from_utf8(self.done().code(0).0.stdout).unwrap()
    }

    /// Runs it; it must fail with status 1. Returns its standard output as text.
    #[track_caller]
    pub(crate) fn text_of_failure(self) -> String {
        String::from_utf8(self.done().code(1).0.stdout).unwrap()
    }
}

/// What became of a call.
#[derive(Debug)]
#[must_use = "an outcome is there to be looked at"]
pub(crate) struct Outcome(pub(crate) Output);

impl Outcome {
    pub(crate) fn of(child: Child) -> Self {
        Self(child.wait_with_output().unwrap())
    }

    /// The exit status, or 1000 and the signal.
    pub(crate) fn status(&self) -> i32 {
        self.0.status.code().unwrap_or_else(|| 1000 + self.0.status.signal().unwrap())
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(self.status(), expected, "{:?} {}", self.0.stdout, self.stderr());
        self
    }

    #[track_caller]
    pub(crate) fn killed_by(self, signal: i32) -> Self {
        self.code(1000 + signal)
    }

    #[track_caller]
    pub(crate) fn stdout(self, expected: impl AsRef<[u8]>) -> Self {
        let expected = expected.as_ref();
        assert!(self.0.stdout == expected, "{self:?}, not {}", expected.escape_ascii());
        self
    }

    /// Standard error is exactly this.
    #[track_caller]
    pub(crate) fn says(self, expected: &str) -> Self {
        assert_eq!(self.stderr(), expected);
        self
    }

    /// Standard error holds this.
    #[track_caller]
    pub(crate) fn mentions(self, expected: &str) -> Self {
        assert!(self.stderr().contains(expected), "no {expected:?} in {}", self.stderr());
        self
    }

    pub(crate) fn end(self) {}
}
