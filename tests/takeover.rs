//! `init` where a `.env` is: nothing of it is lost, at whatever moment it is broken off.

use std::fs;

use crate::support::{Sandbox, Terminal, until};

const ENV: &str = "PORT=8080\nGREETING=\"hi \\\"you\\\"\\n$X é\"\nSTRIPE_KEY='sk_live_1 $x'\n\
    DB_URL=postgres://u:p@h/x\nEMPTY=\n";
const ASKED: &str = "y takes it over, n leaves it: ";
const PASSWORD: &str = "new password for profile `default`: ";
const AGAIN: &str = "the same again: ";
const DELETE: &str = "delete `.env`? [y/N] ";
const SHOW: [&str; 5] =
    ["run", "--", "sh", "-c", "printenv PORT GREETING STRIPE_KEY DB_URL; echo ${EMPTY+set}$EMPTY"];
const SHOWN: &str = "8080\nhi \"you\"\n$X é\nsk_live_1 $x\npostgres://u:p@h/x\nset\n";

/// The answers on the way, question by question.
const WAY: [(&str, &str); 4] =
    [(ASKED, "y\n"), (PASSWORD, "pw\n"), (AGAIN, "pw\n"), (DELETE, "y\n")];

fn with(env: impl AsRef<[u8]>) -> Sandbox {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("w/.env"), env).unwrap();
    sandbox
}

fn init(sandbox: &Sandbox, answers: &[(&str, &str)]) -> Terminal {
    let mut terminal = Terminal::run(sandbox, &["init"]);
    for (question, answer) in answers {
        terminal.expect(question).send(answer);
    }
    terminal
}

