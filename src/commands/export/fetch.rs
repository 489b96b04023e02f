//! The values of the keys, in as few batches as they fit into. Each passes the gates and
//! goes on the audit trail as a batch of `run` does.

use super::{COMMAND, choose::Chosen};
use crate::{
    client::{Addresses, Answered, AskError, Asker, ClientError, Wanted},
    error::Error,
    secret::{SecureBuffer, TrustProfileName},
    wire::{
        BATCH_MAX_ENTRIES,
        message::{Batch, Entry, Request, Response},
    },
};

/// The values in the order of the keys.
pub(super) struct Values {
    answers: Vec<Answered>,
}

impl Values {
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.answers.iter().flat_map(|answer| answer.iter().flatten())
    }
}

pub(super) fn fetch(
    chosen: &[Chosen],
    profiles: &[TrustProfileName],
    asker: &mut Asker<'_>,
) -> Result<Values, Error> {
    let mut answers = Vec::new();
    let mut left: Vec<&[Chosen]> = chosen.chunks(BATCH_MAX_ENTRIES).rev().collect();
    while let Some(chunk) = left.pop() {
        match ask(chunk, profiles, asker) {
            Ok(answer) => answers.push(answer),
            // Values that are too long for one answer: the daemon says so by hanging up.
            Err(Error::Ask(AskError::Client(ClientError::Closed))) if chunk.len() > 1 => {
                let (first, second) = chunk.split_at(chunk.len() / 2);
                left.extend([second, first]);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Values { answers })
}

fn ask(
    chunk: &[Chosen],
    profiles: &[TrustProfileName],
    asker: &mut Asker<'_>,
) -> Result<Answered, Error> {
    let names: Vec<&str> = profiles.iter().map(TrustProfileName::as_str).collect();
    let entry = |key| Entry { profiles: names.clone(), key, required: true };
    let request = Request::Resolve(Batch {
        entries: chunk.iter().map(|chosen| entry(chosen.key.as_str())).collect(),
        manifest: None,
        project: None,
        command: Some(COMMAND),
        check_only: false,
    });
    let about: Vec<Wanted<'_>> =
        chunk.iter().map(|chosen| Wanted { profiles: names.clone(), key: &chosen.key }).collect();
    let mut text = SecureBuffer::new()?;
    let addresses = match asker.ask(&request, &about, &mut text)? {
        Response::Values(values)
            if values.len() == chunk.len() && values.iter().all(Option::is_some) =>
        {
            Addresses::of(&values)
        }
        _ => return Err(ClientError::Malformed.into()),
    };
    Ok(Answered::new(text, addresses))
}
