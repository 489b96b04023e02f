//! Writes the three files of `completions/`: the code of each is a template here, its
//! tables are made from the description of the command line.

use std::{collections::BTreeMap, fmt::Write};

use super::describe::{Described, Kind, Opt, all};

/// The line of a template that the tables replace.
const TABLES: &str = "# @tables@\n";

/// The names of the files, and what is to be in them.
pub(super) fn files() -> [(&'static str, String); 3] {
    let all = all();
    let made = |template: &str, tables: &str| {
        assert!(template.contains(TABLES));
        template.replace(TABLES, tables)
    };
    [
        ("pds.bash", made(include_str!("pds.bash.in"), &bash(&all))),
        ("pds.fish", made(include_str!("pds.fish.in"), &fish(&all))),
        ("_pds", made(include_str!("_pds.in"), &zsh(&all))),
    ]
}

fn quoted(text: &str) -> String {
    shell_words::quote(text).into_owned()
}

// ---- bash

fn bash(all: &[Described]) -> String {
    let mut text = String::from("# The commands below a command.\n_pds_below() {\n");
    text += "    list=()\n    case $1 in\n";
    for command in all.iter().filter(|command| !command.below.is_empty()) {
        let names = command.below.iter().map(|(name, _)| name.as_str());
        bash_list(&mut text, command, names);
    }
    text += "    esac\n}\n\n# The options of a command.\n_pds_options() {\n";
    text += "    list=()\n    case $1 in\n";
    for command in all {
        let flags: Vec<_> = command.options.iter().flat_map(Opt::flags).collect();
        bash_list(&mut text, command, flags.iter().map(String::as_str));
    }
    text += "    esac\n}\n\n# What follows an option, or stands at a place: sets `kind`.\n";
    text += "_pds_takes() {\n    kind=''\n    list=()\n    case \"$1 $2\" in\n";
    for (kind, patterns) in bash_kinds(all) {
        let _ = writeln!(text, "        {}) {} ;;", patterns.join(" | "), bash_kind(&kind));
    }
    text + "    esac\n    [[ -n $kind ]]\n}\n"
}

fn bash_list<'w>(text: &mut String, to: &Described, words: impl Iterator<Item = &'w str>) {
    let words: Vec<_> = words.collect();
    if !words.is_empty() {
        let names: Vec<_> = to.names.iter().map(|name| quoted(name)).collect();
        let _ = writeln!(text, "        {}) list=({}) ;;", names.join(" | "), words.join(" "));
    }
}

fn bash_kind(kind: &Kind) -> String {
    match kind {
        Kind::Free => "kind=free".into(),
        Kind::File => "kind=file".into(),
        Kind::Name(kind) => format!("kind={kind}"),
        Kind::Program => "kind=program".into(),
        Kind::Words(words) => format!("kind=words list=({})", words.join(" ")),
    }
}

/// For each kind the patterns of `COMMAND OPTION` and `COMMAND PLACE`; `* OPTION` where
/// it is the same for every command that has the option.
fn bash_kinds(all: &[Described]) -> BTreeMap<Kind, Vec<String>> {
    let mut flags: BTreeMap<String, Vec<(String, Option<Kind>)>> = BTreeMap::new();
    let mut kinds: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
    for command in all {
        for option in &command.options {
            for flag in option.flags() {
                let behind = option.value.as_ref().is_some_and(|value| value.only_behind_equals);
                let flag = if behind { format!("{flag}=") } else { flag };
                let kind = option.value.as_ref().map(|value| value.kind.clone());
                let of = command.names.iter().map(|name| (name.clone(), kind.clone()));
                flags.entry(flag).or_default().extend(of);
            }
        }
        for (n, place) in (1..).zip(&command.places) {
            let shown = if place.repeats { format!("[{n}-9]*") } else { n.to_string() };
            let names =
                command.names.iter().map(|name| format!("{}{shown}", quoted(&format!("{name} "))));
            kinds.entry(place.kind.clone()).or_default().extend(names);
        }
    }
    for (flag, commands) in flags {
        let same = commands.iter().all(|(_, kind)| *kind == commands[0].1);
        for (name, kind) in commands {
            let Some(kind) = kind else { continue };
            let of = kinds.entry(kind).or_default();
            if same {
                of.push(format!("*{}", quoted(&format!(" {flag}"))));
                break;
            }
            of.push(quoted(&format!("{name} {flag}")));
        }
    }
    kinds
}

