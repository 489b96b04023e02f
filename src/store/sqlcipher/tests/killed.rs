//! What was acknowledged is stored, whenever the writer is killed.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    time::Duration,
};

use super::*;

#[test]
fn what_was_acknowledged_is_in_the_main_file_alone() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    for n in 0..20 {
        put(&store, &format!("k{n}"), &[n; 100]).unwrap();
        let copy = TempDir::new().unwrap();
        fs::copy(sandbox.path(), copy.path().join("vault.db")).unwrap();
        let copied = SqlCipherStore::open(&copy.path().join("vault.db"), &sandbox.key).unwrap();
        assert_eq!(copied.read(&format!("k{n}")).unwrap().expose(), [n; 100]);
    }
    let journal = sandbox.folder.path().join("vault.db-journal");
    assert_eq!(fs::metadata(journal).unwrap().len(), 0);
}

const VICTIM: &str = "PDS_TEST_KILLED_WRITER";

#[test]
#[ignore = "the process that `what_was_acknowledged_survives_kill_9` kills"]
fn killed_writer() {
    let Some(path) = std::env::var_os(VICTIM) else {
        return;
    };
    let store = SqlCipherStore::open(&PathBuf::from(path), &bytes(&[0x42; 32])).unwrap();
    let first = store.keys().unwrap().len();
    for n in first.. {
        put(&store, &format!("k{n}"), n.to_string().repeat(500).as_bytes()).unwrap();
        std::io::stdout().write_all(format!("acknowledged {n}\n").as_bytes()).unwrap();
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let sandbox = Sandbox::new();
    drop(sandbox.create());
    let (mut acknowledged, mut state) = (0, 0x2545_f491_4f6c_dd1d);
    for round in 0..25 {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "store::sqlcipher::tests::killed::killed_writer",
                "--ignored",
                "--nocapture",
            ])
            .env(VICTIM, sandbox.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let doom = xorshift(&mut state) % 12;
        let mut seen = 0;
        for line in lines.map_while(Result::ok) {
            let Some((_, number)) = line.split_once("acknowledged ") else {
                continue;
            };
            acknowledged = number.parse::<usize>().unwrap() + 1;
            seen += 1;
            if seen == doom + 1 {
                // Somewhere in the write that follows.
                std::thread::sleep(Duration::from_micros(xorshift(&mut state) as u64 % 3000));
                writer.kill().unwrap();
            }
        }
        assert!(!writer.wait().unwrap().success());
        let store = sandbox.open().unwrap();
        store.integrity_check().unwrap();
        let found = store.keys().unwrap().len();
        assert!(found >= acknowledged, "round {round}: {found} of {acknowledged}");
        for n in 0..found {
            let expected = n.to_string().repeat(500);
            assert_eq!(store.read(&format!("k{n}")).unwrap().expose(), expected.as_bytes());
        }
    }
    assert!(acknowledged >= 25);
}
