//! The formats: what each can carry, and how it writes it.

use super::{Named, write};
use crate::{
    say::Told,
    secret::{OutOfSecretMemory, SecureBuffer, encode},
};

/// A line of a docker env-file, its end included: Go's `bufio.MaxScanTokenSize`.
const DOCKER_LINE_MAX_BYTES: usize = 64 << 10;
/// All values of a Kubernetes Secret together.
const KUBERNETES_SECRET_MAX_BYTES: usize = 1 << 20;
/// The name of a Kubernetes object (RFC 1123).
const KUBERNETES_NAME_MAX_BYTES: usize = 253;

/// Who is going to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// A `.env` file, as `import`, POSIX shells and node read one.
    Env,
    /// `eval` of a POSIX shell.
    Shell,
    /// `source` of fish.
    Fish,
    /// One object.
    Json,
    /// One mapping.
    Yaml,
    /// `docker run --env-file`.
    Docker,
    /// A Secret.
    Kubernetes,
    /// The file that `GITHUB_ENV` names, and masks.
    Github,
}

impl Format {
    /// By its name on the command line, which has no others than these.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "shell" => Self::Shell,
            "fish" => Self::Fish,
            "json" => Self::Json,
            "yaml" => Self::Yaml,
            "docker" => Self::Docker,
            "k8s" => Self::Kubernetes,
            "github" => Self::Github,
            _ => Self::Env,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::Shell => "shell",
            Self::Fish => "fish",
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Docker => "docker",
            Self::Kubernetes => "k8s",
            Self::Github => "github",
        }
    }

    /// Whether names are keys, and no variables.
    pub(super) fn has_keys(self) -> bool {
        matches!(self, Self::Json | Self::Yaml)
    }
}

/// A value that the format can't carry exactly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{format}` can't carry `{name}`: {why}")]
pub struct Unfit {
    name: String,
    format: &'static str,
    why: &'static str,
}

impl Unfit {
    /// All that there is to say about it.
    #[must_use]
    pub fn told(&self) -> Told {
        let hint = match self.format {
            "k8s" => "export fewer keys at once",
            _ => "--format k8s carries any bytes",
        };
        let cells = [format!("`{}`", self.name), self.why.to_owned(), String::new()];
        Told::new(self, Some(hint.to_owned())).in_table("values do not fit this format", cells)
    }
}

/// Everything that `format` can't carry.
pub(super) fn unfit(named: &[Named<'_>], format: Format) -> Vec<Unfit> {
    let unfit = |name: &str, why| Unfit { name: name.to_owned(), format: format.name(), why };
    if format == Format::Kubernetes {
        let mut bytes = 0;
        let beyond = named.iter().filter(|named| {
            bytes += named.value.len();
            bytes > KUBERNETES_SECRET_MAX_BYTES
        });
        return beyond.map(|named| unfit(named.name, "a Secret has at most 1 MiB")).collect();
    }
    let found = named.iter().filter_map(|named| {
        let value = named.value;
        let why = match format {
            Format::Json | Format::Yaml => not_text(value),
            Format::Env | Format::Shell | Format::Fish => nul(value),
            Format::Github => nul(value).or_else(|| not_text(value)),
            Format::Docker => nul(value).or_else(|| not_text(value)).or_else(|| {
                let line = named.name.len() + value.len() + "=\n".len();
                match value {
                    _ if value.contains(&b'\n') => Some("it has a newline"),
                    [.., b'\r'] => Some("it ends with a carriage return"),
                    _ if line > DOCKER_LINE_MAX_BYTES => Some("docker reads no line that long"),
                    _ => None,
                }
            }),
            Format::Kubernetes => None,
        }?;
        Some(unfit(named.name, why))
    });
    found.collect()
}

fn nul(value: &[u8]) -> Option<&'static str> {
    value.contains(&0).then_some("it has a NUL")
}

fn not_text(value: &[u8]) -> Option<&'static str> {
    std::str::from_utf8(value).is_err().then_some("it is not UTF-8")
}

/// Whether a Kubernetes object can have this name.
pub(super) fn is_kubernetes_name(name: &str) -> bool {
    let letter = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let label = |label: &str| {
        let bytes = label.as_bytes();
        bytes.first().is_some_and(|c| letter(*c))
            && bytes.last().is_some_and(|c| letter(*c))
            && bytes.iter().all(|c| letter(*c) || *c == b'-')
    };
    name.len() <= KUBERNETES_NAME_MAX_BYTES && name.split('.').all(label)
}

