use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::run::manifest::{Manifest, UNJUDGED};

fn name(text: &str) -> VariableName {
    VariableName::new(text).unwrap()
}

/// What `bind` makes of these, as text.
struct Case<'c> {
    inherited: &'c [&'c str],
    inherit: Inherit,
    vars: &'c [(&'c str, &'c str)],
    secrets: &'c [(&'c str, &'c [u8], bool)],
    absent: &'c [&'c str],
    compose: &'c str,
    conflict: Conflict,
}

impl Default for Case<'_> {
    fn default() -> Self {
        let (inherit, conflict) = (Inherit::All, Conflict::Secret);
        let (inherited, vars, secrets, absent) = (&[], &[], &[], &[]);
        Self { inherited, inherit, vars, secrets, absent, compose: "", conflict }
    }
}

impl Case<'_> {
    fn bind(&self) -> Result<Vec<String>, Vec<EnvironmentProblem>> {
        let inherited: Vec<_> = self.inherited.iter().map(|text| text.as_bytes()).collect();
        let vars: Vec<_> =
            self.vars.iter().map(|(n, value)| (name(n), (*value).to_owned())).collect();
        let names: Vec<_> = self.secrets.iter().map(|(n, ..)| name(n)).collect();
        let secrets = self.secrets.iter().zip(&names).map(|((_, value, hidden), name)| Resolved {
            name,
            value: SecretValue::Answered(value),
            hidden: *hidden,
        });
        let secrets = secrets.collect();
        let absent: Vec<_> = self.absent.iter().map(|n| name(n)).collect();
        // All single letters are declared, so that any template's names are known.
        let declared: String = ('A'..='Z')
            .filter(|letter| !self.compose.contains(&format!("{letter} =")))
            .map(|letter| format!("{letter} = ''\n"))
            .collect();
        let text = format!("pds = 1\n[vars]\n{declared}[compose]\n{}", self.compose);
        let manifest = Manifest::parse(text.as_bytes(), "/p".as_ref(), 0, UNJUDGED).unwrap();
        let environment = Environment::bind(Sources {
            inherited: &inherited,
            inherit: &self.inherit,
            vars: &vars,
            secrets,
            absent: absent.iter().collect(),
            compose: &manifest.compose,
            conflict: self.conflict,
        })?;
        let mut block = vec![b'#'; environment.len() + 1];
        let starts = environment.write_into(&mut block).unwrap();
        assert_eq!(block.pop(), Some(b'#'), "nothing is written behind the end");
        assert_eq!(starts.len(), environment.entries().len());
        let text = String::from_utf8(block).unwrap();
        let end = |start: &usize| start + text[*start..].find('\0').unwrap();
        Ok(starts.iter().map(|start| text[*start..end(start)].to_owned()).collect())
    }
}

#[test]
fn the_command_sees_what_was_inherited_and_what_was_asked_for_and_nothing_else() {
    let case = Case {
        inherited: &["PATH=/bin", "HOME=/h"],
        vars: &[("LEVEL", "info")],
        secrets: &[("KEY", b"k=\n", false), ("P", b"p@/", true)],
        compose: "URL = 'x://${P|urlencode}@h'",
        ..Case::default()
    };
    let expected = ["PATH=/bin", "HOME=/h", "LEVEL=info", "KEY=k=\n", "URL=x://p%40%2F@h"];
    assert_eq!(case.bind().unwrap(), expected);
}

#[test]
fn what_is_optional_and_absent_is_unset_unless_the_environment_counts() {
    let inherited = &["A=stale", "B=1"];
    let case = |conflict| Case { inherited, absent: &["A", "C"], conflict, ..Case::default() };
    assert_eq!(case(Conflict::Secret).bind().unwrap(), ["B=1"]);
    assert_eq!(case(Conflict::Environment).bind().unwrap(), ["A=stale", "B=1"]);
    let problems = case(Conflict::Error).bind().unwrap_err();
    assert_eq!(problems, [EnvironmentProblem::AlreadySet(name("A"))]);
}

