//! Promise 5 and T-01: a manifest gets what was approved for it and no more.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use crate::support::{Outcome, Sandbox};

const A: &str = "[secrets]\nA = \"a\"\n";
const AB: &str = "[secrets]\nA = \"a\"\nB = \"b\"\n";

fn ready() -> Sandbox {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "1").set("b", "2");
    sandbox
}

fn run(sandbox: &Sandbox) -> Outcome {
    sandbox.pds(["run", "--", "touch", "marker"]).done()
}

#[test]
fn an_unapproved_manifest_runs_nothing_and_the_hint_is_what_helps() {
    let sandbox = ready();
    let path = fs::canonicalize(sandbox.write_manifest(A)).unwrap();
    let mut outcome = None;
    let recorded = sandbox.recorded(|| outcome = Some(run(&sandbox)));
    assert_eq!(recorded, ["run denied not-approved"]);
    let expected = format!(
        "pds: `{0}` is not approved; it asks for:\n  secret  A = `a` of default\n  \
         inherit everything\n  a variable that is set already is replaced\n\
         pds: hint: pds allow {0}\n",
        path.display()
    );
    outcome.unwrap().code(125).stdout("").says(&expected).end();
    assert!(!sandbox.path("w/marker").exists());
    let shown = sandbox.pds(["allow", path.to_str().unwrap()]).text();
    assert!(shown.contains("may now ask for:\n  secret  A = `a` of default\n"), "{shown}");
    run(&sandbox).code(0).end();
}

#[test]
fn what_is_added_or_altered_is_asked_for_and_what_is_taken_away_is_not() {
    let sandbox = ready();
    sandbox.manifest(AB);
    sandbox.write_manifest(A);
    run(&sandbox).code(0).end();
    for (more, asked) in [
        ("[secrets]\nA = \"a\"\nB = \"b\"\nC = \"c\"\n", "C = `c`"),
        ("[secrets]\nA = \"b\"\n", "A = `b`"),
        ("[secrets]\nA = \"a\"\n[vars]\nDB_HOST = \"evil\"\n", "DB_HOST = evil"),
        ("[secrets]\nA = \"a\"\n[compose]\nU = \"x${A}\"\n", "U = x${A}"),
        ("[run]\ninherit = [\"PATH\"]\n[secrets]\nA = \"a\"\n", "inherit PATH"),
        ("[run]\nconflict = \"environment\"\n[secrets]\nA = \"a\"\n", "is kept"),
    ] {
        sandbox.write_manifest(more);
        let outcome = run(&sandbox).code(125).mentions("asks for more than you approved:");
        outcome.mentions(asked).end();
    }
    sandbox.write_manifest("# a remark\nproject = \"x\"\n[secrets]\nB = { key = \"b\", about = \"?\" }\n");
    run(&sandbox).code(0).end();
}

#[test]
fn the_last_approval_replaces_earlier_ones() {
    let sandbox = ready();
    sandbox.manifest(AB).manifest(A);
    sandbox.write_manifest(AB);
    run(&sandbox).code(125).mentions("B = `b`").end();
}

#[test]
fn a_copy_and_a_moved_manifest_are_not_approved() {
    let sandbox = ready();
    sandbox.manifest(A);
    fs::create_dir(sandbox.path("w/copy")).unwrap();
    fs::copy(sandbox.path("w/pds.toml"), sandbox.path("w/copy/pds.toml")).unwrap();
    let in_copy = || sandbox.pds(["run", "--", "true"]).cwd(sandbox.path("w/copy")).done();
    in_copy().code(125).mentions("is not approved").end();
    fs::rename(sandbox.path("w/pds.toml"), sandbox.path("w/copy/pds.toml")).unwrap();
    in_copy().code(125).mentions("is not approved").end();
    std::os::unix::fs::symlink("copy/pds.toml", sandbox.path("w/pds.toml")).unwrap();
    run(&sandbox).code(125).mentions("is a symbolic link").end();
}

