//! Field encryption: what crosses the socket, decrypted, has no value in it; and where the
//! key that opens them is, and is not.
//!
//! Without the feature `ipc-field-encryption` the same claims show that the channel is the
//! only seal, and that either build says what is wrong with the other.

use pds::{
    secret::SecureBytes,
    wire::{
        identity::KeyPair,
        message::{self, KeyInProfile, Plaintext, Reason, Request, Set},
    },
};

use crate::support::{Patterns, Sandbox, Stranger, Tap};

const ON: bool = cfg!(feature = "ipc-field-encryption");

fn random(len: usize) -> Vec<u8> {
    // No NUL and no line end, which no variable of these claims may hold.
    SecureBytes::random(len).unwrap().expose().iter().map(|byte| byte | 0x21).collect()
}

/// A sandbox with an unlocked vault; `None` where there is no keyring, as in many containers.
fn ready() -> Option<Sandbox> {
    #[cfg(feature = "ipc-field-encryption")]
    if let Err(error) = pds::sys::keyring::get("pds:test:probe", &mut [0]) {
        eprintln!("skipped: no keyring here: {error}");
        return None;
    }
    Some(Sandbox::ready())
}

#[test]
fn values_of_every_command_arrive_as_they_were() {
    let Some(sandbox) = ready() else { return };
    let sandbox = sandbox.vault("ops");
    let (first, second) = (random(100_000), random(32));
    sandbox.set("a/b", &first).set("a/b", &second).set_in("ops", "a/b", "of ops");
    assert_eq!(sandbox.pds(["get", "a/b"]).ok(), second);
    assert_eq!(sandbox.pds(["get", "a/b", "--version", "1"]).ok(), first);
    sandbox.pds(["rollback", "a/b", "--to", "1"]).done().code(0).end();
    assert_eq!(sandbox.pds(["get", "a/b"]).ok(), first);
    sandbox.pds(["import", "-", "--format", "env"]).input("X=from a file\n").done().code(0).end();
    assert_eq!(sandbox.pds(["get", "X"]).ok(), b"from a file");
    sandbox.manifest(
        "[run]\nprofile = [\"default\", \"ops\"]\n[secrets]\nA = \"a/b\"\nX = \"X\"\n\
         N = { key = \"new\", generate = \"hex:8\" }\nO = { key = \"none\", required = false }\n",
    );
    let run = "echo \"$A|$X|${#N}|${O-unset}\"";
    assert_eq!(sandbox.pds(["run", "--", "sh", "-c", run]).ok(), b"of ops|from a file|16|unset\n");
    sandbox.pds(["check"]).done().code(0).end();
}

#[test]
fn the_decrypted_channel_has_a_value_only_where_nothing_else_seals_it() {
    let Some(sandbox) = ready() else { return };
    let tap = Tap::listening(&sandbox);
    let mut patterns = Patterns::default();
    let set = random(32);
    let digit = |byte: &u8| b"0123456789abcdef"[usize::from(byte & 15)];
    let line: Vec<u8> = random(32).iter().map(digit).collect();
    patterns.plant("set", &set).plant("import", &line);
    sandbox.set("k", &set);
    let import = sandbox.pds(["import", "-", "--format", "env"]);
    import.input([b"FILE='", &line[..], b"'\n"].concat()).done().code(0).end();
    assert_eq!(sandbox.pds(["get", "k"]).ok(), set);
    assert_eq!(sandbox.pds(["get", "k", "--version", "1"]).ok(), set);
    sandbox.manifest("[secrets]\nK = \"k\"\nF = \"FILE\"\n");
    assert_eq!(sandbox.pds(["run", "--", "printenv", "F"]).ok(), [&line[..], b"\n"].concat());
    let seen = tap.seen();
    // The tap is no blind one: the names of keys are there in any build.
    assert!(seen.iter().any(|message| message.windows(4).any(|window| window == b"FILE")));
    let hits = seen.iter().filter(|message| !patterns.within(message).is_empty()).count();
    // set, import, get, get --version, run.
    assert_eq!(hits, if ON { 0 } else { 5 });
}

/// One set, over the wire and not by the launcher's code.
fn sets(sandbox: &Sandbox, value: &[u8], in_envelope: bool) -> String {
    let mut key = std::fs::File::open(sandbox.home("data/launcher.key")).unwrap();
    let mut launcher = Stranger::with(sandbox, &KeyPair::read(&mut key).unwrap().unwrap());
    let at = KeyInProfile { profile: "default", key: "k" };
    let value = Plaintext(value);
    let set = Request::Set(Set { at, value, create_only: false, expires_at: None });
    if !in_envelope {
        return launcher.ask(&set);
    }
    let inner = message::encode(&set).unwrap();
    launcher.ask(&Request::Sealed(Plaintext(inner.as_slice())))
}

