//! A manifest gets what was approved for it, and nothing else.

use std::{fs, os::unix::fs::PermissionsExt, os::unix::fs::symlink};

use crate::support::{Outcome, Sandbox};

const FIRST: &str = "[vars]\nHOST = \"localhost\"\n[secrets]\nA = \"a\"\nB = \"b\"\n";

fn approved() -> Sandbox {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "1").set("b", "2").set("c", "3").manifest(FIRST);
    run(&sandbox, 0, "");
    sandbox
}

#[track_caller]
fn run(sandbox: &Sandbox, status: i32, words: &str) {
    sandbox.pds(["run", "--no-prompt", "--", "true"]).done().code(status).mentions(words).end();
}

#[test]
fn what_was_never_approved_gets_nothing_and_says_what_it_asks_for() {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "1").write_manifest("[secrets]\nA = \"a\"\n");
    let outcome = sandbox.pds(["run", "--no-prompt", "--", "touch", "started"]).done().code(125);
    outcome
        .mentions("is not approved")
        .mentions("secret  A = `a` of default")
        .mentions("hint: pds allow")
        .end();
    assert!(!sandbox.path("w/started").exists());
    assert!(
        sandbox.recorded(|| run(&sandbox, 125, "")).contains(&"run denied not-approved".into())
    );
}

#[test]
fn whatever_is_added_or_altered_is_asked_for_and_taking_away_is_not() {
    let sandbox = approved();
    for (text, asks_for) in [
        (
            "[vars]\nHOST = \"evil.example\"\n[secrets]\nA = \"a\"\nB = \"b\"\n",
            "plain   HOST = evil.example",
        ),
        ("[vars]\nHOST = \"localhost\"\n[secrets]\nA = \"c\"\nB = \"b\"\n", "secret  A = `c`"),
        (
            "[vars]\nHOST = \"localhost\"\n[secrets]\nA = \"a\"\nB = \"b\"\nC = \"a\"\n",
            "secret  C = `a`",
        ),
        (&format!("{FIRST}[compose]\nURL = \"${{A}}@x\"\n"), "made    URL"),
        (&format!("[run]\nconflict = \"environment\"\n{FIRST}"), "is kept"),
    ] {
        sandbox.write_manifest(text);
        let outcome = sandbox.pds(["run", "--no-prompt", "--", "true"]).done().code(125);
        outcome.mentions("asks for more than you approved").mentions(asks_for).end();
    }
    sandbox.write_manifest("# comment\nproject = \"p\"\n[secrets]\nB = \"b\"\n");
    run(&sandbox, 0, "");
    // An earlier file put back asks for what the last approval covers; it still does.
    sandbox.write_manifest(FIRST);
    run(&sandbox, 0, "");
}

#[test]
fn the_last_approval_replaces_the_one_before() {
    let sandbox = approved();
    sandbox.manifest("[secrets]\nB = \"b\"\n");
    sandbox.write_manifest(FIRST);
    run(&sandbox, 125, "asks for more than you approved");
}

#[test]
fn a_copy_elsewhere_a_link_and_a_file_that_others_may_change_are_not_approved() {
    let sandbox = approved();
    let other = sandbox.path("other");
    fs::create_dir(&other).unwrap();
    fs::copy(sandbox.path("w/pds.toml"), other.join("pds.toml")).unwrap();
    let run_there = ["run", "--no-prompt", "--", "true"];
    sandbox.pds(run_there).cwd(&other).done().code(125).mentions("is not approved").end();
    fs::remove_file(other.join("pds.toml")).unwrap();
    symlink(sandbox.path("w/pds.toml"), other.join("pds.toml")).unwrap();
    sandbox.pds(run_there).cwd(&other).done().code(125).mentions("is a symbolic link").end();
    let open = fs::Permissions::from_mode(0o666);
    fs::set_permissions(sandbox.path("w/pds.toml"), open).unwrap();
    run(&sandbox, 125, "can be changed by other users");
}

#[test]
fn what_the_users_config_lifts_is_shown_where_it_is_approved() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v");
    let folder = fs::canonicalize(sandbox.path("w")).unwrap();
    let lift = format!("[lift.\"{}\"]\nvariables = [\"NODE_OPTIONS\"]\n", folder.display());
    sandbox.config(&lift).write_manifest("[secrets]\nNODE_OPTIONS = \"k\"\n");
    run(&sandbox, 125, "lifted  NODE_OPTIONS by your config");
    assert!(sandbox.pds(["allow"]).text().contains("lifted  NODE_OPTIONS by your config"));
    run(&sandbox, 0, "");
}

#[test]
fn a_manifest_of_another_owner_is_refused() {
    if !crate::support::is_root() {
        eprintln!("skipped: giving a file away needs root");
        return;
    }
    let sandbox = approved();
    std::os::unix::fs::chown(sandbox.path("w/pds.toml"), Some(65_534), None).unwrap();
    run(&sandbox, 125, "belongs to another user\npds: hint: take a copy that is yours");
}

#[test]
fn an_approval_can_be_listed_and_taken_back() {
    let sandbox = approved();
    let path = fs::canonicalize(sandbox.path("w/pds.toml")).unwrap();
    assert!(sandbox.pds(["allow", "--list"]).text().contains(path.to_str().unwrap()));
    let list = sandbox.pds(["allow", "--list", "--json"]).ok();
    let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
    assert_eq!(list[0]["path"], path.canonicalize().unwrap().to_str().unwrap());
    assert_eq!(list[0]["profile"], "default");
    sandbox.pds(["disallow"]).ok();
    run(&sandbox, 125, "is not approved");
    assert!(!sandbox.pds(["allow", "--list"]).text().contains(path.to_str().unwrap()));
}

