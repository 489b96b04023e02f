//! What goes out, read back by those that it is for: the shells, node, python, PyYAML,
//! docker's client.
//! Where one is missing, the claim says that it was skipped.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::Path,
    process::Command,
    thread,
};

use crate::support::{Sandbox, Terminal, is_root};

/// Text with whatever a quoting rule could stumble over.
const TEXTS: &[&str] = &[
    "plain",
    "",
    "it's",
    "say \"hi\"",
    "'both' \"of\" them",
    "$HOME ${PATH} $(id) `id`",
    "'$HOME' \"`id`\" \\",
    "back\\slash\\n\\\\",
    "\\'",
    "two\nlines",
    "ends with one\n",
    "\n\n",
    "'\n",
    " blanks around ",
    "\ttabs\t",
    "#no comment",
    "nor #this",
    "a=b=c",
    "*?[a]~{a,b}!x",
    "-n",
    "%20 %s",
    "é日𝄞\u{85}\u{2028}\u{feff}\u{f601}",
    "\u{1}\u{1b}[0m\u{7f}",
    "null",
];
/// These only some can carry.
const RETURNS: &[&str] = &["\r", "a\rb", "a\r\nb\r\n"];

type Values = BTreeMap<String, Vec<u8>>;

fn numbered<'t>(texts: impl IntoIterator<Item = &'t &'t str>) -> Values {
    let named = |(n, text): (usize, &&str)| (format!("V{n}"), text.as_bytes().to_vec());
    texts.into_iter().enumerate().map(named).collect()
}

fn everything() -> Values {
    numbered(TEXTS.iter().chain(RETURNS))
}

/// Every byte that a variable's value can have.
fn with_bytes(mut values: Values) -> Values {
    values.insert("BYTES".to_owned(), (1..=255).collect());
    values
}

/// A vault with `values`.
fn holding(values: &Values) -> Sandbox {
    let sandbox = Sandbox::ready();
    for (key, value) in values {
        sandbox.set(key, value);
    }
    sandbox
}

fn export(sandbox: &Sandbox, format: &str) -> Vec<u8> {
    sandbox.pds(["export", "--format", format, "*"]).ok()
}

/// Whether `program` can be had for a claim; says so if not.
pub(crate) fn has(program: &str, arguments: &[&str]) -> bool {
    let path = "/usr/local/bin:/usr/bin:/bin";
    let run = Command::new("env").arg(format!("PATH={path}")).arg(program).args(arguments).output();
    let has = run.is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("skipped: needs {program} {}", arguments.join(" "));
    }
    has
}

/// What `env -0` prints, of the variables that `expected` has.
fn environment(text: &[u8], expected: &Values) -> Values {
    let pair = |entry: &[u8]| {
        let at = entry.iter().position(|b| *b == b'=')?;
        Some((String::from_utf8(entry[..at].to_vec()).ok()?, entry[at + 1..].to_vec()))
    };
    let all = text.split(|b| *b == 0).filter_map(pair);
    all.filter(|(name, _)| expected.contains_key(name)).collect()
}

/// Names and values as lines of hex, from a program that knows how to read `format`.
fn hex_lines(text: &[u8]) -> Values {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let line = |line: &str| {
        let (name, hex) = line.split_once(' ').unwrap();
        (name.to_owned(), hex.as_bytes().chunks(2).map(byte).collect())
    };
    String::from_utf8(text.to_vec()).unwrap().lines().map(line).collect()
}

#[test]
fn shells_read_back_every_byte() {
    let values = with_bytes(everything());
    let sandbox = holding(&values);
    for (format, shells) in [
        ("shell", &["bash", "zsh", "sh"][..]),
        ("env", &["bash", "zsh", "sh"]),
        ("fish", &["fish"]),
    ] {
        fs::write(sandbox.path("w/out"), export(&sandbox, format)).unwrap();
        for shell in shells {
            if !has(shell, &["-c", "true"]) {
                continue;
            }
            let script =
                if *shell == "fish" { "source ./out; env -0" } else { "set -a; . ./out; env -0" };
            let read = sandbox.program(shell, ["-c", script]).done().code(0);
            assert_eq!(environment(&read.0.stdout, &values), values, "{format} by {shell}");
        }
    }
    if has("bash", &["-c", "true"]) {
        let script = "eval \"$(\"$PDS\" export --format shell '*')\"; env -0";
        let read = sandbox.program("bash", ["-c", script]).done().code(0);
        assert_eq!(environment(&read.0.stdout, &values), values, "by eval");
    }
}

