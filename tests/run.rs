//! The command sees what it would see without pds.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::support::{Outcome, Sandbox, Terminal};

const NONE: &str = "[vars]\nCLAIM = \"1\"\n";

/// What a script prints, by itself and under `pds run`: it must be the same.
#[track_caller]
fn same_with_and_without(before: &str, command: &str) -> String {
    let sandbox = Sandbox::ready();
    sandbox.manifest(NONE);
    let bare = sandbox.sh(&format!("{before} {command}")).text();
    let under = sandbox.sh(&format!("{before} \"$PDS\" run -- {command}")).text();
    assert_eq!(bare, under);
    bare
}

#[test]
fn the_command_keeps_the_process_id() {
    let sandbox = Sandbox::ready();
    sandbox.manifest(NONE);
    let child = sandbox.pds(["run", "--", "sh", "-c", "echo $$"]).start();
    let pid = child.id();
    Outcome::of(child).code(0).stdout(format!("{pid}\n")).says("").end();
}

#[test]
fn standard_input_passes_and_exit_statuses_come_back() {
    let sandbox = Sandbox::ready();
    sandbox.manifest(NONE);
    let bytes: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    assert_eq!(sandbox.pds(["run", "--", "cat"]).input(&bytes).ok(), bytes);
    for status in [0, 1, 42, 125, 255] {
        let script = format!("exit {status}");
        sandbox.pds(["run", "--", "sh", "-c", &script]).done().code(status).says("").end();
    }
    sandbox.pds(["run", "--", "sh", "-c", "kill -TERM $$"]).done().killed_by(15).end();
}

#[test]
fn signals_that_were_ignored_or_blocked_stay_so_and_others_stay_default() {
    let show = "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status";
    let plain = same_with_and_without("exec env --default-signal=PIPE", show);
    let ignored = same_with_and_without("exec env --ignore-signal=PIPE", show);
    let blocked = same_with_and_without("exec env --block-signal=USR1", show);
    assert_ne!(plain, ignored);
    assert_ne!(plain, blocked);
}

#[test]
fn umask_and_limits_are_given_back() {
    assert_eq!(same_with_and_without("umask 027; exec", "sh -c umask"), "0027\n");
    same_with_and_without("ulimit -S -c 7; exec", "cat /proc/self/limits");
    same_with_and_without("ulimit -H -c 9; ulimit -S -c 9; exec", "cat /proc/self/limits");
    same_with_and_without("exec", "stat -c %U /proc/self/environ");
}

#[test]
fn the_command_has_no_other_open_file() {
    same_with_and_without("exec", "ls /proc/self/fd");
    same_with_and_without("exec 7</dev/null; exec", "ls /proc/self/fd");
    let list = "sh -c 'ls /proc/$$/fd > fds; cat fds >&9'";
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let sandbox = Sandbox::ready();
        sandbox.manifest(NONE);
        let listed = |pds: &str| {
            sandbox.sh(&format!("exec 9>out; {pds} {list} {closed}")).done().end();
            fs::read_to_string(sandbox.path("w/out")).unwrap()
        };
        let (bare, under) = (listed(""), listed("\"$PDS\" run --"));
        assert_eq!(bare, under, "{closed}");
        assert!(!bare.is_empty());
    }
}

/// `{password}` in `script` is a file with it, `$PDS` the program; the vault is locked before.
#[track_caller]
fn locked(sandbox: &Sandbox, script: &str) -> String {
    sandbox.pds(["lock"]).ok();
    let password = sandbox.password("default");
    let script = script.replace("{password}", password.to_str().unwrap());
    sandbox.program("bash", ["-c", &script]).text()
}