#[test]
fn approvals_are_listed_and_taken_back() {
    let sandbox = ready();
    let path = fs::canonicalize(sandbox.write_manifest(A)).unwrap();
    assert_eq!(sandbox.pds(["allow", "--list"]).text(), "");
    sandbox.pds(["allow"]).text();
    assert_eq!(sandbox.pds(["allow", "--list"]).text(), format!("{}\n", path.display()));
    run(&sandbox).code(0).end();
    sandbox.pds(["disallow"]).ok();
    assert_eq!(sandbox.pds(["allow", "--list"]).text(), "");
    run(&sandbox).code(125).end();
}

#[test]
fn an_approval_survives_lock_and_stop_and_cannot_be_given_while_locked() {
    let sandbox = ready();
    sandbox.manifest(A).stop();
    sandbox.pds(["allow", "--no-prompt"]).done().code(3).end();
    let password = sandbox.password("default");
    sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).ok();
    run(&sandbox).code(0).end();
}

#[test]
fn approval_is_off_only_where_the_users_config_says_so() {
    let sandbox = ready();
    sandbox.write_manifest(A);
    sandbox.config("approval = \"off\"\n");
    run(&sandbox).code(0).end();
    sandbox.config("");
    run(&sandbox).code(125).end();
    for text in ["approval = \"off\"\n", "[acl]\n", "[lifetimes]\nvalue = \"9h\"\n", "[lift]\n"] {
        sandbox.write_manifest(text);
        run(&sandbox).code(125).mentions("the manifest can't be used").end();
    }
}

#[test]
fn a_manifest_that_others_can_write_or_that_is_no_file_is_refused() {
    let sandbox = ready();
    let path = sandbox.manifest(A).path("w/pds.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    run(&sandbox).code(125).mentions("can be changed by other users").end();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    run(&sandbox).code(125).mentions("is not a regular file").end();
    fs::remove_dir(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
    run(&sandbox).code(125).mentions("is not a regular file").end();
    let device = sandbox.pds(["run", "-m", "/dev/zero", "--", "true"]).done();
    device.code(125).mentions("is not a regular file").end();
    fs::remove_file(&path).unwrap();
    fs::write(&path, vec![b'#'; (256 << 10) + 1]).unwrap();
    run(&sandbox).code(125).mentions("has more than").end();
}

#[test]
fn a_mistake_in_a_manifest_is_shown_where_it_is_with_the_right_name() {
    let sandbox = ready();
    sandbox.write_manifest("[secret]\nA = \"a\"\n");
    run(&sandbox).code(125).mentions("pds.toml:2:2").mentions("secrets").end();
    sandbox.write_manifest("[secrets]\n\"\\u001b]0;x\" = \"a\"\n");
    let outcome = run(&sandbox).code(125);
    assert!(!outcome.stderr().contains('\u{1b}'), "{}", outcome.stderr());
}

#[test]
fn check_lists_every_problem_starts_nothing_and_shows_no_value() {
    let sandbox = ready();
    sandbox.manifest(A);
    assert_eq!(sandbox.pds(["check"]).text(), "`pds run` would start\n");
    let json = |status: i32| -> Value {
        let outcome = sandbox.pds(["check", "--json"]).done().code(status).says("");
        serde_json::from_slice(&outcome.0.stdout).unwrap()
    };
    assert_eq!(json(0)["would_start"], true);
    sandbox.manifest("[secrets]\nA = \"a\"\nX = \"x\"\nY = \"y\"\n");
    let expected = "pds: there is no `x` in profile `default`\npds: hint: pds set x\n\
                    pds: there is no `y` in profile `default`\npds: hint: pds set y\n";
    sandbox.pds(["check"]).done().code(4).stdout("").says(expected).end();
    let problems = json(1);
    assert_eq!(problems["would_start"], false);
    assert_eq!(problems["problems"].as_array().unwrap().len(), 2);
    assert_eq!(problems["problems"][1]["hint"], "pds set y");
}
