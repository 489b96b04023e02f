//! questions at a real terminal.

use crate::support::{Sandbox, Terminal, until};

const SIGINT: i32 = 2;

#[test]
fn a_run_on_a_locked_profile_asks_unlocks_and_goes_on_with_echo_back() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v").manifest("[secrets]\nK = \"k\"\n").pds(["lock"]).ok();
    let mut terminal = Terminal::run(&sandbox, &["run", "--", "printenv", "K"]);
    assert!(terminal.has_echo());
    terminal.expect("pds: password for profile `default`: ");
    assert!(!terminal.has_echo());
    terminal.send("password of default\n");
    let (outcome, echo) = terminal.end();
    outcome.code(0).stdout("v\n").says("").end();
    assert!(echo);
}

#[test]
fn control_c_at_the_question_ends_with_sigint_and_echo_back() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v").manifest("[secrets]\nK = \"k\"\n").pds(["lock"]).ok();
    let mut terminal = Terminal::run(&sandbox, &["run", "--", "touch", "marker"]);
    terminal.expect("password for").send("half a pass\x03");
    let (outcome, echo) = terminal.end();
    outcome.killed_by(SIGINT).end();
    assert!(echo);
    assert!(!sandbox.path("w/marker").exists());
    sandbox.pds(["list", "--no-prompt"]).done().code(3).end();
}

#[test]
fn control_d_is_no_answer() {
    let sandbox = Sandbox::ready();
    sandbox.pds(["lock"]).ok();
    let mut terminal = Terminal::run(&sandbox, &["unlock"]);
    terminal.expect("password for").send("\x04");
    let (outcome, echo) = terminal.end();
    outcome.code(1).says("pds: cancelled\n").end();
    assert!(echo);
}

#[test]
fn a_wrong_password_is_asked_for_again_and_not_for_ever() {
    let sandbox = Sandbox::ready();
    sandbox.pds(["lock"]).ok();
    let mut terminal = Terminal::run(&sandbox, &["unlock"]);
    terminal.expect("password for").send("wrong\n");
    terminal.expect("password for").send("wronger\x7f\x7f\x15password of default\n");
    terminal.end().0.code(0).end();
    sandbox.pds(["lock"]).ok();
    let mut terminal = Terminal::run(&sandbox, &["unlock"]);
    for _ in 0..3 {
        terminal.expect("password for").send("wrong\n");
    }
    terminal.end().0.code(1).mentions("pds: wrong password for profile `default`").end();
}

#[test]
fn init_asks_twice_and_takes_two_answers_that_are_the_same() {
    let sandbox = Sandbox::new();
    let answer = |first: &str, second: &str| {
        let mut terminal = Terminal::run(&sandbox, &["init"]);
        terminal.expect("new password for profile `default`: ");
        assert!(!terminal.has_echo());
        terminal.send(first).expect("the same again: ").send(second);
        terminal.end().0
    };
    answer("one\n", "other\n").code(1).says("pds: the two passwords are not the same\n").end();
    assert!(!sandbox.home("data/vaults/default").exists());
    answer("password of default\n", "password of default\n").code(0).end();
    sandbox.pds(["lock"]).ok();
    let password = sandbox.password("default");
    sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).ok();
}

#[test]
fn set_asks_for_the_value_without_showing_it() {
    let sandbox = Sandbox::ready();
    let mut terminal = Terminal::run(&sandbox, &["set", "a/b"]);
    terminal.expect("pds: value of `a/b`: ");
    assert!(!terminal.has_echo());
    terminal.send("typed secret\n").expect("the same again: ");
    assert!(!terminal.shown.contains("typed"));
    terminal.send("typed secret\n");
    let (outcome, echo) = terminal.end();
    outcome.code(0).says("").end();
    assert!(echo);
    assert_eq!(sandbox.pds(["get", "a/b"]).ok(), b"typed secret");
    let mut terminal = Terminal::run(&sandbox, &["set", "a/b"]);
    terminal.expect("value of").send("x\n").expect("again: ").send("y\n");
    terminal.end().0.code(1).says("pds: the two values are not the same\n").end();
    assert_eq!(sandbox.pds(["get", "a/b"]).ok(), b"typed secret");
}

#[test]
fn a_manifest_is_run_after_a_yes_and_not_after_anything_else() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v").write_manifest("[secrets]\nK = \"k\"\n");
    for no in ["n\n", "\n", "yep\n"] {
        let mut terminal = Terminal::run(&sandbox, &["run", "--", "touch", "marker"]);
        terminal.expect("secret  K = `k` of default").expect("approve? [y/N] ").send(no);
        terminal.end().0.code(125).mentions("is not approved").end();
    }
    assert!(!sandbox.path("w/marker").exists());
    let mut terminal = Terminal::run(&sandbox, &["run", "--", "printenv", "K"]);
    terminal.expect("approve? [y/N] ").send("y\n");
    terminal.end().0.code(0).stdout("v\n").end();
    assert_eq!(sandbox.pds(["run", "--", "printenv", "K"]).ok(), b"v\n");
}

#[test]
fn what_may_not_prompt_never_asks_though_there_is_a_terminal() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v").write_manifest("[secrets]\nK = \"k\"\n");
    let approval = Terminal::run(&sandbox, &["run", "--no-prompt", "--", "true"]);
    approval.end().0.code(125).mentions("pds: hint: pds allow ").end();
    Terminal::run(&sandbox, &["set", "k", "--no-prompt"]).end().0.code(1).end();
    sandbox.pds(["lock"]).ok();
    Terminal::run(&sandbox, &["list", "--no-prompt"]).end().0.code(3).end();
    Terminal::run(&sandbox, &["check"]).end().0.code(3).end();
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