// ---- fish

fn fish(all: &[Described]) -> String {
    let (mut takers, mut names, mut text) = (Vec::new(), Vec::new(), String::new());
    for command in all {
        text.push('\n');
        names.extend(command.names.iter().map(|name| fish_quoted(name)));
        let of: String =
            command.names.iter().map(|name| format!(" {}", fish_quoted(name))).collect();
        let is_group = !command.below.is_empty();
        let at = if is_group { format!("__pds_end{of}") } else { format!("__pds_at{of}") };
        for (name, about) in &command.below {
            fish_line(&mut text, &at, &format!("-a {name} -d {}", fish_quoted(about)));
        }
        let runs = command.places.iter().any(|place| place.kind == Kind::Program);
        let before = if runs { "; and not __pds_program_words >/dev/null" } else { "" };
        for option in &command.options {
            fish_line(&mut text, &format!("{at}{before}"), &fish_option(option));
            if option.value.as_ref().is_some_and(|value| !value.only_behind_equals) {
                let flags: Vec<_> = option.flags().collect();
                takers.extend(command.names.iter().flat_map(|name| {
                    flags.iter().map(move |flag| fish_quoted(&format!("{name} {flag}")))
                }));
            }
        }
        for (n, place) in (1..).zip(&command.places) {
            let last = if place.repeats { 99 } else { n };
            match &place.kind {
                Kind::Program => fish_line(&mut text, &at, "-a '(__pds_program)'"),
                Kind::Free => {}
                kind => {
                    let condition = format!("{at}; and __pds_place {n} {last}");
                    fish_line(&mut text, &condition, &fish_kind(kind));
                }
            }
        }
    }
    let lists = [("commands", names), ("takers", takers)];
    let lists = lists.map(|(name, all)| format!("set -g __pds_{name} {}\n", all.join(" ")));
    lists.concat() + &text
}

fn fish_line(text: &mut String, condition: &str, rest: &str) {
    let _ = writeln!(text, "complete -c pds -n {} {rest}", fish_quoted(condition));
}

fn fish_option(option: &Opt) -> String {
    let mut line = String::new();
    if let Some(short) = option.short {
        let _ = write!(line, "-s {short} ");
    }
    if let Some(long) = &option.long {
        let _ = write!(line, "-l {long} ");
    }
    if let Some(value) = &option.value {
        line += match (&value.kind, value.only_behind_equals) {
            (_, true) => "",
            (Kind::File, _) => "-r ",
            _ => "-x ",
        };
        let offered = fish_kind(&value.kind);
        line += &offered;
        line += if offered.is_empty() { "" } else { " " };
    }
    line + &format!("-d {}", fish_quoted(&option.about))
}

fn fish_kind(kind: &Kind) -> String {
    match kind {
        Kind::Free | Kind::Program => String::new(),
        Kind::File => "-F".into(),
        Kind::Name(kind) => format!("-a '(__pds_names {kind})'"),
        Kind::Words(words) => format!("-a '{}'", words.join(" ")),
    }
}

/// In fish's single quotes, a backslash keeps a quote and itself.
fn fish_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

// ---- zsh

