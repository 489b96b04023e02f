//! What stays in memory: nothing. Every readable byte of the real processes is
//! searched for planted values, the password, and the keys that they lead to.
//!
//! Reading another process's memory needs root; as anybody else these claims
//! say that they were skipped, and `hardening` shows that they had to be.

mod launcher;
mod planted;

use std::{fs, os::unix::net::UnixStream, time::Duration};

use pds::wire::message::{KeyInProfile, Request};

use crate::support::{Sandbox, Stranger, Terminal, is_root, program, until};
use planted::{BENT, KEYS, LONG};
pub(crate) use planted::{Daemon, Kernel, Planted, Stopped};

fn needs_root() -> bool {
    if !is_root() {
        eprintln!("skipped: reading another process's memory needs root");
    }
    is_root()
}

type Case = (&'static str, fn(&Planted));

/// Things that happen to a daemon with a warm cache. None may leave anything behind.
const CASES: [Case; 10] = [
    ("not found", |planted| {
        planted.sandbox.pds(["get", "no/such"]).done().code(4).end();
    }),
    ("denied", |planted| {
        let sandbox = &planted.sandbox;
        sandbox.config("[acl.default.launcher]\nget = [\"a/*\"]\nlist = [\"*\"]\n");
        sandbox.pds(["get", "b/second"]).done().code(5).end();
        sandbox.pds(["run", "--no-prompt", "--", "true"]).done().code(125).end();
        fs::remove_file(sandbox.home("config/config.toml")).unwrap();
        sandbox.pds(["get", "b/second"]).done().code(0).end();
    }),
    ("a damaged entry", |planted| {
        let told = planted.sandbox.pds(["get", BENT]).done();
        assert_ne!(told.status(), 0);
        let both = ["run", "--no-prompt", "-e", "B=e/bent", "-e", "A=a/first", "--", "true"];
        planted.sandbox.pds(both).done().code(125).end();
    }),
    ("a client that is gone in the middle of its answer", |planted| {
        for _ in 0..4 {
            leave_in_the_middle(&planted.sandbox);
        }
    }),
    ("a client that never reads", |planted| {
        let mut client = Stranger::launcher(&planted.sandbox);
        client.begin(&Request::Get(KeyInProfile { profile: "default", key: LONG }));
    }),
    ("a wrong password", |planted| {
        let wrong = planted.sandbox.password("wrong");
        let unlock = ["unlock", "--password-file", wrong.to_str().unwrap()];
        planted.sandbox.pds(["lock"]).ok();
        planted.sandbox.pds(unlock).done().code(1).end();
    }),
    ("a cancelled question", |planted| {
        planted.sandbox.pds(["lock"]).ok();
        let mut terminal = Terminal::run(&planted.sandbox, &["unlock"]);
        terminal.expect("password for profile `default`: ");
        until("echo is off", || !terminal.has_echo());
        terminal.send(&planted.typed[..20]).send("\x03");
        terminal.end().0.killed_by(2).end();
    }),
    ("a password that was typed", |planted| {
        planted.sandbox.pds(["lock"]).ok();
        let mut terminal = Terminal::run(&planted.sandbox, &["run", "--", "true"]);
        terminal.expect("password for profile `default`: ");
        until("echo is off", || !terminal.has_echo());
        terminal.send(&planted.typed).send("\n");
        terminal.end().0.code(0).end();
    }),
    ("a lock in the middle of a hundred requests", |planted| {
        let at = |n: usize| KeyInProfile { profile: "default", key: KEYS[n % KEYS.len()] };
        let mut clients: Vec<_> = (0..100).map(|_| Stranger::launcher(&planted.sandbox)).collect();
        for (n, client) in clients.iter_mut().enumerate() {
            client.begin(&Request::Get(at(n)));
        }
        planted.sandbox.pds(["lock"]).ok();
    }),
    ("lock -p", |planted| {
        planted.sandbox.pds(["lock", "-p", "default"]).ok();
    }),
];

/// Asks for a long value and is gone when its answer has begun to come.
fn leave_in_the_middle(sandbox: &Sandbox) {
    if cfg!(feature = "ipc-field-encryption") {
        // That build refuses what a stranger sends without sealing it, and nothing comes.
        return;
    }
    let mut client = Stranger::launcher(sandbox);
    client.begin(&Request::Get(KeyInProfile { profile: "default", key: LONG }));
    let stream: UnixStream = client.into_stream();
    let mut begun = [0; 4096];
    std::io::Read::read_exact(&mut &stream, &mut begun).unwrap();
}

#[test]
fn an_unlocked_daemon_with_a_warm_cache_shows_nothing_whatever_happens() {
    if !needs_root() {
        return;
    }
    let planted = Planted::new();
    let daemon = Daemon::start(&planted.sandbox, Kernel::AsItIs, &[]);
    planted.unlock_and_warm();
    planted.assert_nothing_in(daemon.pid(), "unlocked, cache warm");
    for (case, happens) in CASES {
        planted.unlock_and_warm();
        happens(&planted);
        planted.assert_nothing_in(daemon.pid(), &format!("after {case}"));
    }
    planted.sandbox.pds(["lock"]).ok();
    planted.assert_nothing_in(daemon.pid(), "after lock");
}

#[test]
fn without_secret_memory_the_scanner_sees_the_cache_and_after_locking_nothing() {
    if !needs_root() {
        return;
    }
    let planted = Planted::new();
    let daemon = Daemon::start(&planted.sandbox, Kernel::WithoutSecretMemory, &[]);
    planted.unlock_and_warm();
    // The proof that the scanner would see a value if there was one to be seen.
    let hits = planted.patterns.scan(daemon.pid()).hits;
    let seen = |name: &str| hits.iter().any(|hit| hit.starts_with(name));
    assert!(KEYS.iter().all(|key| seen(key)) && seen("master key"), "{hits:#?}");
    assert!(seen("vault key shielded") && seen("MAC key shielded"), "{hits:#?}");
    let status = planted.sandbox.pds(["status", "--json"]).text();
    assert!(status.contains("\"degraded\":true"), "{status}");
    for (case, happens) in CASES {
        planted.unlock_and_warm();
        happens(&planted);
        planted.sandbox.pds(["lock"]).ok();
        // What was answered when the lock came is dropped when its task runs next.
        until("what was under way is dropped", || {
            planted.patterns.scan(daemon.pid()).hits.is_empty()
        });
        planted.assert_nothing_in(daemon.pid(), &format!("locked after {case}"));
    }
}

#[test]
fn a_value_is_gone_a_second_after_its_lifetime_though_nobody_asks() {
    const TTL: Duration = Duration::from_secs(1);
    if !needs_root() {
        return;
    }
    let planted = Planted::new();
    let ttl = TTL.as_secs().to_string();
    let daemon = Daemon::start(&planted.sandbox, Kernel::WithoutSecretMemory, &["--ttl", &ttl]);
    let pid = daemon.pid();
    // What is left, with the daemon stopped `after` it last fetched a value.
    let left = |after: Duration| {
        planted.unlock_and_warm();
        // Not `until`: that it is gone by then is what is promised.
        std::thread::sleep(after);
        let stopped = Stopped::new(pid);
        let hits = planted.patterns.scan(pid).hits;
        drop(stopped);
        let values = |hit: &String| KEYS.iter().any(|key| hit.starts_with(key));
        hits.into_iter().filter(values).collect::<Vec<_>>()
    };
    assert!(!left(Duration::ZERO).is_empty(), "the values were never seen");
    // A machine that does other things makes one slow round, not three.
    let rounds = (0..3).map(|_| left(TTL + Duration::from_secs(1)));
    let left: Vec<_> = rounds.take_while(|left| !left.is_empty()).collect();
    assert!(left.len() < 3, "still there: {left:?}");
}

#[test]
fn what_is_overwritten_or_deleted_leaves_nothing() {
    if !needs_root() {
        return;
    }
    let planted = Planted::new();
    let daemon = Daemon::start(&planted.sandbox, Kernel::WithoutSecretMemory, &[]);
    planted.unlock_and_warm();
    planted.sandbox.set("a/first", "something else");
    planted.sandbox.pds(["delete", "b/second"]).ok();
    let hits = planted.patterns.scan(daemon.pid()).hits;
    let gone = |key: &str| !hits.iter().any(|hit| hit.starts_with(key));
    assert!(gone("a/first") && gone("b/second"), "{hits:#?}");
    assert!(!gone("c/third"), "what was left alone is still cached");
}

#[test]
fn a_daemon_at_rest_has_no_secret_memory_and_nothing_in_the_memory_that_it_has() {
    if !needs_root() {
        return;
    }
    let planted = Planted::new();
    let daemon = Daemon::start(&planted.sandbox, Kernel::AsItIs, &[]);
    planted.unlock_and_warm();
    planted.sandbox.pds(["lock"]).ok();
    // Not `until`: that it rests within a minute is what is promised.
    std::thread::sleep(Duration::from_secs(61));
    let found = planted.patterns.scan(daemon.pid());
    assert!(found.hits.is_empty(), "{:#?}", found.hits);
    let guards_alone = found.unreadable.iter().all(|line| line.contains(" ---p "));
    assert!(guards_alone && found.bytes_read > 1 << 20, "{found:#?}");
}

/// The build that leaks on purpose, if there is one here.
fn faulty() -> Option<String> {
    let named = std::env::var("PDS_TEST_FAULTY").ok();
    if named.is_none() {
        eprintln!(
            "skipped: PDS_TEST_FAULTY names no build with `faults-on-purpose` (.ci/run does)"
        );
    }
    named
}

#[test]
fn a_build_that_leaks_is_caught_at_each_leak() {
    let Some(faulty) = faulty().filter(|_| needs_root()) else { return };
    let planted = Planted::new();
    let daemon = Daemon::of(&faulty, &planted.sandbox, Kernel::AsItIs, &[]);
    planted.unlock_and_warm();
    planted.sandbox.pds(["lock"]).ok();
    let hits = planted.patterns.scan(daemon.pid()).hits;
    let names = ["password", "master key", "vault key", "entry key"].into_iter().chain(KEYS);
    for name in names {
        let caught = hits.iter().any(|hit| hit.starts_with(&format!("{name} raw")));
        assert!(caught, "{name} has leaked, and was not caught: {hits:#?}");
    }
    let caught = launcher::caught(&planted, &faulty);
    assert!(caught.iter().any(|hit| hit.starts_with("a/first raw")), "{caught:#?}");
}

#[test]
fn a_build_that_is_shipped_has_no_faults_on_purpose() {
    let has_mark = |program: &str| {
        let mark = b"faults-on-purpose";
        fs::read(program).unwrap().windows(mark.len()).any(|window| window == mark)
    };
    for name in [program(), program() + "-daemon"] {
        assert!(!has_mark(&name), "{name}");
    }
    if let Some(faulty) = faulty() {
        assert!(has_mark(&faulty) && has_mark(&(faulty.clone() + "-daemon")));
    }
}