#[test]
fn node_reads_env_and_json() {
    let node = "for (const n of process.argv.slice(1)) \
                console.log(n + ' ' + Buffer.from(source[n]).toString('hex'))";
    if !has("node", &["--version"]) {
        return;
    }
    // node knows no escape for a quote: what it takes is what has no two kinds of them.
    let values = numbered(
        TEXTS.iter().filter(|text| !text.contains('\'') || !text.contains(['"', '\\', '$', '`'])),
    );
    let sandbox = holding(&values);
    let names: Vec<&str> = values.keys().map(String::as_str).collect();
    fs::write(sandbox.path("w/out.json"), export(&sandbox, "json")).unwrap();
    let script =
        format!("const source = JSON.parse(require('fs').readFileSync('out.json')); {node}");
    let read = sandbox.program("node", [&["-e", &script][..], &names].concat()).ok();
    assert_eq!(hex_lines(&read), values, "json");
    fs::write(sandbox.path("w/out.env"), export(&sandbox, "env")).unwrap();
    if has("node", &["--env-file=/dev/null", "-e", ""]) {
        let script = format!("const source = process.env; {node}");
        let arguments = [&["--env-file=out.env", "-e", &script][..], &names].concat();
        let read = sandbox.program("node", arguments).ok();
        assert_eq!(hex_lines(&read), values, "env");
    }
}

#[test]
fn python_reads_json_and_yaml_and_what_a_cluster_would() {
    if !has("python3", &["-c", "import yaml"]) {
        return;
    }
    let mut values = everything();
    values.insert("NUL".to_owned(), b"a\0b".to_vec());
    let sandbox = holding(&values);
    let show = "[print(n, v.encode().hex()) for n, v in d.items()]";
    for (format, load) in [("json", "json.load"), ("yaml", "yaml.safe_load")] {
        let script = format!("import json, sys, yaml; d = {load}(sys.stdin.buffer); {show}");
        let text = export(&sandbox, format);
        let read = sandbox.program("python3", ["-c", &script]).input(&text).ok();
        assert_eq!(hex_lines(&read), values, "{format}");
    }
    values.insert("BYTES".to_owned(), (0..=255).collect());
    sandbox.set("BYTES", &values["BYTES"]);
    let script = "import base64, sys, yaml; d = yaml.safe_load(sys.stdin.buffer)\n\
                  assert (d['apiVersion'], d['kind'], d['type']) == ('v1', 'Secret', 'Opaque')\n\
                  assert d['metadata'] == {'name': 'app-1'}\n\
                  [print(n, base64.b64decode(v, validate=True).hex()) for n, v in d['data'].items()]";
    let text = sandbox.pds(["export", "--format", "k8s", "--name", "app-1", "*"]).ok();
    let read = sandbox.program("python3", ["-c", script]).input(&text).ok();
    assert_eq!(hex_lines(&read), values, "k8s");
}

/// docker's rule, for where there is none: lines end with LF or CRLF, blanks before a name
/// go, a line that starts with `#` is a comment, and all that is behind the first `=` is the
/// value.
fn as_docker_reads(text: &[u8]) -> Values {
    let text = std::str::from_utf8(text).expect("docker refuses what is not UTF-8");
    let line = |line: &str| {
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start();
        let (name, value) = line.split_once('=')?;
        (!name.starts_with('#')).then(|| (name.to_owned(), value.as_bytes().to_vec()))
    };
    text.split_terminator('\n').filter_map(line).collect()
}

/// A line of a docker env-file has at most this, its end included.
const DOCKER_LINE_MAX_BYTES: usize = 64 << 10;

