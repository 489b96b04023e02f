//! Which variables look like secrets. A guess, which the person corrects.
//!
//! It errs on the side of secrets: a setting in the vault is a nuisance, a password in
//! the manifest is a leak.

/// Words of a name after which its value is a secret.
const SECRET_WORDS: [&str; 32] = [
    "APIKEY",
    "AUTH",
    "CERT",
    "COOKIE",
    "CREDENTIAL",
    "CREDENTIALS",
    "CREDS",
    "DSN",
    "JWT",
    "KEY",
    "KEYS",
    "LICENSE",
    "OTP",
    "PASS",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PASSWORDS",
    "PEM",
    "PEPPER",
    "PIN",
    "PRIVATE",
    "PW",
    "PWD",
    "SALT",
    "SECRET",
    "SECRETS",
    "SESSION",
    "SIGNATURE",
    "SIGNING",
    "TOKEN",
    "WEBHOOK",
];
/// Ends of words that are written as one, as in `DBPASSWORD`.
const SECRET_ENDS: [&str; 5] = ["KEY", "PASSWORD", "SECRET", "TOKEN", "TOKENS"];
/// Words of a name whose value everybody gets to see.
const PUBLIC_WORDS: [&str; 2] = ["PUBLIC", "PUBLISHABLE"];
/// How keys of well-known services start, and encodings of keys and tokens.
const SECRET_STARTS: [&[u8]; 17] = [
    b"-----BEGIN",
    b"AIza",
    b"AKIA",
    b"ASIA",
    b"SG.",
    b"eyJ",
    b"ghp_",
    b"gho_",
    b"github_pat_",
    b"glpat-",
    b"hvs.",
    b"npm_",
    b"pypi-",
    b"rk_",
    b"sk-",
    b"sk_",
    b"xox",
];
/// As long as a random key of 120 bits is in base64.
const TOKEN_MIN_BYTES: usize = 20;

pub(super) fn looks_secret(name: &str, value: &[u8]) -> bool {
    if value.is_empty() {
        return false;
    }
    if SECRET_STARTS.iter().any(|start| value.starts_with(start)) || has_password(value) {
        return true;
    }
    let upper = name.to_ascii_uppercase();
    let has = |words: &[&str]| upper.split('_').any(|word| words.contains(&word));
    let is_public = has(&PUBLIC_WORDS);
    let by_name = has(&SECRET_WORDS)
        || upper.split('_').any(|word| SECRET_ENDS.iter().any(|end| word.ends_with(end)));
    !is_public && (by_name || is_token(value))
}

/// `scheme://user:password@host`.
fn has_password(value: &[u8]) -> bool {
    let Some(start) = value.windows(3).position(|three| three == b"://") else { return false };
    let rest = &value[start + 3..];
    let end = rest.iter().position(|b| b"/?#".contains(b)).unwrap_or(rest.len());
    let at = rest[..end].iter().rposition(|&b| b == b'@');
    at.is_some_and(|at| rest[..at].contains(&b':'))
}

/// Long, of letters and digits, and no path.
fn is_token(value: &[u8]) -> bool {
    value.len() >= TOKEN_MIN_BYTES
        && value.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(b))
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_alphabetic)
        && value.first() != Some(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_of_secrets_are_told_from_settings() {
        for (name, value) in [
            ("STRIPE_KEY", "x"),
            ("db_password", "x"),
            ("DBPASSWORD", "x"),
            ("SESSION_SECRET", "x"),
            ("DATABASE_URL", "postgres://app:pw@localhost/x"),
            ("THING", "sk_live_1"),
            ("THING", "0f8fad5bd9cb469fa165"),
            ("THING", "-----BEGIN PRIVATE KEY-----\n"),
            ("NEXT_PUBLIC_THING", "sk_live_1"),
        ] {
            assert!(looks_secret(name, value.as_bytes()), "{name}");
        }
        for (name, value) in [
            ("PORT", "8080"),
            ("RUST_LOG", "info,tower=debug"),
            ("DATABASE_URL", "postgres://localhost:5432/x"),
            ("HOMEPAGE", "https://example.com/a@b:c"),
            ("DATA_DIR", "/var/lib/some-long-name/1/data"),
            ("NEXT_PUBLIC_KEY", "pk_1"),
            ("API_KEY", ""),
            ("GREETING", "hello to the whole wide world, 1"),
        ] {
            assert!(!looks_secret(name, value.as_bytes()), "{name}");
        }
    }
}
