//! `check`: would `run` start? Every problem at once, no value. Never asks.

use std::ffi::OsStr;

use super::{
    CommandError,
    expiry::{self, Expiring},
    print,
};
use crate::{
    cli,
    client::{Asker, Passwords},
    error::Error,
    home::Home,
    run::{self, RunError, plan::Plan},
    say::Told,
};

pub(super) fn check(options: &cli::Check, home: &Home) -> Result<(), Error> {
    let mut expiring = Vec::new();
    let outcome = problems(options, home, &mut expiring);
    let problems = match &outcome {
        Ok(()) => Vec::new(),
        Err(error) => error.told(),
    };
    if options.json {
        let problem =
            |told: &Told| serde_json::json!({ "message": told.message, "hint": told.hint });
        let object = serde_json::json!({
            "would_start": problems.is_empty(),
            "problems": problems.iter().map(problem).collect::<Vec<_>>(),
            "expiring": expiring.iter().map(Expiring::as_json).collect::<Vec<_>>(),
        });
        print(format!("{object}\n").as_bytes())?;
        return match outcome {
            Ok(()) => Ok(()),
            Err(_) => Err(CommandError::Said.into()),
        };
    }
    expiring.iter().for_each(|key| key.told().say());
    match outcome {
        Ok(()) => Ok(print(b"`pds run` would start\n")?),
        Err(error @ RunError::Ask(_)) => Err(error.into()),
        Err(_) => Err(CommandError::WouldNotStart(problems).into()),
    }
}

fn problems(
    options: &cli::Check,
    home: &Home,
    expiring: &mut Vec<Expiring>,
) -> Result<(), RunError> {
    let manifest = run::plan::manifest(options.source.manifest.as_ref())?;
    let plan = Plan::new(Some(&manifest), &options.source.profile, &[])?;
    plan.refuse_variables(home)?;
    // No source of passwords: a locked profile is a finding, not a question.
    let passwords = Passwords::default();
    let mut asker = Asker::new(home, &passwords);
    run::check(&plan, &mut asker, OsStr::new("check"))?;
    *expiring = expiry::of_plan(&plan, &mut asker);
    Ok(())
}