#[test]
fn a_descriptor_that_the_password_came_by_is_closed_to_the_command() {
    let sandbox = Sandbox::ready();
    sandbox.manifest(NONE);
    let bare = sandbox.program("bash", ["-c", "exec ls /proc/self/fd"]).text();
    for named in [
        "--password-file /dev/fd/3 -- ls /proc/self/fd 3<{password}",
        "--password-file default=/proc/self/fd/3 -- ls /proc/self/fd 3<{password}",
        "--password-file <(cat {password}) -- ls /proc/self/fd",
    ] {
        // The second time nothing is locked, and nobody has read the password.
        let run = format!("exec \"$PDS\" run {named}");
        assert_eq!(locked(&sandbox, &run), bare, "{named}");
        let again = run.replace("{password}", "../pw-default");
        assert_eq!(sandbox.program("bash", ["-c", &again]).text(), bare, "{named}");
    }
    let by_variable =
        "PDS_PASSWORD_FILE=/dev/fd/3 exec \"$PDS\" run -- ls /proc/self/fd 3<{password}";
    assert_eq!(locked(&sandbox, by_variable), bare);
    // One that was not named is the command's.
    let other = "exec \"$PDS\" run -- cat /dev/fd/3 3<../pw-default";
    assert_eq!(sandbox.program("bash", ["-c", other]).text(), "password of default\n");
}

#[test]
fn standard_input_that_was_the_password_is_empty_and_a_terminal_stays() {
    let sandbox = Sandbox::ready();
    sandbox.manifest(NONE);
    for stdin in ["/dev/stdin", "/dev/fd/0"] {
        let run = format!("exec \"$PDS\" run --password-file {stdin} -- cat <{{password}}");
        assert_eq!(locked(&sandbox, &run), "");
    }
    let run = ["run", "--password-file", "/dev/stdin", "--", "sh", "-c", "test -t 0 && echo yes"];
    let seen = Terminal::dialogue(&sandbox, &run, &[]).all();
    assert_eq!(seen, "yes\r\n");
}

#[test]
fn where_the_password_is_a_credential_the_command_is_not_told_where() {
    let sandbox = Sandbox::ready();
    sandbox.manifest(NONE);
    for (file, stays) in [("pds.password", false), ("pds.password.work", false), ("other", true)] {
        let folder = sandbox.path(&format!("credentials-{file}"));
        fs::create_dir(&folder).unwrap();
        fs::copy(sandbox.password("default"), folder.join(file)).unwrap();
        let print = ["run", "--", "sh", "-c", "echo ${CREDENTIALS_DIRECTORY-none}"];
        let run = |password: Option<&str>| {
            let mut pds = sandbox.pds(print).env("CREDENTIALS_DIRECTORY", &folder);
            if let Some(password) = password {
                pds = pds.env("PDS_PASSWORD_FILE", password);
            }
            pds.text()
        };
        let told = folder.to_str().unwrap();
        assert_eq!(run(None).trim(), if stays { told } else { "none" }, "{file}");
        let named = format!("{told}/{file}");
        assert_eq!(run(Some(&named)), "none\n", "{file}");
    }
}

#[test]
fn the_command_has_no_child_not_even_the_daemon_that_was_started_for_it() {
    let sandbox = Sandbox::ready();
    sandbox.manifest(NONE).stop();
    let password = sandbox.password("default");
    let password = password.to_str().unwrap();
    let ps = "ps -o comm= --ppid $$ | grep -v '^ps$' | grep -v '^grep$' | grep -v '^sh$'; true";
    let run = ["run", "--password-file", password, "--", "sh", "-c", ps];
    sandbox.pds(run).done().code(0).stdout("").says("").end();
    assert!(sandbox.daemon_pid().is_some());
}

