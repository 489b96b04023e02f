//! `audit`: what is on record, and whether it still is what was written.

mod follow;
mod record;
mod running;
mod show;
mod verify;

use crate::{
    cli::{Audit, AuditCommand},
    error::Error,
    home::Home,
};

pub(super) fn audit(options: &Audit, home: &Home) -> Result<(), Error> {
    match &options.command {
        None => show::last(home),
        Some(AuditCommand::Show(options)) if options.running => running::running(options, home),
        Some(AuditCommand::Show(options)) => show::show(options, home),
        Some(AuditCommand::Follow(options)) => follow::follow(options, home),
        Some(AuditCommand::Verify(options)) => verify::verify(options, home),
    }
}