#[test]
fn the_daemon_tells_a_client_of_the_other_build_which_it_is_and_stores_nothing() {
    let Some(sandbox) = ready() else { return };
    let recorded = sandbox.recorded(|| {
        let (reason, other) = if ON {
            (sets(&sandbox, b"in clear", false), "FieldEncryptionNeeded")
        } else {
            (sets(&sandbox, &random(40), true), "FieldEncryptionOff")
        };
        assert!(reason.contains(other), "{reason}");
    });
    let which = if ON { "needed" } else { "off" };
    assert_eq!(recorded, [format!("request failed field-encryption-{which}")]);
    // Who is not known learns not even that.
    let envelope = Request::Sealed(Plaintext(b"\x82\x00\x80"));
    let answer = Stranger::new(&sandbox).ask(&envelope);
    assert!(answer.contains("IdentityUnknown"), "{answer}");
    sandbox.pds(["get", "k"]).done().code(4).end();
}

#[test]
fn a_client_says_that_the_daemon_is_of_the_other_build() {
    let Some(sandbox) = ready() else { return };
    let (reason, who) = if ON {
        (Reason::FieldEncryptionOff, "this pds was built with field encryption, and the daemon")
    } else {
        (Reason::FieldEncryptionNeeded, "the daemon was built with field encryption, and this pds")
    };
    let _tap = Tap::refusing(&sandbox, reason);
    let remedy = "pds: hint: use the two files of one build; pds stop, which locks, ends this \
                  daemon\n";
    let said = format!("pds: {who} without\n{remedy}");
    sandbox.pds(["get", "k"]).done().code(1).says(&said).end();
    sandbox.pds(["set", "k", "--stdin"]).input("v").done().code(1).says(&said).end();
    sandbox.pds(["run", "-e", "K=k", "--", "true"]).done().code(125).says(&said).end();
}

#[cfg(feature = "ipc-field-encryption")]
mod with_it {
    use pds::{
        sys::keyring,
        wire::field::{self, Direction},
    };

    use super::*;
    use crate::support::{WITHOUT_CALLS, until};

    fn keyring_name(sandbox: &Sandbox) -> String {
        let daemon = std::fs::read(sandbox.home("data/daemon.pub")).unwrap();
        field::keyring_name(&daemon.try_into().unwrap(), "default")
    }

    fn ipc_key(sandbox: &Sandbox) -> Option<SecureBytes> {
        let mut key = SecureBytes::zeroed(32).unwrap();
        keyring::get(&keyring_name(sandbox), key.expose_mut()).unwrap().then_some(key)
    }