#[test]
fn what_cannot_be_run_is_126_what_is_not_there_127_and_what_pds_cannot_125() {
    let sandbox = Sandbox::ready();
    sandbox.manifest(NONE);
    fs::write(sandbox.path("w/plain"), "x").unwrap();
    sandbox.pds(["run", "--", "./plain"]).done().code(126).mentions("can't run `./plain`").end();
    sandbox.pds(["run", "--", "/"]).done().code(126).end();
    sandbox.pds(["run", "--", "no-such-command"]).done().code(127).mentions("no such").end();
    sandbox.pds(["run", "--", "./no/such"]).done().code(127).end();
    sandbox.pds(["run", "--", "./plain/x"]).done().code(127).mentions("no such command").end();
    sandbox.pds(["run"]).done().code(125).end();
    sandbox.pds(["run", "--no-such-option", "--", "true"]).done().code(125).end();
    let nowhere = sandbox.pds(["run", "--", "true"]).cwd("/").done();
    nowhere.code(125).mentions("pds: hint: pds init\n").end();
}

#[test]
fn a_script_whose_interpreter_is_missing_is_there_and_ends_as_in_a_shell() {
    let sandbox = Sandbox::ready();
    sandbox.manifest(NONE);
    for (script, named) in [("#!/no/such -x\n", "`/no/such`"), ("#! \t/bin/sh\r\n", "`/bin/sh\\r`")]
    {
        let path = sandbox.path("w/tool");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let status = sandbox.sh("./tool").done().status();
        let says = format!("pds: can't run `./tool`: its interpreter {named} is missing\n");
        sandbox.pds(["run", "--", "./tool"]).done().code(status).says(&says).end();
        let run = sandbox.pds(["run", "--", "tool"]).env("PATH", sandbox.path("w"));
        run.done().code(127).mentions(named).end();
    }
}

#[test]
fn commands_are_found_and_scripts_run_as_env_does_it() {
    let sandbox = Sandbox::ready();
    sandbox.manifest(NONE);
    for (folder, script, mode) in [
        ("a", "echo a is not executable", 0o644),
        ("b", "echo \"b $0 $1\"", 0o755),
        ("c", "#!/bin/sh\necho c", 0o755),
    ] {
        fs::create_dir(sandbox.path(&format!("w/{folder}"))).unwrap();
        let path = sandbox.path(&format!("w/{folder}/tool"));
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let program = env!("CARGO_BIN_EXE_pds");
    for path in ["a:b:c:/usr/bin:/bin", "c:b", "a", "", "nowhere:b", "pds.toml:b"] {
        let outcome = |program: &str, arguments: &[&str]| {
            let run = sandbox.program(program, arguments).env("PATH", path).done();
            (run.status(), run.0.stdout)
        };
        let env = outcome("/usr/bin/env", &["tool", "x"]);
        assert_eq!(outcome(program, &["run", "--", "tool", "x"]), env, "PATH={path}");
    }
}

#[test]
fn arguments_pass_as_they_are() {
    let sandbox = Sandbox::ready();
    sandbox.manifest(NONE);
    let odd = ["a b", "", "*", "$X", "--help", "é", "a\nb"];
    let run = ["run", "--", "printf", "%s|"].into_iter().chain(odd);
    assert_eq!(sandbox.pds(run).ok(), format!("{}|", odd.join("|")).into_bytes());
}

#[test]
fn the_dry_run_starts_nothing_and_shows_no_value() {
    let sandbox = Sandbox::ready();
    sandbox.set("db/password", "hunter2-in-clear").manifest("[secrets]\nDB = \"db/password\"\n");
    let outcome = sandbox.pds(["run", "--dry-run", "--", "touch", "marker"]).done().code(0);
    let text = String::from_utf8_lossy(&outcome.0.stdout).into_owned();
    assert!(text.contains("DB  db/password (default)") && !text.contains("hunter2"), "{text}");
    assert!(!sandbox.path("w/marker").exists());
}

#[test]
fn a_run_inside_a_run_works() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v").manifest("[secrets]\nK = \"k\"\n");
    let program = env!("CARGO_BIN_EXE_pds");
    let run = ["run", "--", program, "run", "--", "printenv", "K"];
    assert_eq!(sandbox.pds(run).ok(), b"v\n");
    assert!(Command::new(program).arg("--version").output().unwrap().status.success());
}
