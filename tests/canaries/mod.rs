//! Nothing of a value, and no length of one, in anything that a process writes.
//!
//! Values are planted; then every command does what it does and fails as it can fail, with
//! the log at its most talkative, and all that was written is searched for them: standard
//! output and error, terminals, the log, the trail and all other files.

/// Every command, and how it is called.
mod cases;
/// What was planted, and a search for it.
mod searcher;

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt};

use crate::support::{Outcome, Sandbox, Terminal, program, until};
use cases::{BROKEN, Case, DAMAGED, DENIED, LOCKED, SHOWN, UNLOCKED};
use searcher::Searcher;

/// What each process is to say as much as it can about.
const TALKATIVE: (&str, &str) = ("PDS_LOG", "trace");

/// A sandbox with planted values, and what was done there.
struct Place {
    sandbox: Sandbox,
    searcher: Searcher,
    /// A value that can be typed.
    typed: String,
    /// Commands that were called, and whether they did what they do.
    called: BTreeSet<(String, bool)>,
    /// What went otherwise than it should.
    wrong: Vec<String>,
}

impl Place {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let mut searcher = Searcher::default();
        for folder in ["given", "out", "tmp"] {
            fs::create_dir(sandbox.path(folder)).unwrap();
        }
        let typed = searcher.plant_short("typed");
        let place = Self { typed, searcher, sandbox, called: BTreeSet::new(), wrong: Vec::new() };
        place.planted()
    }

    fn give(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.sandbox.path("given").join(name), bytes).unwrap();
    }

    fn planted(mut self) -> Self {
        let long = self.searcher.plant("long", b"", 127_301);
        let nul = self.searcher.plant("nul", b"a\0b", 91_733);
        let function = self.searcher.plant("function", b"() { :; }; ", 104_729);
        let bytes = self.searcher.plant("bytes", b"\xff\xfe", 113_021);
        let large = self.searcher.plant("large", b"", 181_081);
        let short = self.searcher.plant("credential", b"", 50_929);
        for (name, value) in [
            ("long", &long),
            ("nul", &nul),
            ("function", &function),
            ("bytes", &bytes),
            ("large", &large),
        ] {
            self.give(name, value);
        }
        // More than a value may have; others have 8 MiB of locked memory for all of this.
        self.give("huge", large.repeat(10));
        for password in ["password", "wrong", "new"] {
            let typed = self.searcher.plant_short(password);
            self.give(password, typed);
        }
        let long = String::from_utf8(long).unwrap();
        self.give("whole.env", format!("A='{long}'\n"));
        self.give("whole.json", format!("{{\"A\":\"{long}\"}}"));
        self.give("whole.yaml", format!("A: \"{long}\"\n"));
        self.give_manifests(&long);
        self.give_programs(&long);
        let asked = "protocol=https\nhost=example.org\n";
        let password = String::from_utf8(short).unwrap();
        self.give("credential", format!("{asked}username=me\npassword={password}\n\n"));
        self.give("asked", format!("{asked}\n"));
        self.give("asked-nul", "protocol=https\nhost=example.com\n\n");
        self
    }

    fn give_manifests(&self, long: &str) {
        let secrets = "pds = 1\n[secrets]\n";
        let parts = "A = { key = \"c/long\", deliver = \"hidden\" }\n";
        self.give("bare.toml", format!("{secrets}A = {long}\n"));
        self.give("behind.toml", format!("{secrets}A = \"{long}\" x\n"));
        self.give("key.toml", format!("{secrets}A = \"{long}\"\n"));
        self.give("field.toml", format!("{secrets}A = {{ key = \"{long}\", kee = \"b\" }}\n"));
        self.give("template.toml", format!("pds = 1\n[compose]\nA = \"{long} ${{B}}\"\n"));
        self.give("comment.toml", format!("{secrets}A = \"a\" # {long} \u{1}\n"));
        let joined = "[compose]\nJOINED = \"${A}${A}\"\n";
        self.give("joined.toml", format!("{secrets}{parts}{joined}"));
        let nul = parts.replace("c/long", "c/nul");
        self.give("nul.toml", format!("{secrets}{nul}[compose]\nMADE = \"x${{A}}\"\n"));
        let made = "[compose]\nJOINED = \"x ${A}\"\n";
        self.give("whole.toml", format!("{secrets}{parts}{made}"));
    }

    fn give_programs(&self, long: &str) {
        let executable = |name: &str, text: &str| {
            self.give(name, text);
            let path = self.sandbox.path("given").join(name);
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        };
        executable("interpreter", "#!/no/such/interpreter\n");
        executable(
            "gpg",
            "#!/bin/sh\n[ -z \"$FAIL\" ] || exit 2\ncat \"$(dirname \"$0\")/long\"\n",
        );
        let store = self.sandbox.path(".password-store/work");
        fs::create_dir_all(&store).unwrap();
        fs::write(store.join("mail.gpg"), long).unwrap();
        let helper = self.sandbox.path("out/git-credential-pds");
        std::os::unix::fs::symlink(program(), helper).unwrap();
    }

    /// One call. Nothing that was planted is in what it says, nor, unless that is what it is
    /// for, in what it prints.
    fn call(&mut self, (status, script): Case, variables: &[(&str, &str)]) -> Outcome {
        let tmp = self.sandbox.path("tmp");
        // bash for its `read -t`.
        let mut call = self.sandbox.program("bash", ["-c", &script.replace("PDS ", "\"$PDS\" ")]);
        call = call.env(TALKATIVE.0, TALKATIVE.1).env("TMPDIR", tmp).env("PDS_NO_PROMPT", "1");
        for (name, value) in variables {
            call = call.env(name, value);
        }
        let outcome = call.done();
        let said = String::from_utf8_lossy(&outcome.0.stderr);
        let shown: String = said.chars().take(500).collect();
        if outcome.status() != status {
            self.wrong.push(format!("`{script}` ends with {}: {shown}", outcome.status()));
        }
        let found = self.searcher.within(&outcome.0.stderr);
        self.is_nothing(found, format!("`{script}` says"));
        self.called.extend(commands_of(script).into_iter().map(|name| (name, status == 0)));
        outcome
    }

    fn is_nothing(&mut self, found: impl IntoIterator<Item = String>, what: String) {
        self.wrong.extend(found.into_iter().map(|hit| format!("{what} {hit}")));
    }

    fn call_all(&mut self, cases: &[Case], variables: &[(&str, &str)]) {
        for case in cases {
            let outcome = self.call(*case, variables);
            let found = self.searcher.within(&outcome.0.stdout);
            self.is_nothing(found, format!("`{}` prints", case.1));
        }
    }

    /// Nothing is in the log, in the trail, in any file of pds's, nor where things were done.
    fn nothing_in_files(&mut self, when: &str) {
        for folder in ["p", "w", "tmp", "i"] {
            let (files, found) = self.searcher.below(&self.sandbox.path(folder));
            self.is_nothing(found, format!("after `{when}` there is"));
            assert!(folder != "p" || files > 5, "hardly a file was looked into: {files}");
        }
    }

    /// The log and the trail are there to be searched, and not empty.
    fn has_been_written(&self) {
        let state = self.sandbox.home("state");
        let log = fs::metadata(state.join("log")).unwrap().len();
        assert!(log > 1_000, "the log has said hardly anything: {log}");
        let trail = fs::read_dir(state.join("audit")).unwrap().map(|file| file.unwrap().path());
        let lines: usize =
            trail.map(|file| fs::read_to_string(file).unwrap().lines().count()).sum();
        assert!(lines > 100, "hardly anything is on record: {lines}");
    }

    /// Each broken file, by its name and from standard input.
    fn import_what_is_broken(&mut self) {
        let long = fs::read_to_string(self.sandbox.path("given/long")).unwrap();
        for (format, before, behind) in BROKEN {
            self.give("broken", format!("{before}{long}{behind}"));
            let named = format!("PDS import ../given/broken --format {format}");
            let piped = format!("PDS import - --format {format} --dry-run <../given/broken");
            let already = self.wrong.len();
            self.call_all(&[(1, &named), (1, &piped)], &[]);
            let new = self.wrong.iter_mut().skip(already);
            new.for_each(|wrong| *wrong += &format!(" of `{before}…{behind}`"));
        }
    }

    /// What happens at a terminal, where every word goes to one place.
    fn at_a_terminal(&mut self, arguments: &[&str], answers: &[(&str, &str)]) {
        let mut terminal = Terminal::dialogue(&self.sandbox, arguments, &[TALKATIVE]);
        let mut shown = String::new();
        for (question, answer) in answers {
            shown += &terminal.before(question);
            terminal.send(&format!("{answer}\n"));
        }
        shown += &terminal.all();
        let found = self.searcher.within(shown.as_bytes());
        self.is_nothing(found, format!("{arguments:?} shows"));
    }
}

