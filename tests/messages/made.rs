//! Each error once, with names as they typically are, said by the code that says it.

use std::{io, path::PathBuf};

use pds::{
    client::{AskError, ClientError, PasswordError, Refusal},
    commands::{
        CommandError,
        backup::NotABackup,
        export::{Clash, ExportError},
        import::{
            DotenvError, DotenvProblem, InvalidFile, JsonError, JsonProblem, NotAKey, PassError,
            YamlError, YamlProblem,
        },
    },
    config::ConfigError,
    daemon::DaemonError,
    error::Error,
    home::HomeError,
    run::{
        RunError,
        assignment::{Assignment, BadOption},
        environment::{EnvironmentProblem, TooLarge},
        manifest::{InvalidGenerate, ManifestError},
    },
    say::{Look, Told, together},
    secret::{InvalidKey, OutOfSecretMemory, TrustProfileName},
    sys::{exec::ExecError, terminal::PromptError},
    variable::{VariableName, refused::refusals},
    wire::message::{Problem, Reason},
};

/// As at a terminal, but for the colours.
const LOOK: Look = Look { colour: false, broken: true };

/// Every file of the catalogue that is made here.
pub(super) fn all() -> Vec<(&'static str, String)> {
    vec![
        ("client", said(client())),
        ("daemon", daemon()),
        ("password", said(password())),
        ("refusals", refused()),
        ("run", said(run())),
        ("environment", said(environment())),
        ("command", said(command())),
        ("import", said(import())),
        ("exports", said(export())),
    ]
}

fn said(errors: Vec<Error>) -> String {
    let text = |error: &Error| {
        together(error.told()).iter().map(|told| told.rendered(LOOK)).collect::<String>()
    };
    let all: Vec<String> = errors.iter().map(text).collect();
    all.join("\n")
}

fn denied() -> io::Error {
    io::Error::from_raw_os_error(nix::libc::EACCES)
}

fn path(text: &str) -> PathBuf {
    PathBuf::from(text)
}

fn profile(name: &str) -> TrustProfileName {
    TrustProfileName::new(name).unwrap()
}

fn variable(name: &str) -> VariableName {
    VariableName::new(name).unwrap()
}

fn client() -> Vec<Error> {
    use ClientError::*;
    let not_private = |what| NotPrivate { path: path("/run/user/1000/pds"), what };
    let all = [
        NoDaemon,
        NoDaemonAt(path("/run/pds/ci.sock")),
        NotAClientKey(path("/home/me/ci.key")),
        NoKey { path: path("/home/me/ci.key"), error: denied() },
        NoDaemonProgram(path("/usr/local/bin/pds-daemon")),
        CannotStart("can't use the folder `/home/me/p`: Permission denied".into()),
        CannotStart("it said nothing; see `/home/me/.local/state/pds/log`".into()),
        CannotStart(
            "it, process 4711, said nothing for 30 s; see `/home/me/.local/state/pds/log`".into(),
        ),
        not_private("is open to other users"),
        not_private("belongs to another user"),
        not_private("is not a socket"),
        not_private("is not a folder"),
        not_private("is not a regular file"),
        not_private("is a symbolic link"),
        ForeignDaemon(path("/run/user/1000/pds/pds.sock")),
        OtherVersion { version: 2, build: "pds 0.2.0".into() },
        NotOurDaemon,
        Closed,
        LockedOut(Some(4711)),
        LockedOut(None),
        Stopped(4711),
        Silent { pid: Some(4711), seconds: 10 },
        Silent { pid: None, seconds: 10 },
        Malformed,
        OutOfSecretMemory(pds::secret::OutOfSecretMemory),
        Io(denied()),
        NoKeyring(denied()),
        NoIpcKey("work".into()),
        FieldForged,
    ];
    let homes = [
        HomeError::Unknown,
        HomeError::NoCurrentFolder(denied()),
        HomeError::SocketPathTooLong(path("/home/me/a/long/path/pds.sock")),
    ];
    let all = all.into_iter().map(Error::from);
    all.chain(homes.into_iter().map(Error::from)).collect()
}