#[test]
fn what_was_inherited_passes_untouched_however_odd() {
    let odd = ["odd", "=C:=x", "", "BASH_FUNC_f%%=() { :;}", "A B=1", "odd", "LD_PRELOAD=", "E="];
    assert_eq!(Case { inherited: &odd, ..Case::default() }.bind().unwrap(), odd);
}

#[test]
fn of_a_name_that_was_inherited_twice_the_first_counts() {
    let case = Case { inherited: &["A=1", "B=2", "A=3"], ..Case::default() };
    assert_eq!(case.bind().unwrap(), ["A=1", "B=2"]);
    let set = Case { secrets: &[("A", b"s", false)], ..case };
    assert_eq!(set.bind().unwrap(), ["B=2", "A=s"]);
    let kept = Case { conflict: Conflict::Environment, ..set };
    assert_eq!(kept.bind().unwrap(), ["A=1", "B=2"]);
}

#[test]
fn a_list_of_names_keeps_those_alone() {
    let inherited = ["PATH=/bin", "LC_ALL=C", "AWS_KEY=x", "odd", "path=x", "TERM=xterm"];
    let case = Case { inherited: &inherited, inherit: Inherit::clean(), ..Case::default() };
    assert_eq!(case.bind().unwrap(), ["PATH=/bin", "LC_ALL=C", "TERM=xterm"]);
}

#[test]
fn where_the_password_is_stays_behind_whatever_is_inherited() {
    let inherited = ["PDS_PASSWORD_FILE=/p", "PDS_CLIENT_KEY=k", "PDS_PROFILE=work"];
    let only = Inherit::Only(vec![NamePattern::new("*").unwrap()]);
    for inherit in [Inherit::All, only] {
        let case = Case { inherited: &inherited, inherit, ..Case::default() };
        assert_eq!(case.bind().unwrap(), ["PDS_PROFILE=work"]);
    }
}

#[test]
fn each_way_out_of_a_conflict() {
    let mut case = Case {
        inherited: &["A=env", "V=env"],
        vars: &[("V", "var")],
        secrets: &[("A", b"secret", false)],
        ..Case::default()
    };
    assert_eq!(case.bind().unwrap(), ["V=var", "A=secret"]);
    case.conflict = Conflict::Environment;
    assert_eq!(case.bind().unwrap(), ["A=env", "V=env"]);
    case.conflict = Conflict::Error;
    let already_set = ["V", "A"].map(|text| EnvironmentProblem::AlreadySet(name(text)));
    assert_eq!(case.bind().unwrap_err(), already_set);
    case.inherit = Inherit::clean();
    assert_eq!(case.bind().unwrap(), ["V=var", "A=secret"], "what isn't inherited isn't set");
}

#[test]
fn a_template_of_something_absent_is_absent_and_so_is_what_needs_it() {
    let case = Case {
        secrets: &[("A", b"a", false)],
        compose: "X1 = '${A}${B}'\nX2 = '${X1}'\nX3 = '${A|base64|json}'",
        ..Case::default()
    };
    assert_eq!(case.bind().unwrap(), ["A=a", "X3=\"YQ==\""]);
}

#[test]
fn a_secret_given_on_the_command_line_replaces_var_and_template() {
    let case = Case {
        vars: &[("A", "var")],
        secrets: &[("A", b"s", false), ("C", b"s", false)],
        compose: "C = 'composed'\nD = '${A}${C}'",
        ..Case::default()
    };
    assert_eq!(case.bind().unwrap(), ["A=s", "C=s", "D=ss"]);
}