/// The commands that a script calls, by their names and those of the commands that are theirs.
fn commands_of(script: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in script.match_indices("PDS ").chain(script.match_indices("\"$PDS\" ")) {
        let words = script[at..].split_whitespace().skip(1);
        let mut command = pds::cli::described();
        let mut name = Vec::new();
        for word in words {
            let Some(next) = command.find_subcommand(word) else { break };
            name.push(next.get_name().to_owned());
            command = next.clone();
        }
        found.insert(name.join(" "));
    }
    found
}

/// Every command that there is, by its whole name.
fn every_command() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for command in pds::cli::described().get_subcommands().filter(|c| c.get_name() != "help") {
        let name = command.get_name();
        let own: Vec<_> = command.get_subcommands().map(|own| own.get_name()).collect();
        found.extend(own.iter().map(|own| format!("{name} {own}")));
        if own.is_empty() {
            found.insert(name.to_owned());
        }
    }
    found
}

#[test]
fn no_command_tells_a_value_or_its_length_whether_it_does_what_it_does_or_fails() {
    let mut place = Place::new();
    place.call_all(&[(0, "PDS init --password-file ../given/password")], &[]);
    for name in ["long", "nul", "function", "bytes", "large"] {
        let script = format!("PDS set c/{name} --stdin <../given/{name}");
        place.call_all(&[(0, &script)], &[]);
    }
    place.call_all(&[(0, "PDS set git/https/example.com --stdin <../given/nul")], &[]);
    for case in SHOWN {
        let outcome = place.call(case, &[]);
        let found = place.searcher.within(&outcome.0.stdout);
        assert!(!found.is_empty(), "`{}` shows nothing of what it is for", case.1);
    }
    place.call_all(UNLOCKED, &[]);
    place.nothing_in_files("what was done while it is unlocked");
    place.import_what_is_broken();
    let key = place.sandbox.path("out/ci.key");
    place.call_all(DENIED, &[("PDS_CLIENT_KEY", key.to_str().unwrap())]);
    place.call_all(&[(0, "PDS client revoke ci")], &[]);
    place.call_all(LOCKED, &[]);

    let typed = place.typed.clone();
    let value = ("value of `c/typed`: ", typed.as_str());
    place.at_a_terminal(&["set", "c/typed"], &[value, ("again: ", "other")]);
    place.at_a_terminal(&["set", "c/typed"], &[value, ("again: ", &typed)]);
    place.call_all(&[(0, "PDS lock")], &[]);
    let password = ("password for profile `default`: ", typed.as_str());
    place.at_a_terminal(&["get", "c/typed"], &[password; 3]);
    // A file that holds some, taken over: names are shown, and nothing else.
    fs::copy(place.sandbox.path("given/whole.env"), place.sandbox.path("w/.env")).unwrap();
    let new = |question| (question, typed.as_str());
    let answers = [
        ("leaves it: ", "y"),
        new("new password for profile `taken`: "),
        new("again: "),
        ("delete `.env`? [y/N] ", "y"),
    ];
    place.at_a_terminal(&["init", "-p", "taken"], &answers);
    place.call_all(&[(0, "rm pds.toml; PDS stop")], &[]);
    let database = place.sandbox.home("data/vaults/default/vault.db");
    let mut bytes = fs::read(&database).unwrap();
    bytes[5_000] ^= 1;
    fs::write(&database, bytes).unwrap();
    place.call_all(DAMAGED, &[]);
    place.nothing_in_files("everything");

    assert!(place.wrong.is_empty(), "{}", place.wrong.join("\n"));
    place.has_been_written();
    let said = |done: bool| -> BTreeSet<String> {
        let of = place.called.iter().filter(|(_, did)| *did == done);
        of.map(|(name, _)| name.clone()).collect()
    };
    for (done, what) in [(true, "does what it does"), (false, "fails")] {
        let left: Vec<_> = every_command().difference(&said(done)).cloned().collect();
        assert!(left.is_empty(), "no case in which {left:?} {what}");
    }
    until("the daemon is gone", || place.sandbox.daemon_pid().is_none());
}