/// What the daemon says in the foreground; one that was started for a command has it said
/// by that, behind "the daemon did not start".
fn daemon() -> String {
    use DaemonError::*;
    let folder = || path("/home/me/.local/state/pds");
    let all = [
        Folder { path: folder(), error: denied() },
        File { path: folder().join("log"), error: denied() },
        NotPrivate { path: folder(), what: "is open to other users" },
        NotPrivate { path: folder(), what: "belongs to another user" },
        NotPrivate { path: folder(), what: "belongs to another user, or is open to others" },
        NotPrivate { path: folder(), what: "is not a folder, or is a symbolic link" },
        NotPrivate { path: folder(), what: "is in the way of the socket" },
        Socket { path: path("/run/user/1000/pds/pds.sock"), error: denied() },
        Config { path: path("/home/me/.config/pds/config.toml"), error: ConfigError::TooLong },
        Unprotected(denied()),
        Unconfined,
        EventLoop(denied()),
        Stuck(path("/home/me/.local/share/pds/lock")),
        NotADuration { option: "--ttl", problem: "expected a duration longer than nothing" },
    ];
    let all = all.map(|error| Told::new(error, None).rendered(LOOK));
    all.join("\n")
}

fn password() -> Vec<Error> {
    use PasswordError::*;
    let all = [
        NoSource(profile("work")),
        Ambiguous,
        NotAProfile,
        Unreadable { path: path("/home/me/password"), error: denied() },
        TooLong,
        Mismatch,
        Prompt(PromptError::NoTerminal),
        Prompt(PromptError::Cancelled),
        Prompt(PromptError::TooLong),
        Prompt(PromptError::Io(denied())),
        OutOfSecretMemory(pds::secret::OutOfSecretMemory),
    ];
    all.into_iter().map(Error::from).collect()
}

/// Each reason of the daemon: about a profile, about a key in one, and several at once.
fn refused() -> String {
    let encoded = |n: u8| if n < 24 { vec![n] } else { vec![0x18, n] };
    let reason = |n| pds::wire::message::decode::<Reason>(&encoded(n)).ok();
    let about = |reason, key: &str| {
        let problem = Problem { retry_after_ms: Some(1_500), ..Problem::with_request(reason) };
        Refusal::new(problem, "work", key)
    };
    let mut text = String::new();
    for reason in (0..=u8::MAX).filter_map(reason) {
        let mut told = Vec::new();
        for refusal in [about(reason, "db/password"), about(reason, "")] {
            let error = Error::from(AskError::Refused(vec![refusal]));
            let said: String = error.told().iter().map(|told| told.rendered(LOOK)).collect();
            if !told.contains(&said) {
                told.push(said);
            }
        }
        text.push_str(&format!("{}:\n{}\n", reason.word(), told.concat()));
    }
    let locked = Refusal::new(Problem::with_request(Reason::Locked), "", "");
    text.push_str(&format!("all:\n{}\n", said(vec![AskError::Refused(vec![locked]).into()])));
    let denied = Refusal::new(Problem::with_request(Reason::AccessDenied), "", "");
    let denied = said(vec![AskError::Refused(vec![denied]).into()]);
    text.push_str(&format!("denied about nothing:\n{denied}\n"));
    let several = [
        about(Reason::ProfileInactive, ""),
        about(Reason::NotFound, "db/password"),
        about(Reason::AccessDenied, "stripe/api-key"),
        about(Reason::AccessDenied, "stripe/webhook"),
        about(Reason::InvalidKey, "a//b"),
        about(Reason::Exists, "session"),
    ];
    let several = said(vec![Error::from(AskError::Refused(several.to_vec()))]);
    text + "several:\n" + &several
}

fn run() -> Vec<Error> {
    let program = || "frobnicate".into();
    let config = |error| RunError::Config { path: path("/home/me/.config/pds/config.toml"), error };
    let manifest = || path("/home/me/app/pds.toml");
    let all = [
        RunError::NothingToRunWith,
        RunError::NoCurrentFolder(denied()),
        RunError::Option(BadOption::NotAnAssignment { number: 1, of: 1 }),
        RunError::Option(BadOption::NotAnAssignment { number: 2, of: 3 }),
        RunError::Option(BadOption::NotAProfile),
        config(ConfigError::Unreadable(denied())),
        config(ConfigError::TooLong),
        RunError::Exec { program: program(), error: ExecError::NotFound },
        RunError::Exec { program: program(), error: ExecError::NoInterpreter("/no/such".into()) },
        RunError::Exec { program: program(), error: ExecError::NoInterpreter(String::new()) },
        RunError::Exec { program: program(), error: ExecError::NotExecutable(nix::libc::ENOEXEC) },
        RunError::Output(denied()),
        RunError::OutOfSecretMemory(OutOfSecretMemory),
        ManifestError::NotFound.into(),
        ManifestError::Unreadable { path: manifest(), source: denied() }.into(),
        ManifestError::SymbolicLink(manifest()).into(),
        ManifestError::NotAFile(manifest()).into(),
        ManifestError::ForeignOwner(manifest()).into(),
        ManifestError::WritableByOthers(manifest()).into(),
        ManifestError::TooLarge(manifest()).into(),
    ];
    let wrong = ["A B=k", "a-b=k", "1A=k", "=k", "é=k", "A=a//b"];
    let wrong = wrong.into_iter().filter_map(|text| Assignment::read(text, 1, 1).err());
    let long = Assignment::read(&format!("{}=k", "A".repeat(129)), 1, 1).err();
    let wrong = wrong.chain(long).map(RunError::Option);
    all.into_iter().chain(wrong).map(Error::from).collect()
}

