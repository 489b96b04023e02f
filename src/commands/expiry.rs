//! When a value should have been replaced: read from an option, and said to a person.

use std::fmt;

use jiff::{Timestamp, civil::Date};

use super::CommandError;
use crate::{
    client::profile_option,
    say::{Told, escaped},
    secret::TrustProfileName,
    wire::EXPIRES_SOON_DAYS,
};

const HOUR_MILLIS: i64 = 3600 * 1000;
const DAY_MILLIS: i64 = 24 * HOUR_MILLIS;
/// A value that lives for longer than this has no expiry.
const LIFE_MAX_DAYS: i64 = 100 * 366;

/// Now, in milliseconds since 1970.
pub(super) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Milliseconds since 1970 as RFC 3339, UTC; what no calendar has, as it is.
pub(super) fn stamp(millis: i64) -> String {
    Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), |t| t.to_string())
}

/// Reads `90d`, `12w` or `36h` from now, or the beginning of a day, `YYYY-MM-DD`, in UTC:
/// milliseconds since 1970.
pub(super) fn parse(text: &str) -> Result<i64, CommandError> {
    let at = at(text, now()).map_err(CommandError::NoExpiry)?;
    if at > now() { Ok(at) } else { Err(CommandError::NoExpiry("that time has passed already")) }
}

fn at(text: &str, now: i64) -> Result<i64, &'static str> {
    const FORM: &str = "expected a time such as `90d`, `12w`, `36h` or `2027-01-31`";
    let unit = match text.bytes().last() {
        Some(b'h') => HOUR_MILLIS,
        Some(b'd') => DAY_MILLIS,
        Some(b'w') => 7 * DAY_MILLIS,
        _ => {
            // The day alone: what has a time or a zone behind it is more than is promised.
            let day: Date = text.parse().map_err(|_| FORM)?;
            if day.to_string() != text {
                return Err(FORM);
            }
            let begins: Timestamp = format!("{text}T00:00:00Z").parse().map_err(|_| FORM)?;
            return Ok(begins.as_millisecond());
        }
    };
    let count = text.get(..text.len() - 1).unwrap_or_default();
    let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    let count: i64 = count.parse().ok().filter(|_| digits).ok_or(FORM)?;
    let life = count.checked_mul(unit).filter(|life| *life <= LIFE_MAX_DAYS * DAY_MILLIS);
    now.checked_add(life.ok_or("expected a time within the next 100 years")?).ok_or(FORM)
}

/// What there is to say of a value's expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It should have been replaced.
    Expired,
    /// It has at most [`EXPIRES_SOON_DAYS`] left.
    Expiring {
        /// Whole days.
        days: i64,
    },
}

impl State {
    /// `None` if there is nothing to say.
    pub(super) fn of(expires_at: Option<i64>, now: i64) -> Option<Self> {
        let left = expires_at?.saturating_sub(now);
        match left {
            ..=0 => Some(Self::Expired),
            left if left <= EXPIRES_SOON_DAYS * DAY_MILLIS => {
                Some(Self::Expiring { days: left / DAY_MILLIS })
            }
            _ => None,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("expired"),
            Self::Expiring { days: 0 } => f.write_str("expires within a day"),
            Self::Expiring { days: 1 } => f.write_str("expires in 1 day"),
            Self::Expiring { days } => write!(f, "expires in {days} days"),
        }
    }
}

/// A key whose value has expired or soon will.
#[derive(Debug)]
pub(super) struct Expiring {
    profile: TrustProfileName,
    key: String,
    state: State,
    expires_at: i64,
}

impl Expiring {
    /// `None` if there is nothing to say.
    pub(super) fn of(profile: &TrustProfileName, key: &str, at: Option<i64>) -> Option<Self> {
        let state = State::of(at, now())?;
        Some(Self { profile: profile.clone(), key: key.to_owned(), state, expires_at: at? })
    }

    /// The warning.
    pub(super) fn told(&self) -> Told {
        let key = format!("`{}`", escaped(&self.key));
        let message = format!("{key} in profile `{}`: {}", self.profile, self.state);
        let option = profile_option(&self.profile);
        let hint = format!("pds set {}{option} --expires 90d", escaped(&self.key));
        let state = format!("{}, in `{}`", self.state, self.profile);
        let cells = [key, state, hint.clone()];
        Told::new(message, Some(hint)).in_table("values should be replaced", cells)
    }

    pub(super) fn as_json(&self) -> serde_json::Value {
        serde_json::json!({
            "key": self.key,
            "profile": self.profile.as_str(),
            "expired": self.state == State::Expired,
            "expires": stamp(self.expires_at),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    #[test]
    fn lives_and_days_are_read_and_nothing_else_is() {
        assert_eq!(at("36h", NOW), Ok(NOW + 36 * HOUR_MILLIS));
        assert_eq!(at("90d", NOW), Ok(NOW + 90 * DAY_MILLIS));
        assert_eq!(at("12w", NOW), Ok(NOW + 84 * DAY_MILLIS));
        assert_eq!(at("1970-01-02", NOW), Ok(DAY_MILLIS));
        assert_eq!(at("2028-02-29", NOW), Ok(1_835_395_200_000));
        for text in [
            "",
            "d",
            "90",
            "-1d",
            "+1d",
            "1.5d",
            "9m",
            "2027-02-29",
            "2027-01-01T00:00Z",
            "soon",
            "99999999999999999999d",
            "999999w",
            "1 d",
            "٣d",
        ] {
            assert!(at(text, NOW).is_err(), "{text}");
        }
    }

    #[test]
    fn what_has_passed_is_no_expiry() {
        assert!(matches!(parse("1999-12-31"), Err(CommandError::NoExpiry(_))));
        assert!(matches!(parse("0d"), Err(CommandError::NoExpiry(_))));
        assert!(parse("1h").is_ok());
    }

    #[test]
    fn expired_and_expiring_are_told_from_what_has_time() {
        let left = |millis| State::of(Some(NOW + millis), NOW);
        assert_eq!(State::of(None, NOW), None);
        assert_eq!(left(0), Some(State::Expired));
        assert_eq!(left(1), Some(State::Expiring { days: 0 }));
        assert_eq!(left(14 * DAY_MILLIS), Some(State::Expiring { days: 14 }));
        assert_eq!(left(14 * DAY_MILLIS + 1), None);
    }
}
