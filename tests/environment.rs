//! Promises 4 and 8: all of what is asked for and nothing else, or no start at all.

use std::{
    ffi::{CStr, CString, OsStr},
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
};

use nix::{
    fcntl::OFlag,
    spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn},
    sys::{
        stat::Mode,
        wait::{WaitStatus, waitpid},
    },
};

use crate::support::Sandbox;

/// One string of an environment has at most this many bytes with its NUL (execve(2)).
const STRING_MAX: usize = 131_072;

fn entries(bytes: &[u8]) -> Vec<String> {
    let mut entries: Vec<_> = bytes
        .split(|&byte| byte == 0)
        .filter(|entry| !entry.is_empty())
        .map(|entry| String::from_utf8_lossy(entry).into_owned())
        .collect();
    entries.sort();
    entries
}

/// What the sandbox gives to each command.
fn base(sandbox: &Sandbox) -> Vec<String> {
    vec![
        format!("HOME={}", sandbox.path("").display()),
        "PATH=/usr/local/bin:/usr/bin:/bin".into(),
        format!("PDS_HOME={}", sandbox.home("").display()),
    ]
}

const SHOW: [&str; 3] = ["--", "cat", "/proc/self/environ"];

#[track_caller]
fn environment(sandbox: &Sandbox, options: &[&str], set: &[(&str, &str)]) -> Vec<String> {
    let call = sandbox.pds(["run"].iter().chain(options).chain(&SHOW));
    entries(&set.iter().fold(call, |call, (name, value)| call.env(name, value)).ok())
}

#[test]
fn the_command_gets_what_is_asked_for_and_nothing_else() {
    let sandbox = Sandbox::ready();
    sandbox.set("db/password", "p&ss word").set("token", "t").set("unasked", "no");
    sandbox.manifest(
        "[vars]\nDB_HOST = \"localhost\"\n\
         [secrets]\nTOKEN = \"token\"\n\
         DB_PASSWORD = { key = \"db/password\", deliver = \"hidden\" }\n\
         ABSENT = { key = \"absent\", required = false }\n\
         FALLBACK = { key = \"absent\", default = \"plain\" }\n\
         [compose]\nDB_URL = \"pg://u:${DB_PASSWORD|urlencode}@${DB_HOST}/x\"\n",
    );
    // An empty one names no key; it is taken out like any.
    let set = [
        ("MINE", "1"),
        ("ABSENT", "stale"),
        ("PDS_PASSWORD_FILE", "x"),
        ("PDS_CLIENT_KEY", ""),
        ("PDS_LOG", "z"),
    ];
    let ours = [
        "DB_HOST=localhost",
        "DB_URL=pg://u:p%26ss%20word@localhost/x",
        "FALLBACK=plain",
        "TOKEN=t",
    ];
    let mut expected = base(&sandbox);
    expected.extend(ours.iter().chain(&["MINE=1", "PDS_LOG=z"]).map(|&text| text.to_owned()));
    expected.sort();
    assert_eq!(environment(&sandbox, &[], &set), expected);
    let mut clean = base(&sandbox)[..2].to_vec();
    clean.extend(ours.map(str::to_owned));
    clean.sort();
    assert_eq!(environment(&sandbox, &["--clean"], &set), clean);
}

#[test]
fn a_value_arrives_byte_for_byte() {
    let sandbox = Sandbox::ready();
    let every: Vec<u8> = (1..=255).collect();
    for value in [b"".as_slice(), b"a\nb\n", b"'\"`$(id)", b"\xff\xfe", b" a=b ", &every] {
        sandbox.set("k", value).manifest("[secrets]\nVALUE = \"k\"\n");
        let shown = sandbox.pds(["run"].iter().chain(&SHOW)).ok();
        let entry = [b"VALUE=", value].concat();
        assert!(shown.split(|&byte| byte == 0).any(|found| found == entry), "{value:?}");
        assert_eq!(sandbox.pds(["get", "k"]).ok(), value);
    }
}

#[test]
fn what_no_environment_can_hold_is_refused_before_anything_starts() {
    let sandbox = Sandbox::ready();
    sandbox.manifest("[secrets]\nBIG = \"k\"\n");
    let touch = || sandbox.pds(["run", "--", "touch", "marker"]).done();
    sandbox.set("k", "a\0b");
    touch().code(125).mentions("pds: the value of `BIG` holds a NUL").end();
    sandbox.set("k", "() { :; }");
    touch().code(125).mentions("pds: the value of `BIG` starts with `() {`").end();
    let longest = STRING_MAX - "BIG=".len() - 1;
    sandbox.set("k", vec![b'x'; longest + 1]);
    touch().code(125).mentions("pds: `BIG` with its value is longer than").end();
    assert!(!sandbox.path("w/marker").exists());
    sandbox.set("k", vec![b'x'; longest]);
    touch().code(0).says("").end();
    assert!(sandbox.path("w/marker").exists());
}