/// All of it as `format` has it; [`unfit`] has found nothing.
pub(super) fn text(
    named: &[Named<'_>],
    format: Format,
    object: &str,
) -> Result<SecureBuffer, OutOfSecretMemory> {
    let mut out = SecureBuffer::new()?;
    match format {
        Format::Env => each(named, &mut out, "", "=", write::dotenv)?,
        Format::Shell => each(named, &mut out, "export ", "=", write::single_quoted)?,
        Format::Fish => each(named, &mut out, "set -gx ", " ", write::fish)?,
        Format::Docker => each(named, &mut out, "", "=", |value, out| out.extend(value))?,
        Format::Json => write::json(named, &mut out)?,
        Format::Yaml if named.is_empty() => out.extend(b"{}\n")?,
        Format::Yaml => {
            for Named { name, value, .. } in named {
                write::yaml(name.as_bytes(), &mut out)?;
                out.extend(b": ")?;
                write::yaml(value, &mut out)?;
                out.extend(b"\n")?;
            }
        }
        Format::Kubernetes => kubernetes(named, object, &mut out)?,
        Format::Github => {
            for Named { name, value, .. } in named {
                write::heredoc(name, value, &mut out)?;
            }
        }
    }
    Ok(out)
}

fn each(
    named: &[Named<'_>],
    out: &mut SecureBuffer,
    before: &str,
    between: &str,
    write: fn(&[u8], &mut SecureBuffer) -> Result<(), OutOfSecretMemory>,
) -> Result<(), OutOfSecretMemory> {
    for Named { name, value, .. } in named {
        for text in [before, name, between] {
            out.extend(text.as_bytes())?;
        }
        write(value, out)?;
        out.extend(b"\n")?;
    }
    Ok(())
}

fn kubernetes(
    named: &[Named<'_>],
    object: &str,
    out: &mut SecureBuffer,
) -> Result<(), OutOfSecretMemory> {
    let head = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: ";
    for text in [head, "\"", object, "\"\ntype: Opaque\ndata:"] {
        out.extend(text.as_bytes())?;
    }
    out.extend(if named.is_empty() { b" {}\n" } else { b"\n" })?;
    for Named { name, value, .. } in named {
        for text in ["  \"", name, "\": \""] {
            out.extend(text.as_bytes())?;
        }
        out.extend(encode::base64(value)?.expose())?;
        out.extend(b"\"\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(format: Format, value: &[u8]) -> Option<&'static str> {
        let named = [Named { name: "A", value, is_secret: true }];
        unfit(&named, format).first().map(|unfit| unfit.why)
    }

    #[test]
    fn what_a_format_cannot_carry_is_refused_and_nothing_else() {
        use Format::*;
        for format in [Env, Shell, Fish, Docker, Github] {
            assert_eq!(why(format, b"a\0b"), Some("it has a NUL"));
        }
        for format in [Json, Yaml, Docker, Github] {
            assert_eq!(why(format, b"\xff"), Some("it is not UTF-8"));
        }
        for format in [Env, Shell, Fish, Kubernetes] {
            assert_eq!(why(format, b"\xff"), None);
        }
        assert_eq!(why(Json, b"\0"), None);
        assert_eq!(why(Kubernetes, b"\0"), None);
        assert_eq!(why(Docker, b"a\n"), Some("it has a newline"));
        assert_eq!(why(Docker, b"a\r"), Some("it ends with a carriage return"));
        assert_eq!(why(Docker, b" a\rb \t"), None);
        let line = |more: usize| vec![b'a'; DOCKER_LINE_MAX_BYTES - "A=\n".len() + more];
        assert_eq!(why(Docker, &line(0)), None);
        assert!(why(Docker, &line(1)).is_some());
        assert_eq!(why(Kubernetes, &vec![0; 1 << 20]), None);
        assert!(why(Kubernetes, &vec![0; (1 << 20) + 1]).is_some());
    }

    #[test]
    fn a_kubernetes_name_is_a_dns_name() {
        for name in ["pds", "a-b.c9"] {
            assert!(is_kubernetes_name(name));
        }
        for name in ["", "A", "-a", "a-", "a..b", "a_b", "a\nb", &"a".repeat(254)] {
            assert!(!is_kubernetes_name(name), "{name}");
        }
    }
}
