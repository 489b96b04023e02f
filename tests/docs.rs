//! The manual is compared with the program itself, in both directions, so that nothing
//! is added without being documented and nothing documented outlives its removal.
#![allow(clippy::unwrap_used, reason = "a page or source of another form is a failure")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use pds::{
    client::Refusal,
    run::environment::{COMPOSED_MAX_BYTES, MAX_ARG_STRLEN},
    wire::message::{self, Problem, Reason},
};

type Names = BTreeSet<String>;

/// The folder of the sources: elsewhere when the tests run as another user.
fn root() -> PathBuf {
    std::env::var_os("PDS_TEST_SOURCE").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()).into()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every source file without its tests, and its path.
pub(crate) fn sources(below: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(below)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.file_stem().is_some_and(|stem| stem == "tests") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
                found.push((path, code));
            }
        }
    }
    assert!(!found.is_empty(), "{below}");
    found
}

fn same(what: &str, documented: &Names, real: &Names) {
    assert!(!real.is_empty(), "{what}: nothing was found to compare with");
    let missing: Vec<_> = real.difference(documented).collect();
    let stale: Vec<_> = documented.difference(real).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "{what}: missing {missing:?}, not there any more {stale:?}"
    );
}

// ---- the program's own description

/// Commands, each with its visible aliases behind its name, and their flags.
fn commands() -> BTreeMap<Vec<String>, Names> {
    let mut described = pds::cli::described();
    described.build();
    let shown = described.get_subcommands().filter(|command| !command.is_hide_set());
    shown
        .map(|command| {
            let aliases = command.get_visible_aliases();
            let names = [command.get_name()].into_iter().chain(aliases).map(str::to_owned);
            (names.collect(), flags_of(command))
        })
        .collect()
}

fn flags_of(command: &clap::Command) -> Names {
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    shown
        .flat_map(|argument| {
            let longs = argument.get_long_and_visible_aliases().unwrap_or_default();
            let shorts = argument.get_short_and_visible_aliases().unwrap_or_default();
            let longs = longs.into_iter().map(|long| format!("--{long}"));
            longs.chain(shorts.into_iter().map(|short| format!("-{short}"))).collect::<Vec<_>>()
        })
        .collect()
}

fn top_flags() -> Names {
    let mut described = pds::cli::described();
    described.build();
    flags_of(&described)
}

// ---- the manual

/// The part of a page below a heading of the given macro, up to the next such
/// heading or a section.
fn part<'t>(page: &'t str, kind: &str, title: &str) -> &'t str {
    let heading = format!("\n.{kind} {title}\n");
    let start = page.find(&heading).unwrap_or_else(|| panic!("no {kind} {title}"));
    let rest = &page[start + heading.len()..];
    let ends = ["\n.Sh ", "\n.sh ", if kind == "Sh" { "\n.Sh " } else { &format!("\n.{kind} ") }];
    let end = ends.iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
    &rest[..end]
}

fn headings(text: &str) -> Vec<&str> {
    format!("\n{text}")
        .lines()
        .filter_map(|line| line.strip_prefix(".Ss "))
        .map(|title| &text[text.find(title).unwrap()..][..title.len()])
        .collect()
}

/// The flags that a line names with `Fl`.
fn flags_in(line: &str) -> Vec<String> {
    let words: Vec<_> = line.trim_start_matches('.').split_whitespace().collect();
    let is_flag = |pair: &&[&str]| pair[0] == "Fl" && pair[1] != "-";
    words.windows(2).filter(is_flag).map(|pair| format!("-{}", pair[1])).collect()
}

fn flags_where(text: &str, wanted: impl Fn(&str) -> bool) -> Names {
    let is_macro = |line: &&str| line.starts_with('.') && !line.starts_with(".\\\"");
    let lines = text.lines().filter(is_macro).filter(|line| wanted(line));
    lines.flat_map(flags_in).collect()
}

fn is_item(line: &str) -> bool {
    line.starts_with(".It Fl")
}

const SHARED: &str = "Options that several commands share";

