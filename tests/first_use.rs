//! From nothing to a running command, at a terminal, and what is left by whoever breaks
//! off at a question.

use std::fs;

use crate::support::{Sandbox, Terminal, until};

const MANIFEST: &str = "[secrets]\n\
    TOKEN = { key = \"token\", about = \"ask #platform\" }\n\
    OTHER = \"other\"\n\
    MADE = { key = \"made\", generate = \"password:24\" }\n\
    MAYBE = { key = \"maybe\", required = false }\n";
const VAULT: &str = "profile `default` has no vault yet; make one? [Y/n] ";
const PASSWORD: &str = "new password for profile `default`: ";
const AGAIN: &str = "the same again: ";
const APPROVE: &str = "approve? [y/N] ";
const TOKEN: &str = "value of `token`, for TOKEN: ";
const OTHER: &str = "value of `other`, for OTHER: ";
const SHOW: [&str; 5] = ["run", "--", "sh", "-c", "echo $TOKEN $OTHER ${#MADE} ${MAYBE+set}"];

/// The answers on the way from nothing to a run, question by question.
const WAY: [(&str, &str); 6] = [
    (VAULT, "\n"),
    (PASSWORD, "correct horse battery staple fuel\n"),
    (AGAIN, "correct horse battery staple fuel\n"),
    (APPROVE, "y\n"),
    (TOKEN, "t1\n"),
    (OTHER, "o1\n"),
];

fn new() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_manifest(MANIFEST);
    sandbox
}

/// Answers the first `questions` of those on the way.
fn walk(sandbox: &Sandbox, questions: usize) -> Terminal {
    let mut terminal = Terminal::run(sandbox, &SHOW);
    for (question, answer) in &WAY[..questions] {
        terminal.expect(question).send(answer);
    }
    terminal
}

#[test]
fn run_makes_the_vault_asks_for_approval_and_for_what_is_missing_and_runs() {
    let sandbox = new();
    let (outcome, echo) = walk(&sandbox, WAY.len()).end();
    outcome.code(0).stdout("t1 o1 24\n").says("").end();
    assert!(echo, "echo is back");
    // Nothing is asked for a second time.
    sandbox.pds(SHOW).done().code(0).stdout("t1 o1 24\n").says("").end();
}

#[test]
fn a_word_on_the_password_stands_before_it_is_asked_for_again() {
    for (password, word) in [("hunter2", "weak"), ("unwed-glimpse-tarot-mosaic-flint", "strong")] {
        let sandbox = new();
        let mut terminal = walk(&sandbox, 1);
        terminal.expect(PASSWORD).send(&format!("{password}\n"));
        terminal.expect(word).expect(AGAIN).send(&format!("{password}\n"));
        terminal.expect(APPROVE).send("n\n");
        let (outcome, _) = terminal.end();
        outcome.code(125).mentions("hint: pds allow").end();
        assert!(sandbox.home("data/vaults/default/vault.db").exists(), "a weak one is taken");
    }
}

#[test]
fn what_the_manifest_says_about_a_secret_is_shown_and_what_is_typed_is_not() {
    let sandbox = new();
    let mut terminal = walk(&sandbox, 4);
    terminal.expect("2 secrets are missing").expect("about `token`: ask #platform").expect(TOKEN);
    until("echo is off", || !terminal.has_echo());
    terminal.send("typed-value\n").expect(OTHER);
    assert!(!terminal.shown.contains("typed-value"));
    // Nothing entered: the rest is missing as it would be without a terminal.
    terminal.send("\n");
    let (outcome, _) = terminal.end();
    let says = "pds: there is no `other` in profile `default`\npds: hint: pds set other\n";
    outcome.code(125).stdout("").says(says).end();
    assert_eq!(sandbox.pds(["get", "token"]).ok(), b"typed-value");
}

