//! A command line that is wrong: what clap has found, in the words of everything else.

use std::fmt;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::say::{Told, escaped};

/// A command line that is wrong, or that asks for help or the version.
#[derive(Debug)]
pub struct Usage {
    error: clap::Error,
    /// The command that was meant, without its arguments.
    command: String,
}

impl Usage {
    /// What clap says of a command line, which begins with `command`. It repeats words as
    /// they were typed, so each is escaped first.
    #[must_use]
    pub fn new(mut error: clap::Error, command: String) -> Self {
        let inert = |text: &String| escaped(text).to_string();
        let words: Vec<_> = error.context().map(|(kind, word)| (kind, word.clone())).collect();
        for (kind, word) in words {
            let word = match word {
                ContextValue::String(text) => ContextValue::String(inert(&text)),
                ContextValue::Strings(all) => {
                    ContextValue::Strings(all.iter().map(inert).collect())
                }
                _ => continue,
            };
            error.insert(kind, word);
        }
        Self { error, command }
    }

    /// Whether it is a text that was asked for, or that stands in for a command: that is
    /// clap's own.
    #[must_use]
    pub fn is_help(&self) -> bool {
        let shown = ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
        self.is_asked_for() || self.error.kind() == shown
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_asked_for(&self) -> bool {
        !self.error.use_stderr()
    }

    /// Prints the help.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn print(&self) -> std::io::Result<()> {
        self.error.print()
    }

    /// All that there is to say about it.
    #[must_use]
    pub fn told(&self) -> Told {
        Told::new(self, Some(self.hint()))
    }

    fn hint(&self) -> String {
        let kinds = [
            ContextKind::SuggestedSubcommand,
            ContextKind::SuggestedArg,
            ContextKind::SuggestedValue,
        ];
        if let Some(nearest) = kinds.into_iter().find_map(|kind| self.words(kind).pop()) {
            return format!("did you mean `{nearest}`?");
        }
        match self.words(ContextKind::ValidValue).as_slice() {
            [] => format!("{} --help", self.command),
            values => format!("one of {}", in_backticks(values, ", ")),
        }
    }

    /// What clap knows of one kind.
    fn words(&self, kind: ContextKind) -> Vec<String> {
        match self.error.get(kind) {
            Some(ContextValue::String(word)) => vec![word.clone()],
            Some(ContextValue::Strings(words)) => words.clone(),
            _ => Vec::new(),
        }
    }

    /// The first option or argument that it is about.
    fn argument(&self) -> String {
        self.words(ContextKind::InvalidArg).first().map(|word| bare(word)).unwrap_or_default()
    }
}

/// A wrong value is not repeated: it may be a secret in the wrong place.
impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (command, argument) = (&self.command, self.argument());
        match self.error.kind() {
            ErrorKind::InvalidSubcommand => {
                let word = self.words(ContextKind::InvalidSubcommand).concat();
                write!(f, "`{command}` has no command `{word}`")
            }
            ErrorKind::UnknownArgument if argument.starts_with('-') => {
                write!(f, "`{command}` has no option `{argument}`")
            }
            ErrorKind::UnknownArgument => write!(f, "`{command}` takes no further argument"),
            ErrorKind::MissingRequiredArgument => {
                let missing: Vec<_> =
                    self.words(ContextKind::InvalidArg).iter().map(|word| bare(word)).collect();
                write!(f, "`{command}` needs {}", in_backticks(&missing, " and "))
            }
            ErrorKind::ArgumentConflict => {
                let prior = self.words(ContextKind::PriorArg);
                let prior: Vec<_> = prior.iter().map(|word| bare(word)).collect();
                if prior == [argument.as_str()] {
                    return write!(f, "`{argument}` can be given once");
                }
                write!(f, "`{argument}` does not go with {}", in_backticks(&prior, " and "))
            }
            ErrorKind::InvalidValue
                if self.words(ContextKind::InvalidValue).concat().is_empty() =>
            {
                write!(f, "`{argument}` needs a value")
            }
            ErrorKind::InvalidValue => write!(f, "`{argument}` takes no such value"),
            ErrorKind::ValueValidation => match std::error::Error::source(&self.error) {
                Some(why) => write!(f, "`{argument}` takes no such value: {why}"),
                None => write!(f, "`{argument}` takes no such value"),
            },
            ErrorKind::TooManyValues if !argument.is_empty() => {
                write!(f, "`{argument}` takes no value")
            }
            ErrorKind::InvalidUtf8 => write!(f, "`{command}` takes no argument that is not UTF-8"),
            // Its own words, without the frame that it has for a terminal.
            _ => {
                let text = self.error.render().to_string();
                let said = text.split("\n\n").next().unwrap_or_default();
                let said: Vec<_> = said.trim_start_matches("error: ").split_whitespace().collect();
                f.write_str(&said.join(" "))
            }
        }
    }
}

/// An option without what it takes, and the name of what an argument is: `--profile` of
/// `--profile <PROFILE>`, `KEY` of `<KEY>`.
fn bare(word: &str) -> String {
    let first = word.split([' ', '=']).next().unwrap_or_default();
    let is_around = |c: char| "<>[].".contains(c);
    first.trim_matches(is_around).to_owned()
}

fn in_backticks(words: &[String], between: &str) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(between)
}