#[test]
fn the_manual_describes_every_command_and_flag_and_no_other() {
    let page = read("man/pds.1");
    let text = part(&page, "Sh", "COMMANDS");
    let titles: Names =
        headings(text).into_iter().filter(|t| *t != SHARED).map(str::to_owned).collect();
    let real: Names = commands().keys().map(|names| names.join(", ")).collect();
    same("commands in pds(1)", &titles, &real);

    let shared = flags_where(part(&page, "Ss", SHARED), is_item);
    let mut all = top_flags();
    for (names, flags) in commands() {
        let title = names.join(", ");
        let own = part(&page, "Ss", &title);
        let described: Names = flags_where(own, is_item).union(&shared).cloned().collect();
        let mentioned = flags_where(own, |_| true);
        let synopsis = flags_where(own.split("\n.Pp\n").next().unwrap(), |_| true);
        for flag in &flags {
            assert!(described.contains(flag), "pds(1), `{title}`: `{flag}` is not described");
        }
        // The synopsis has one of an option's two names, and the help of none.
        for flag in flags.iter().filter(|flag| flag.starts_with("--") && *flag != "--help") {
            let short = short_of(&names[0], flag);
            let there = synopsis.contains(flag) || short.is_some_and(|s| synopsis.contains(&s));
            assert!(there, "pds(1), `{title}`: `{flag}` is not in the synopsis");
        }
        let known: Names = match names[0].as_str() {
            "help" => flags.union(&top_flags()).cloned().collect(),
            _ => flags.clone(),
        };
        for flag in mentioned {
            assert!(known.contains(&flag), "pds(1), `{title}`: there is no `{flag}`");
        }
        all.extend(flags);
    }
    for flag in flags_where(&page, |_| true) {
        assert!(all.contains(&flag), "pds(1): there is no `{flag}`");
    }
    let page_flags = flags_where(&page, is_item);
    same("flags of pds in pds(1)", &page_flags, &all);
}

/// `pds --help` and the manual must not tell two stories: what the help says of a command,
/// its page begins with, in other words at most where it says more.
#[test]
fn the_manual_says_of_each_command_what_its_help_says() {
    let page = read("man/pds.1").to_lowercase();
    let of = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_ascii_lowercase()).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    let described = pds::cli::described();
    // `help` is clap's own.
    for command in described.get_subcommands().filter(|command| !command.is_hide_set()) {
        let names: Vec<_> =
            [command.get_name()].into_iter().chain(command.get_visible_aliases()).collect();
        let section = part(&page, "ss", &names.join(", "));
        let manual = of(section.split_once("\n.pp\n").unwrap().1);
        let help = of(&command.get_about().unwrap().to_string().to_lowercase());
        assert_eq!(manual[0], help[0], "pds(1) on `{}` begins with another word", names[0]);
        let missing: Vec<_> =
            help.iter().filter(|word| word.len() > 3 && !manual.contains(word)).collect();
        assert!(missing.is_empty(), "pds(1) on `{}` says nothing of {missing:?}", names[0]);
    }
}

fn short_of(command: &str, long: &str) -> Option<String> {
    let mut described = pds::cli::described();
    described.build();
    let command = described.find_subcommand(command)?;
    let argument = command
        .get_arguments()
        .find(|argument| argument.get_long().is_some_and(|own| format!("--{own}") == long))?;
    argument.get_short().map(|short| format!("-{short}"))
}