/// The variables of the container that docker's own client asks for when it gets this
/// env-file. It reads the file; a daemon, which answers at `socket`, would only be told.
fn docker_reads(sandbox: &Sandbox, text: &[u8], socket: &Path) -> Option<Values> {
    fs::write(sandbox.path("w/out"), text).unwrap();
    let host = format!("unix://{}", socket.display());
    let create = ["-H", &host, "create", "--pull", "never", "--env-file", "out", "image"];
    let asked = sandbox.program("docker", create).done();
    let body = String::from_utf8(asked.0.stdout).unwrap();
    // What the daemon calls the container is printed: here, all that it was asked.
    let body: serde_json::Value = serde_json::from_str(body.trim_end()).ok()?;
    let pair = |entry: &serde_json::Value| {
        let (name, value) = entry.as_str().unwrap().split_once('=').unwrap();
        (name.to_owned(), value.as_bytes().to_vec())
    };
    Some(body["Env"].as_array().unwrap().iter().map(pair).collect())
}

/// Answers docker's client as a daemon: a container is named after what it is made of.
fn answer_docker(stream: UnixStream) {
    let mut input = BufReader::new(stream.try_clone().unwrap());
    let mut output = stream;
    loop {
        let (mut first, mut length) = (String::new(), 0);
        if input.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut line = String::new();
            input.read_line(&mut line).unwrap();
            if line == "\r\n" {
                break;
            }
            let line = line.to_ascii_lowercase();
            length =
                line.strip_prefix("content-length: ").map_or(length, |n| n.trim().parse().unwrap());
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body).unwrap();
        let answer = match first.contains("/containers/create") {
            true => serde_json::json!({ "Id": String::from_utf8(body).unwrap(), "Warnings": [] }),
            false => serde_json::json!({}),
        };
        // A request for the head alone gets no body.
        let body = if first.starts_with("HEAD") { String::new() } else { answer.to_string() };
        let head = format!("Api-Version: 1.45\r\nContent-Length: {}\r\n\r\n", body.len());
        let created = if first.contains("/create") { "201 Created" } else { "200 OK" };
        if write!(output, "HTTP/1.1 {created}\r\n{head}{body}").is_err() {
            return;
        }
    }
}

#[test]
fn dockers_own_client_reads_back_every_value_and_the_longest_line() {
    if !has("docker", &["--version"]) {
        return;
    }
    let mut values = numbered(TEXTS.iter().filter(|text| !text.contains('\n')));
    values.insert("RETURN".to_owned(), b"a\rb".to_vec());
    let longest = DOCKER_LINE_MAX_BYTES - "LONG=\n".len();
    values.insert("LONG".to_owned(), vec![b'x'; longest]);
    let sandbox = holding(&values);
    let socket = sandbox.path("docker");
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || {
        listener
            .incoming()
            .flatten()
            .for_each(|stream| drop(thread::spawn(|| answer_docker(stream))));
    });
    let text = export(&sandbox, "docker");
    let read = docker_reads(&sandbox, &text, &socket).unwrap();
    for (name, value) in &values {
        assert!(read.get(name) == Some(value), "{name}");
    }
    assert!(as_docker_reads(&text) == read, "the rule is docker's");
    // What is refused as too long, docker would not take.
    sandbox.set("LONG", vec![b'x'; longest + 1]);
    let refused = sandbox.pds(["export", "--format", "docker", "LONG"]).done().code(1);
    refused.mentions("docker reads no line that long").end();
    let line = [b"LONG=", vec![b'x'; longest + 1].as_slice(), b"\n"].concat();
    assert!(docker_reads(&sandbox, &line, &socket).is_none());
}

#[test]
fn docker_gets_what_fits_a_line_and_the_rest_is_refused_at_once() {
    let values = numbered(TEXTS.iter().filter(|text| !text.contains('\n')));
    let sandbox = holding(&values);
    assert_eq!(as_docker_reads(&export(&sandbox, "docker")), values);
    sandbox.set("X_LINES", "a\nb").set("X_NUL", "\0").set("X_BYTES", b"\xff").set("X_END", "a\r");
    let refused = sandbox.pds(["export", "--format", "docker", "*"]).done().code(1).stdout("");
    refused
        .says(
            "pds: 4 values do not fit this format:\n  `X_BYTES`  it is not UTF-8\n  \
             `X_END`    it ends with a carriage return\n  `X_LINES`  it has a newline\n  \
             `X_NUL`    it has a NUL\npds: hint: --format k8s carries any bytes\n",
        )
        .end();
    for format in ["env", "shell", "fish", "github"] {
        let to = sandbox.path("w/never");
        let arguments = ["export", "--format", format, "--output", to.to_str().unwrap(), "X_NUL"];
        sandbox.pds(arguments).done().code(1).stdout("").mentions("it has a NUL").end();
        assert!(!to.exists());
    }
    sandbox.pds(["export", "--format", "json", "X_BYTES"]).done().code(1).stdout("").end();
}