fn environment() -> Vec<Error> {
    use EnvironmentProblem::*;
    let name = || variable("DATABASE_URL");
    let problems = vec![
        Nul(name()),
        Function(name()),
        TooLong(name()),
        ComposedTooLong(name()),
        ComposedTooLarge(name()),
        AlreadySet(name()),
        SetTwice(name()),
        NotText { composed: name(), value: variable("DB_PASSWORD") },
        OutOfSecretMemory(pds::secret::OutOfSecretMemory),
    ];
    let large = vec![
        TooLarge::Argument { index: 1, len: 200_000 },
        TooLarge::Variable("DATABASE_URL".into()),
        TooLarge::Together { limit: 2_097_152, largest: "DATABASE_URL".into() },
    ];
    let names = ["LD_PRELOAD", "BASH_ENV", "NODE_OPTIONS", "PATH", "PDS_HOME"].map(variable);
    let refused = refusals(&names, &[] as &[&str]);
    let one = |problem| RunError::Environment(vec![problem]).into();
    let single = problems.iter().cloned().map(one);
    let single = single
        .chain(refused.iter().cloned().map(|one| RunError::RefusedVariables(vec![one]).into()));
    let single: Vec<Error> = single.collect();
    let all = [
        RunError::Environment(problems).into(),
        RunError::TooLarge(large).into(),
        RunError::RefusedVariables(refused).into(),
    ];
    single.into_iter().chain(all).collect()
}

fn command() -> Vec<Error> {
    use CommandError::*;
    let key = || "db/password".to_owned();
    let backup = || path("work.pds-backup");
    let not_replaced = |name, what| {
        let instead = "choose another name, or redirect standard output there";
        NotReplaced { path: path(name), what, instead }
    };
    let unusable = |problem| NotABackup { path: backup(), problem };
    let all = [
        NotAKey { key: "db//password".into(), reason: InvalidKey::EmptySegment },
        NotAKey { key: String::new(), reason: InvalidKey::Empty },
        NotAKey { key: "kkk".into(), reason: InvalidKey::TooLong },
        NotAKey { key: "db/..".into(), reason: InvalidKey::DotSegment },
        NotAKey { key: "db password".into(), reason: InvalidKey::Character },
        NoKey { key: key(), profile: "work".into() },
        UnfitCredential { key: "git/https/example.org".into(), profile: profile("work") },
        ValueTooLong,
        NoValue,
        Mismatch,
        Generate(InvalidGenerate::Form),
        Generate(InvalidGenerate::Bytes),
        Generate(InvalidGenerate::Rules),
        Generate(InvalidGenerate::Symbols),
        Generate(InvalidGenerate::Length),
        OtherValues(vec!["A".into(), "B".into()]),
        ReadBack("DB_PASSWORD".into()),
        File { path: path("/home/me/value"), error: denied() },
        FileTooLong { path: path("/home/me/.env"), max_bytes: 64 << 20 },
        FileExists(backup()),
        not_replaced("/dev/stdout", "a symbolic link"),
        not_replaced("/dev/full", "a device"),
        not_replaced("pipe", "a FIFO"),
        not_replaced("listening", "a socket"),
        NotReplaced { path: path("here"), what: "a folder", instead: "choose another name" },
        NoStream,
        unusable(self::NotABackup::Foreign),
        unusable(self::NotABackup::Newer(2)),
        unusable(self::NotABackup::Length),
        unusable(self::NotABackup::Sum),
        VaultExists(profile("work")),
        NoVersion { key: key(), version: 7 },
        OtherProfile { backup: profile("work"), named: profile("ops") },
        NoExpiry("that time has passed already"),
        Output(denied()),
        UnknownFormat("secrets.txt".into()),
        NotKeys(vec![self::NotAKey { key: "a b".into(), reason: InvalidKey::Character }]),
        NotKeys(
            ["a b", "é"]
                .map(|key| self::NotAKey { key: key.into(), reason: InvalidKey::Character })
                .to_vec(),
        ),
        WouldOverwrite(vec!["A".into()]),
        WouldOverwrite(vec!["A".into(), "B".into()]),
        NoVariable { name: "STIRPE_KEY".into(), nearest: Some("STRIPE_KEY".into()) },
        NotAClient("a b".into()),
        NotAClient("launcher".into()),
        OwnersAlone,
        Unanswered(PromptError::Cancelled),
        NotAGrant("work".into()),
        NotATime { option: "--since" },
        TrailAltered,
        TrailNotChecked { profile: "work".into() },
        OutOfSecretMemory(pds::secret::OutOfSecretMemory),
    ];
    all.into_iter().map(Error::from).collect()
}

