//! `get`: the bytes, nothing else.

use super::{CommandError, check_key, passwords_of, print, profile_of, versions};
use crate::{
    cli,
    client::{Asker, ClientError, Wanted},
    error::Error,
    home::Home,
    secret::{SecureBuffer, encode},
    wire::message::{KeyInProfile, KeyVersion, Request, Response},
};

pub(super) fn get(options: &cli::Get, home: &Home) -> Result<(), Error> {
    check_key(&options.key)?;
    let profile = profile_of(&options.profile)?;
    let passwords = passwords_of(&options.password)?;
    let mut asker = Asker::new(home, &passwords);
    let at = KeyInProfile { profile: &profile, key: &options.key };
    let request = match options.version {
        Some(version) => Request::GetVersion(KeyVersion { at, version }),
        None => Request::Get(at),
    };
    let about = [Wanted { profiles: vec![&profile], key: &options.key }];
    let mut buffer = SecureBuffer::new()?;
    let malformed = || Error::from(ClientError::Malformed);
    let answer = asker.ask(&request, &about, &mut buffer);
    let answer = answer.map_err(|error| versions::missing(error.into(), options.version))?;
    let Response::Values(values) = answer else {
        return Err(malformed());
    };
    let [Some(value)] = values.as_slice() else { return Err(malformed()) };
    if options.json {
        let object = as_json(&options.key, value.0)?;
        return Ok(print(object.as_slice())?);
    }
    Ok(print(value.0)?)
}

/// `{"key": …, "value": …}`, or `"base64"` for what is not UTF-8.
fn as_json(key: &str, value: &[u8]) -> Result<SecureBuffer, CommandError> {
    let mut out = SecureBuffer::new()?;
    // A key has no character that JSON escapes.
    out.extend(format!("{{\"key\":\"{key}\",").as_bytes())?;
    if std::str::from_utf8(value).is_ok() {
        out.extend(b"\"value\":\"")?;
        encode::json_into(value, &mut out)?;
    } else {
        out.extend(b"\"base64\":\"")?;
        out.extend(encode::base64(value)?.expose())?;
    }
    out.extend(b"\"}\n")?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_becomes_json_that_reads_back() {
        let all: String = (0u8..128).map(char::from).chain("é日".chars()).collect();
        let json = as_json("a/b", all.as_bytes()).unwrap();
        let read: serde_json::Value = serde_json::from_slice(json.as_slice()).unwrap();
        assert_eq!(read["value"], all);
        let json = as_json("a/b", b"\xff\xfe").unwrap();
        let read: serde_json::Value = serde_json::from_slice(json.as_slice()).unwrap();
        assert_eq!(read["base64"], "//4=");
    }
}
