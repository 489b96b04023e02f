//! What locked memory there is, how it is spent, and what is said when it runs out.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::FileExt,
    process::{Command, Stdio},
};

use pds::wire::{
    BATCH_MAX_ENTRIES,
    message::{Batch, Entry, Request},
};

use crate::{
    memory::{Daemon, Kernel},
    support::{Sandbox, Stranger, as_nobody, is_root, program},
};

/// A daemon in the foreground under `ulimit -l` with so many KiB; `None`, visibly, where
/// the limit that this runs under is lower already.
fn under(sandbox: &Sandbox, kib: u32) -> Option<Daemon> {
    let raised = Command::new("sh").args(["-c", &format!("ulimit -l {kib}")]).output().unwrap();
    if !raised.status.success() {
        eprintln!("skipped: less than {kib} KiB may be locked here");
        return None;
    }
    let mut command: Command = sandbox.command("sh");
    let script = format!("ulimit -l {kib}; exec \"$PDS\" daemon");
    command.args(["-c", &script]).env("PDS", program()).stderr(Stdio::null());
    Some(Daemon::answering(command))
}

fn unlock(sandbox: &Sandbox) {
    let password = sandbox.password("default");
    sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).ok();
}

/// Asks for all of these at once; whether they came.
fn come(client: &mut Stranger, keys: &[String]) -> bool {
    let entry = |key| Entry { profiles: vec!["default"], key, required: true };
    let entries = keys.iter().map(|key| entry(key.as_str())).collect();
    let (manifest, project, command) = (None, None, None);
    let batch = Batch { entries, manifest, project, command, check_only: false };
    client.ask(&Request::Resolve(batch)).starts_with("Values")
}

#[test]
fn eight_mebibytes_hold_fifty_thousand_values_and_nothing_is_degraded() {
    const VALUES: usize = 50_000;
    if std::env::var_os("PDS_TEST_SHIPPED").is_none() {
        eprintln!("skipped: true of a build that is shipped, whose stacks are smaller (.ci/run)");
        return;
    }
    if as_nobody("limits::eight_mebibytes_hold_fifty_thousand_values_and_nothing_is_degraded") {
        return;
    }
    let sandbox = Sandbox::ready();
    sandbox.stop();
    let Some(_daemon) = under(&sandbox, 8 << 10) else { return };
    unlock(&sandbox);
    let keys: Vec<String> = (0..=VALUES).map(|n| format!("k{n:05}")).collect();
    let values: BTreeMap<&String, String> =
        keys.iter().map(|key| (key, format!("{key}, which is forty bytes in all....."))).collect();
    fs::write(sandbox.path("w/values.json"), serde_json::to_string(&values).unwrap()).unwrap();
    sandbox.pds(["import", "values.json"]).done().code(0).end();
    let mut client = Stranger::launcher(&sandbox);
    let batches = || keys[..VALUES].chunks(BATCH_MAX_ENTRIES);
    assert!(batches().all(|batch| come(&mut client, batch)));
    // With the database's bytes spoiled, a value comes from the cache alone.
    let path = sandbox.home("data/vaults/default/vault.db");
    let spoiled = vec![0x5a; fs::metadata(&path).unwrap().len().try_into().unwrap()];
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&spoiled, 0).unwrap();
    assert!(batches().all(|batch| come(&mut client, batch)), "not all of them are cached");
    let status = sandbox.pds(["status", "--json"]).text();
    if status.contains("\"protection\":\"memfd_secret\"") {
        assert!(status.contains("\"degraded\":false"), "{status}");
    } else {
        assert!(status.contains("\"protection\":\"mlock\""), "{status}");
    }
}