#[test]
fn more_than_the_kernel_takes_is_refused_in_words() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", vec![b'x'; 120_000]);
    let variables: String = (0..20).map(|n| format!("V{n} = \"k\"\n")).collect();
    sandbox.manifest(&format!("[secrets]\n{variables}"));
    let outcome = sandbox.pds(["run", "--", "touch", "marker"]).done().code(125);
    outcome.mentions("are larger than the kernel's limit of").mentions("pds: hint: ").end();
    assert!(!sandbox.path("w/marker").exists());
}

#[test]
fn of_a_name_that_was_inherited_twice_the_command_sees_one_entry() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "secret").manifest("[secrets]\nTWICE = \"k\"\n");
    let (out, folder) = (sandbox.path("out"), sandbox.path("w"));
    let mut strings = base(&sandbox);
    strings.extend(["TWICE=1", "TWICE=2", "OTHER=1", "OTHER=2", "no-sign"].map(str::to_owned));
    let strings: Vec<_> = strings.into_iter().map(|text| CString::new(text).unwrap()).collect();
    let mut files = PosixSpawnFileActions::init().unwrap();
    files.add_open(1, &out, OFlag::O_CREAT | OFlag::O_WRONLY, Mode::S_IRUSR).unwrap();
    let manifest = folder.join("pds.toml");
    let arguments: Vec<CString> = ["pds", "run", "-m", manifest.to_str().unwrap()]
        .iter()
        .chain(&SHOW)
        .map(|word| CString::new(*word).unwrap())
        .collect();
    let attributes = PosixSpawnAttr::init().unwrap();
    let program = OsStr::new(env!("CARGO_BIN_EXE_pds"));
    let pid =
        posix_spawn::<_, CString, CString>(program, &files, &attributes, &arguments, &strings);
    assert!(matches!(waitpid(pid.unwrap(), None).unwrap(), WaitStatus::Exited(_, 0)));
    let seen = fs::read(out).unwrap();
    let starting = |name: &str| {
        let strings = seen.split(|&byte| byte == 0);
        strings.filter(|text| text.starts_with(name.as_bytes())).collect::<Vec<_>>()
    };
    assert_eq!(starting("TWICE="), [b"TWICE=secret"]);
    assert_eq!(starting("OTHER=").len(), 1);
    assert!(CStr::from_bytes_until_nul(&seen).unwrap().to_bytes().len() > 1);
    assert!(OsStr::from_bytes(&seen).len() > 1);
}

#[test]
fn every_problem_is_listed_with_its_remedy_and_nothing_starts() {
    let sandbox = Sandbox::ready().vault("asleep");
    sandbox.set("there", "1");
    sandbox.manifest("[secrets]\nA = \"there\"\nB = \"gone/b\"\nC = \"gone/c\"\n");
    let touch = || sandbox.pds(["run", "--no-prompt", "--", "touch", "marker"]).done();
    touch()
        .code(125)
        .stdout("")
        .says(
            "pds: 2 keys can't be had:\n  `gone/b`  not in `default`  pds set gone/b\n  \
             `gone/c`  not in `default`  pds set gone/c\n",
        )
        .end();
    sandbox.manifest("[secrets]\nA = \"there\"\nB = { key = \"x\", profile = \"asleep\" }\n");
    sandbox.pds(["lock", "-p", "asleep"]).ok();
    touch()
        .code(125)
        .says("pds: profile `asleep` is locked\npds: hint: pds unlock -p asleep\n")
        .end();
    sandbox.pds(["lock"]).ok();
    touch()
        .code(125)
        .says(
            "pds: 2 profiles can't be used:\n  `asleep`   locked  pds unlock -p asleep\n  \
             `default`  locked  pds unlock\n",
        )
        .end();
    sandbox.pds(["unlock", "--password-file", sandbox.password("default").to_str().unwrap()]).ok();
    sandbox
        .config("[acl.default.launcher]\nget = [\"allowed\"]\nset = [\"**\"]\nunlock = [\"**\"]\n");
    sandbox.write_manifest("[secrets]\nA = \"there\"\n");
    touch()
        .code(125)
        .says(
            "pds: no rule grants `there` in profile `default`\n\
             pds: hint: the vault's owner can grant it, in `[acl.default]` of config.toml\n",
        )
        .end();
    assert!(!sandbox.path("w/marker").exists());
}

#[test]
fn what_is_generated_is_made_once() {
    let sandbox = Sandbox::ready();
    sandbox.manifest("[secrets]\nKEY = { key = \"session\", generate = \"hex:32\" }\n");
    let run = || sandbox.pds(["run", "--", "printenv", "KEY"]).text();
    let first = run();
    assert!(
        first.trim_end().len() == 64 && first.trim_end().bytes().all(|b| b.is_ascii_hexdigit())
    );
    assert_eq!(run(), first);
    assert_eq!(sandbox.pds(["get", "session"]).text(), first.trim_end());
}

