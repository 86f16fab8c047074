//! The demo's program: parse, load, live or watch over lives, judge, report.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{process, thread};

use clap::Parser;

use flights::dataset::Dataset;
use flights::event::{Event, timeline};
use flights::fault::FaultPlan;
use flights::interrupt::Interrupt;
use flights::life::{Life, TemporaryDirectory, live};
use flights::lives::{Lives, UNUSABLE};
use flights::load;
use flights::message::Message;
use flights::options::Options;
use flights::out::Out;
use flights::quiet::keep_quiet_about_injected_panics;
use flights::report::Report;
use flights::run::{Flight, RunError};
use flights::table::grouped;
use flights::verdict::Reference;

use steadfast::base::Time;

/// The actors' totals differ from the reference.
const DIFFERENT: u8 = 1;
/// The run came to no verdict.
const FAILED: u8 = 3;

fn main() -> ExitCode {
    let options = Options::parse();
    let out = Out::new(options.headless);
    let outcome = match (options.life, &options.data) {
        (Some(number), Some(data)) => be_a_life(&options, number, data).map(|()| true),
        _ => watch(&options, &out),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(DIFFERENT),
        Err(Failed { error, advice, code }) => {
            if let Some(error) = error {
                out.error(&*error, advice);
            }
            ExitCode::from(code)
        }
    }
}

/// Why there is no verdict.
struct Failed {
    /// Nothing if it has been said already.
    error: Option<Box<dyn Error>>,
    advice: &'static str,
    code: u8,
}

fn load(options: &Options) -> Result<(Dataset, Arc<[Event]>), Failed> {
    let dataset = load::load(&options.flights_folder(), options.flights).map_err(|error| {
        let advice = error.advice();
        Failed { error: Some(error.into()), advice, code: UNUSABLE }
    })?;
    let events = timeline(&dataset).into();
    Ok((dataset, events))
}

/// Watches over the lives of a run; answers whether the verdict is "equal".
fn watch(options: &Options, out: &Out) -> Result<bool, Failed> {
    let (dataset, events) = load(options)?;
    if let Some(data) = &options.data {
        usable(data)?;
    }
    let (flights, actors) = (dataset.flights.len() as u64, dataset.roster.actors() as u64);
    out.note(&format!(
        "{} flights, {} events, {} actors",
        grouped(flights),
        grouped(events.len() as u64),
        grouped(actors)
    ));
    let temporary = TemporaryDirectory::new("run");
    let data = options.data.as_deref().unwrap_or(temporary.path());
    let lives = Lives {
        program: std::env::current_exe().map_err(failed)?,
        arguments: options.for_a_life(data),
        events: u32::try_from(events.len()).unwrap_or(u32::MAX),
        kills: options.kills,
        seed: options.seed,
        interrupt: Interrupt::listen().map_err(failed)?,
    };
    let time = Time::system();
    let (every, mut shown) = (out.show_every(), time.now());
    let run = lives.live(&time, &mut |progress| {
        if time.now() - shown >= every {
            shown = time.now();
            out.progress(progress);
        }
    });
    out.progress_done();
    let run = run.map_err(|error| match error {
        RunError::Interrupted(signal) => interrupted(options, signal),
        RunError::ChildRefused => Failed { error: None, advice: "", code: UNUSABLE },
        error => failed(error),
    })?;
    drop(temporary);
    if let Some(signal) = lives.interrupt.let_go() {
        return Err(interrupted(options, signal));
    }
    let reference = Reference::new(&dataset, &events);
    let verdict = reference.judge_all(&dataset.roster, &run.states, &run.views);
    let rate = options.fault_rate().share();
    let report = Report::new(&dataset, options.seed, rate, &run, verdict);
    if options.json {
        out.report(&(report.json().map_err(failed)? + "\n"));
    } else {
        out.report(&report.text());
    }
    Ok(report.is_equal())
}

/// Makes the directory of the log, before anybody starts to work in it.
fn usable(data: &Path) -> Result<(), Failed> {
    std::fs::create_dir_all(data).and_then(|()| std::fs::read_dir(data)).map(drop).map_err(
        |error| {
            let error = Some(RunError::Directory(data.to_owned(), error).into());
            Failed { error, advice: "give --data a directory that may be written", code: UNUSABLE }
        },
    )
}

/// Does the work of a run, and says on standard output how it goes.
fn be_a_life(options: &Options, number: u32, data: &Path) -> Result<(), Failed> {
    let (dataset, events) = load(options)?;
    keep_quiet_about_injected_panics();
    let over = Arc::new(AtomicBool::new(false));
    end_with_the_watcher(Arc::clone(&over)).map_err(failed)?;
    let life = Life {
        flight: Flight {
            seed: options.seed,
            plan: FaultPlan::new(options.seed, options.fault_rate()),
            speed: options.speed,
        },
        directory: data.to_owned(),
        number,
        stop_at: options.stop_at,
    };
    live(&dataset, &events, &life, &mut |message| {
        if matches!(message, Message::Done(_)) {
            over.store(true, Ordering::Release);
        }
        say(&message);
    })
    .map_err(|error| match error {
        RunError::OtherRun(_) => Failed {
            error: Some(error.into()),
            advice: "give --data a directory of its own, or the options of the run that is in it",
            code: UNUSABLE,
        },
        error => failed(error),
    })
}

/// One line on standard output. A watcher that has gone away ends the process anyway.
fn say(message: &Message) {
    if let Ok(mut line) = serde_json::to_string(message) {
        line.push('\n');
        let mut out = io::stdout().lock();
        out.write_all(line.as_bytes()).and_then(|()| out.flush()).ok();
    }
}

/// Ends this process when the one that started it is gone, unless it is over anyway: the other end of the
/// pipe closes then.
fn end_with_the_watcher(over: Arc<AtomicBool>) -> io::Result<()> {
    let watcher = thread::Builder::new().name("watcher".to_owned());
    let watching = watcher.spawn(move || {
        let mut nothing = [0];
        // Nothing is ever written to it.
        while io::stdin().lock().read(&mut nothing).is_ok_and(|read| read > 0) {}
        if !over.load(Ordering::Acquire) {
            process::abort();
        }
    });
    watching.map(drop)
}

/// A user's wish is no fault; what a shell says of it is the exit code.
fn interrupted(options: &Options, signal: u8) -> Failed {
    let advice = match options.data {
        Some(_) => "the same command goes on where this run was",
        None => "with --data DIR the same command goes on where a run was",
    };
    let code = Interrupt::exit_code(signal);
    Failed { error: Some(RunError::Interrupted(signal).into()), advice, code }
}

fn failed(error: impl Error + 'static) -> Failed {
    let advice = "the same seed injects the same faults; please report it with the command line";
    Failed { error: Some(error.into()), advice, code: FAILED }
}
