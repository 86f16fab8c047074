//! A settings file that is looked at again and again, and put in force when it has changed.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use steadfast_base::{ConfigError, Sink, Time, Value};

use crate::defaults;
use crate::events::Events;
use crate::limits;
use crate::names;
use crate::settings::{Reload, Settings};
use crate::waiting::block_on;

/// A TOML file with the settings of running pipelines.
///
/// [`look`](Self::look) reads it and puts it in force if it has changed; [`watch`](Self::watch) looks
/// every 2 s from a thread of its own. All or nothing: a file that cannot be read, is not TOML, has an
/// unknown name in it or does not fit a pipeline changes nothing in any pipeline, and an event tells
/// once. Replace the file by a rename, so that nobody reads half of it.
///
/// # Example
///
/// ```
/// use steadfast_policy::{Pipeline, Retry, SettingsFile};
///
/// # let dir = std::env::temp_dir().join(format!("steadfast-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// # let path = dir.join("policies.toml");
/// std::fs::write(&path, "[pipelines.inventory.retry]\nmax_attempts = 5\n")?;
/// let pipeline = Pipeline::builder().name("inventory").retry(Retry::default()).build()?;
/// let mut file = SettingsFile::new(&path).pipeline(&pipeline);
/// assert!(file.look()?);
/// assert!(!file.look()?, "nothing has changed since");
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a file is only looked at by `look` or `watch`"]
pub struct SettingsFile {
    path: PathBuf,
    every: Duration,
    pipelines: BTreeMap<String, Box<dyn Reload>>,
    events: Events,
    /// What the file held at the last look; `None` before the first one, or if it could not be read.
    seen: Option<Vec<u8>>,
    /// The last refusal that was told.
    refused: Option<String>,
}