#[test]
fn when_locked_memory_runs_short_the_oldest_go_and_what_is_too_much_names_the_limit() {
    const LONG: usize = 60_000;
    if as_nobody(
        "limits::when_locked_memory_runs_short_the_oldest_go_and_what_is_too_much_names_the_limit",
    ) {
        return;
    }
    let sandbox = Sandbox::ready();
    let keys: Vec<String> = (0..160).map(|n| format!("k{n:03}")).collect();
    for some in keys.chunks(20) {
        let values: BTreeMap<&String, String> =
            some.iter().map(|key| (key, key.repeat(LONG / key.len()))).collect();
        fs::write(sandbox.path("w/values.json"), serde_json::to_string(&values).unwrap()).unwrap();
        sandbox.pds(["import", "values.json"]).done().code(0).end();
    }
    sandbox.stop();
    let Some(_daemon) = under(&sandbox, 8 << 10) else { return };
    unlock(&sandbox);
    // Ten megabytes pass through eight, twice.
    for key in keys.iter().chain(&keys) {
        assert_eq!(sandbox.pds(["get", key]).ok(), key.repeat(LONG / key.len()).into_bytes());
    }
    // And six and a half, at once, have no room beside their answer.
    let all = keys[..110].iter().map(|key| format!("V{key}={key}"));
    let run = ["run", "--no-prompt"].map(str::to_owned).into_iter();
    let run = run.chain(all.flat_map(|both| ["-e".to_owned(), both]));
    let told = sandbox.pds(run.chain(["--", "true"].map(str::to_owned))).done().code(125);
    told.mentions("out of locked memory").mentions("RLIMIT_MEMLOCK (`ulimit -l`)").end();
    // And it serves on.
    assert!(!sandbox.pds(["get", &keys[0]]).ok().is_empty());
}

#[test]
fn what_has_no_room_at_sixty_four_kibibytes_is_refused_by_the_limits_name() {
    if as_nobody("limits::what_has_no_room_at_sixty_four_kibibytes_is_refused_by_the_limits_name") {
        return;
    }
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v");
    let long = "x".repeat(50_000);
    fs::write(sandbox.path("w/values.json"), format!("{{\"long\": \"{long}\"}}")).unwrap();
    fs::write(sandbox.path("w/mebibyte"), "x".repeat(1 << 20)).unwrap();
    sandbox.stop();
    // The launcher's own memory is not what is short here.
    let Some(_daemon) = under(&sandbox, 64) else { return };
    unlock(&sandbox);
    let too_much: [&[&str]; 3] = [
        &["backup", "b.pds"],
        &["set", "m", "--from-file", "mebibyte"],
        &["import", "values.json"],
    ];
    for words in too_much {
        let told = sandbox.pds(words).done().stderr();
        assert!(!told.contains("closed the connection"), "{words:?}: {told}");
        assert!(told.contains("locked memory") && told.contains("ulimit -l"), "{words:?}: {told}");
        assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v", "after {words:?}");
    }
}

#[test]
fn without_secret_memory_all_of_it_is_locked_and_left_out_of_dumps_and_forks() {
    if !is_root() {
        eprintln!("skipped: the mappings of a daemon are root's alone to see");
        return;
    }
    let sandbox = Sandbox::ready();
    for n in 0..200 {
        sandbox.set(&format!("k{n}"), "v");
    }
    sandbox.stop();
    let daemon = Daemon::start(&sandbox, Kernel::WithoutSecretMemory, &[]);
    unlock(&sandbox);
    sandbox.pds(["get", "k1"]).ok();
    sandbox.pds(["list"]).ok();
    let smaps = fs::read_to_string(format!("/proc/{}/smaps", daemon.pid())).unwrap();
    assert!(!smaps.contains("secretmem"));
    // proc_pid_smaps(5): dc is not to be copied by fork, dd not to be dumped, lo locked.
    let flags = smaps.lines().filter_map(|line| line.strip_prefix("VmFlags: "));
    let has = |line: &&str, flag| line.split(' ').any(|one| one == flag);
    let ours: Vec<&str> = flags.filter(|line| has(line, "dc") && has(line, "wr")).collect();
    assert!(ours.len() > 2, "{smaps}");
    for line in ours {
        assert!(has(&line, "dd") && has(&line, "lo"), "{line}\n{smaps}");
    }
    let status = sandbox.pds(["status", "--json"]).text();
    assert!(status.contains("\"protection\":\"mlock\",") || status.contains("\"degraded\":true"));
    assert!(status.contains("\"degraded\":true"), "{status}");
}
