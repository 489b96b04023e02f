//! Questions at a real terminal. Echo is off while one is open
//! and on again whatever happens.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::support::{Sandbox, Terminal, until};

const SECRET: &str = "[secrets]\nTOKEN = \"k\"\n";
const QUESTION: &str = "password for profile `default`: ";

fn locked() -> Sandbox {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "the value").manifest(SECRET);
    sandbox.pds(["lock"]).ok();
    sandbox
}

#[test]
fn run_asks_for_the_password_of_a_locked_profile_and_goes_on() {
    let sandbox = locked();
    let mut terminal = Terminal::run(&sandbox, &["run", "--", "sh", "-c", "echo $TOKEN"]);
    terminal.expect(QUESTION);
    assert!(!terminal.has_echo(), "what is typed is not shown");
    terminal.send("password of default\n");
    let (outcome, echo) = terminal.end();
    outcome.code(0).stdout("the value\n").says("").end();
    assert!(echo, "echo is back");
}

#[test]
fn a_wrong_password_is_asked_for_again_and_three_are_enough() {
    let sandbox = locked();
    let mut terminal = Terminal::run(&sandbox, &["run", "--", "echo", "ran"]);
    terminal.expect(QUESTION).send("wrong\n");
    terminal.expect(QUESTION).send("password of default\n");
    terminal.end().0.code(0).stdout("ran\n").end();
    sandbox.pds(["lock"]).ok();
    let mut terminal = Terminal::run(&sandbox, &["run", "--", "echo", "ran"]);
    for _ in 0..3 {
        terminal.expect(QUESTION).send("wrong\n");
    }
    terminal.end().0.code(125).stdout("").mentions("wrong password for profile `default`").end();
}

#[test]
fn ctrl_c_at_the_question_ends_with_sigint_and_echo_comes_back() {
    let sandbox = locked();
    let mut terminal = Terminal::run(&sandbox, &["run", "--", "echo", "ran"]);
    terminal.expect(QUESTION);
    until("echo is off", || !terminal.has_echo());
    terminal.send("half a pass\x03");
    let (outcome, echo) = terminal.end();
    outcome.killed_by(2).stdout("").end();
    assert!(echo, "echo is back");
}

#[test]
fn ctrl_d_cancels_and_backspace_and_ctrl_u_edit() {
    let sandbox = locked();
    let mut terminal = Terminal::run(&sandbox, &["unlock"]);
    terminal.expect(QUESTION);
    until("echo is off", || !terminal.has_echo());
    terminal.send("\x04");
    let (outcome, echo) = terminal.end();
    outcome.code(1).mentions("cancelled").end();
    assert!(echo);
    let mut terminal = Terminal::run(&sandbox, &["unlock"]);
    terminal.expect(QUESTION);
    until("echo is off", || !terminal.has_echo());
    terminal.send("nonsense\x15password of defaulé\x7ft\n");
    terminal.end().0.code(0).end();
}

#[test]
fn with_no_prompt_nothing_is_asked() {
    let sandbox = locked();
    for arguments in [&["run", "--no-prompt", "--", "true"][..], &["get", "k", "--no-prompt"]] {
        let terminal = Terminal::run(&sandbox, arguments);
        let (outcome, _) = terminal.end();
        outcome.mentions("profile `default` is locked").mentions("hint: pds unlock").end();
    }
    sandbox.pds(["get", "k"]).env("PDS_NO_PROMPT", "1").done().code(3).end();
}

#[test]
fn init_asks_twice_and_takes_no_mismatch() {
    let sandbox = Sandbox::new();
    let mut terminal = Terminal::run(&sandbox, &["init"]);
    terminal.expect("new password for profile `default`: ").send("one\n");
    terminal.expect("the same again: ").send("another\n");
    terminal.end().0.code(1).mentions("the two passwords are not the same").end();
    assert!(!sandbox.home("data/vaults/default").exists());
    let mut terminal = Terminal::run(&sandbox, &["init"]);
    terminal.expect("new password for profile `default`: ").send("one\n");
    terminal.expect("the same again: ").send("one\n");
    terminal.end().0.code(0).end();
    assert!(sandbox.home("data/vaults/default/vault.db").exists());
}

#[test]
fn set_asks_for_the_value_twice_and_shows_nothing_of_it() {
    let sandbox = Sandbox::ready();
    let mut terminal = Terminal::run(&sandbox, &["set", "typed"]);
    terminal.expect("value of `typed`: ").send("hidden value\n");
    terminal.expect("the same again: ").send("hidden value\n");
    assert!(!terminal.shown.contains("hidden value"));
    terminal.end().0.code(0).says("").end();
    assert_eq!(sandbox.pds(["get", "typed"]).ok(), b"hidden value");
}