#[test]
fn all_that_is_wrong_with_values_is_said_at_once_and_without_them() {
    let long = "hunter2".repeat(20_000);
    let case = Case {
        vars: &[("V", "() { hunter2; }")],
        secrets: &[
            ("N", b"hunter2\0", false),
            ("H", b"hidden\0", true),
            ("L", long.as_bytes(), false),
            ("B", b"\xffhunter2", false),
            ("B", b"again", false),
        ],
        compose: "J = '${B|json}'\nK = '${H}'",
        ..Case::default()
    };
    let problems = case.bind().unwrap_err();
    let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert!(told.iter().all(|text| !text.contains("hunter2")));
    use EnvironmentProblem::*;
    // The later `B` is the one that a template sees, but nothing starts anyway.
    assert_eq!(
        problems,
        [
            SetTwice(name("B")),
            Function(name("V")),
            Nul(name("N")),
            TooLong(name("L")),
            Nul(name("K")),
        ]
    );
}

#[test]
fn json_of_what_is_not_text_says_which() {
    let case =
        Case { secrets: &[("B", b"\xff", true)], compose: "J = '${B|json}'", ..Case::default() };
    let expected = EnvironmentProblem::NotText { composed: name("J"), value: name("B") };
    assert_eq!(case.bind().unwrap_err(), [expected]);
}

#[test]
fn one_string_may_have_as_many_bytes_as_the_kernel_takes_and_no_more() {
    for (len, fits) in [(MAX_ARG_STRLEN - 3, true), (MAX_ARG_STRLEN - 2, false)] {
        let value = vec![b'x'; len];
        let case = Case { secrets: &[("A", &value, false)], ..Case::default() };
        assert_eq!(case.bind().is_ok(), fits, "{len}");
    }
}

#[test]
fn a_composed_value_may_have_as_many_bytes_as_the_kernel_takes_and_no_more() {
    for (len, fits) in [(MAX_ARG_STRLEN - 3, true), (MAX_ARG_STRLEN - 2, false)] {
        let value = vec![b'x'; len - 1];
        let case =
            Case { secrets: &[("P", &value, true)], compose: "A = '-${P}'", ..Case::default() };
        let expected = Err(vec![EnvironmentProblem::ComposedTooLong(name("A"))]);
        let bound = case.bind();
        assert_eq!(bound.is_ok(), fits, "{len}");
        assert!(fits || bound == expected, "{len}");
    }
}

#[test]
fn templates_that_double_one_another_end_at_the_first_that_no_variable_can_hold() {
    let doubled = |n: usize| format!("V{n} = '${{V{}}}${{V{}}}'\n", n - 1, n - 1);
    let compose: String = (1..=60).map(doubled).collect();
    let compose = format!("V0 = 'xxxxxxxx'\n{compose}");
    let case = Case { compose: &compose, ..Case::default() };
    // 2^17 bytes are too many with a name.
    assert_eq!(case.bind(), Err(vec![EnvironmentProblem::ComposedTooLong(name("V14"))]));

    let filters = "|shell".repeat(60);
    let compose = format!("Q = \"${{A{filters}}}\"");
    let case = Case { vars: &[("A", "'")], compose: &compose, ..Case::default() };
    assert_eq!(case.bind(), Err(vec![EnvironmentProblem::ComposedTooLong(name("Q"))]));
}

#[test]
fn all_composed_values_together_have_an_edge() {
    let value = vec![b'x'; 1 << 16];
    let most = COMPOSED_MAX_BYTES / value.len();
    for (many, fits) in [(most, true), (most + 1, false), (4_000, false)] {
        let compose: String = (1..=many).map(|n| format!("V{n:04} = '${{P}}'\n")).collect();
        let case = Case { secrets: &[("P", &value, true)], compose: &compose, ..Case::default() };
        let bound = case.bind().map(|bound| bound.len());
        let beyond = EnvironmentProblem::ComposedTooLarge(name(&format!("V{:04}", most + 1)));
        assert_eq!(bound, if fits { Ok(many) } else { Err(vec![beyond]) }, "{many}");
    }
}