fn words(text: &str) -> Vec<String> {
    text.split([' ', '|']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

// ---- environment and exit statuses

/// Names of variables in `Ev` items of a section.
fn variables_of(section: &str) -> Names {
    let items = section.lines().filter_map(|line| line.strip_prefix(".It Ev "));
    items
        .flat_map(|item| item.split([' ', ',']))
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect()
}

fn is_variable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
}

#[test]
fn the_manual_names_every_variable_that_is_read_and_no_other() {
    let mut real = Names::new();
    for (_, code) in sources("src") {
        let literals = code.split('"').skip(1);
        let ours = |text: &&str| text.starts_with("PDS_") || text.starts_with("XDG_");
        real.extend(literals.filter(ours).filter(|t| is_variable(t)).map(str::to_owned));
        for call in ["env::var(\"", "env::var_os(\"", "absolute(\""] {
            let after = code.split(call).skip(1).filter_map(|rest| rest.split('"').next());
            real.extend(after.filter(|name| is_variable(name)).map(str::to_owned));
        }
        // Asked for by a closure, so that one line can compare both.
        let listen = code.split("is(\"").skip(1).filter_map(|rest| rest.split('"').next());
        real.extend(listen.filter(|name| is_variable(name)).map(str::to_owned));
    }
    let page = read("man/pds.1");
    same("variables in pds(1)", &variables_of(part(&page, "Sh", "ENVIRONMENT")), &real);
}

/// The list of refused variables as pds(5) shows it: for each class the reasons, and the
/// patterns that have each.
fn refused_variables() -> String {
    const TITLES: [(&str, &str); 5] = [
        ("A", "Never set"),
        ("B", "Set only where it is lifted: runs code or loads modules"),
        ("C", "Set only where it is lifted: session plumbing"),
        ("OK", "Excepted from these, because they are really used for secrets"),
        ("D", "Set with a warning"),
    ];
    let list = read("src/variable/refused-variables.txt");
    let mut page = String::new();
    for (class, title) in TITLES {
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for line in list.lines() {
            let Some(rest) = line.strip_prefix(class).and_then(|rest| rest.strip_prefix(' '))
            else {
                continue;
            };
            let (pattern, reason) = rest.trim_start().split_once(' ').unwrap();
            let reason = reason.trim_start();
            match reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, patterns)) => patterns.push(pattern),
                None => reasons.push((reason, vec![pattern])),
            }
        }
        page += &format!(".Ss {title}\n.Bl -tag -width Ds\n");
        for (reason, mut patterns) in reasons {
            patterns.sort_unstable();
            let reason = reason.replace('`', "'");
            page += &format!(".It {reason}\n.Ql {}\n", patterns.join(" ,\n.Ql "));
        }
        page += ".El\n";
    }
    page
}

#[test]
fn the_manual_lists_every_refused_variable_with_its_reason_and_no_other() {
    const BEGIN: &str = ".\\\" Made from src/variable/refused-variables.txt by tests/docs.rs.\n";
    const END: &str = ".\\\" End of what is made.\n";
    let page = read("man/pds.5");
    let start = page.find(BEGIN).unwrap() + BEGIN.len();
    let end = page.find(END).unwrap();
    let list = refused_variables();
    if std::env::var_os("PDS_WRITE").is_some() {
        fs::write(root().join("man/pds.5"), [&page[..start], &list, &page[end..]].concat())
            .unwrap();
        return;
    }
    let differs = page[start..end].lines().zip(list.lines()).find(|(kept, real)| kept != real);
    let remedy = "`PDS_WRITE=1 cargo test --test claims docs::the_manual_lists` makes it anew";
    assert!(page[start..end] == list, "pds(5) has another list, first {differs:?}; {remedy}");
}

/// All reasons, by their number on the wire.
fn reasons() -> BTreeMap<u8, Reason> {
    let encoded = |n: u8| if n < 24 { vec![n] } else { vec![0x18, n] };
    let decoded = |n| message::decode::<Reason>(&encoded(n)).ok().map(|reason| (n, reason));
    (0..=u8::MAX).filter_map(decoded).collect()
}

#[test]
fn the_manual_names_every_exit_status_and_no_other() {
    let mut real = Names::from(["0".to_owned()]);
    for reason in reasons().into_values() {
        let refusal = Refusal::new(Problem::with_request(reason), "", "");
        real.insert(refusal.exit_status().to_string());
    }
    for path in ["src/error/mod.rs", "src/sys/start.rs"] {
        let text = read(path);
        let statuses = text.lines().filter_map(|line| {
            let (_, value) = line.split_once("const ")?.1.split_once(": i32 = ")?;
            Some(value.trim_end_matches(';').to_owned())
        });
        real.extend(statuses);
    }
    let page = read("man/pds.1");
    let items = part(&page, "Sh", "EXIT STATUS").lines().filter_map(|l| l.strip_prefix(".It "));
    same("exit statuses in pds(1)", &items.map(str::to_owned).collect(), &real);
}

/// The words that functions called `code` give in the sources.
fn codes() -> Names {
    let mut codes = Names::new();
    for (path, text) in sources("src") {
        for body in text.split("pub fn code(&self) -> ").skip(1) {
            let body = body.split_once("\n    }\n").map_or(body, |(body, _)| body);
            assert!(!body.contains(" _ =>"), "{path:?} has a code for whatever comes");
            codes.extend(body.split('"').skip(1).step_by(2).map(str::to_owned));
        }
    }
    codes
}