#[test]
fn ctrl_c_at_each_question_leaves_what_was_answered_and_the_way_goes_on_from_there() {
    for (broken_off, (question, _)) in WAY.iter().enumerate() {
        let sandbox = new();
        let mut terminal = walk(&sandbox, broken_off);
        terminal.expect(question);
        let hidden = ![VAULT, APPROVE].contains(question);
        until("the question is open", || terminal.has_echo() != hidden);
        terminal.send("half\x03");
        let (outcome, echo) = terminal.end();
        outcome.killed_by(2).stdout("").end();
        assert!(echo, "echo is back after question {broken_off}");
        // The vault is there whole or not at all.
        let folder = sandbox.home("data/vaults/default");
        assert_eq!(folder.exists(), broken_off > 2, "question {broken_off}");
        assert_eq!(folder.join("vault.db").exists(), broken_off > 2);
        let stored = if broken_off > 2 { sandbox.pds(["list"]).text() } else { String::new() };
        assert_eq!(stored, if broken_off == 5 { "token\n" } else { "" });
        // What was answered before is not asked for again.
        let rest = match broken_off {
            0..=2 => 0,
            answered => answered,
        };
        let mut terminal = Terminal::run(&sandbox, &SHOW);
        for (question, answer) in &WAY[rest..] {
            terminal.expect(question).send(answer);
        }
        terminal.end().0.code(0).stdout("t1 o1 24\n").end();
    }
}

#[test]
fn a_no_makes_nothing_and_says_what_would() {
    let sandbox = new();
    let mut terminal = Terminal::run(&sandbox, &SHOW);
    terminal.expect(VAULT).send("n\n");
    let says = "pds: there is no vault for profile `default`\npds: hint: pds init\n";
    terminal.end().0.code(125).stdout("").says(says).end();
    assert!(!sandbox.home("data/vaults/default").exists());
    let mut terminal = walk(&sandbox, 2);
    terminal.expect(AGAIN).send("another\n");
    terminal.end().0.code(125).mentions("the two passwords are not the same").end();
    assert!(!sandbox.home("data/vaults/default").exists());
}

#[test]
fn without_a_terminal_nothing_is_asked_and_the_hint_is_the_command_that_helps() {
    let sandbox = new();
    let says = "pds: there is no vault for profile `default`\npds: hint: pds init\n";
    sandbox.pds(SHOW).done().code(125).stdout("").says(says).end();
    let mut quiet = vec!["run", "--no-prompt"];
    quiet.extend(&SHOW[1..]);
    Terminal::run(&sandbox, &quiet).end().0.code(125).stdout("").says(says).end();
    assert!(!sandbox.home("data/vaults/default").exists());
    let sandbox = sandbox.vault("default");
    sandbox.pds(["allow"]).done().code(0).end();
    let outcome = sandbox.pds(SHOW).done().code(125).mentions("pds set token");
    outcome.mentions("pds set other").end();
    let outcome = Terminal::run(&sandbox, &quiet).end().0.code(125);
    outcome.mentions("pds set token").end();
}

#[test]
fn what_is_refused_for_another_reason_than_being_absent_is_not_asked_for() {
    let sandbox = Sandbox::ready();
    sandbox.manifest("[secrets]\nA = \"allowed/a\"\nB = \"denied/b\"\n");
    sandbox.config(
        "[acl.default.launcher]\nget = [\"allowed/*\"]\nset = [\"**\"]\nunlock = [\"**\"]\n",
    );
    let (outcome, _) = Terminal::run(&sandbox, &["run", "--", "true"]).end();
    outcome.code(125).mentions("no rule grants `denied/b`").end();
}

#[test]
fn of_several_profiles_each_that_has_no_vault_is_made() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "low");
    sandbox.write_manifest("[run]\nprofile = [\"default\", \"over\"]\n[secrets]\nX = \"k\"\n");
    let mut terminal = Terminal::run(&sandbox, &["run", "--", "printenv", "X"]);
    terminal.expect("profile `over` has no vault yet; make one? [Y/n] ").send("y\n");
    terminal.expect("new password for profile `over`: ").send("pw\n").expect(AGAIN).send("pw\n");
    terminal.expect(APPROVE).send("y\n");
    terminal.end().0.code(0).stdout("low\n").end();
    assert!(fs::metadata(sandbox.home("data/vaults/over/vault.db")).is_ok());
}
