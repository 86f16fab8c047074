//! The demo's program: parse, load, run, judge, report.
#![forbid(unsafe_code)]

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use flights::event::{Event, timeline};
use flights::fault::FaultPlan;
use flights::load;
use flights::options::Options;
use flights::out::Out;
use flights::quiet::keep_quiet_about_injected_panics;
use flights::report::Report;
use flights::run::{Flight, fly};
use flights::table::grouped;
use flights::verdict::Reference;

/// The actors' totals differ from the reference.
const DIFFERENT: u8 = 1;
/// Bad arguments (clap uses the same code) or damaged data.
const UNUSABLE: u8 = 2;
/// The run came to no verdict.
const FAILED: u8 = 3;

fn main() -> ExitCode {
    let options = Options::parse();
    let out = Out::new(options.headless);
    match run(&options, &out) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(DIFFERENT),
        Err(Failed { error, advice, code }) => {
            out.error(&*error, advice);
            ExitCode::from(code)
        }
    }
}

/// Why there is no verdict.
struct Failed {
    error: Box<dyn Error>,
    advice: &'static str,
    code: u8,
}

/// Answers whether the verdict is "equal".
fn run(options: &Options, out: &Out) -> Result<bool, Failed> {
    let dataset = load::load(&options.data_folder(), options.flights).map_err(|error| {
        let advice = error.advice();
        Failed { error: error.into(), advice, code: UNUSABLE }
    })?;
    let events: Arc<[Event]> = timeline(&dataset).into();
    let (flights, actors) = (dataset.flights.len() as u64, dataset.roster.actors() as u64);
    out.note(&format!(
        "{} flights, {} events, {} actors",
        grouped(flights),
        grouped(events.len() as u64),
        grouped(actors)
    ));
    keep_quiet_about_injected_panics();
    let flight = Flight {
        seed: options.seed,
        plan: FaultPlan::new(options.seed, options.fault_rate()),
        speed: options.speed,
        show_every: out.show_every(),
    };
    let shown = &mut |progress: &_| out.progress(progress);
    let outcome = fly(&dataset, Arc::clone(&events), &flight, shown).map_err(failed)?;
    out.progress_done();
    let verdict = Reference::new(&dataset, &events).judge(&dataset.roster, &outcome.states);
    let rate = options.fault_rate().share();
    let report = Report::new(&dataset, options.seed, rate, &outcome, verdict);
    if options.json {
        out.report(&(report.json().map_err(failed)? + "\n"));
    } else {
        out.report(&report.text());
    }
    Ok(report.is_equal())
}

fn failed(error: impl Error + 'static) -> Failed {
    let advice = "the same seed injects the same faults; please report it with the command line";
    Failed { error: error.into(), advice, code: FAILED }
}