fn import() -> Vec<Error> {
    let of = |file, mistake| CommandError::from(InvalidFile { file: path(file), mistake });
    let env = |problem| of(".env", DotenvError { line: 3, column: 7, problem }.into());
    let json = |problem| of("app.json", JsonError { line: 3, column: 7, problem }.into());
    let yaml = |problem| of("app.yaml", YamlError { line: 3, column: 7, problem }.into());
    let store = || path("/home/me/.password-store");
    let name = || "DB_PASSWORD".to_owned();
    let all = [
        env(DotenvProblem::Name),
        env(DotenvProblem::NoEquals),
        env(DotenvProblem::Unclosed),
        env(DotenvProblem::AfterQuote),
        env(DotenvProblem::Escape),
        env(DotenvProblem::CarriageReturn),
        env(DotenvProblem::Nul),
        env(DotenvProblem::Duplicate { name: name(), first: 1 }),
        env(DotenvProblem::TooMany),
        env(DotenvProblem::OutOfSecretMemory(OutOfSecretMemory)),
        json(JsonProblem::Syntax),
        json(JsonProblem::Truncated),
        json(JsonProblem::NotAnObject),
        json(JsonProblem::List { name: name() }),
        json(JsonProblem::Null { name: name() }),
        json(JsonProblem::Number { name: name() }),
        json(JsonProblem::Name { name: "a b".into(), reason: InvalidKey::Character }),
        json(JsonProblem::Duplicate { name: name() }),
        json(JsonProblem::TooMany),
        json(JsonProblem::OutOfSecretMemory(OutOfSecretMemory)),
        yaml(YamlProblem::Syntax),
        yaml(YamlProblem::NotText),
        yaml(YamlProblem::NotAMapping),
        yaml(YamlProblem::Several),
        yaml(YamlProblem::NotAName),
        yaml(YamlProblem::Alias),
        yaml(YamlProblem::Tag),
        yaml(YamlProblem::Deep),
        CommandError::Pass(PassError::NoHome),
        CommandError::Pass(PassError::Empty(store())),
        CommandError::Pass(PassError::NoEntry { name: path("work"), store: store() }),
        CommandError::Pass(PassError::TooMany(store())),
        CommandError::Pass(PassError::Both {
            first: "a b".into(),
            second: "a_b".into(),
            key: "a_b".into(),
        }),
        CommandError::Pass(PassError::NoGpg(denied())),
        CommandError::Pass(PassError::Gpg("work/mail".into())),
        CommandError::NotSet(vec!["DB_PASSWORD".into()]),
        CommandError::NotSet(vec!["DB_PASSWORD".into(), "TOKEN".into()]),
    ];
    all.into_iter().map(Error::from).collect()
}

fn export() -> Vec<Error> {
    use ExportError::*;
    let clashes = vec![
        Clash::Both { first: "a-b".into(), second: "a/b".into(), name: "A_B".into() },
        Clash::None("1".into()),
    ];
    let all = [
        NothingToExport,
        NoMatch("web/*".into()),
        NotAVariable("A-B=a".into()),
        NamedPattern("A=db/*".into()),
        NotAKey { key: "db//password".into(), reason: InvalidKey::EmptySegment },
        Names(clashes[..1].to_vec()),
        Names(clashes[1..].to_vec()),
        Names(clashes),
        NotAKubernetesName,
        NoGithubFile,
        MasksInFile,
        Terminal,
    ];
    all.into_iter().map(|error| CommandError::from(error).into()).collect()
}
