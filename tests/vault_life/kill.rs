//! kill -9, at random and between system calls.

use std::{
    fs,
    io::Read,
    process::{Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use pds::{
    secret::TrustProfileName,
    wire::message::{
        Import, ImportEntry, KeyInProfile, Passwd, Plaintext, Rename, Request, RestoreBegin,
        RestoreCommit, Unlock,
    },
};

use super::support::{Answer, Dice, PASSWORD, PROFILE, Sandbox, Session, is_root, skip, wait_for};

fn rounds() -> usize {
    let set = std::env::var("PDS_TEST_ROUNDS").unwrap_or_default();
    if set == "all" { 1000 } else { set.parse().unwrap_or(100) }
}

fn value(number: usize) -> Vec<u8> {
    number.to_string().repeat(1 + number % 700).into_bytes()
}

#[test]
fn no_acknowledged_write_is_lost_when_the_daemon_is_killed_at_random() {
    let sandbox = Sandbox::with_vault(&[]);
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let mut dice = Dice::new(0x2545_f491_4f6c_dd1d);
    for round in 0..rounds() {
        let mut daemon = sandbox.daemon();
        let mut session = sandbox.client();
        // After an unclean close this includes the full integrity check.
        assert_eq!(session.unlock(PASSWORD), Some(Answer::Done), "round {round}");
        let (begun, count) = (acknowledged.load(Ordering::SeqCst), Arc::clone(&acknowledged));
        let writer = std::thread::spawn(move || {
            for number in begun.. {
                match session.set(&format!("k{number}"), &value(number)) {
                    Some(Answer::Done) => count.store(number + 1, Ordering::SeqCst),
                    None => break,
                    other => panic!("{other:?}"),
                }
            }
        });
        let enough = begun + dice.below(8);
        wait_for("writes", || acknowledged.load(Ordering::SeqCst) >= enough);
        // Somewhere in the write that follows.
        std::thread::sleep(Duration::from_micros(dice.below(6_000) as u64));
        daemon.kill();
        writer.join().unwrap();
    }
    let _daemon = sandbox.daemon();
    let mut session = sandbox.client();
    assert_eq!(session.unlock(PASSWORD), Some(Answer::Done));
    let stored = acknowledged.load(Ordering::SeqCst);
    // Of the one that was under way either all is there or nothing.
    let found = session.keys().len();
    assert!(found == stored || found == stored + 1, "{found} of {stored}");
    for number in 0..found {
        let expected = Answer::Value(value(number));
        assert_eq!(session.get(&format!("k{number}")), Some(expected), "k{number}");
    }
}

/// The calls through which a vault changes on disk.
const CALLS: &str = "write,pwrite64,fsync,fdatasync,openat,unlink,unlinkat,rmdir,rename,renameat,\
                     renameat2,mkdir,mkdirat,ftruncate,fchmod,chmod,fchmodat";

/// Kills `pid` when one of its threads makes its `nth` call that writes.
struct Doom {
    strace: Child,
}

impl Doom {
    fn hang_over(sandbox: &Sandbox, pid: u32, nth: usize) -> Option<Self> {
        let log = sandbox.root().join("strace");
        let strace = sandbox
            .command("strace")
            .args(["-f", "-qq", "-p", &pid.to_string(), "-e", &format!("trace={CALLS}"), "-e"])
            .arg(format!("inject={CALLS}:signal=KILL:when={nth}"))
            .arg("-o")
            .arg(&log)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        let mut doom = Self { strace };
        let tasks = format!("/proc/{pid}/task");
        wait_for("strace to attach to every thread", || {
            let traced = |task: fs::DirEntry| {
                let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
                status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
            };
            let gone = doom.strace.try_wait().unwrap().is_some();
            gone || fs::read_dir(&tasks).is_ok_and(|all| all.flatten().all(traced))
        });
        doom.strace.try_wait().unwrap().is_none().then_some(doom)
    }
}

impl Drop for Doom {
    fn drop(&mut self) {
        let _ = self.strace.kill();
        let _ = self.strace.wait();
        let mut said = String::new();
        let _ = self.strace.stderr.take().map(|mut pipe| pipe.read_to_string(&mut said));
    }
}

fn can_trace() -> bool {
    if !is_root() {
        skip("the daemon can be traced by root alone");
        return false;
    }
    let probe = std::process::Command::new("strace")
        .args(["-qq", "-e", "trace=none", "true"])
        .stderr(Stdio::null())
        .status();
    let works = probe.is_ok_and(|status| status.success());
    if !works {
        skip("there is no strace, or it may not trace");
    }
    works
}

/// The points to kill at: every call, or ever fewer of the later ones.
fn points() -> Box<dyn Iterator<Item = usize>> {
    if std::env::var("PDS_TEST_ROUNDS").is_ok_and(|set| set == "all") {
        return Box::new(1..);
    }
    Box::new(std::iter::successors(Some((1, 2)), |&(a, b)| Some((b, a + b))).map(|(a, _)| a))
}

/// Kills the daemon at each point of an operation, until it is through before the kill; after
/// each, `holds` has to find the old state or the new one, whole.
fn at_every_point(
    template: &Sandbox,
    operation: impl Fn(&mut Session) -> Option<Answer>,
    holds: impl Fn(&Sandbox, bool),
) {
    if !can_trace() {
        return;
    }
    for (killed, nth) in points().enumerate() {
        let sandbox = template.twin();
        let mut daemon = sandbox.daemon();
        let mut session = sandbox.client();
        if sandbox.vault().exists() {
            assert_eq!(session.unlock(PASSWORD), Some(Answer::Done));
        }
        let doom = Doom::hang_over(&sandbox, daemon.0.id(), nth).expect("strace attaches");
        let answer = operation(&mut session);
        assert!(matches!(answer, None | Some(Answer::Done)), "{answer:?}");
        // Killed after the answer as well, if the call comes that late.
        drop((session, doom));
        let survived = daemon.is_running();
        daemon.kill();
        holds(&sandbox, answer.is_some());
        if answer.is_some() && survived {
            assert!(killed >= 4, "killed {killed} times only: is anything traced?");
            return;
        }
    }
}

/// The keys and values that a vault has for `password`, after a new daemon has opened it.
fn state(sandbox: &Sandbox, password: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let _daemon = sandbox.daemon();
    let mut session = sandbox.client();
    match session.unlock(password) {
        Some(Answer::Done) => {}
        Some(Answer::Refused(_)) => return None,
        other => panic!("{other:?}"),
    }
    assert_eq!(sandbox.leftovers(), Vec::<String>::new());
    let keys = session.keys();
    let mut all = Vec::new();
    for key in keys {
        match session.get(&key) {
            Some(Answer::Value(value)) => all.push((key, value)),
            other => panic!("{key}: {other:?}"),
        }
    }
    drop(session);
    Some(all)
}

fn pairs(pairs: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.to_vec())).collect()
}

