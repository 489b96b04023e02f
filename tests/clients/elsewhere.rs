//! Other users, and processes in namespaces of their own.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::Output,
};

use super::{add, socket};
use crate::support::{Sandbox, is_root, program};

/// The user and group that everybody calls nobody, and two that nobody has.
const NOBODY: u32 = 65_534;
const OTHER: u32 = 54_321;
const THIRD: u32 = 54_322;

/// A folder that anybody can enter, with the program and hard links to the socket: the
/// way that a bind mount makes, without one.
fn open_folder(sandbox: &Sandbox, name: &str, uid: u32) -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("o").tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::copy(program(), folder.path().join("pds")).unwrap();
    let key = folder.path().join("ci.key");
    fs::copy(sandbox.path(&format!("{name}.key")), &key).unwrap();
    if is_root() {
        std::os::unix::fs::chown(&key, Some(uid), Some(uid)).unwrap();
    }
    fs::hard_link(socket(sandbox, name), folder.path().join("ci.sock")).unwrap();
    folder
}

fn as_user(sandbox: &Sandbox, folder: &tempfile::TempDir, uid: u32, words: &[&str]) -> Output {
    let mut command = sandbox.command(folder.path().join("pds"));
    command.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/").uid(uid).gid(uid);
    command.args(words).arg("--client-key").arg(folder.path().join("ci.key"));
    command.output().unwrap()
}

#[test]
fn another_user_gets_what_was_granted_to_it_and_a_third_one_nothing_with_its_key() {
    if !is_root() {
        eprintln!("skipped: becoming another user needs root");
        return;
    }
    let sandbox = Sandbox::ready();
    sandbox.set("db/a", "one").set("web/a", "two");
    let uid = OTHER.to_string();
    add(&sandbox, "ci", &["--grant", "default:db/*:get", "--uid", &uid]);
    let folder = open_folder(&sandbox, "ci", OTHER);
    let got = as_user(&sandbox, &folder, OTHER, &["get", "db/a"]);
    assert_eq!(got.stdout, b"one", "{}", String::from_utf8_lossy(&got.stderr));
    assert_eq!(as_user(&sandbox, &folder, OTHER, &["get", "web/a"]).status.code(), Some(5));
    // A thief who has the key and can reach the socket, and the owner itself.
    for uid in [THIRD, NOBODY, 0] {
        let stolen = open_folder(&sandbox, "ci", uid);
        let mut got = None;
        let recorded = sandbox.recorded(|| {
            got = Some(as_user(&sandbox, &stolen, uid, &["get", "db/a"]));
        });
        let got = got.unwrap();
        assert_eq!((got.status.code(), got.stdout.as_slice()), (Some(1), &b""[..]), "{uid}");
        let said = String::from_utf8_lossy(&got.stderr).into_owned();
        assert!(said.contains("closed the connection"), "{said}");
        assert!(recorded.is_empty(), "not a byte of it is listened to");
    }
    // And at the daemon's own socket, wherever the folders on the way are open.
    for open in ["", "p", "p/run"] {
        fs::set_permissions(sandbox.path(open), fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(sandbox.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    fs::remove_file(folder.path().join("ci.sock")).unwrap();
    fs::hard_link(sandbox.socket(), folder.path().join("ci.sock")).unwrap();
    let got = as_user(&sandbox, &folder, OTHER, &["get", "db/a"]);
    assert_eq!((got.status.code(), got.stdout.as_slice()), (Some(1), &b""[..]));
    fs::set_permissions(sandbox.home("run"), fs::Permissions::from_mode(0o700)).unwrap();
}

/// A root of its own in which nothing of pds is but the program, one key and one socket.
const CONTAINER: &str = r#"
set -e
PATH=$PATH:/usr/sbin:/sbin
mount -t tmpfs none "$ROOT"
for folder in bin lib lib64 usr; do
    [ -e "/$folder" ] || continue
    if [ -L "/$folder" ]; then cp -P "/$folder" "$ROOT/"; continue; fi
    mkdir "$ROOT/$folder" && mount --rbind "/$folder" "$ROOT/$folder"
done
mkdir "$ROOT/proc" "$ROOT/run" "$ROOT/tmp"
mount -t proc proc "$ROOT/proc"
for file in pds ci.key ci.sock; do
    touch "$ROOT/run/$file"
    mount --bind "$FROM/$file" "$ROOT/run/$file"
done
exec chroot "$ROOT" /usr/bin/env -i PATH=/usr/bin:/bin PDS_CLIENT_KEY=/run/ci.key sh -c "$SCRIPT"
"#;

#[test]
fn a_process_in_namespaces_of_its_own_gets_exactly_what_was_granted() {
    let namespaces = ["--user", "--map-root-user", "--mount", "--pid", "--fork"];
    let own = nix::unistd::geteuid().as_raw();
    // The daemon's own user, and where that can be tried another one.
    for uid in [Some(own), is_root().then_some(OTHER)].into_iter().flatten() {
        let mut possible = std::process::Command::new("unshare");
        possible.args(namespaces).arg("true").current_dir("/");
        if is_root() {
            possible.uid(uid).gid(uid);
        }
        if !possible.output().is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: namespaces can't be made here by user {uid}");
            continue;
        }
        try_in_namespaces(&namespaces, uid);
    }
}

fn try_in_namespaces(namespaces: &[&str], uid: u32) {
    let sandbox = Sandbox::ready();
    sandbox.set("db/a", "one").set("web/a", "two");
    add(&sandbox, "ci", &["--grant", "default:db/*:get", "--uid", &uid.to_string()]);
    let from = open_folder(&sandbox, "ci", uid);
    let root = tempfile::tempdir().unwrap();
    if is_root() {
        std::os::unix::fs::chown(root.path(), Some(uid), Some(uid)).unwrap();
    }
    let inside = |script: &str| {
        let mut command = sandbox.command("unshare");
        command.args(namespaces).args(["sh", "-c", CONTAINER]).current_dir("/");
        if is_root() {
            command.uid(uid).gid(uid);
        }
        command.env("ROOT", root.path()).env("FROM", from.path()).env("SCRIPT", script);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (String::from_utf8(output.stdout).unwrap(), said)
    };
    let (out, said) = inside("echo $$; ls / /run; ls /proc | grep -c '^[0-9]'");
    assert!(out.contains("ci.key\nci.sock\npds\n") && said.is_empty(), "{out}{said}");
    let (out, said) = inside("/run/pds run -e A=db/a -- printenv A");
    assert_eq!((out.as_str(), said.as_str()), ("one\n", ""));
    let manifest = "printf 'pds = 1\\n[secrets]\\nA = \"db/a\"\\n%s' \"$MORE\" >/tmp/pds.toml; \
                    cd /tmp; /run/pds run -- printenv A";
    let (out, said) = inside(&format!("MORE=; {manifest}"));
    assert_eq!((out.as_str(), said.as_str()), ("one\n", ""));
    let (out, said) = inside(&format!("MORE='B = \"web/a\"'; {manifest}"));
    assert!(out.is_empty() && said.contains("no rule grants `web/a`"), "{out}{said}");
    let (out, said) = inside("/run/pds get web/a; /run/pds list; /run/pds stop");
    assert!(out.is_empty() && said.matches("no rule grants").count() == 2, "{out}{said}");
    assert!(said.contains("for the vault's owner alone"), "{said}");
    sandbox.pds(["client", "revoke", "ci"]).ok();
    let (out, said) = inside("/run/pds run -e A=db/a -- printenv A");
    assert!(out.is_empty() && said.contains("was revoked"), "{out}{said}");
}
