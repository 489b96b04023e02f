//! A real terminal with the program as the leader of its session.

use std::{
    ffi::OsStr,
    fs::File,
    io::{Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
    process::{Child, Command, Stdio},
    time::Instant,
};

use nix::{
    fcntl::OFlag,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    pty::{grantpt, posix_openpt, ptsname_r, unlockpt},
    sys::termios::{LocalFlags, tcgetattr},
};

use super::{DEADLINE, Outcome, Sandbox, sandbox::program};

/// A new terminal, its two ends. Not by openpty(3), whose descriptors would be inherited by
/// whatever another test starts meanwhile: some claims are about each that is open.
fn open_pty() -> (OwnedFd, OwnedFd) {
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = ptsname_r(&master).unwrap();
    let mut slave = File::options();
    let slave = slave.read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(path);
    (master.into(), slave.unwrap().into())
}

pub(crate) struct Terminal {
    master: File,
    slave: OwnedFd,
    child: Child,
    /// What the terminal has shown since the last `expect`.
    pub(crate) shown: String,
    /// All that it has been sent, byte for byte.
    pub(crate) sent: Vec<u8>,
}

impl Terminal {
    pub(crate) fn run(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        Self::start(sandbox, arguments, &[], |_| [Stdio::piped(), Stdio::piped()])
    }

    /// With standard output on the terminal too.
    pub(crate) fn run_whole(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let whole = |slave: &OwnedFd| [slave.try_clone().unwrap().into(), Stdio::piped()];
        Self::start(sandbox, arguments, &[], whole)
    }

    /// With all three standard streams on the terminal, and these variables.
    pub(crate) fn dialogue(sandbox: &Sandbox, arguments: &[&str], set: &[(&str, &str)]) -> Self {
        let arguments: Vec<_> = arguments.iter().map(OsStr::new).collect();
        let set: Vec<_> = set.iter().map(|(name, value)| (*name, OsStr::new(value))).collect();
        Self::talk(sandbox, &arguments, &set)
    }

    /// The same of words that may be no text.
    pub(crate) fn talk(sandbox: &Sandbox, arguments: &[&OsStr], set: &[(&str, &OsStr)]) -> Self {
        let stream = |slave: &OwnedFd| Stdio::from(slave.try_clone().unwrap());
        Self::start(sandbox, arguments, set, |slave| [stream(slave), stream(slave)])
    }

    fn start<A: AsRef<OsStr>>(
        sandbox: &Sandbox,
        arguments: &[A],
        set: &[(&str, &OsStr)],
        output: impl Fn(&OwnedFd) -> [Stdio; 2],
    ) -> Self {
        let (master, slave) = open_pty();
        let mut command: Command = sandbox.command("setsid");
        // Whoever starts the tests in the background of a script has SIGINT ignored, and
        // that is inherited.
        let signals = "--default-signal=INT,QUIT,TSTP,HUP,TERM";
        command.args(["--ctty", "env", signals, &program()]).args(arguments);
        // Standard input is the terminal because setsid(1) takes it from there.
        command.stdin(Stdio::from(slave.try_clone().unwrap()));
        let [output, error] = output(&slave);
        command.envs(set.iter().map(|(name, value)| (name, value))).stdout(output).stderr(error);
        let child = command.spawn().unwrap();
        Self { master: File::from(master), slave, child, shown: String::new(), sent: Vec::new() }
    }

    /// A program with all three standard descriptors on the terminal, as a shell has them.
    pub(crate) fn over(mut command: Command) -> Self {
        let (master, slave) = open_pty();
        let end = || Stdio::from(slave.try_clone().unwrap());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        Self { master: File::from(master), slave, child, shown: String::new(), sent: Vec::new() }
    }

    /// Ends a shell, which would not do so by itself. Not by hanging up: who else was
    /// started meanwhile may have the terminal open too.
    pub(crate) fn close(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until the terminal shows `text`, and forgets what is before it.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) -> &mut Self {
        self.before(text);
        self
    }

    /// The same; returns what was shown before `text`.
    #[track_caller]
    pub(crate) fn before(&mut self, text: &str) -> String {
        let begun = Instant::now();
        while !self.shown.contains(text) {
            assert!(begun.elapsed() < DEADLINE, "no {text:?} in {:?}", self.shown);
            let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, PollTimeout::from(100u8)).unwrap() > 0 {
                self.read();
            } else if let Some(status) = self.child.try_wait().unwrap() {
                panic!("ended with {status}; no {text:?} in {:?}", self.shown);
            }
        }
        let start = self.shown.find(text).unwrap();
        let rest = self.shown.split_off(start + text.len());
        let mut before = std::mem::replace(&mut self.shown, rest);
        before.truncate(start);
        before
    }

    /// Whether it shows `text` by now.
    pub(crate) fn has_shown(&mut self, text: &str) -> bool {
        let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, PollTimeout::from(10u8)).unwrap() > 0 {
            self.read();
        }
        self.shown.contains(text)
    }

    fn read(&mut self) {
        let mut bytes = [0; 4096];
        let len = self.master.read(&mut bytes).unwrap();
        self.shown.push_str(&String::from_utf8_lossy(&bytes[..len]));
        self.sent.extend_from_slice(&bytes[..len]);
    }

    pub(crate) fn send(&mut self, bytes: &str) -> &mut Self {
        self.master.write_all(bytes.as_bytes()).unwrap();
        self
    }

    /// The process that has the terminal.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// As the kernel does it when memory runs out: without a chance to clean up.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    pub(crate) fn has_echo(&self) -> bool {
        tcgetattr(&self.slave).unwrap().local_flags.contains(LocalFlags::ECHO)
    }

    /// Waits for the end; returns everything that the terminal has shown.
    #[track_caller]
    pub(crate) fn all(&mut self) -> String {
        let begun = Instant::now();
        loop {
            let ended = self.child.try_wait().unwrap().is_some();
            let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, PollTimeout::from(if ended { 0u8 } else { 10 })).unwrap() > 0 {
                self.read();
            } else if ended {
                return std::mem::take(&mut self.shown);
            }
            assert!(begun.elapsed() < DEADLINE, "it did not end; shown: {:?}", self.shown);
        }
    }

    /// Waits for the end; returns the outcome and whether echo is on.
    #[track_caller]
    pub(crate) fn end(mut self) -> (Outcome, bool) {
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            if begun.elapsed() >= DEADLINE {
                self.child.kill().unwrap();
                panic!("it did not end; last shown: {:?}", self.shown);
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let outcome = Outcome::of(self.child);
        let echo = tcgetattr(&self.slave).unwrap().local_flags.contains(LocalFlags::ECHO);
        (outcome, echo)
    }
}
