//! What the fuzzer has found, and what it starts from, on every run of the tests.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use pds::fuzz::{TARGETS, Target};

fn folder() -> PathBuf {
    let source =
        std::env::var("PDS_TEST_SOURCE").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&source).join("fuzz")
}

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder().join("corpus").join(target)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let found: Vec<_> = paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    assert!(found.len() >= 5, "{target} has next to no corpus");
    found
}

/// Said before it is tried: a panic then has the name of what made it above it.
fn replay(target: Target, path: &Path, bytes: &[u8]) {
    std::panic::catch_unwind(|| target(bytes))
        .unwrap_or_else(|_| panic!("with {}: {}", path.display(), bytes.escape_ascii()));
}

#[test]
fn every_corpus_replays() {
    for (name, target) in TARGETS {
        for (path, bytes) in corpus(name) {
            replay(target, &path, &bytes);
        }
    }
}

/// No fuzzer, but what it would try first, wherever there is none.
#[test]
fn every_corpus_replays_cut_flipped_and_doubled() {
    const LONGEST_BYTES: usize = 700;
    for (name, target) in TARGETS {
        for (path, bytes) in corpus(name).into_iter().filter(|(_, b)| b.len() <= LONGEST_BYTES) {
            // A handshake costs three multiplications; a claim on the daemon flips each byte.
            let step = if name == "handshake" { 16 } else { 1 };
            for at in (0..bytes.len()).step_by(step) {
                replay(target, &path, &bytes[..at]);
                let mut altered = bytes.clone();
                altered[at] ^= 1 << (at % 8);
                replay(target, &path, &altered);
                let twice = [&bytes[..at], &bytes[at..], &bytes[at..]].concat();
                replay(target, &path, &twice);
            }
        }
    }
}

#[test]
fn every_target_is_one_that_the_fuzzer_runs_and_has_a_corpus() {
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let listed = |below: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(folder().join(below)).unwrap();
        let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        entries.map(|entry| name(entry.unwrap().path())).collect()
    };
    assert_eq!(listed("fuzz_targets"), names);
    assert_eq!(listed("corpus"), names);
    let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    for name in names {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
