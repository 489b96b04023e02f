//! What git says of a credential: `name=value` lines (git-credential(1)).

use std::fmt;

/// What git must not send, or this helper does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotACredential {
    /// A line without `=`, or with a NUL or a carriage return (CVE-2024-52006).
    #[error("line {0} of what git sent is no `name=value`")]
    Line(usize),
}

/// A server, and what git knows of its credential.
pub(super) struct Asked<'r> {
    protocol: &'r [u8],
    host: &'r [u8],
    pub(super) username: Option<&'r [u8]>,
    pub(super) password: Option<&'r [u8]>,
}

/// Says nothing of the password.
impl fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked")
    }
}

impl<'r> Asked<'r> {
    /// Reads git's lines, up to an empty one. Names that are not known are passed over, as
    /// git asks of helpers.
    pub(super) fn read(request: &'r [u8]) -> Result<Self, NotACredential> {
        let mut asked = Self { protocol: b"", host: b"", username: None, password: None };
        let lines = request.split(|&byte| byte == b'\n').take_while(|line| !line.is_empty());
        for (number, line) in lines.enumerate() {
            let bad = NotACredential::Line(number + 1);
            if line.iter().any(|byte| matches!(byte, 0 | b'\r')) {
                return Err(bad);
            }
            let at = line.iter().position(|&byte| byte == b'=').ok_or(bad)?;
            let value = &line[at + 1..];
            match &line[..at] {
                b"protocol" => asked.protocol = value,
                b"host" => asked.host = value,
                b"username" => asked.username = Some(value),
                b"password" => asked.password = Some(value),
                _ => {}
            }
        }
        Ok(asked)
    }

    /// The key of this server's credential; `None` if it is none that is kept here: only
    /// HTTP servers by their names.
    pub(super) fn key(&self) -> Option<String> {
        let protocol = match self.protocol {
            b"https" => "https",
            b"http" => "http",
            _ => return None,
        };
        let host = std::str::from_utf8(self.host).ok()?.to_ascii_lowercase();
        let (name, port) = match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host.as_str(), None),
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        if name.is_empty() || !name.bytes().all(is_name) || !port.is_none_or(is_port) {
            return None;
        }
        Some(match port {
            Some(port) => format!("git/{protocol}/{name}/{port}"),
            None => format!("git/{protocol}/{name}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(protocol: &str, host: &str) -> Option<String> {
        let request = format!("protocol={protocol}\nhost={host}\n\n");
        Asked::read(request.as_bytes()).unwrap().key()
    }

    #[test]
    fn a_key_is_bound_to_protocol_host_and_port() {
        assert_eq!(key("https", "GitHub.com").as_deref(), Some("git/https/github.com"));
        assert_eq!(key("http", "localhost:8080").as_deref(), Some("git/http/localhost/8080"));
        for (protocol, host) in [
            ("ssh", "github.com"),
            ("https", ""),
            ("https", "a/b"),
            ("https", "[::1]"),
            ("https", "user@host"),
            ("https", "host:"),
            ("https", "host:80:80"),
            ("https", "h_st"),
        ] {
            assert_eq!(key(protocol, host), None, "{protocol} {host}");
        }
    }

    #[test]
    fn lines_that_smuggle_are_refused() {
        for request in [&b"protocol=https\nhost=a\rhost=b\n"[..], b"protocol\n", b"host=a\0b\n"] {
            assert!(Asked::read(request).is_err());
        }
        let asked = Asked::read(b"protocol=https\nhost=a\n\nhost=b\n").unwrap();
        assert_eq!(asked.host, b"a", "what is behind the empty line is not read");
    }
}