fn zsh(all: &[Described]) -> String {
    let mut text = String::new();
    for command in all {
        let name = format!("_pds{}", zsh_suffix(&command.names[0]));
        if !command.below.is_empty() {
            let _ = writeln!(text, "{name}_commands() {{\n  local -a verbs=(");
            for (verb, about) in &command.below {
                let _ = writeln!(text, "    {}", zsh_quoted(&format!("{verb}:{about}")));
            }
            text += "  )\n  _describe command verbs\n}\n\n";
        }
        let _ = writeln!(text, "{name}() {{");
        let flags = if command.below.is_empty() { "-s -S" } else { "-C" };
        let mut specs: Vec<_> = command.options.iter().map(zsh_option).collect();
        for (n, place) in (1..).zip(&command.places) {
            specs.push(match &place.kind {
                Kind::Program => "'1:command: _command_names -e'".into(),
                kind => {
                    let n = if place.repeats { "*".to_owned() } else { n.to_string() };
                    let name = place.name.to_lowercase();
                    zsh_quoted(&format!("{n}:{name}:{}", zsh_kind(kind)))
                }
            });
        }
        if !command.below.is_empty() {
            text += "  local curcontext=$curcontext state\n";
            specs.push(format!("'1:command:{name}_commands'"));
            specs.push("'*::argument:->argument'".into());
        }
        if command.places.iter().any(|place| place.kind == Kind::Program) {
            let taking = command.options.iter().filter(|option| option.value.is_some());
            let taking: Vec<_> = taking.flat_map(Opt::flags).collect();
            let _ = writeln!(text, "  _pds_program {} && return", taking.join(" "));
        }
        let _ = writeln!(text, "  _arguments {flags} \\\n    {}", specs.join(" \\\n    "));
        if !command.below.is_empty() {
            zsh_dispatch(&mut text, all, command);
        }
        text += "}\n\n";
    }
    text
}

/// Goes on in the function of the command that stands first in what is left.
fn zsh_dispatch(text: &mut String, all: &[Described], command: &Described) {
    *text += "  [[ $state == argument ]] || return\n  case $words[1] in\n";
    let outer = command.names[0].as_str();
    for inner in all.iter().filter(|inner| !inner.names[0].is_empty()) {
        let last = |name: &str| match name.rsplit_once(' ') {
            Some((before, last)) => (before.to_owned(), last.to_owned()),
            None => (String::new(), name.to_owned()),
        };
        let names: Vec<_> = inner.names.iter().map(|name| last(name)).collect();
        let here = names.iter().filter(|(before, _)| before == outer);
        let here: Vec<_> = here.map(|(_, last)| last.as_str()).collect();
        if !here.is_empty() {
            let function = zsh_suffix(&inner.names[0]);
            let _ = writeln!(text, "    ({}) _pds{function} ;;", here.join("|"));
        }
    }
    *text += "  esac\n";
}

fn zsh_suffix(name: &str) -> String {
    name.split_whitespace().map(|word| format!("_{word}")).collect()
}

fn zsh_option(option: &Opt) -> String {
    let about = zsh_escaped(&option.about);
    let value = option.value.as_ref();
    let behind = value.map_or(String::new(), |value| {
        let double = if value.only_behind_equals { "::" } else { ":" };
        format!("{double}{}:{}", zsh_escaped(&value.name), zsh_kind(&value.kind))
    });
    let long = |long: &str| match value {
        Some(value) if value.only_behind_equals => format!("--{long}=-"),
        Some(_) => format!("--{long}="),
        None => format!("--{long}"),
    };
    let rest = zsh_quoted(&format!("[{about}]{behind}"));
    match (option.short, &option.long) {
        (Some(short), Some(name)) => {
            let own = if value.is_some() { format!("-{short}+") } else { format!("-{short}") };
            let others = if option.repeats { "*".into() } else { format!("(-{short} --{name})") };
            format!("'{others}'{{{own},{}}}{rest}", long(name))
        }
        (None, Some(name)) => {
            let many = if option.repeats { "*" } else { "" };
            zsh_quoted(&format!("{many}{}[{about}]{behind}", long(name)))
        }
        (short, None) => zsh_quoted(&format!("-{}[{about}]{behind}", short.unwrap_or_default())),
    }
}

fn zsh_kind(kind: &Kind) -> String {
    match kind {
        Kind::Free | Kind::Program => " ".into(),
        Kind::File => "_files".into(),
        Kind::Name(kind) => format!("_pds_names {kind}"),
        Kind::Words(words) => format!("({})", words.join(" ").replace(':', "\\:")),
    }
}

/// For a description in `_arguments` or `_describe`.
fn zsh_escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]").replace(':', "\\:")
}

fn zsh_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