#[test]
fn github_masks_each_line_and_reads_each_value_from_its_file() {
    let values = everything();
    let sandbox = holding(&values);
    fs::write(sandbox.path("w/env"), "BEFORE=1\n").unwrap();
    let export = sandbox.pds(["export", "--format", "github", "*"]);
    let masks = export.env("GITHUB_ENV", sandbox.path("w/env")).ok();
    let masks = String::from_utf8(masks).unwrap();
    let masked: Vec<String> = masks
        .split_terminator('\n')
        .map(|line| line.strip_prefix("::add-mask::").unwrap())
        .map(|line| line.replace("%0D", "\r").replace("%25", "%"))
        .collect();
    for value in values.values() {
        for line in
            std::str::from_utf8(value).unwrap().split('\n').map(|l| l.trim_end_matches('\r'))
        {
            assert!(line.trim().is_empty() || masked.iter().any(|m| m == line), "{line:?}");
        }
    }
    // The runner's own rule: lines end with LF, and the last before the word is none of it.
    let text = fs::read_to_string(sandbox.path("w/env")).unwrap();
    let mut lines = text.strip_prefix("BEFORE=1\n").unwrap().split('\n');
    let (mut read, mut words) = (Values::new(), Vec::new());
    while let Some((name, word)) = lines.next().and_then(|line| line.split_once("<<")) {
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != word).collect();
        read.insert(name.to_owned(), value.join("\n").into_bytes());
        assert!(!words.contains(&word), "each has a word of its own");
        words.push(word);
    }
    assert_eq!(read, values);
    let nowhere = sandbox.pds(["export", "--format", "github", "*"]).done().code(1).stdout("");
    nowhere.mentions("GITHUB_ENV").end();
}

#[test]
fn masks_never_go_into_the_file_that_the_values_are_in() {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "s3cret");
    let file = sandbox.path("w/env");
    let refused = |script: &str| {
        fs::write(&file, "BEFORE=1\n").unwrap();
        let named = sandbox.sh(script).env("GITHUB_ENV", &file).env("GITHUB_OUTPUT", &file);
        named.done().code(1).mentions("leave `>> \"$GITHUB_ENV\"` out").end();
        assert_eq!(fs::read_to_string(&file).unwrap(), "BEFORE=1\n", "{script}");
    };
    refused("\"$PDS\" export --format github a >> \"$GITHUB_ENV\"");
    refused("ln env link; \"$PDS\" export --format github a >> link");
    refused("\"$PDS\" export --format github -o other a >> \"$GITHUB_OUTPUT\"");
    refused("unset GITHUB_ENV GITHUB_OUTPUT; \"$PDS\" export --format github -o env a >> env");
    sandbox.sh("\"$PDS\" export --format github -o other a > masks").done().code(0).end();
}

#[test]
fn what_goes_out_comes_in_the_same() {
    let values = everything();
    let sandbox = holding(&values);
    for format in ["env", "json", "yaml"] {
        let text = export(&sandbox, format);
        let back = ["import", "-", "--format", format, "--prefix", format];
        sandbox.pds(back).input(&text).done().code(0).end();
        for (key, value) in &values {
            let key = format!("{format}/{key}");
            assert_eq!(sandbox.pds(["get", &key]).ok(), *value, "{key}");
        }
    }
}