impl SettingsFile {
    /// A file that is looked at for no pipeline yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            every: defaults::SETTINGS_LOOK_EVERY,
            pipelines: BTreeMap::new(),
            events: Events::off(),
            seen: None,
            refused: None,
        }
    }

    /// Adds a pipeline, whose settings the file may hold under its name; of two with the same name the
    /// later one counts.
    pub fn pipeline<R: Reload + Clone + 'static>(mut self, pipeline: &R) -> Self {
        self.pipelines.insert(pipeline.name().to_owned(), Box::new(pipeline.clone()));
        self
    }

    /// Time from one look to the next; 2 s by default.
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// Where refusals are told; what is put in force is told by the pipelines.
    pub fn sink(mut self, sink: Arc<dyn Sink>, time: Time) -> Self {
        self.events = Events::new("settings-file", time, sink);
        self
    }

    /// Reads the file; true if it had changed and is in force now.
    ///
    /// A file that was refused is not tried again before it changes.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read or put in force; then everything stays as it was.
    pub fn look(&mut self) -> Result<bool, ReloadError> {
        let looked = self.look_quietly();
        match &looked {
            Ok(_) => self.refused = None,
            Err(error) => self.tell(error.to_string()),
        }
        looked
    }

    fn look_quietly(&mut self) -> Result<bool, ReloadError> {
        let content = match self.read() {
            Ok(content) => content,
            Err(error) => {
                self.seen = None;
                return Err(ReloadError::Read(error));
            }
        };
        if self.seen.as_ref() == Some(&content) {
            return Ok(false);
        }
        let parsed = parse(&content);
        self.seen = Some(content);
        self.put_in_force(&parsed?)?;
        Ok(true)
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let most = limits::SETTINGS_BYTES_MAX;
        let mut content = Vec::new();
        File::open(&self.path)?.take(most + 1).read_to_end(&mut content)?;
        if content.len() as u64 > most {
            let message = format!("settings file is larger than {most} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        Ok(content)
    }

    fn put_in_force(&self, settings: &Settings) -> Result<(), ReloadError> {
        let mut chosen = Vec::new();
        for (name, settings) in &settings.pipelines {
            let Some(pipeline) = self.pipelines.get(name) else {
                return Err(ReloadError::UnknownPipeline(name.clone()));
            };
            chosen.push((name, pipeline, settings));
        }
        let refused = |name: &String, error| ReloadError::Refused { pipeline: name.clone(), error };
        for (name, pipeline, settings) in &chosen {
            pipeline.check(settings).map_err(|error| refused(name, error))?;
        }
        for (name, pipeline, settings) in chosen {
            pipeline.apply(settings).map_err(|error| refused(name, error))?;
        }
        Ok(())
    }

    fn tell(&mut self, error: String) {
        if self.refused.as_ref() != Some(&error) {
            self.events.emit(names::SETTINGS_REFUSED, || [("error", Value::Str(&error))]);
            self.refused = Some(error);
        }
    }

    /// Looks at the file at once and then every so often, on a thread of its own.
    ///
    /// The thread ends when the handle is dropped.
    ///
    /// # Errors
    ///
    /// Fails if the operating system gives no thread.
    pub fn watch(self, time: Time) -> io::Result<Watching> {
        let stop = Arc::new(Stop::default());
        let stopped = Arc::clone(&stop);
        let thread = Builder::new().name("steadfast-settings".to_owned());
        let thread = thread.spawn(move || look_until_stopped(self, &time, &stopped))?;
        Ok(Watching { stop, thread: Some(thread) })
    }
}

fn parse(content: &[u8]) -> Result<Settings, ReloadError> {
    let text = std::str::from_utf8(content)
        .map_err(|error| ReloadError::Parse(format!("not text in UTF-8: {error}")))?;
    toml::from_str(text)
        .map_err(|error| ReloadError::Parse(error.to_string().trim_end().to_owned()))
}

fn look_until_stopped(mut file: SettingsFile, time: &Time, stop: &Stop) {
    while !stop.is_stopped() {
        // A refusal was told as an event; the settings in force stay.
        drop(file.look());
        let mut sleep = pin!(time.sleep(file.every));
        block_on(std::future::poll_fn(|cx| {
            if stop.register(cx.waker()) {
                return Poll::Ready(());
            }
            Pin::new(&mut sleep).poll(cx)
        }));
    }
}

/// Tells the thread to end.
#[derive(Debug, Default)]
struct Stop {
    /// Whether to end, and the thread's waker while it waits.
    state: Mutex<(bool, Option<Waker>)>,
}

impl Stop {
    fn is_stopped(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Whether to end; if not, who is to be woken then.
    fn register(&self, waker: &Waker) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.1 = Some(waker.clone());
        state.0
    }

    fn stop(&self) {
        let waker = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.0 = true;
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A settings file under watch; dropping it ends the watch.
#[derive(Debug)]
#[must_use = "dropping it ends the watch"]
pub struct Watching {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            // The thread only panics if a sink does, and then it is at its end anyway.
            drop(thread.join());
        }
    }
}

/// Why a settings file is not in force.
#[non_exhaustive]
#[derive(Debug)]
pub enum ReloadError {
    /// The file cannot be read, or is too large.
    Read(io::Error),
    /// The file is not TOML of the right form; says where.
    Parse(String),
    /// The file names a pipeline that nobody added.
    UnknownPipeline(String),
    /// The settings do not fit the pipeline.
    Refused {
        /// The pipeline's name.
        pipeline: String,
        /// What is wrong.
        error: ConfigError,
    },
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "settings file cannot be read ({})", error.kind()),
            Self::Parse(problem) => write!(f, "settings file cannot be understood: {problem}"),
            Self::UnknownPipeline(name) => write!(f, "settings file names unknown pipeline {name}"),
            Self::Refused { pipeline, error } => {
                let count = error.faults().len();
                write!(f, "settings of pipeline {pipeline} have {count} faults")?;
                let mut faults = error.faults().iter();
                faults.try_for_each(|fault| write!(f, "; {fault}"))
            }
        }
    }
}

impl Error for ReloadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read(error) => Some(error),
            Self::Parse(_) | Self::UnknownPipeline(_) | Self::Refused { .. } => None,
        }
    }
}

impl fmt::Debug for SettingsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsFile")
            .field("path", &self.path)
            .field("pipelines", &self.pipelines.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