#[test]
fn the_kernels_limit_follows_the_stacks() {
    const MIB: u64 = 1024 * 1024;
    for (stack, limit) in
        [(0, 131_072), (8 * MIB, 2 * MIB), (24 * MIB, 6 * MIB), (u64::MAX, 6 * MIB)]
    {
        assert_eq!(kernel_limit(stack), limit, "{stack}");
    }
}

#[test]
fn all_strings_and_their_pointers_together_have_an_edge() {
    let limit = usize::try_from(kernel_limit(0)).unwrap();
    // file "f", argv ["f"], BIG=… and A=1, with three pointers
    let others = 2 + 2 + 5 + 4 + 3 * 8;
    for (len, fits) in [(limit - others, true), (limit - others + 1, false)] {
        let big = format!("BIG={}", "x".repeat(len));
        let inherited: [&[u8]; 2] = [b"A=1", big.as_bytes()];
        let sources = Sources {
            inherited: &inherited,
            inherit: &Inherit::All,
            vars: &[],
            secrets: Vec::new(),
            absent: Vec::new(),
            compose: &[],
            conflict: Conflict::Secret,
        };
        let checked = Environment::bind(sources).unwrap().check_size(b"f", &[b"f"], 0);
        assert_eq!(checked.is_ok(), fits);
        let names_it =
            |e: &TooLarge| matches!(e, TooLarge::Together { largest, .. } if largest == "BIG");
        assert!(fits || checked.unwrap_err().iter().all(names_it));
    }
}

#[test]
fn a_string_that_is_too_long_by_itself_is_named() {
    let long = "x".repeat(MAX_ARG_STRLEN);
    let text = format!("E\u{1b}={long}");
    let inherited = [text.as_bytes()];
    let sources = Sources {
        inherited: &inherited,
        inherit: &Inherit::All,
        vars: &[],
        secrets: Vec::new(),
        absent: Vec::new(),
        compose: &[],
        conflict: Conflict::Secret,
    };
    let environment = Environment::bind(sources).unwrap();
    let problems = environment.check_size(b"f", &[b"f", long.as_bytes()], u64::MAX).unwrap_err();
    let argument = TooLarge::Argument { index: 1, len: MAX_ARG_STRLEN + 1 };
    let variable = TooLarge::Variable("E\\u{1b}".to_owned());
    assert_eq!(problems, [argument, variable]);
}

proptest! {
    #[test]
    fn one_entry_per_name(
        inherited in proptest::collection::vec("[A-D]{0,2}=?[a-z]{0,2}", 0..12),
        vars in proptest::collection::btree_set("[A-D]{1,2}", 0..4),
        secrets in proptest::collection::btree_set("[A-D]{1,2}", 0..4),
        conflict in prop_oneof![Just(Conflict::Secret), Just(Conflict::Environment)],
    ) {
        let inherited: Vec<_> = inherited.iter().map(String::as_str).collect();
        let vars: Vec<_> = vars.iter().map(|name| (name.as_str(), "v")).collect();
        let secrets: Vec<(_, &[u8], _)> =
            secrets.iter().map(|name| (name.as_str(), &b"s"[..], false)).collect();
        let case = Case { inherited: &inherited, vars: &vars, secrets: &secrets, conflict, ..Case::default() };
        let bound = case.bind().unwrap();
        let name = |text: &String| text.split_once('=').map(|(name, _)| name.to_owned()).filter(|name| !name.is_empty());
        let names: Vec<_> = bound.iter().filter_map(name).collect();
        let distinct: BTreeSet<_> = names.iter().cloned().collect();
        prop_assert_eq!(names.len(), distinct.len());
        let asked = inherited.iter().map(|text| (*text).to_owned()).filter_map(|text| name(&text));
        let asked: BTreeSet<_> = asked
            .chain(vars.iter().map(|(name, _)| (*name).to_owned()))
            .chain(secrets.iter().map(|(name, ..)| (*name).to_owned()))
            .collect();
        prop_assert_eq!(distinct, asked);
    }
}
