//! The demo's program: parse, load, run, judge, report.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

use flights::event::timeline;
use flights::fault::FaultPlan;
use flights::load::{self, LoadError};
use flights::options::Options;
use flights::out::Out;
use flights::rehearsal::rehearse;
use flights::report::Report;
use flights::table::grouped;
use flights::verdict::Reference;

/// The actors' totals differ from the reference.
const DIFFERENT: u8 = 1;
/// Bad arguments (clap uses the same code) or damaged data.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let options = Options::parse();
    let out = Out::new(options.headless);
    match run(&options, &out) {
        Ok(report) => {
            match report.json() {
                Ok(json) if options.json => out.report(&(json + "\n")),
                Ok(_) => out.report(&report.text()),
                Err(error) => {
                    out.error(&error, "this is a fault of the program; please report it");
                    return ExitCode::from(UNUSABLE);
                }
            }
            if report.is_equal() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) }
        }
        Err(error) => {
            out.error(&error, error.advice());
            ExitCode::from(UNUSABLE)
        }
    }
}

fn run(options: &Options, out: &Out) -> Result<Report, LoadError> {
    let dataset = load::load(&options.data_folder(), options.flights)?;
    let events = timeline(&dataset);
    let (flights, actors) = (dataset.flights.len() as u64, dataset.roster.actors() as u64);
    out.note(&format!(
        "{} flights, {} events, {} actors",
        grouped(flights),
        grouped(events.len() as u64),
        grouped(actors)
    ));
    let plan = FaultPlan::new(options.seed, options.fault_rate());
    let outcome = rehearse(&dataset.roster, &events, &plan);
    let verdict = Reference::new(&dataset, &events).judge(&dataset.roster, &outcome.states);
    Ok(Report::new(&dataset, options.seed, options.fault_rate().share(), &outcome, verdict))
}
