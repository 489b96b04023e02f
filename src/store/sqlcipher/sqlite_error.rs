//! SQLite's result codes as conditions.

use rusqlite::{Error, ErrorCode, ffi};

use crate::{secret::OutOfSecretMemory, store::StoreError};

impl From<Error> for StoreError {
    /// The message of an error is dropped on purpose: SQLite may quote what it worked on.
    fn from(why: Error) -> Self {
        match why {
            Error::SqliteFailure(code, _) | Error::SqlInputError { error: code, .. } => named(code),
            Error::QueryReturnedNoRows => Self::Damaged { what: "a row is missing" },
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::Utf8Error(..)
            | Error::InvalidColumnType(..) => Self::Damaged { what: "a row has another form" },
            _ => Self::Sqlite { code: ffi::SQLITE_MISUSE },
        }
    }
}

fn named(code: ffi::Error) -> StoreError {
    match code.code {
        ErrorCode::NotADatabase => StoreError::Damaged { what: "not a database of this key" },
        ErrorCode::DatabaseCorrupt => StoreError::Damaged { what: "the database's pages" },
        // SQLCipher's word for a page whose MAC is wrong. All SQL here is fixed, so the other
        // reason, a table that is not there, is damage too.
        _ if code.extended_code == ffi::SQLITE_ERROR => {
            StoreError::Damaged { what: "a page was altered" }
        }
        ErrorCode::DiskFull => StoreError::DiskFull,
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => StoreError::ReadOnly,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::InUse,
        ErrorCode::OperationInterrupted => StoreError::Locked,
        ErrorCode::CannotOpen => StoreError::Unreachable,
        // SQLite's heap is secret memory too.
        ErrorCode::OutOfMemory => StoreError::OutOfSecretMemory(OutOfSecretMemory),
        ErrorCode::SystemIoFailure => StoreError::InputOutput { code: code.extended_code },
        _ => StoreError::Sqlite { code: code.extended_code },
    }
}