#[test]
fn the_manual_names_every_code_of_json_and_no_other() {
    let page = read("man/pds.1");
    let items = part(&page, "Sh", "JSON").lines().filter_map(|line| line.strip_prefix(".It "));
    same("codes in pds(1)", &items.map(str::to_owned).collect(), &codes());
}

// ---- the two files of pds(5)

/// `table.field` for each `Va` item, `table` for each heading that names one.
fn fields_of(section: &str) -> Names {
    let (mut table, mut found) = (String::new(), Names::new());
    for line in section.lines() {
        if let Some(title) = line.strip_prefix(".Ss ") {
            let named = title.strip_prefix("Table ").unwrap_or_default();
            table = named.split('.').next().unwrap_or_default().to_owned();
            found.extend((!table.is_empty()).then(|| table.clone()));
        } else if let Some(field) = line.strip_prefix(".It Va ") {
            found.insert(format!("{table}.{field}").trim_start_matches('.').to_owned());
        }
    }
    found
}

#[test]
fn the_manual_describes_every_field_of_the_manifest_and_no_other() {
    let schema: serde_json::Value = serde_json::from_str(&read("schema/pds.schema.json")).unwrap();
    let names = |at: &serde_json::Value| -> Vec<String> {
        at["properties"].as_object().into_iter().flat_map(|o| o.keys().cloned()).collect()
    };
    let mut real: Names = names(&schema).into_iter().collect();
    for table in names(&schema) {
        let inner = names(&schema["properties"][&table]);
        real.extend(inner.into_iter().map(|field| format!("{table}.{field}")));
    }
    let secret = names(&schema["$defs"]["secret"]);
    real.extend(secret.into_iter().map(|field| format!("secrets.{field}")));
    let page = read("man/pds.5");
    let section = part(&page, "Sh", "THE MANIFEST");
    same("fields of the manifest in pds(5)", &fields_of(section), &real);
    for choice in choices(&schema) {
        assert!(section.contains(&format!("Ql {choice}")), "pds(5): `{choice}` is not described");
    }
}

/// Every word that an enum or a constant of the schema allows.
fn choices(schema: &serde_json::Value) -> Names {
    let mut found = Names::new();
    let values = schema["enum"].as_array().into_iter().flatten().chain(schema.get("const"));
    found.extend(values.filter_map(|value| value.as_str()).map(str::to_owned));
    let inner: Vec<_> = match schema {
        serde_json::Value::Object(object) => object.values().collect(),
        serde_json::Value::Array(array) => array.iter().collect(),
        _ => Vec::new(),
    };
    inner.into_iter().for_each(|value| found.extend(choices(value)));
    found
}

/// The named fields of each struct of a source file, with their numbers on the
/// wire if they have one, and their types.
fn structs(code: &str) -> BTreeMap<String, Vec<(Option<u32>, String, String)>> {
    let mut all = BTreeMap::new();
    for text in code.split("\npub struct ").skip(1) {
        let Some((head, rest)) = text.split_once(" {\n") else { continue };
        if head.contains(['(', ';', '\n']) {
            continue;
        }
        let name = head.split('<').next().unwrap().to_owned();
        let (mut number, mut fields) = (None, Vec::new());
        for line in rest[..rest.find("\n}").unwrap()].lines().map(str::trim) {
            if line.starts_with("#[") {
                number = numbered(line).or(number);
            } else if let Some((field, kind)) =
                line.strip_prefix("pub ").and_then(|field| field.split_once(": "))
            {
                let kind = kind.trim_end_matches(',').to_owned();
                fields.push((number.take(), field.to_owned(), kind));
            }
        }
        all.insert(name, fields);
    }
    all
}

/// The number in `#[n(3)]`, `#[b(3)]` or `#[cbor(n(3), …)]`.
fn numbered(attribute: &str) -> Option<u32> {
    let inner = attribute.trim_start_matches("#[").trim_start_matches("cbor(");
    let inner = inner.strip_prefix("n(").or_else(|| inner.strip_prefix("b("))?;
    inner.split(')').next()?.parse().ok()
}

