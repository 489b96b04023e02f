//! `explain`: what a variable will be, from where, and in whose place. No value.

use std::ffi::OsStr;

use serde_json::{Value, json};

use super::{CommandError, print};
use crate::{
    cli,
    client::{Asker, Passwords},
    error::Error,
    home::Home,
    mistake::nearest,
    run::{
        self,
        explain::{Explained, Source, explain as explain_plan, in_lines, inherited_names, parts},
        look::{Look, winner},
        manifest::Conflict,
        plan::Plan,
    },
    say::{escaped, json_line},
};

pub(super) fn explain(options: &cli::Explain, home: &Home) -> Result<(), Error> {
    let manifest = run::asked::manifest(options.source.manifest.as_ref(), home)?;
    let plan = Plan::new(Some(&manifest), &options.source.profile, &[]);
    let plan = plan.map_err(run::RunError::from)?;
    // No source of passwords: what is locked is said to be.
    let passwords = Passwords::default();
    let look = Look::new(&plan, &mut Asker::new(home, &passwords), OsStr::new("explain"))?;
    let inherited = inherited_names(&plan.inherit(false));
    let mut all = explain_plan(&plan, Some(&look), &inherited);
    if let Some(name) = &options.variable {
        if !all.iter().any(|one| one.name == name) && inherited.contains(name.as_bytes()) {
            all.push(Explained {
                name,
                source: Source::Inherited,
                hidden: false,
                over_manifest: false,
                inherited: None,
            });
        }
        let nearest = nearest(name, all.iter().map(|one| one.name)).map(str::to_owned);
        all.retain(|one| one.name == name);
        if all.is_empty() {
            return Err(CommandError::NoVariable { name: name.clone(), nearest }.into());
        }
    }
    let text = match (options.json, all.as_slice()) {
        (true, _) => json_line(&all.iter().map(as_json).collect()),
        (false, [one]) => at_length(one),
        (false, _) => in_lines(&all),
    };
    Ok(print(text.as_bytes())?)
}

fn at_length(one: &Explained<'_>) -> String {
    let mut text = format!("{}\n", escaped(one.name));
    let mut row = |name: &str, what: &str| text.push_str(&format!("  {name:9}  {what}\n"));
    row("from", &one.origin());
    if let Source::Secret { places, .. } = one.source
        && places.len() > 1
    {
        for place in places {
            row("profile", &format!("{}: {}", place.profile, place.sight.word()));
        }
    }
    for shadow in one.shadows() {
        row("stands", shadow);
    }
    row("delivered", one.delivery());
    text
}

/// The words in it are stable.
fn as_json(one: &Explained<'_>) -> Value {
    let shadows = one.inherited.map(|conflict| match conflict {
        Conflict::Secret => "replaces-inherited",
        Conflict::Environment => "inherited-is-kept",
        Conflict::Error => "inherited-is-error",
    });
    let manifest = one.over_manifest.then_some("replaces-manifest");
    let mut object = json!({
        "variable": one.name,
        "shadows": shadows.into_iter().chain(manifest).collect::<Vec<_>>(),
        "delivery": if one.hidden { "hidden" } else { "env" },
    });
    match &one.source {
        Source::Plain => object["source"] = json!("vars"),
        Source::Inherited => object["source"] = json!("inherited"),
        Source::Composed(made) => {
            object["source"] = json!("compose");
            object["parts"] = json!(parts(made));
        }
        Source::Secret { secret, places } => {
            let place = |place: &run::look::Place| json!({ "profile": place.profile.as_str(), "state": place.sight.word() });
            object["source"] = json!("secret");
            object["key"] = json!(secret.key);
            object["required"] = json!(secret.required);
            object["profile"] = json!(winner(places).map(|place| place.profile.as_str()));
            object["profiles"] = places.iter().map(place).collect();
            object["if_absent"] = match (&secret.default, &secret.generate) {
                (Some(_), _) => json!("default"),
                (None, Some(_)) => json!("generate"),
                (None, None) if secret.required => json!("error"),
                (None, None) => json!("unset"),
            };
        }
    }
    object
}