    fn unlock(sandbox: &Sandbox) {
        let password = sandbox.password("default");
        sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).ok();
    }

    #[test]
    fn every_way_to_lock_takes_the_key_out_of_the_keyring() {
        let Some(sandbox) = ready() else { return };
        for locking in [&["lock"][..], &["lock", "-p", "default"], &["stop"]] {
            unlock(&sandbox);
            assert!(ipc_key(&sandbox).is_some(), "before {locking:?}");
            sandbox.pds(locking).ok();
            assert!(ipc_key(&sandbox).is_none(), "after {locking:?}");
        }
        sandbox.config("[lifetimes]\nidle = \"1s\"\n");
        unlock(&sandbox);
        until("it is locked for want of use", || ipc_key(&sandbox).is_none());
    }

    #[test]
    fn a_daemon_that_was_killed_leaves_a_key_that_the_next_one_revokes() {
        let Some(sandbox) = ready() else { return };
        let pid = sandbox.daemon_pid().unwrap();
        sandbox.sh(&format!("kill -9 {pid}")).ok();
        until("it is gone", || sandbox.daemon_pid().is_none());
        assert!(ipc_key(&sandbox).is_some(), "nobody could revoke it");
        sandbox.pds(["get", "k", "--no-prompt"]).done().code(3).end();
        assert!(ipc_key(&sandbox).is_none());
    }

    #[test]
    fn another_password_is_another_key_and_values_go_on_arriving() {
        let Some(sandbox) = ready() else { return };
        sandbox.set("k", "v");
        let before = ipc_key(&sandbox).unwrap();
        let (old, new) = (sandbox.password("default"), sandbox.password("another"));
        let (old, new) = (old.to_str().unwrap(), new.to_str().unwrap());
        let passwd = ["passwd", "--password-file", old, "--new-password-file", new];
        sandbox.pds(passwd).done().code(0).end();
        assert!(!ipc_key(&sandbox).unwrap().ct_eq(before.expose()));
        assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v");
        let file = sandbox.path("kept");
        let file = file.to_str().unwrap();
        sandbox.pds(["backup", file]).done().code(0).end();
        let restore = ["restore", file, "--replace", "--password-file", new];
        sandbox.pds(restore).done().code(0).end();
        assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v");
    }

    #[test]
    fn the_key_is_the_users_alone_ends_by_itself_and_is_in_no_file() {
        let Some(sandbox) = ready() else { return };
        sandbox.set("k", "v");
        let name = keyring_name(&sandbox);
        let keys = std::fs::read_to_string("/proc/keys").unwrap_or_default();
        if let Some(line) = keys.lines().find(|line| line.contains(&name)) {
            let fields: Vec<_> = line.split_whitespace().collect();
            assert!(fields[3] != "perm" && fields[4] == "3f3f0000", "{line}");
        }
        let mut patterns = Patterns::default();
        patterns.plant_key("IPC key", ipc_key(&sandbox).unwrap().expose());
        let found = sandbox.sh("find .. -type f").text();
        assert!(found.contains("vault.db"));
        for path in found.lines() {
            let bytes = std::fs::read(sandbox.path("w").join(path)).unwrap();
            assert!(patterns.within(&bytes).is_empty(), "{path}");
        }
    }

    #[test]
    fn a_missing_key_is_an_error_with_its_remedy_and_the_remedy_helps() {
        let Some(sandbox) = ready() else { return };
        sandbox.set("k", "v").manifest("[secrets]\nK = \"k\"\n");
        keyring::revoke(&keyring_name(&sandbox)).unwrap();
        let said = "pds: the IPC key of profile `default` is not in this user's keyring\n\
                    pds: hint: pds unlock\n";
        let recorded = sandbox.recorded(|| {
            sandbox.pds(["get", "k"]).done().code(3).stdout("").says(said).end();
            sandbox.pds(["set", "k", "--stdin"]).input("w").done().code(3).says(said).end();
            sandbox.pds(["run", "--", "true"]).done().code(125).says(said).end();
        });
        assert!(recorded.iter().all(|line| line.starts_with("status ")), "{recorded:?}");
        unlock(&sandbox);
        assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v");
    }

    #[test]
    fn another_key_than_the_daemons_opens_nothing_and_stores_nothing() {
        let Some(sandbox) = ready() else { return };
        sandbox.set("k", "v");
        let hour = std::time::Duration::from_secs(3600);
        keyring::put(&keyring_name(&sandbox), &random(32), hour).unwrap();
        let get = sandbox.pds(["get", "k"]).done().code(1).stdout("");
        get.mentions("not sealed under the IPC key in this user's keyring").end();
        let set = sandbox.pds(["set", "k", "--stdin"]).input("w").done().code(1);
        set.says(
            "pds: this user's IPC key for profile `default` is not the daemon's\n\
             pds: hint: pds unlock\n",
        )
        .end();
        unlock(&sandbox);
        assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v");
    }

    #[test]
    fn what_is_no_sealed_value_of_its_place_is_refused_behind_the_gates() {
        let Some(sandbox) = ready() else { return };
        let key = ipc_key(&sandbox).unwrap();
        let seal = |direction, key_name| {
            let at = KeyInProfile { profile: "default", key: key_name };
            field::seal(&key, direction, at, b"value").unwrap()
        };
        let moved = seal(Direction::ToDaemon, "another");
        let reflected = seal(Direction::ToClient, "k");
        for forged in [&b""[..], b"in clear", &random(40), &moved, &reflected] {
            let recorded = sandbox.recorded(|| {
                let answer = sets(&sandbox, forged, true);
                assert!(answer.contains("FieldForged"), "{answer}");
            });
            assert_eq!(recorded, ["set failed field-forged"]);
        }
        sandbox.pds(["get", "k"]).done().code(4).end();
        let sealed = seal(Direction::ToDaemon, "k");
        assert_eq!(sets(&sandbox, &sealed, true), "Done");
        assert_eq!(sandbox.pds(["get", "k"]).ok(), b"value");
        sandbox.pds(["lock"]).ok();
        let answer = sets(&sandbox, &sealed, true);
        assert!(answer.contains("Locked"), "the gates speak first: {answer}");
    }

    /// add_key and keyctl, on x86-64: without them there are no keyrings.
    const KEYRING: &str = "248,250";

    #[test]
    fn without_a_keyring_there_is_an_error_and_never_a_value_in_clear() {
        if !cfg!(target_arch = "x86_64") {
            eprintln!("skipped: the filter is for x86_64");
            return;
        }
        let Some(sandbox) = ready() else { return };
        sandbox.set("k", "v");
        let tap = Tap::listening(&sandbox);
        let password = sandbox.password("default");
        let program = crate::support::program();
        for (errno, text) in [(libc::ENOSYS, "not implemented"), (libc::EPERM, "not permitted")] {
            let errno = errno.to_string();
            let start = ["-c", WITHOUT_CALLS, errno.as_str(), KEYRING, program.as_str()];
            let pds =
                |arguments: &[&str]| sandbox.program("python3", [&start[..], arguments].concat());
            let unlock = ["unlock", "--password-file", password.to_str().unwrap()];
            for arguments in [&["get", "k"][..], &["set", "k", "--stdin"], &unlock] {
                let outcome = pds(arguments).input("a value in clear").done().code(1).stdout("");
                outcome
                    .mentions("pds: field encryption needs the kernel's keyring")
                    .mentions(text)
                    .mentions("pds: hint: allow add_key(2) and keyctl(2) here, then pds unlock")
                    .end();
            }
            pds(&["run", "-e", "K=k", "--", "true"]).done().code(125).end();
            pds(&["list"]).done().code(0).stdout("k\n").end();
        }
        let clear = |message: &Vec<u8>| message.windows(5).any(|window| window == b"clear");
        let password = |message: &Vec<u8>| message.windows(8).any(|window| window == b"password");
        assert!(!tap.seen().iter().any(|message| clear(message) || password(message)));
    }
}