#[test]
fn names_are_keys_for_data_and_variables_for_the_rest() {
    let sandbox = Sandbox::ready();
    sandbox.set("db/main-password", "a").set("db/user", "b").set("other", "c");
    let text = |arguments: &[&str]| sandbox.pds([&["export"], arguments].concat()).text();
    assert_eq!(text(&["db/*"]), "DB_MAIN_PASSWORD=a\nDB_USER=b\n");
    assert_eq!(text(&["PGUSER=db/user", "other"]), "PGUSER=b\nother=c\n");
    assert_eq!(
        text(&["db/*", "--format", "json"]),
        "{\n  \"db/main-password\": \"a\",\n  \"db/user\": \"b\"\n}\n"
    );
    let refused = |arguments: &[&str]| sandbox.pds([&["export"], arguments].concat()).done();
    sandbox.set("db.user", "d");
    refused(&["*"])
        .code(1)
        .stdout("")
        .says(
            "pds: `db.user` and `db/user` would both be `DB_USER`\n\
             pds: hint: name it yourself: VAR=db/user\n",
        )
        .end();
    refused(&["nothing/*"]).code(4).mentions("no key is of the form `nothing/*`").end();
    refused(&["nothing"]).code(4).stdout("").mentions("`nothing`").end();
    refused(&["A=db/*"]).code(2).end();
    refused(&["a b"]).code(2).end();
    refused(&["--format", "k8s", "--name", "A", "other"]).code(2).end();
    refused(&["LD_PRELOAD=other"]).code(1).stdout("").mentions("LD_PRELOAD").end();
    refused(&[]).code(1).mentions("pds export '*'").end();
}

#[test]
fn a_manifest_exports_what_run_would_set_and_only_once_it_is_approved() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "it's").set("hidden", "p w");
    let text = "[vars]\nHOST = \"h\"\n[secrets]\nA = \"k\"\n\
                NONE = { key = \"none\", required = false }\n\
                P = { key = \"hidden\", deliver = \"hidden\" }\n\
                [compose]\nURL = \"x://${P|urlencode}@${HOST}\"\n";
    sandbox.write_manifest(text);
    sandbox.pds(["export"]).done().code(1).stdout("").mentions("pds allow").end();
    sandbox.manifest(text);
    assert_eq!(sandbox.pds(["export"]).text(), "HOST=h\nA=\"it's\"\nURL=x://p%20w@h\n");
    // A plain value is no secret, and would blot out the log.
    let out = sandbox.path("w/env");
    let export = sandbox.pds(["export", "--format", "github", "-o", out.to_str().unwrap()]);
    assert_eq!(export.text(), "::add-mask::it's\n::add-mask::x://p%2520w@h\n");
}

#[test]
fn an_export_is_on_record_and_passes_the_gates() {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "1").set("b", "2");
    let before = sandbox.audit().len();
    sandbox.pds(["export", "a", "b"]).ok();
    let lines = sandbox.audit();
    let line = &lines[before];
    assert_eq!(line["command"], "export", "{line}");
    assert_eq!(line["outcome"], "granted", "{line}");
    assert!(
        line["keys"].to_string().contains("\"a\"") && line["keys"].to_string().contains("\"b\"")
    );
    sandbox.config("[acl.default.launcher]\nget = [\"a\"]\nlist = [\"*\"]\n").stop();
    let password = sandbox.password("default");
    let export = ["export", "*", "--password-file", password.to_str().unwrap()];
    sandbox.pds(export).done().code(5).stdout("").end();
}

