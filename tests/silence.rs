//! A daemon that is there and says nothing: stopped, or hanging.

use std::{fs, os::unix::fs::PermissionsExt, os::unix::net::UnixListener, thread};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use pds::wire::message::{self, Request};

use crate::support::{Sandbox, Tap, until};

/// One of each kind of command that asks a daemon, with the exit status it gets.
const COMMANDS: [(&[&str], i32); 13] = [
    (&["run", "--", "true"], 125),
    (&["run", "-e", "K=k", "--", "true"], 125),
    (&["status"], 1),
    (&["lock"], 1),
    (&["lock", "-p", "default"], 1),
    (&["stop"], 1),
    (&["list"], 1),
    (&["get", "k"], 1),
    (&["set", "k", "--stdin"], 1),
    (&["unlock", "--password-file", "../pw-default"], 1),
    (&["export", "--format", "env"], 1),
    (&["client", "list"], 1),
    (&["audit", "show", "--running"], 1),
];

/// Whether a request is the one that is looked for.
type Is = fn(&Request<'_>) -> bool;

fn ready() -> Sandbox {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v").manifest("[secrets]\nK = \"k\"\n");
    sandbox
}

/// Each of [`COMMANDS`] is told this and nothing else, all at once.
#[track_caller]
fn all_say(sandbox: &Sandbox, says: &str) {
    let run = |(arguments, code): &(&[&str], i32)| {
        let outcome = sandbox.pds(*arguments).input("new").done();
        assert_eq!(outcome.stderr(), says, "{arguments:?}");
        outcome.code(*code).stdout("").end();
    };
    thread::scope(|scope| {
        let running = COMMANDS.iter().map(|command| scope.spawn(move || run(command)));
        for command in running.collect::<Vec<_>>() {
            command.join().unwrap();
        }
    });
}

fn stop(pid: u32) {
    kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGSTOP).unwrap();
    until("it is stopped", || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('T')
    });
}

fn stopped(pid: u32) -> String {
    format!(
        "pds: the daemon, process {pid}, is stopped, and answers nothing\n\
         pds: hint: kill -CONT {pid} lets it go on; kill -KILL {pid} ends it, which locks\n"
    )
}

#[test]
fn of_a_daemon_that_is_stopped_each_command_says_so_with_what_helps_and_nothing_is_lost() {
    let sandbox = ready();
    let pid = sandbox.daemon_pid().unwrap();
    stop(pid);
    all_say(&sandbox, &stopped(pid));
    let doctor = sandbox.pds(["doctor"]).text_of_failure();
    assert!(doctor.contains(&format!("process {pid}, is stopped")), "{doctor}");
    assert!(doctor.contains(&format!("kill -CONT {pid}")), "{doctor}");
    let json = sandbox.pds(["status", "--json"]).text_of_failure();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json.to_string().contains("daemon-unreachable"), "{json}");
    // Nothing of what could not be asked is done later: not even what was locked.
    sandbox.sh(&format!("kill -CONT {pid}")).ok();
    assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v");
    // The other remedy does what it says.
    stop(pid);
    sandbox.sh(&format!("kill -KILL {pid}")).ok();
    until("it is gone", || sandbox.daemon_pid().is_none());
    sandbox.pds(["get", "k", "--no-prompt"]).done().code(3).end();
}

#[test]
fn a_daemon_that_is_stopped_in_the_middle_of_a_request_is_not_waited_for() {
    let sandbox = ready();
    let pid = sandbox.daemon_pid().unwrap();
    let tap = Tap::mute(&sandbox);
    // What has an end to its wait anyway, and what may take as long as it takes.
    let asked: [(&[&str], Is); 2] = [
        (&["list"], |request| matches!(request, Request::List(_))),
        (&["unlock", "--password-file", "../pw-default"], |request| {
            matches!(request, Request::Unlock(_) | Request::Sealed(_))
        }),
    ];
    thread::scope(|scope| {
        let running = asked.map(|(arguments, _)| {
            scope.spawn({
                let sandbox = &sandbox;
                move || sandbox.pds(arguments).done()
            })
        });
        until("both have asked", || {
            let seen = tap.seen();
            let is = |of: Is| {
                seen.iter().any(|bytes| message::decode(bytes).is_ok_and(|request| of(&request)))
            };
            asked.iter().all(|(_, of)| is(*of))
        });
        stop(pid);
        for command in running {
            command.join().unwrap().code(1).stdout("").says(&stopped(pid)).end();
        }
    });
    kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGCONT).unwrap();
}

#[test]
fn whoever_takes_connections_and_says_nothing_is_waited_for_and_then_named() {
    let sandbox = ready();
    sandbox.stop();
    until("its socket is gone", || !sandbox.socket().exists());
    let _mute = UnixListener::bind(sandbox.socket()).unwrap();
    fs::set_permissions(sandbox.socket(), fs::Permissions::from_mode(0o600)).unwrap();
    let pid = std::process::id();
    all_say(
        &sandbox,
        &format!(
            "pds: the daemon, process {pid}, has said nothing for 10 s\n\
             pds: hint: pds stop; if that gets no answer either, kill -KILL {pid}: what was \
             stored is kept, and everything is locked\n"
        ),
    );
    fs::remove_file(sandbox.socket()).unwrap();
}