/// What is in the folder, beside folders of the test itself.
fn left(sandbox: &Sandbox) -> Vec<String> {
    let files = fs::read_dir(sandbox.path("w")).unwrap();
    let mut names: Vec<_> =
        files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_dot_env_is_taken_over_read_back_and_gone() {
    let sandbox = with(ENV);
    let mut terminal = init(&sandbox, &[]);
    terminal.expect("secret    STRIPE_KEY  the vault, as `w/STRIPE_KEY`");
    terminal.expect("secret    DB_URL      the vault, as `w/DB_URL`");
    terminal.expect("plain     PORT        pds.toml, for all to read");
    for (question, answer) in WAY {
        assert!(!terminal.shown.contains("sk_live"), "no value is shown");
        terminal.expect(question).send(answer);
    }
    let (outcome, echo) = terminal.end();
    outcome.code(0).mentions("pds: `.env` is gone").mentions("hint: pds run -- CMD").end();
    assert!(echo);
    assert_eq!(left(&sandbox), ["pds.toml"]);
    let manifest = fs::read_to_string(sandbox.path("w/pds.toml")).unwrap();
    assert!(!manifest.contains("sk_live") && manifest.contains("PORT = \"8080\""), "{manifest}");
    // It is approved, and each value arrives to the byte.
    sandbox.pds(SHOW).done().code(0).stdout(SHOWN).says("").end();
    assert_eq!(sandbox.pds(["list"]).text(), "w/DB_URL\nw/STRIPE_KEY\n");
}

#[test]
fn the_person_corrects_the_guess_by_name() {
    let sandbox = with("PORT=8080\nSTRIPE_KEY=x\nPATH=/x\n");
    let mut terminal = init(&sandbox, &[(ASKED, "PORT, STRIPE_KEY NO_SUCH PATH\n")]);
    terminal.expect("secret    PORT").expect("plain     STRIPE_KEY").expect("left out  PATH");
    terminal.expect("`NO_SUCH` is not in the file").expect("`PATH` can't be set at all");
    terminal.expect(ASKED).send("\n");
    for (question, answer) in &WAY[..3] {
        terminal.expect(question).send(answer);
    }
    terminal.expect("`PATH` was left out, and is nowhere else").expect(DELETE).send("n\n");
    terminal.end().0.code(0).mentions("`.env` is still there").end();
    assert_eq!(sandbox.pds(["list"]).text(), "w/PORT\n");
    assert_eq!(left(&sandbox), [".env", "pds.toml"]);
    let show = ["run", "--", "printenv", "PORT", "STRIPE_KEY"];
    assert_eq!(sandbox.pds(show).text(), "8080\nx\n");
}

#[test]
fn ctrl_c_at_each_question_leaves_the_file_and_nothing_half_done() {
    for (broken_off, (question, _)) in WAY.iter().enumerate() {
        let sandbox = with(ENV);
        let mut terminal = init(&sandbox, &WAY[..broken_off]);
        terminal.expect(question);
        let hidden = [PASSWORD, AGAIN].contains(question);
        until("the question is open", || terminal.has_echo() != hidden);
        terminal.send("half\x03");
        let (outcome, echo) = terminal.end();
        outcome.killed_by(2).stdout("").end();
        assert!(echo, "echo is back after question {broken_off}");
        assert_eq!(fs::read_to_string(sandbox.path("w/.env")).unwrap(), ENV);
        // Before the last question nothing is made; at it everything is.
        let done = *question == DELETE;
        assert_eq!(sandbox.path("w/pds.toml").exists(), done);
        assert_eq!(sandbox.home("data/vaults/default").exists(), done);
        // And the way goes on from there.
        init(&sandbox, if done { &WAY[3..] } else { &WAY }).end().0.code(0).end();
        assert_eq!(left(&sandbox), ["pds.toml"]);
        sandbox.pds(SHOW).done().code(0).stdout(SHOWN).end();
    }
}

#[test]
fn a_no_leaves_the_file_and_makes_the_vault_and_an_empty_manifest() {
    let sandbox = with(ENV);
    init(&sandbox, &[(ASKED, "n\n"), WAY[1], WAY[2]]).end().0.code(0).end();
    assert_eq!(left(&sandbox), [".env", "pds.toml"]);
    assert_eq!(sandbox.pds(["list"]).text(), "");
}

#[test]
fn without_a_terminal_the_file_is_not_touched_and_a_hint_says_what_would() {
    let sandbox = with(ENV);
    let password = sandbox.password("default");
    let outcome = sandbox.pds(["init", "--password-file", password.to_str().unwrap()]).done();
    outcome.code(0).mentions("`.env` is left as it is").mentions("hint: pds import .env").end();
    assert_eq!(fs::read_to_string(sandbox.path("w/.env")).unwrap(), ENV);
    assert_eq!(sandbox.pds(["list"]).text(), "");
}

#[test]
fn a_mistake_in_the_file_is_told_and_nothing_is_made() {
    let sandbox = with("A=1\nB='open\n");
    init(&sandbox, &[]).end().0.code(1).mentions("line 2, column 3").end();
    assert_eq!(left(&sandbox), [".env"]);
    assert!(!sandbox.home("data/vaults/default").exists());
}

#[test]
fn a_key_that_has_another_value_stops_it_before_anything_is_stored() {
    let sandbox = with("A_KEY=new\nB_KEY=b\n").vault("default");
    sandbox.set("w/A_KEY", "old");
    let outcome = init(&sandbox, &[(ASKED, "y\n")]).end().0.code(1);
    outcome.mentions("`w/A_KEY` has another value already").mentions("pds init -p PROFILE").end();
    assert_eq!(left(&sandbox), [".env"]);
    assert_eq!(sandbox.pds(["list"]).text(), "w/A_KEY\n");
}

#[test]
fn a_file_that_changes_meanwhile_is_not_deleted() {
    let sandbox = with(ENV);
    let mut terminal = init(&sandbox, &WAY[..3]);
    terminal.expect(DELETE);
    fs::write(sandbox.path("w/.env"), format!("{ENV}NEW=1\n")).unwrap();
    terminal.send("y\n");
    let outcome = terminal.end().0.code(0).mentions("`.env` has changed meanwhile");
    outcome.mentions("`.env` is still there").end();
    assert!(left(&sandbox).contains(&".env".to_owned()));
}

/// What is done between two calls.
type Spoil = fn(&Sandbox);

/// A take-over of [`ENV`], and of a variable that is left out, that is broken off at its
/// last question.
fn broken_off_at_the_last() -> Sandbox {
    let sandbox = with(format!("{ENV}PATH=/x\n"));
    let mut terminal = init(&sandbox, &WAY[..3]);
    terminal.expect(DELETE).send("\x03");
    terminal.end().0.killed_by(2).end();
    sandbox
}

#[test]
fn the_last_question_is_asked_again_after_everything_was_compared_again() {
    let sandbox = broken_off_at_the_last();
    init(&sandbox, &[(DELETE, "n\n")]).end().0.code(0).mentions("`.env` is still there").end();
    sandbox.pds(["lock"]).ok();
    let password = ("password for profile `default`: ", "pw\n");
    let mut terminal = init(&sandbox, &[password]);
    terminal.expect("`PATH` was left out, and is nowhere else").expect(DELETE).send("y\n");
    let outcome = terminal.end().0.code(0).mentions("`.env` is gone");
    outcome.mentions("hint: pds run -- CMD").end();
    assert_eq!(left(&sandbox), ["pds.toml"]);
    sandbox.pds(SHOW).done().code(0).stdout(SHOWN).end();
}

#[test]
fn what_is_not_all_in_the_manifest_and_the_vault_is_not_asked_about() {
    let spoil: [(&str, Spoil); 6] = [
        ("another value in the vault", |sandbox| {
            sandbox.set("w/STRIPE_KEY", "new");
        }),
        ("no value in the vault", |sandbox| drop(sandbox.pds(["delete", "w/DB_URL"]).ok())),
        ("another plain value", |sandbox| edit(sandbox, "w/pds.toml", "8080", "8081")),
        ("a variable less in the manifest", |sandbox| {
            edit(sandbox, "w/pds.toml", "PORT = \"8080\"\n", "");
        }),
        ("a variable more in the file", |sandbox| edit(sandbox, "w/.env", "PORT", "NEW=1\nPORT")),
        ("a mistake in the file", |sandbox| edit(sandbox, "w/.env", "PORT=", "'")),
    ];
    for (what, spoil) in spoil {
        let sandbox = broken_off_at_the_last();
        spoil(&sandbox);
        let before = fs::read(sandbox.path("w/.env")).unwrap();
        let mut terminal = init(&sandbox, &[]);
        let said = terminal.all();
        assert!(!said.contains("delete"), "{what}: {said}");
        terminal.end().0.code(0).mentions("the vault and the manifest were there already").end();
        assert_eq!(fs::read(sandbox.path("w/.env")).unwrap(), before, "{what}");
    }
}

fn edit(sandbox: &Sandbox, path: &str, from: &str, to: &str) {
    let text = fs::read_to_string(sandbox.path(path)).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(sandbox.path(path), text.replacen(from, to, 1)).unwrap();
}

#[test]
fn what_git_tracks_is_told() {
    let sandbox = with(ENV);
    let git = "git init -q . && mkdir -p sub && touch sub/x .gitignore && git add -f .env sub";
    if sandbox.sh(git).done().status() != 0 {
        eprintln!("skipped: needs git");
        return;
    }
    let outcome = init(&sandbox, &WAY).end().0.code(0);
    outcome.mentions("git tracks `.env`").mentions("hint: git rm --cached .env").end();
    let sandbox = with(ENV);
    sandbox.sh("git init -q . && touch x.env && git add x.env").done().code(0).end();
    let outcome = init(&sandbox, &WAY).end().0.code(0);
    assert!(!outcome.stderr().contains("git tracks"));
}

#[test]
fn kill_9_between_the_steps_leaves_the_file_with_all_that_was_in_it() {
    for made in ["p/data/vaults/default/vault.db", "w/pds.toml", "the last question"] {
        let sandbox = with(ENV);
        let mut terminal = init(&sandbox, &WAY[..3]);
        if made.contains('/') {
            until("it is made", || sandbox.path(made).exists());
        } else {
            terminal.expect(DELETE);
        }
        terminal.kill();
        terminal.end().0.killed_by(9).end();
        assert_eq!(fs::read_to_string(sandbox.path("w/.env")).unwrap(), ENV, "{made}");
        // Where the manifest was not reached, the way goes on; the vault is there by now.
        if !sandbox.path("w/pds.toml").exists() {
            init(&sandbox, &[WAY[0], WAY[3]]).end().0.code(0).end();
            assert_eq!(left(&sandbox), ["pds.toml"]);
        }
        assert_eq!(sandbox.pds(["get", "w/STRIPE_KEY"]).ok(), b"sk_live_1 $x");
    }
}