#[test]
fn a_file_is_private_whole_and_never_in_the_place_of_another() {
    let sandbox = Sandbox::ready();
    sandbox.set("A", "1");
    let file = sandbox.path("w/out.env");
    sandbox.pds(["export", "A", "--output", "out.env"]).done().code(0).stdout("").end();
    assert_eq!(fs::read_to_string(&file).unwrap(), "A=1\n");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    sandbox.set("A", "2");
    let again = sandbox.pds(["export", "A", "--output", "out.env"]).done().code(1);
    again.mentions("`out.env` exists already").end();
    assert_eq!(fs::read_to_string(&file).unwrap(), "A=1\n");
    let inode = |path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let before = inode(&file);
    sandbox.pds(["export", "A", "--output", "out.env", "--force"]).done().code(0).end();
    assert_eq!(fs::read_to_string(&file).unwrap(), "A=2\n");
    assert_ne!(inode(&file), before, "another file, not the old one written over");
    assert_eq!(fs::read_dir(sandbox.path("w")).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn nothing_but_a_file_is_ever_replaced_by_one() {
    let sandbox = Sandbox::ready();
    sandbox.set("A", "1");
    fs::create_dir(sandbox.path("w/folder")).unwrap();
    sandbox.sh("mkfifo fifo; : > there; ln -s there link; ln -s nowhere dangling").ok();
    let listening = UnixListener::bind(sandbox.path("w/socket")).unwrap();
    let mut kinds = vec!["folder", "fifo", "link", "dangling", "socket"];
    if is_root() && sandbox.sh("mknod device c 1 7").done().status() == 0 {
        kinds.push("device");
    }
    let kind = |name: &str| fs::symlink_metadata(sandbox.path("w").join(name)).unwrap().file_type();
    for name in kinds {
        let before = kind(name);
        for more in [&[][..], &["--force"]] {
            let export = [&["export", "A", "--output", name], more].concat();
            let refused = sandbox.pds(export).done().code(1).stdout("");
            refused.mentions(&format!("`{name}` is a")).mentions("which no file replaces").end();
        }
        let backup = sandbox.pds(["backup", name]).done().code(1).stdout("");
        backup.mentions(&format!("`{name}` is a")).end();
        assert_eq!(kind(name), before, "{name}");
    }
    assert_eq!(fs::read(sandbox.path("w/there")).unwrap(), b"");
    sandbox.pds(["export", "A", "-o", "/dev/stdout", "--force"]).done().code(1).stdout("").end();
    drop(listening);
}

#[test]
fn a_dash_is_standard_output_and_never_a_file() {
    let sandbox = Sandbox::ready();
    sandbox.set("A", "1");
    assert_eq!(sandbox.pds(["export", "A", "-o", "-"]).text(), "A=1\n");
    for command in ["backup", "restore"] {
        let refused = sandbox.pds([command, "-"]).done().code(2).stdout("");
        refused.mentions("a backup is a file that is read back, and no stream").end();
    }
    assert!(!sandbox.path("w/-").exists());
}

#[test]
fn an_error_names_the_file_that_the_person_named() {
    let sandbox = Sandbox::ready();
    sandbox.set("A", "1");
    let said = "pds: can't use `gone/x`: No such file or directory (os error 2)\n";
    sandbox.pds(["backup", "gone/x"]).done().code(1).says(said).end();
    sandbox.pds(["export", "A", "-o", "gone/x"]).done().code(1).says(said).end();
}

#[test]
fn many_values_and_long_ones_come_in_as_many_batches_as_they_need() {
    let sandbox = Sandbox::ready();
    let mut json: BTreeMap<String, String> =
        (0..4_100).map(|n| (format!("n/{n:04}"), n.to_string())).collect();
    // Others have 8 MiB of locked memory, in which a file to import has to fit.
    for n in 0..if is_root() { 10 } else { 1 } {
        json.insert(format!("long/{n}"), "x".repeat(1 << 20));
    }
    let text = serde_json::to_vec(&json).unwrap();
    sandbox.pds(["import", "-", "--format", "json"]).input(&text).done().code(0).end();
    let out = export(&sandbox, "json");
    let read: BTreeMap<String, String> = serde_json::from_slice(&out).unwrap();
    assert!(read == json);
}

#[test]
fn at_a_terminal_it_asks_before_it_shows_a_value() {
    let sandbox = Sandbox::ready();
    sandbox.set("A", "hunter2");
    for (answer, shows) in [("n\n", false), ("\n", false), ("y\n", true)] {
        let mut terminal = Terminal::run_whole(&sandbox, &["export", "A"]);
        terminal.expect("show the values on this terminal? [y/N] ").send(answer);
        if shows {
            terminal.expect("A=hunter2");
        }
        let shown = terminal.shown.clone();
        let (outcome, _) = terminal.end();
        assert!(!shown.contains("hunter2"), "{shown}");
        outcome.code(if shows { 0 } else { 1 }).end();
    }
    let mut terminal = Terminal::run_whole(&sandbox, &["export", "A", "--yes"]);
    terminal.expect("A=hunter2");
    terminal.end().0.code(0).end();
    let terminal = Terminal::run_whole(&sandbox, &["export", "A", "--no-prompt"]);
    terminal.end().0.code(1).end();
}