const OLD: &[(&str, &[u8])] = &[("a", b"1"), ("b", b"2")];

fn changes(operation: impl Fn(&mut Session) -> Option<Answer>, new: &[(&str, &[u8])]) {
    let template = Sandbox::with_vault(OLD);
    at_every_point(&template, operation, |sandbox, acknowledged| {
        let found = state(sandbox, PASSWORD).expect("the password opens it");
        assert!(found == pairs(new) || (!acknowledged && found == pairs(OLD)), "{found:?}");
    });
}

#[test]
fn a_set_that_is_killed_anywhere_has_happened_or_not() {
    changes(
        |session| session.set("c", &[b'x'; 9000]),
        &[("a", b"1"), ("b", b"2"), ("c", &[b'x'; 9000])],
    );
}

#[test]
fn a_delete_that_is_killed_anywhere_has_happened_or_not() {
    let at = KeyInProfile { profile: PROFILE, key: "a" };
    changes(|session| session.ask(&Request::Delete(at)), &[("b", b"2")]);
}

#[test]
fn a_rename_that_is_killed_anywhere_has_happened_or_not() {
    let from = KeyInProfile { profile: PROFILE, key: "a" };
    let rename = |session: &mut Session| session.ask(&Request::Rename(Rename { from, to: "z" }));
    changes(rename, &[("b", b"2"), ("z", b"1")]);
}

#[test]
fn an_import_that_is_killed_anywhere_has_happened_or_not() {
    let import = |session: &mut Session| {
        let entry = |key| ImportEntry { key, value: Plaintext(b"3") };
        let entries = vec![entry("a"), entry("c"), entry("d")];
        session.ask(&Request::Import(Import { profile: PROFILE, entries, overwrite: true }))
    };
    changes(import, &[("a", b"3"), ("b", b"2"), ("c", b"3"), ("d", b"3")]);
}

