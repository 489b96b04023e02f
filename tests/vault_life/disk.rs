//! Disks that are full, limited or read-only.

use std::{path::Path, process::Command};

use pds::wire::message::{Passwd, Plaintext, Reason, Request};

use super::support::{Answer, Daemon, PASSWORD, PROFILE, Sandbox, Session, is_root, skip};

/// A file system of its own on the folder of the vaults, as long as this lives.
struct Mounted<'s>(&'s Sandbox);

impl<'s> Mounted<'s> {
    fn new(sandbox: &'s Sandbox, options: &str) -> Option<Self> {
        let vaults = sandbox.home.vaults();
        let kept = sandbox.root().join("kept");
        super::support::copy_tree(&vaults, &kept);
        let options = format!("mode=0700,{options}");
        let mounted = is_root() && mount(&["-t", "tmpfs", "-o", &options, "none"], &vaults);
        if !mounted {
            skip("no file system can be mounted here");
            return None;
        }
        super::support::copy_tree(&kept, &vaults);
        Some(Self(sandbox))
    }

    fn make_read_only(&self) {
        assert!(mount(&["-o", "remount,ro"], &self.0.home.vaults()));
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.home.vaults()).status();
    }
}

fn mount(arguments: &[&str], on: &Path) -> bool {
    Command::new("mount").args(arguments).arg(on).status().is_ok_and(|status| status.success())
}

/// Writes until it is refused; says how many were acknowledged, and why no more.
fn fill(session: &mut Session) -> (usize, Reason) {
    for number in 0..1000 {
        match session.set(&format!("k{number}"), &[b'x'; 20_000]) {
            Some(Answer::Done) => {}
            Some(Answer::Refused(reason)) => return (number, reason),
            other => panic!("{other:?}"),
        }
    }
    panic!("nothing is ever full");
}

fn all_there(session: &mut Session, count: usize) {
    assert_eq!(session.keys().len(), count + 1);
    for number in 0..count {
        let value = Some(Answer::Value(vec![b'x'; 20_000]));
        assert_eq!(session.get(&format!("k{number}")), value);
    }
    assert_eq!(session.get("before"), Some(Answer::Value(b"1".to_vec())));
}

#[test]
fn a_full_disk_is_an_error_and_what_was_stored_before_stays() {
    let sandbox = Sandbox::with_vault(&[("before", b"1")]);
    let Some(_mounted) = Mounted::new(&sandbox, "size=400k") else { return };
    let _daemon = sandbox.daemon();
    let mut session = sandbox.client();
    assert_eq!(session.unlock(PASSWORD), Some(Answer::Done));
    let (count, reason) = fill(&mut session);
    assert_eq!(reason, Reason::DiskFull);
    assert!(count > 2);
    all_there(&mut session, count);
    // There is no room for a second vault either; the first one serves on.
    let (old, new) = (Plaintext(PASSWORD), Plaintext(b"another"));
    let passwd = Request::Passwd(Passwd { profile: PROFILE, old, new });
    assert_eq!(session.ask(&passwd), Some(Answer::Refused(Reason::DiskFull)));
    all_there(&mut session, count);
    assert_eq!(sandbox.leftovers(), Vec::<String>::new());
    let output = sandbox.pds(&["backup", "-p", PROFILE, "backup"]);
    assert!(super::support::error_of(&output).contains("the disk is full"), "{output:?}");
    assert!(!sandbox.root().join("backup").exists());
    assert_eq!(session.ask(&Request::Lock(None)), Some(Answer::Done));
    assert_eq!(session.unlock(PASSWORD), Some(Answer::Done));
    all_there(&mut session, count);
}

#[test]
fn a_limit_on_files_is_an_error_and_not_the_daemons_death() {
    let sandbox = Sandbox::with_vault(&[("before", b"1")]);
    let mut command = sandbox.command("sh");
    command.args(["-c", "ulimit -f 400; exec \"$0\" daemon", env!("CARGO_BIN_EXE_pds")]);
    let mut daemon = Daemon::start(command);
    let mut session = sandbox.client();
    assert_eq!(session.unlock(PASSWORD), Some(Answer::Done));
    let (count, reason) = fill(&mut session);
    assert!(
        matches!(reason, Reason::DiskFull | Reason::VaultUnreadable | Reason::ReadOnly),
        "{reason:?}"
    );
    assert!(count > 2);
    assert!(daemon.is_running());
    all_there(&mut session, count);
}

#[test]
fn a_read_only_disk_is_said_to_be_one_and_can_be_read() {
    let sandbox = Sandbox::with_vault(&[("before", b"1")]);
    let Some(mounted) = Mounted::new(&sandbox, "size=2m") else { return };
    mounted.make_read_only();
    let _daemon = sandbox.daemon();
    let mut session = sandbox.client();
    assert_eq!(session.unlock(PASSWORD), Some(Answer::Done));
    assert_eq!(session.get("before"), Some(Answer::Value(b"1".to_vec())));
    assert_eq!(session.set("k", b"v"), Some(Answer::Refused(Reason::ReadOnly)));
    let (old, new) = (Plaintext(PASSWORD), Plaintext(b"another"));
    let passwd = Request::Passwd(Passwd { profile: PROFILE, old, new });
    assert_eq!(session.ask(&passwd), Some(Answer::Refused(Reason::ReadOnly)));
    assert_eq!(session.get("before"), Some(Answer::Value(b"1".to_vec())));
}
