//! What the shells need to know of the command line, out of clap's description of it.

use clap::{Arg, Command, ValueHint};

/// A command, or the program itself.
pub(super) struct Described {
    /// What to type behind `pds`, its aliases after its name; one empty for the program.
    pub(super) names: Vec<String>,
    pub(super) options: Vec<Opt>,
    /// The words that are no options, in their order.
    pub(super) places: Vec<Place>,
    /// Its commands, aliases too, with what they do.
    pub(super) below: Vec<(String, String)>,
}

pub(super) struct Opt {
    pub(super) short: Option<char>,
    pub(super) long: Option<String>,
    pub(super) about: String,
    pub(super) value: Option<Value>,
    /// It may be given more than once.
    pub(super) repeats: bool,
}

impl Opt {
    /// `--profile`, `-p`.
    pub(super) fn flags(&self) -> impl Iterator<Item = String> {
        let short = self.short.map(|short| format!("-{short}"));
        short.into_iter().chain(self.long.as_ref().map(|long| format!("--{long}")))
    }
}

pub(super) struct Value {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// It can only be behind `=`, and be left out.
    pub(super) only_behind_equals: bool,
}

pub(super) struct Place {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) repeats: bool,
}

/// What a word can be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Anything: nothing is offered.
    Free,
    /// One of a few.
    Words(Vec<String>),
    /// The path of a file.
    File,
    /// A name that pds knows: what `pds __complete` calls its kind.
    Name(&'static str),
    /// A program and its arguments.
    Program,
}

/// What an argument can be, by its type and by the name of its value: an argument
/// with a name that stands here is completed in all three shells.
fn kind_of(argument: &Arg) -> Kind {
    let possible = argument.get_possible_values();
    if !possible.is_empty() && argument.get_action().takes_values() {
        return Kind::Words(possible.iter().map(|value| value.get_name().to_owned()).collect());
    }
    // Whose name that is, its own name says.
    let name = match argument.get_id().as_str() {
        "client" => "CLIENT".to_owned(),
        _ => value_name(argument),
    };
    match name.as_str() {
        "PROFILE" => Kind::Name("profiles"),
        "KEY" | "FROM" => Kind::Name("keys"),
        "VAR=KEY" => Kind::Name("assignments"),
        "[VAR=]KEY" => Kind::Name("entries"),
        "CLIENT" => Kind::Name("clients"),
        "NAME" if argument.is_positional() => Kind::Name("clients"),
        "PROJECT" => Kind::Name("projects"),
        "CMD" => Kind::Program,
        "FORM" => Kind::Words(
            ["hex:32", "base64:32", "base64url:32", "password:24", "uuid"]
                .map(str::to_owned)
                .into(),
        ),
        "OUTCOME" => {
            let words = ["granted", "denied", "failed", "ended", "ended-unwatched", "not-watched"];
            Kind::Words(words.map(str::to_owned).into())
        }
        "FILE" | "[PROFILE=]FILE" => Kind::File,
        _ => match argument.get_value_hint() {
            ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath => Kind::File,
            _ => Kind::Free,
        },
    }
}

fn value_name(argument: &Arg) -> String {
    let named = argument.get_value_names().and_then(|names| names.first());
    named.map_or_else(|| argument.get_id().as_str().to_uppercase(), |name| name.to_string())
}

/// The program and every command of it that is shown.
pub(super) fn all() -> Vec<Described> {
    let mut program = pds::cli::described();
    program.build();
    let commands = below(&program);
    let mut found = Vec::new();
    collect(&program, &[String::new()], &commands, &mut found);
    found
}

fn collect(
    command: &Command,
    names: &[String],
    commands: &[(String, String)],
    found: &mut Vec<Described>,
) {
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let (places, options): (Vec<_>, Vec<_>) = arguments.partition(|a| a.is_positional());
    let is_help = command.get_name() == "help";
    found.push(Described {
        names: names.to_vec(),
        options: options.into_iter().map(described).collect(),
        places: match is_help {
            true => vec![Place {
                name: "COMMAND".into(),
                kind: Kind::Words(commands.iter().map(|(name, _)| name.clone()).collect()),
                repeats: false,
            }],
            false => places.into_iter().map(placed).collect(),
        },
        below: if is_help { Vec::new() } else { below(command) },
    });
    for inner in shown(command).filter(|_| !is_help) {
        let own: Vec<_> = names_of(inner);
        let paths = names.iter().flat_map(|outer| {
            own.iter().map(move |name| format!("{outer} {name}").trim_start().to_owned())
        });
        collect(inner, &paths.collect::<Vec<_>>(), commands, found);
    }
}

/// The commands below another; only the program's own `help` is worth offering.
fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    let is_program = command.get_name() == "pds";
    let shown = command.get_subcommands().filter(|inner| !inner.is_hide_set());
    shown.filter(move |inner| is_program || inner.get_name() != "help")
}

fn names_of(command: &Command) -> Vec<String> {
    let aliases = command.get_visible_aliases();
    [command.get_name()].into_iter().chain(aliases).map(str::to_owned).collect()
}

fn below(command: &Command) -> Vec<(String, String)> {
    let about = |inner: &Command| brief(&inner.get_about().unwrap_or_default().to_string());
    let named = |inner| names_of(inner).into_iter().map(move |name| (name, about(inner)));
    shown(command).flat_map(named).collect()
}

fn described(option: &Arg) -> Opt {
    let value = option.get_action().takes_values().then(|| Value {
        name: value_name(option),
        kind: kind_of(option),
        only_behind_equals: option.is_require_equals_set(),
    });
    Opt {
        short: option.get_short(),
        long: option.get_long().map(str::to_owned),
        about: brief(&option.get_help().unwrap_or_default().to_string()),
        value,
        repeats: matches!(option.get_action(), clap::ArgAction::Append),
    }
}

fn placed(place: &Arg) -> Place {
    let repeats = place.get_num_args().is_some_and(|range| range.max_values() > 1);
    Place { name: value_name(place), kind: kind_of(place), repeats }
}

/// The beginning of a help text, which is all that a list has room for.
fn brief(help: &str) -> String {
    let ends = ["; ", ": ", ", instead", " (see "].iter().filter_map(|end| help.find(end)).min();
    let text = &help[..ends.unwrap_or(help.len())];
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}