#[test]
fn an_approval_is_taken_back_by_the_path_alone_whatever_became_of_the_file() {
    let spoil: [fn(&std::path::Path); 4] = [
        |path| fs::remove_file(path).unwrap(),
        |path| fs::write(path, "pds = 1\n[secret]\n").unwrap(),
        |path| fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap(),
        |path| {
            fs::rename(path, path.with_file_name("other")).unwrap();
            symlink("other", path).unwrap();
        },
    ];
    let sandbox = Sandbox::ready();
    sandbox.set("a", "1");
    let path = sandbox.path("w/pds.toml");
    let listed = || sandbox.pds(["allow", "--list"]).text();
    for (case, spoil) in spoil.into_iter().enumerate() {
        let _ = fs::remove_file(&path);
        sandbox.manifest("[secrets]\nA = \"a\"\n");
        assert_eq!(listed().lines().count(), 1, "{case}");
        spoil(&path);
        sandbox.pds(["disallow", path.to_str().unwrap()]).ok();
        assert_eq!(listed(), "", "{case}");
    }
    // Nor is its folder needed, by the path as the list shows it.
    let _ = fs::remove_file(&path);
    let folder = sandbox.path("gone");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("pds.toml"), "pds = 1\n").unwrap();
    sandbox.pds(["allow"]).cwd(&folder).done().code(0).end();
    let shown = listed();
    fs::remove_dir_all(&folder).unwrap();
    sandbox.pds(["disallow", shown.trim_end()]).ok();
    assert_eq!(listed(), "");
}

#[test]
fn what_init_wrote_is_approved_and_off_in_the_config_is_off() {
    let sandbox = Sandbox::ready();
    let password = sandbox.password("default");
    sandbox.pds(["init", "--password-file", password.to_str().unwrap()]).done().code(0).end();
    run(&sandbox, 0, "");
    sandbox.write_manifest("[vars]\nX = \"1\"\n");
    run(&sandbox, 125, "asks for more");
    sandbox.config("approval = \"off\"");
    run(&sandbox, 0, "");
}

#[test]
fn a_manifest_can_say_nothing_about_approval_access_or_lifetimes() {
    let sandbox = Sandbox::ready();
    for text in [
        "approval = \"off\"\n",
        "[acl.default.x]\nget = []\n",
        "[lifetimes]\nvalue = \"9h\"\n",
        "[lift.x]\n",
    ] {
        sandbox.write_manifest(text);
        run(&sandbox, 125, "the manifest can't be used");
    }
}

fn touch(sandbox: &Sandbox) -> Outcome {
    sandbox.pds(["run", "--no-prompt", "--", "touch", "marker"]).done()
}

#[test]
fn an_approval_survives_lock_and_stop_and_cannot_be_given_while_locked() {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "1");
    sandbox.manifest("[secrets]\nA = \"a\"\n").stop();
    sandbox.pds(["allow", "--no-prompt"]).done().code(3).end();
    let password = sandbox.password("default");
    sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).ok();
    touch(&sandbox).code(0).end();
}

#[test]
fn a_manifest_that_others_can_write_or_that_is_no_file_is_refused() {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "1");
    let path = sandbox.manifest("[secrets]\nA = \"a\"\n").path("w/pds.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    touch(&sandbox).code(125).mentions("can be changed by other users").end();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    touch(&sandbox).code(125).mentions("is not a regular file").end();
    fs::remove_dir(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
    touch(&sandbox).code(125).mentions("is not a regular file").end();
    let device = sandbox.pds(["run", "-m", "/dev/zero", "--", "true"]).done();
    device.code(125).mentions("is not a regular file").end();
    fs::remove_file(&path).unwrap();
    fs::write(&path, vec![b'#'; (256 << 10) + 1]).unwrap();
    touch(&sandbox).code(125).mentions("has more than").end();
}

#[test]
fn a_mistake_in_a_manifest_is_shown_where_it_is_with_the_right_name() {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "1");
    sandbox.write_manifest("[secret]\nA = \"a\"\n");
    touch(&sandbox).code(125).mentions("pds.toml:2:2").mentions("secrets").end();
    sandbox.write_manifest("[secrets]\n\"\\u001b]0;x\" = \"a\"\n");
    let outcome = touch(&sandbox).code(125);
    assert!(!outcome.stderr().contains('\u{1b}'), "{}", outcome.stderr());
}

#[test]
fn a_path_that_no_one_can_type_is_not_in_a_command_to_copy() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let sandbox = Sandbox::ready();
    for name in [&b"d\xff"[..], b"d\x1b[2J", "d\u{202e}".as_bytes()] {
        let folder = sandbox.path("w").join(OsStr::from_bytes(name));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("pds.toml"), "pds = 1\n[secrets]\nA = \"a\"\n").unwrap();
        let run = || sandbox.pds(["run", "--no-prompt", "--", "true"]).cwd(&folder).done();
        run().code(125).mentions("pds: hint: in the folder of that file: pds allow\n").end();
        // It does what it says.
        sandbox.set("a", "1");
        sandbox.pds(["allow"]).cwd(&folder).done().code(0).end();
        run().code(0).end();
        sandbox.pds(["delete", "a"]).ok();
    }
}