#[test]
fn an_init_that_is_killed_anywhere_made_a_whole_vault_or_none() {
    let template = Sandbox::new();
    for folder in [template.home.vaults(), template.home.state.join("generations")] {
        fs::create_dir_all(folder).unwrap();
    }
    let create = |session: &mut Session| {
        let password = Plaintext(PASSWORD);
        session.ask(&Request::Create(Unlock { profile: PROFILE, password, accept_older: false }))
    };
    at_every_point(&template, create, |sandbox, acknowledged| {
        if sandbox.vault().exists() {
            assert_eq!(state(sandbox, PASSWORD), Some(Vec::new()));
            return;
        }
        assert!(!acknowledged);
        // And what is left of it does not keep the next one from being made.
        let _daemon = sandbox.daemon();
        assert_eq!(create(&mut sandbox.client()), Some(Answer::Done));
        assert_eq!(sandbox.leftovers(), Vec::<String>::new());
    });
}

#[test]
fn a_passwd_that_is_killed_anywhere_leaves_the_old_vault_or_the_new_one() {
    let template = Sandbox::with_vault(OLD);
    let passwd = |session: &mut Session| {
        let (old, new) = (Plaintext(PASSWORD), Plaintext(b"another"));
        session.ask(&Request::Passwd(Passwd { profile: PROFILE, old, new }))
    };
    at_every_point(&template, passwd, |sandbox, acknowledged| {
        let (with_old, with_new) = (state(sandbox, PASSWORD), state(sandbox, b"another"));
        match (with_old, with_new) {
            (None, Some(found)) => assert_eq!(found, pairs(OLD)),
            (Some(found), None) => {
                assert!(!acknowledged, "the old password opens it still");
                assert_eq!(found, pairs(OLD));
            }
            both => panic!("{both:?}"),
        }
    });
}

#[test]
fn a_restore_that_is_killed_anywhere_leaves_the_old_vault_or_the_backup() {
    let other = Sandbox::with_vault(&[("from", b"elsewhere")]);
    let folder = other.home.vaults().join(TrustProfileName::new(PROFILE).unwrap().as_str());
    let header = fs::read(folder.join("header")).unwrap();
    let database = fs::read(folder.join("vault.db")).unwrap();
    let template = Sandbox::with_vault(OLD);
    let restore = |session: &mut Session| {
        let begin = Request::RestoreBegin(RestoreBegin {
            profile: PROFILE,
            header: Plaintext(&header),
            database_bytes: database.len() as u64,
            replace: true,
        });
        session.ask(&begin).filter(|answer| *answer == Answer::Done)?;
        for piece in database.chunks(20_000) {
            session.ask(&Request::RestoreWrite(Plaintext(piece)))?;
        }
        session.ask(&Request::RestoreCommit(RestoreCommit { password: Plaintext(PASSWORD) }))
    };
    at_every_point(&template, restore, |sandbox, acknowledged| {
        let found = state(sandbox, PASSWORD).expect("the password opens it");
        let new = found == pairs(&[("from", b"elsewhere")]);
        assert!(new || (!acknowledged && found == pairs(OLD)), "{found:?}");
    });
}

#[test]
fn of_two_hundred_daemons_started_at_once_one_serves() {
    let sandbox = Sandbox::with_vault(OLD);
    let start = || {
        let mut command = sandbox.command(env!("CARGO_BIN_EXE_pds"));
        command.arg("daemon").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let mut all: Vec<Child> = (0..200).map(|_| start()).collect();
    wait_for("all but one to leave", || {
        all.iter_mut().map(|child| u32::from(matches!(child.try_wait(), Ok(None)))).sum::<u32>()
            <= 1
    });
    let mut session = sandbox.client();
    assert_eq!(session.unlock(PASSWORD), Some(Answer::Done));
    assert_eq!(session.get("a"), Some(Answer::Value(b"1".to_vec())));
    let mut serving = 0;
    for child in &mut all {
        match child.try_wait().unwrap() {
            None => serving += 1,
            Some(status) => assert!(status.success(), "{status}"),
        }
        let _ = child.kill();
        let _ = child.wait();
    }
    assert_eq!(serving, 1);
}