#[test]
fn run_shows_what_an_unapproved_manifest_asks_for_and_takes_only_a_yes() {
    let sandbox = Sandbox::ready();
    sandbox
        .set("k", "v")
        .write_manifest("[secrets]\nTOKEN = \"k\"\n[vars]\nHOST = \"h\\u001b[2J\"\n");
    let mut terminal = Terminal::run(&sandbox, &["run", "--", "echo", "ran"]);
    terminal.expect("plain   HOST = h\\u{1b}[2J");
    terminal.expect("secret  TOKEN = `k` of default");
    terminal.expect("approve? [y/N] ").send("n\n");
    terminal.end().0.code(125).stdout("").mentions("hint: pds allow").end();
    let mut terminal = Terminal::run(&sandbox, &["run", "--", "echo", "ran"]);
    terminal.expect("approve? [y/N] ").send("y\n");
    terminal.end().0.code(0).stdout("ran\n").end();
    // Given once, it is not asked for again.
    sandbox.pds(["run", "--", "echo", "ran"]).done().code(0).stdout("ran\n").end();
}

#[test]
fn what_is_approved_cannot_be_pushed_off_the_screen() {
    let sandbox = Sandbox::ready();
    let many: String = (0..60).map(|n| format!("LOG_{n} = \"info\"\n")).collect();
    let (blanks, long) = (" ".repeat(6_000), format!("a{}b", "x".repeat(5_000)));
    sandbox.set("k", "v").write_manifest(&format!(
        "[secrets]\nTOKEN = \"k\"\n[vars]\nBLANKS = \"{blanks}\"\nLONG = \"{long}\"\n{many}"
    ));
    let mut terminal = Terminal::run(&sandbox, &["run", "--", "echo", "ran"]);
    let shown = terminal.before("approve? [y/N] ");
    // 24 lines of 80 characters are the smallest screen that people have.
    let lines = |text: &str| text.lines().map(|line| line.chars().count() / 80 + 1).sum::<usize>();
    assert!(lines(&shown) <= 24, "{shown}");
    assert!(shown.ends_with("pds: 1 secret, 62 plain values, 2 settings in all; "), "{shown}");
    assert!(shown.contains("  … and 54 plain values more: `pds check` lists all\r\n"), "{shown}");
    let question = shown.rfind("pds: ").unwrap();
    assert!(shown[..question].ends_with("  secret  TOKEN = `k` of default\r\n"), "{shown}");
    terminal.send("n\n");
    terminal.end().0.code(125).end();
    let all = sandbox.pds(["check"]).done().code(1).stderr();
    for line in [
        "  plain   LOG_59 = info\n",
        &format!("  plain   LONG = a{} [… 4942 more …] {}b\n", "x".repeat(39), "x".repeat(19)),
        &format!(
            "  plain   BLANKS = {} [… 5940 more …] {}\n",
            "\\u{20}".repeat(40),
            "\\u{20}".repeat(20)
        ),
    ] {
        assert!(all.contains(line), "{line} in {all}");
    }
}

#[test]
fn a_question_that_was_slept_over_is_still_answered() {
    let sandbox = Sandbox::ready();
    sandbox.pds(["lock"]).ok();
    let mut terminal = Terminal::run(&sandbox, &["unlock"]);
    terminal.expect("password for");
    // The daemon that was there is gone meanwhile, and another is started.
    sandbox.stop();
    until("it is gone", || sandbox.daemon_pid().is_none());
    terminal.send("password of default\n");
    terminal.end().0.code(0).end();
}

#[test]
fn a_signal_that_comes_while_keys_are_read_is_not_waited_past() {
    let sandbox = locked();
    // It has to hit the moment between two keys: some of these do.
    for round in 0..40 {
        let mut terminal = Terminal::run(&sandbox, &["run", "--", "echo", "ran"]);
        terminal.expect(QUESTION).send(&"x".repeat(round * 3)).send("\x03");
        let (outcome, echo) = terminal.end();
        outcome.killed_by(2).stdout("").end();
        assert!(echo, "echo is back");
    }
}

#[test]
fn a_password_in_a_file_that_others_can_read_is_taken_with_a_warning() {
    let sandbox = locked();
    let file = sandbox.password("default");
    let path = file.to_str().unwrap();
    let folder = sandbox.path("credentials");
    fs::create_dir(&folder).unwrap();
    let warning = "pds: warning: others can read the password in `";
    for (mode, warned) in [(0o600, false), (0o700, false), (0o640, true), (0o604, true)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        fs::copy(&file, folder.join("pds.password")).unwrap();
        let named = folder.join("pds.password");
        for (call, warned) in [
            (sandbox.pds(["unlock", "--password-file", path]), warned),
            (sandbox.pds(["unlock"]).env("PDS_PASSWORD_FILE", path), warned),
            (sandbox.sh(&format!("\"$PDS\" unlock --password-file /dev/fd/3 3<{path}")), warned),
            (
                sandbox.sh(&format!("cat {path} | \"$PDS\" unlock --password-file /dev/stdin")),
                false,
            ),
            (sandbox.pds(["unlock"]).env("CREDENTIALS_DIRECTORY", &folder), false),
            (
                sandbox
                    .pds(["unlock", "--password-file", named.to_str().unwrap()])
                    .env("CREDENTIALS_DIRECTORY", &folder),
                false,
            ),
        ] {
            sandbox.pds(["lock"]).ok();
            let said = call.done().code(0).stderr();
            assert_eq!(said.contains(warning), warned, "{mode:o}: {said}");
            assert_eq!(said.is_empty(), !warned, "{said}");
        }
    }
}
