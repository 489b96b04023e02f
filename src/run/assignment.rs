//! `-e VAR=KEY`: a variable from a key, over what the manifest says.

use crate::{
    say::Told,
    secret::{InvalidKey, validate_secret_key},
    variable::{VARIABLE_MAX_BYTES, VariableName},
};

/// What one `-e` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub variable: VariableName,
    /// The key whose value it gets.
    pub key: String,
}

/// An option or variable whose value is not of its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadOption {
    /// `-e` without `=`. It is not shown: it may be a value.
    #[error("`-e` takes VAR=KEY, and {} has no `=`", which(*.number, *.of))]
    NotAnAssignment {
        /// Which of them, from 1.
        number: usize,
        /// How many there are.
        of: usize,
    },
    /// `-e` that begins with `=`.
    #[error("`-e` has no variable before its `=`")]
    NoVariable,
    /// What is before its `=` can't be a variable.
    #[error("`-e` can't set {}: a variable {wrong}", shown(.name))]
    NotAVariable {
        /// That.
        name: String,
        /// What is wrong with it.
        wrong: WrongName,
    },
    /// What is after its `=` can't be a key. It is not shown: it may be a value.
    #[error("`-e` names no key for `{variable}`: {reason}")]
    NotAKey {
        /// The variable.
        variable: VariableName,
        /// What is wrong with it.
        reason: InvalidKey,
    },
    /// `PDS_PROFILE` can't be a profile.
    #[error("`PDS_PROFILE` names no profile")]
    NotAProfile,
}

/// What a variable's name has none of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongName {
    /// More than [`VARIABLE_MAX_BYTES`].
    #[error("has at most {VARIABLE_MAX_BYTES} characters")]
    TooLong,
    /// A digit first.
    #[error("starts with no digit")]
    Digit,
    /// A space or a tab.
    #[error("has no blank in it")]
    Blank,
    /// A character that names of other things have.
    #[error("has no `{0}` in it")]
    Character(char),
    /// Any other.
    #[error("has only letters, digits and `_`")]
    Other,
}

impl WrongName {
    fn of(name: &str) -> Self {
        let is_wrong = |c: &char| !c.is_ascii_alphanumeric() && *c != '_';
        match name.chars().find(is_wrong) {
            _ if name.len() > VARIABLE_MAX_BYTES => Self::TooLong,
            Some(' ' | '\t') => Self::Blank,
            Some(wrong) if wrong.is_ascii_punctuation() && wrong != '`' => Self::Character(wrong),
            Some(_) => Self::Other,
            None => Self::Digit,
        }
    }
}

/// A name, unless it could be something else: whoever has mistaken the order of things has
/// a value before the `=`.
fn shown(name: &str) -> String {
    match is_showable(name) {
        true => format!("`{name}`"),
        false => "this".to_owned(),
    }
}

fn is_showable(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-. ".contains(c);
    (1..=NAME_SHOWN_MAX_BYTES).contains(&name.len()) && name.chars().all(is_plain)
}

/// A name of more bytes is not shown.
const NAME_SHOWN_MAX_BYTES: usize = 32;

fn which(number: usize, of: usize) -> String {
    if of == 1 { "this one".to_owned() } else { format!("number {number} of {of}") }
}

/// A name that can be a variable's, nearest to `name`.
fn as_it_should_be(name: &str) -> Option<VariableName> {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let trimmed: String = name.trim().chars().map(plain).collect();
    let digit = trimmed.starts_with(|c: char| c.is_ascii_digit());
    let name = if digit { format!("_{trimmed}") } else { trimmed };
    VariableName::new(&name).ok().filter(|name| name.bytes().any(|b| b != b'_'))
}

impl Assignment {
    /// Reads `text`, the `number`th `-e` of so many.
    ///
    /// # Errors
    /// [`BadOption`].
    pub fn read(text: &str, number: usize, of: usize) -> Result<Self, BadOption> {
        let parts = text.split_once('=');
        let (name, key) = parts.ok_or(BadOption::NotAnAssignment { number, of })?;
        if name.is_empty() {
            return Err(BadOption::NoVariable);
        }
        let variable = VariableName::new(name).map_err(|_| BadOption::NotAVariable {
            name: name.to_owned(),
            wrong: WrongName::of(name),
        })?;
        validate_secret_key(key)
            .map_err(|reason| BadOption::NotAKey { variable: variable.clone(), reason })?;
        Ok(Self { variable, key: key.to_owned() })
    }
}

impl BadOption {
    /// All that there is to say about it.
    #[must_use]
    pub fn told(&self) -> Told {
        let hint = match self {
            Self::NotAnAssignment { .. } | Self::NoVariable => {
                Some("such as -e STRIPE_KEY=stripe/api-key".to_owned())
            }
            Self::NotAVariable { name, .. } => {
                let right = is_showable(name).then(|| as_it_should_be(name)).flatten();
                let right = right.as_ref().map_or("STRIPE_KEY", VariableName::as_str);
                Some(format!("such as -e {right}=stripe/api-key"))
            }
            Self::NotAKey { variable, .. } => Some(format!("such as -e {variable}=stripe/api-key")),
            Self::NotAProfile => None,
        };
        Told::new(self, hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> (String, Option<String>) {
        let told = Assignment::read(text, 2, 3).unwrap_err().told();
        (told.message, told.hint.map(|hint| hint.replace("=stripe/api-key", "")))
    }

    #[test]
    fn what_is_wrong_with_a_name_is_told_and_how_it_should_look() {
        for (text, message, name) in [
            ("A B=k", "`-e` can't set `A B`: a variable has no blank in it", "A_B"),
            ("a-b=k", "`-e` can't set `a-b`: a variable has no `-` in it", "a_b"),
            ("1A=k", "`-e` can't set `1A`: a variable starts with no digit", "_1A"),
            (" A =k", "`-e` can't set ` A `: a variable has no blank in it", "A"),
            ("=k", "`-e` has no variable before its `=`", "STRIPE_KEY"),
            (
                "é=k",
                "`-e` can't set this: a variable has only letters, digits and `_`",
                "STRIPE_KEY",
            ),
            ("a:hunter2@b/=k", "`-e` can't set this: a variable has no `:` in it", "STRIPE_KEY"),
        ] {
            assert_eq!(
                told(text),
                (message.to_owned(), Some(format!("such as -e {name}"))),
                "{text}"
            );
        }
        let long = "A".repeat(129);
        assert!(told(&format!("{long}=k")).0.ends_with("a variable has at most 128 characters"));
    }

    #[test]
    fn what_may_be_a_value_is_never_shown() {
        for text in ["hunter2", "A=hunter2 and more", "sk:hunter2=k", "A=/hunter2"] {
            assert!(!told(text).0.contains("hunter2"), "{text}");
        }
        assert_eq!(told("hunter2").0, "`-e` takes VAR=KEY, and number 2 of 3 has no `=`");
    }
}
