//! kill -9, at random and between system calls.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
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

/// Points to kill at in a suite that has other things to do.
const POINTS_MAX: usize = 12;

/// The `nth` call of one kind that a thread makes. strace counts each kind by itself.
type Point = (String, usize);

/// strace over all threads of a daemon: counts its calls, or kills it at one of them.
struct Watch {
    strace: Child,
    log: PathBuf,
}

impl Watch {
    fn over(sandbox: &Sandbox, pid: u32, doom: Option<&Point>) -> Self {
        let log = sandbox.root().join("strace");
        let mut command = sandbox.command("strace");
        command.args(["-f", "-qq", "-p", &pid.to_string(), "-e", &format!("trace={CALLS}")]);
        if let Some((call, nth)) = doom {
            command.arg("-e").arg(format!("inject={call}:signal=KILL:when={nth}"));
        }
        command.arg("-o").arg(&log).stdin(Stdio::null()).stderr(Stdio::null());
        let mut watch = Self { strace: command.spawn().unwrap(), log };
        let tasks = format!("/proc/{pid}/task");
        wait_for("strace to attach to every thread", || {
            let traced = |task: fs::DirEntry| {
                let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
                status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
            };
            assert!(watch.strace.try_wait().unwrap().is_none(), "strace attaches");
            fs::read_dir(&tasks).is_ok_and(|all| all.flatten().all(traced))
        });
        watch
    }

    /// Every point that was passed, once the daemon is gone.
    fn points(mut self) -> Vec<Point> {
        self.strace.wait().unwrap();
        let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut points = BTreeSet::new();
        for line in fs::read_to_string(&self.log).unwrap().lines() {
            let Some((thread, rest)) = line.split_once(' ') else { continue };
            let Some((call, _)) = rest.trim_start().split_once('(') else { continue };
            if CALLS.split(',').any(|known| known == call) {
                let count = counts.entry((thread.to_owned(), call.to_owned())).or_default();
                *count += 1;
                points.insert((call.to_owned(), *count));
            }
        }
        points.into_iter().collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.strace.kill();
        let _ = self.strace.wait();
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

/// All points, or some of them and each that renames: there a vault becomes another.
fn sample(points: Vec<Point>) -> Vec<Point> {
    if std::env::var("PDS_TEST_ROUNDS").is_ok_and(|set| set == "all") {
        return points;
    }
    let step = points.len().div_ceil(POINTS_MAX).max(1);
    let chosen = |(n, point): (usize, Point)| {
        (n % step == 0 || point.0.starts_with("rename")).then_some(point)
    };
    points.into_iter().enumerate().filter_map(chosen).collect()
}

/// Does an operation in a copy of `template`; says whether it was acknowledged.
fn attempt(
    sandbox: &Sandbox,
    operation: impl Fn(&mut Session) -> Option<Answer>,
    doom: Option<&Point>,
) -> (bool, Watch) {
    let mut daemon = sandbox.daemon();
    let mut session = sandbox.client();
    if sandbox.vault().exists() {
        assert_eq!(session.unlock(PASSWORD), Some(Answer::Done));
    }
    let watch = Watch::over(sandbox, daemon.0.id(), doom);
    let answer = operation(&mut session);
    assert!(matches!(answer, None | Some(Answer::Done)), "{answer:?}");
    daemon.kill();
    (answer.is_some(), watch)
}

/// Kills the daemon at the points that an operation passes; after each, `holds` has to find the
/// old state or the new one, whole.
fn at_every_point(
    template: &Sandbox,
    operation: impl Fn(&mut Session) -> Option<Answer>,
    holds: impl Fn(&Sandbox, bool),
) {
    if !can_trace() {
        return;
    }
    let sandbox = template.twin();
    let (acknowledged, watch) = attempt(&sandbox, &operation, None);
    assert!(acknowledged);
    holds(&sandbox, true);
    let points = sample(watch.points());
    let mut cut_short = 0;
    for point in &points {
        let sandbox = template.twin();
        let (acknowledged, watch) = attempt(&sandbox, &operation, Some(point));
        drop(watch);
        cut_short += usize::from(!acknowledged);
        holds(&sandbox, acknowledged);
    }
    assert!(cut_short * 2 > points.len(), "{cut_short} of {points:?}: is anything killed?");
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
