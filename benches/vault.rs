//! A vault of 100,000 secrets against what it can't beat: the same SELECT by hand, and a vault
//! of ten. `cargo bench --bench vault`; prints ratios, asserts nothing.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a program for us")]

use std::{
    fmt::Write,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use pds::{
    crypto::KdfParams,
    secret::{SecureBytes, TrustProfileName},
    store::{SqlCipherStore, Vault},
};
use rusqlite::Connection;

const MANY: usize = 100_000;
const FEW: usize = 10;
const ROUNDS: usize = 15;
const KEY: [u8; 32] = [0x42; 32];
const PASSWORD: &[u8] = b"correct horse";

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let profile = TrustProfileName::new("default").unwrap();
    let key = SecureBytes::copy_from(&KEY).unwrap();
    let path = folder.path().join("vault.db");
    let store = SqlCipherStore::create(&path, &key, &profile, [7; 16]).unwrap();
    let begun = Instant::now();
    fill(&store, MANY);
    println!("{MANY} secrets imported in {:.2} s", begun.elapsed().as_secs_f64());
    let hand = by_hand(&path);
    compare(
        "keys, to the same SELECT",
        || drop(store.keys().unwrap()),
        || {
            select(&hand, "SELECT key FROM secrets ORDER BY key", 1);
        },
    );
    compare(
        "list, to the same SELECT",
        || drop(store.list().unwrap()),
        || {
            select(
                &hand,
                "SELECT s.key, a.version, s.created_at, s.updated_at, a.set_by, a.expires_at
             FROM secrets AS s INDEXED BY secrets_times
             JOIN attributes AS a ON a.key = s.key ORDER BY s.key",
                6,
            );
        },
    );
    let small = folder.path().join("small.db");
    let small = SqlCipherStore::create(&small, &key, &profile, [8; 16]).unwrap();
    fill(&small, FEW);
    let wanted: Vec<String> = (0..FEW).map(|n| name(n * (MANY / FEW))).collect();
    let few: Vec<String> = (0..FEW).map(name).collect();
    compare(
        "10 values of 100,000, to 10 of 10",
        || drop(store.read_many(&wanted).unwrap()),
        || {
            drop(small.read_many(&few).unwrap());
        },
    );
    drop((hand, store, small));
    runs(folder.path());
}

fn name(number: usize) -> String {
    format!("service-{:03}/key-{number:06}", number % 500)
}

fn fill(store: &SqlCipherStore, count: usize) {
    let value = SecureBytes::copy_from(&[b'v'; 64]).unwrap();
    let sealed: Vec<_> = (0..count).map(|n| store.seal(&name(n), &value).unwrap()).collect();
    store.import_sealed(&sealed, Some("launcher"), false).unwrap();
}

fn by_hand(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    let hex = KEY.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    });
    connection
        .execute_batch(&format!("PRAGMA key = \"x'{hex}'\"; PRAGMA cache_size = -4096"))
        .unwrap();
    connection
}

fn select(connection: &Connection, query: &str, columns: usize) {
    let mut statement = connection.prepare_cached(query).unwrap();
    let mut rows = statement.query(()).unwrap();
    let mut all = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        for column in 0..columns {
            all.push(row.get::<_, rusqlite::types::Value>(column).unwrap());
        }
    }
    assert_eq!(all.len(), MANY * columns);
}

/// The median time of `ours` as a ratio to that of `theirs`, in interleaved rounds.
fn compare(what: &str, mut ours: impl FnMut(), mut theirs: impl FnMut()) {
    let timed = |work: &mut dyn FnMut()| {
        let begun = Instant::now();
        work();
        begun.elapsed()
    };
    ours();
    theirs();
    let (mut one, mut two): (Vec<Duration>, Vec<Duration>) =
        (0..ROUNDS).map(|_| (timed(&mut ours), timed(&mut theirs))).unzip();
    one.sort_unstable();
    two.sort_unstable();
    let (one, two) = (one[ROUNDS / 2].as_secs_f64(), two[ROUNDS / 2].as_secs_f64());
    println!("{what}: {:.2} ({:.2} ms to {:.2} ms)", one / two, one * 1e3, two * 1e3);
}

/// `pds run` with ten secrets out of a vault of 100,000, to the same out of one of ten.
fn runs(folder: &Path) {
    let cheap = KdfParams { memory_kib: 19 * 1024, passes: 2, lanes: 1 };
    let home = |count: usize| {
        let home = folder.join(format!("home{count}"));
        let profile = TrustProfileName::new("default").unwrap();
        let vault =
            Vault::new(&home.join("data/vaults"), &home.join("state/generations"), &profile);
        let unlocked = vault.create(PASSWORD, &cheap, None).unwrap();
        fill(&unlocked.store, count);
        unlocked.store.pragma_rekey_clear().unwrap();
        std::fs::write(home.join("password"), PASSWORD).unwrap();
        assert!(pds(&home, &["unlock", "--password-file", "password"]));
        home
    };
    let (many, few) = (home(MANY), home(FEW));
    let run = |home: &Path, step: usize| {
        let secrets: Vec<String> = (0..FEW).map(|n| format!("-eS{n}={}", name(n * step))).collect();
        let mut arguments = vec!["run"];
        arguments.extend(secrets.iter().map(String::as_str));
        arguments.extend(["--", "true"]);
        assert!(pds(home, &arguments));
    };
    compare(
        "pds run, 10 secrets of 100,000, to 10 of 10",
        || run(&many, MANY / FEW),
        || run(&few, 1),
    );
    for home in [many, few] {
        assert!(pds(&home, &["stop"]));
    }
}

fn pds(home: &Path, arguments: &[&str]) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pds"));
    command.args(arguments).env("PDS_HOME", home).current_dir(home).stdin(Stdio::null());
    command.status().unwrap().success()
}