#[test]
fn the_manual_describes_every_field_of_the_configuration_and_no_other() {
    let structs = structs(&read("src/config/mod.rs"));
    let mut real = Names::new();
    for (_, field, kind) in &structs["Config"] {
        real.insert(field.clone());
        let inner = kind.split(|c: char| !c.is_alphanumeric()).filter_map(|k| structs.get(k));
        real.extend(inner.flatten().map(|(_, inner, _)| format!("{field}.{inner}")));
    }
    let page = read("man/pds.5");
    let section = part(&page, "Sh", "THE CONFIGURATION");
    same("fields of the config in pds(5)", &fields_of(section), &real);
}

// ---- the protocol

/// The columns of each row of a part's tables.
fn rows(text: &str) -> Vec<Vec<String>> {
    let items = text.lines().filter_map(|line| line.strip_prefix(".It "));
    items.map(|item| item.split(" Ta ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn documented_pairs(text: &str) -> Names {
    rows(text).iter().filter(|row| row.len() > 1).map(|r| format!("{} {}", r[0], r[1])).collect()
}

#[test]
fn the_manual_has_every_reason_with_its_number() {
    let real: Names =
        reasons().iter().map(|(number, reason)| format!("{number} {}", reason.word())).collect();
    let page = read("man/pds-daemon.8");
    same("reasons", &documented_pairs(part(&page, "Ss", "Reasons")), &real);
}

#[test]
fn the_manual_has_every_request_and_response_with_its_number() {
    let (code, page) = (read("src/wire/message.rs"), read("man/pds-daemon.8"));
    for (name, title) in [("Request", "Requests"), ("Response", "Responses")] {
        let start = code.find(&format!("pub enum {name}<'b> {{")).unwrap();
        let body = &code[start..start + code[start..].find("\n}").unwrap()];
        let (mut number, mut real) = (None, Names::new());
        for line in body.lines().skip(1).map(str::trim) {
            if line.starts_with("#[") {
                number = numbered(line);
            } else if let Some(number) = number.take() {
                let variant = line.split(['(', ',']).next().unwrap();
                let empty = !line.contains('(');
                real.insert(format!("{number} {variant}"));
                let row = rows(part(&page, "Ss", title)).into_iter().find(|r| r[1] == variant);
                let row = row.unwrap_or_else(|| panic!("{title}: no {variant}"));
                assert_eq!(row[2] == "nothing", empty, "{title}: the field of {variant}");
            }
        }
        same(title, &documented_pairs(part(&page, "Ss", title)), &real);
    }
}

#[test]
fn the_manual_has_every_field_on_the_wire_with_its_number() {
    let page = read("man/pds-daemon.8");
    let text = part(&page, "Ss", "Structures");
    let (mut documented, mut structure) = (Names::new(), String::new());
    for row in rows(text) {
        match row.as_slice() {
            [name] => structure = name.clone(),
            [number, field, kind, ..] => {
                let optional = kind.ends_with(" or null");
                documented.insert(format!("{structure} {number} {field} {optional}"));
            }
            _ => panic!("{row:?}"),
        }
    }
    let mut real = Names::new();
    let messages = sources("src/wire").into_iter().map(|(_, code)| structs(&code));
    let numbered =
        |fields: &Vec<(Option<u32>, String, String)>| fields.iter().any(|f| f.0.is_some());
    for (name, fields) in messages.flatten().filter(|(_, fields)| numbered(fields)) {
        for (number, field, kind) in fields {
            let number = number.unwrap_or_else(|| panic!("{name}.{field} has no number"));
            let optional = kind.starts_with("Option<");
            real.insert(format!("{name} {number} {field} {optional}"));
        }
    }
    same("fields on the wire", &documented, &real);
}

/// What a constant's expression is, as the page writes it.
fn evaluated(expression: &str) -> Option<String> {
    let call = |name: &str| {
        let inner = expression.strip_prefix(name)?.strip_suffix(')')?;
        inner.replace('_', "").parse::<u64>().ok()
    };
    if let Some(seconds) = call("Duration::from_secs(") {
        return Some(format!("{seconds} s"));
    }
    if let Some(millis) = call("Duration::from_millis(") {
        return Some(format!("{millis} ms"));
    }
    let words: Vec<_> = expression.trim_end_matches(" as u64").split(' ').collect();
    let number = |word: &str| -> Option<u64> {
        match word {
            "BATCH_MAX_ENTRIES" => Some(pds::wire::BATCH_MAX_ENTRIES as u64),
            "FILE_MAX_BYTES" => Some(4 << 20),
            "LINE_MIN_BYTES" => Some(80),
            "KEY_BYTES" => Some(pds::wire::identity::KEY_BYTES as u64),
            literal => literal.replace('_', "").parse().ok(),
        }
    };
    let value = match words.as_slice() {
        [one] => number(one)?,
        [left, "<<", right] => number(left)? << number(right)?,
        [left, "*", right] => number(left)? * number(right)?,
        [left, "*", middle, "/", right] => number(left)? * number(middle)? / number(right)?,
        _ => return None,
    };
    Some(value.to_string())
}

/// Constants that bound something, and what they are.
fn limits() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut files = sources("src/wire");
    files.extend(sources("src/daemon"));
    for path in ["src/secret/name.rs", "src/secret/mod.rs"] {
        files.push((Path::new(path).to_owned(), read(path)));
    }
    for (path, code) in files {
        for line in code.lines() {
            let Some((_, rest)) = line.split_once("const ") else { continue };
            let Some((name, rest)) = rest.split_once(": ") else { continue };
            let is_limit = name.split('_').any(|word| word == "MAX") || name == "DELAY_STEP";
            if !is_variable(name) || !is_limit {
                continue;
            }
            let (_, expression) = rest.split_once(" = ").unwrap();
            let value = evaluated(expression.trim_end_matches(';'));
            let value = value.unwrap_or_else(|| panic!("{}: {line}", path.display()));
            let before = found.insert(name.to_owned(), value.clone());
            assert!(before.is_none_or(|before| before == value), "two constants {name}");
        }
    }
    found
}

#[test]
fn the_manual_has_every_limit_with_its_number() {
    let page = read("man/pds-daemon.8");
    let mut documented = BTreeMap::new();
    let mut name = None;
    for line in part(&page, "Sh", "LIMITS").lines() {
        if let Some(comment) = line.strip_prefix(".\\\" ") {
            name = Some(comment.to_owned());
        } else if let Some(item) = line.strip_prefix(".It ") {
            let name = name.take().unwrap_or_else(|| panic!("whose limit is this? {line}"));
            let shown = item.split(" Ta ").next().unwrap().replace(',', "");
            let is_time = shown.ends_with(" s") || shown.ends_with(" ms");
            let value = if is_time { shown } else { words(&shown).swap_remove(0) };
            documented.insert(name, value);
        }
    }
    let pairs = |all: &BTreeMap<String, String>| -> Names {
        all.iter().map(|(name, value)| format!("{name} = {value}")).collect()
    };
    same("limits", &pairs(&documented), &pairs(&limits()));
}

#[test]
fn the_manual_of_the_manifest_has_the_limits_of_what_is_composed() {
    let page = read("man/pds.5");
    let text = part(&page, "Ss", "Table compose");
    for limit in [MAX_ARG_STRLEN, COMPOSED_MAX_BYTES] {
        let digits = limit.to_string();
        let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(str::from_utf8).collect();
        let shown = groups.into_iter().map(Result::unwrap).collect::<Vec<_>>().join(",");
        assert!(text.contains(&format!("{shown} bytes")), "{shown}");
    }
}

#[test]
fn the_manual_names_the_protocol_as_it_is() {
    let page = read("man/pds-daemon.8");
    let greeting = pds::wire::frame::greeting(pds::wire::PROTOCOL_VERSION);
    let greeting: Vec<_> = greeting.iter().map(|byte| format!("{byte:02x}")).collect();
    let frame = greeting.len() + pds::wire::channel::FIRST_MESSAGE_BYTES;
    for text in [
        pds::wire::channel::NOISE_NAME.to_owned(),
        greeting.join(" "),
        format!("exactly {frame} bytes"),
        format!("one frame of {} bytes", pds::wire::channel::SECOND_MESSAGE_BYTES),
        format!("flag {} if more", pds::wire::channel::MORE),
        format!("and {} if this is its\nlast", pds::wire::channel::LAST),
    ] {
        assert!(page.contains(&text), "pds-daemon(8) does not say `{text}`");
    }
    let shown = |request: &message::Request<'_>| {
        let bytes = message::encode(request).unwrap();
        let hex: Vec<_> = bytes.as_slice().iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(page.contains(&hex.join(" ")), "pds-daemon(8) does not show {request:?}");
    };
    shown(&message::Request::Status);
    shown(&message::Request::Get(message::KeyInProfile { profile: "default", key: "a" }));
}
