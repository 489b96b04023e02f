//! `schema`: the form of `pds.toml`, for editors.

use crate::error::Error;

/// As it is in the sources; a test holds it against the parser.
const SCHEMA: &str = include_str!("../../schema/pds.schema.json");

pub(super) fn schema() -> Result<(), Error> {
    Ok(super::print(SCHEMA.as_bytes())?)
}