#[test]
fn an_option_overrides_the_manifest_and_needs_none() {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "1").set("b", "2").manifest("[secrets]\nX = \"a\"\n");
    let run = |options: &[&str]| {
        let rest = ["--", "printenv", "X"];
        sandbox.pds(["run"].iter().chain(options).chain(&rest)).text()
    };
    assert_eq!(run(&[]), "1\n");
    assert_eq!(run(&["-e", "X=b"]), "2\n");
    fs::remove_file(sandbox.path("w/pds.toml")).unwrap();
    assert_eq!(run(&["-e", "X=b"]), "2\n");
}

#[test]
fn of_several_profiles_the_last_that_has_a_key_counts() {
    let sandbox = Sandbox::ready().vault("over");
    sandbox.set("both", "default").set("low", "default").set_in("over", "both", "over");
    sandbox.manifest(
        "[run]\nprofile = [\"default\", \"over\"]\n[secrets]\nA = \"both\"\nB = \"low\"\n",
    );
    let run = ["run", "--", "sh", "-c", "echo $A $B"];
    assert_eq!(sandbox.pds(run).text(), "over default\n");
}

#[test]
fn variables_that_would_take_the_command_over_are_refused_wherever_they_come_from() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "x");
    for name in ["LD_PRELOAD", "BASH_ENV", "PATH", "NODE_OPTIONS", "IFS", "PDS_HOME"] {
        let refused = |options: &[&str]| {
            let rest = ["--", "touch", "marker"];
            let run = sandbox.pds(["run"].iter().chain(options).chain(&rest)).done();
            run.code(125).mentions(&format!(": `{name}` can't be set: ")).end();
        };
        let _ = fs::remove_file(sandbox.path("w/pds.toml"));
        refused(&["-e", &format!("{name}=k")]);
        for table in ["secrets", "vars"] {
            sandbox.write_manifest(&format!("[{table}]\n{name} = \"k\"\n"));
            refused(&[]);
            sandbox.pds(["allow"]).done().code(1).end();
        }
        sandbox.write_manifest(&format!("[secrets]\nK = \"k\"\n[compose]\n{name} = \"${{K}}\"\n"));
        refused(&[]);
    }
    assert!(!sandbox.path("w/marker").exists());
}

#[test]
fn the_users_config_lifts_what_runs_code_but_never_what_loads_it() {
    let sandbox = Sandbox::ready();
    let folder = fs::canonicalize(sandbox.path("w")).unwrap();
    let lift = |names: &str| {
        sandbox.config(&format!("[lift.\"{}\"]\nvariables = [{names}]\n", folder.display()));
    };
    lift("\"NODE_OPTIONS\", \"TZ\", \"L*\"");
    sandbox.set("k", "x").manifest("[secrets]\nNODE_OPTIONS = \"k\"\nTZ = \"k\"\n");
    assert_eq!(sandbox.pds(["run", "--", "printenv", "NODE_OPTIONS", "TZ"]).text(), "x\nx\n");
    sandbox.write_manifest("[secrets]\nLD_PRELOAD = \"k\"\n");
    sandbox.pds(["run", "--", "true"]).done().code(125).mentions("`LD_PRELOAD` can't be set").end();
    lift("\"TZ\", \"LD_PRELOAD\"");
    let run = sandbox.pds(["run", "--", "true"]).done().code(125);
    run.mentions("no config lifts `LD_PRELOAD`").mentions("config.toml:2:").end();
}

#[test]
fn what_the_user_has_set_passes_even_if_no_secret_could_be_put_there() {
    let sandbox = Sandbox::ready();
    sandbox.manifest("");
    let shown = sandbox.pds(["run", "--", "printenv", "NODE_OPTIONS"]).env("NODE_OPTIONS", "--x");
    assert_eq!(shown.text(), "--x\n");
    let mode = fs::metadata(sandbox.path("w/pds.toml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}

#[test]
fn editors_pagers_and_build_tools_are_not_taken_over_by_a_manifest() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v");
    for name in [
        "VIMINIT",
        "EXINIT",
        "LESS",
        "MAKEFILES",
        "TAR_OPTIONS",
        "PYTHONPYCACHEPREFIX",
        "SVN_SSH",
        "RSYNC_RSH",
        "PSQLRC",
        "WGETRC",
        "ANSIBLE_CONFIG",
        "TF_CLI_CONFIG_FILE",
        "AWS_CONFIG_FILE",
        "MANROFFOPT",
        "NODE_V8_COVERAGE",
        "LD",
        "AR",
        "MAKE",
    ] {
        sandbox.write_manifest(&format!("[vars]\n{name} = \"x\"\n"));
        let run = sandbox.pds(["run", "--", "true"]).done().code(125);
        run.mentions(&format!("`{name}` can't be set")).mentions("[lift.").end();
        let assigned = format!("{name}=k");
        sandbox.pds(["run", "-e", &assigned, "--", "true"]).done().code(125).end();
    }
    for name in ["AWS_ACCESS_KEY_ID", "VAULT_TOKEN", "TF_VAR_KEY", "PGPASSWORD"] {
        sandbox.manifest(&format!("[secrets]\n{name} = \"k\"\n"));
        assert_eq!(sandbox.pds(["run", "--", "printenv", name]).ok(), b"v\n");
    }
}
