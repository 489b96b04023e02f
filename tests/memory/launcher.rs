//! The process that becomes the command, and the commands that bring and take values.

use std::{
    collections::BTreeSet,
    fs,
    process::{Child, Stdio},
};

use super::{Daemon, Kernel, Planted, needs_root};
use crate::support::{Terminal, program, until};

/// Whether a process waits at the entry of this system call, by /proc/PID/syscall.
///
/// The execve by which strace began the program is not that: at its end the name of
/// the program is the new one already, and the number is execve's still. Its registers
/// are cleared by then, so that it has no argument; what calls execve names a file.
fn waits_at(pid: u32, number: &str) -> bool {
    let seen = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    let mut fields = seen.split(' ');
    let (call, first) = (fields.next(), fields.next());
    call == Some(number) && (number != EXECVE.1 || first.is_some_and(|path| path != "0x0"))
}

/// Waits until a tracee of `tracer` has stopped at this system call.
fn stopped_at(tracer: &Child, program: &str, number: &str) -> u32 {
    let mut stopped = None;
    until("the launcher stops", || {
        let children = format!("/proc/{0}/task/{0}/children", tracer.id());
        let pid = fs::read_to_string(children).ok();
        stopped = pid.and_then(|pid| pid.split_whitespace().next()?.parse::<u32>().ok());
        stopped.is_some_and(|pid| {
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline"));
            line.is_ok_and(|line| line.starts_with(program)) && waits_at(pid, number)
        })
    });
    stopped.unwrap()
}

/// Runs `command` under `program` until it makes this system call.
fn at_call<T>(
    planted: &Planted,
    program: &str,
    (call, number): (&str, &str),
    arguments: &[&str],
    look: impl FnOnce(u32) -> T,
) -> T {
    const DELAY: &str = "delay_enter=60s";
    let mut strace = planted.sandbox.command("strace");
    let inject = format!("inject={call}:{DELAY}");
    strace.args(["-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]);
    strace.arg(program).args(arguments);
    let mut tracer = strace.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let pid = stopped_at(&tracer, program, number);
    let seen = look(pid);
    let _ = nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap()),
        nix::sys::signal::Signal::SIGKILL,
    );
    let _ = tracer.kill();
    let _ = tracer.wait();
    seen
}

const EXECVE: (&str, &str) = ("execve", "59");
const EXIT: (&str, &str) = ("exit_group", "231");

fn scan_launcher(call: (&str, &str), arguments: &[&str]) {
    let planted = Planted::new();
    let _daemon = Daemon::start(&planted.sandbox, Kernel::AsItIs, &[]);
    planted.unlock_and_warm();
    at_call(&planted, &program(), call, arguments, |pid| {
        planted.assert_nothing_in(pid, &format!("the launcher at {}", call.0));
    });
}

/// What is found in a launcher of this build when it calls execve.
pub(super) fn caught(planted: &Planted, faulty: &str) -> BTreeSet<String> {
    planted.sandbox.pds(["unlock", "--password-file", &planted.password]).ok();
    let look = |pid| planted.patterns.scan(pid).hits;
    at_call(planted, faulty, EXECVE, &["run", "--", "/bin/true"], look)
}

fn has_strace() -> bool {
    let found = std::path::Path::new("/usr/bin/strace").exists();
    if !found {
        eprintln!("skipped: needs strace");
    }
    found && cfg!(target_arch = "x86_64")
}

#[test]
fn the_launcher_holds_nothing_that_can_be_read_when_it_calls_execve() {
    if needs_root() && has_strace() {
        scan_launcher(EXECVE, &["run", "--", "/bin/true"]);
    }
}

#[test]
fn the_launcher_holds_nothing_after_a_failed_execve() {
    if needs_root() && has_strace() {
        scan_launcher(EXIT, &["run", "--", "/no/such/command"]);
    }
}

#[test]
fn what_gets_or_stores_a_value_has_nothing_left_when_it_ends() {
    if needs_root() && has_strace() {
        scan_launcher(EXIT, &["get", "a/first"]);
        // The file holds the password, which is planted; here it is a value.
        scan_launcher(EXIT, &["set", "copy", "--from-file", "../pw-planted"]);
    }
}

#[test]
fn a_command_that_waits_for_a_password_shows_nothing_of_what_was_typed() {
    if !needs_root() {
        return;
    }
    let planted = Planted::new();
    let _daemon = Daemon::start(&planted.sandbox, Kernel::AsItIs, &[]);
    let mut terminal = Terminal::run(&planted.sandbox, &["unlock"]);
    terminal.expect("password for profile `default`: ");
    until("echo is off", || !terminal.has_echo());
    let pid = terminal.pid();
    let read = || {
        let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
        io.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap()
    };
    let before = read();
    terminal.send(&planted.typed);
    until("it has read all of it", || read() >= before + planted.typed.len());
    planted.assert_nothing_in(pid, "the command, at its question");
    terminal.send("\x03");
    terminal.end().0.killed_by(2).end();
}
