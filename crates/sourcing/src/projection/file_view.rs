//! Output in a file: the value and its offset, replaced at once.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::{fmt, io};

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot};

use steadfast_base::Limit;
use steadfast_base::storage::{OpenMode, Storage, StorageLock};
use steadfast_eventlog::{CodecId, Payload, Position};

use super::file_format::{self, HEADER_BYTES, Stored};
use super::store::{OutputError, ProjectionStore};

/// The largest encoded value (64 MiB): it is written whole for each unit, so a larger one belongs in a database.
pub const VIEW_BYTES_MAX: u64 = 64 << 20;

/// A value in a file, with its offset in the same file.
///
/// A unit is a copy of the value. Committing writes value and offset to a second file, syncs it, renames it
/// over the first and syncs the directory; so after a crash the file holds one whole unit. The file is written
/// by a thread of the view's own; dropping the last clone waits for it, and frees the file. Readers ([`read`](Self::read)) see committed units only. Clones share the view.
///
/// A file of another `version` is not read: the view starts empty and is rebuilt from the log. Raise the version
/// whenever the value's type or meaning changes.
///
/// # Example
///
/// ```no_run
/// use std::sync::Arc;
///
/// use steadfast_base::storage::FileSystem;
/// use steadfast_sourcing::projection::FileView;
///
/// let view = FileView::<u64>::open(Arc::new(FileSystem), "data/views/count", 1)?;
/// assert_eq!(view.read(|count| *count), 0);
/// # Ok::<(), steadfast_sourcing::projection::ViewOpenError>(())
/// ```
pub struct FileView<V> {
    shared: Arc<Shared<V>>,
    writer: Arc<Writer>,
}

/// The thread that writes the file.
struct Writer {
    /// None once it is to end.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Writer {
    /// What is being written is written to its end, and the file free for whoever opens it next.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            drop(thread.join());
        }
    }
}

struct Shared<V> {
    file: Arc<File>,
    held: RwLock<Held<V>>,
}

struct Held<V> {
    value: V,
    offset: Position,
    /// A commit failed: what the file holds is not known until it is read.
    in_doubt: bool,
}

struct File {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    version: u16,
    /// Held for the life of the view.
    lock: Mutex<Option<Box<dyn StorageLock>>>,
}

type Job = Box<dyn FnOnce(&File) + Send>;

impl<V: Default + Serialize + DeserializeOwned + Send + Sync + 'static> FileView<V> {
    /// Opens the view in a file of this path, or begins one; the directories are made if need be.
    ///
    /// Blocks while it reads the file.
    ///
    /// # Errors
    ///
    /// [`ViewOpenError`]. A damaged file is an error and left as it is; [`open_anew`](Self::open_anew)
    /// gives it up.
    pub fn open(
        storage: Arc<dyn Storage>,
        path: impl Into<PathBuf>,
        version: u16,
    ) -> Result<Self, ViewOpenError> {
        Self::open_with(storage, path.into(), version, false)
    }

    /// Opens the view empty, whatever its file holds: for one that is damaged. It is rebuilt from the log.
    ///
    /// # Errors
    ///
    /// [`ViewOpenError`], but not for damage.
    pub fn open_anew(
        storage: Arc<dyn Storage>,
        path: impl Into<PathBuf>,
        version: u16,
    ) -> Result<Self, ViewOpenError> {
        Self::open_with(storage, path.into(), version, true)
    }

    fn open_with(
        storage: Arc<dyn Storage>,
        path: PathBuf,
        version: u16,
        anew: bool,
    ) -> Result<Self, ViewOpenError> {
        if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            storage.create_dir(directory).map_err(ViewOpenError::Unavailable)?;
        }
        let lock = storage.lock(&beside(&path, "lock")).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => ViewOpenError::Locked,
            _ => ViewOpenError::Unavailable(error),
        })?;
        let file = File { storage, path, version, lock: Mutex::new(Some(lock)) };
        let (value, offset) = if anew { (V::default(), Position::ZERO) } else { file.load()? };
        let held = RwLock::new(Held { value, offset, in_doubt: false });
        let shared = Arc::new(Shared { file: Arc::new(file), held });
        let (jobs, mut queue) = mpsc::channel::<Job>(1);
        let file = Arc::clone(&shared.file);
        let thread = thread::Builder::new().name("projection-view".to_owned());
        let thread = thread.spawn(move || {
            while let Some(job) = queue.blocking_recv() {
                job(&file);
            }
        });
        let thread = Some(thread.map_err(ViewOpenError::Unavailable)?);
        Ok(Self { shared, writer: Arc::new(Writer { jobs: Some(jobs), thread }) })
    }
}

impl<V> FileView<V> {
    /// Looks at the value as the last committed unit left it.
    pub fn read<R>(&self, look: impl FnOnce(&V) -> R) -> R {
        look(&self.shared.held.read().unwrap_or_else(PoisonError::into_inner).value)
    }

    /// The position up to which the log is in the value.
    pub fn offset(&self) -> Position {
        self.shared.held.read().unwrap_or_else(PoisonError::into_inner).offset
    }

    /// Runs a piece of work with the file on the view's thread.
    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&File) -> Result<T, OutputError> + Send + 'static,
    ) -> Result<T, OutputError> {
        let gone = || OutputError::Refused("the thread of the view has ended".into());
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |file| {
            // A caller that has gone away does not need the answer.
            answer.send(work(file)).ok();
        });
        let jobs = self.writer.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(job).await.map_err(|_gone| gone())?;
        answered.await.map_err(|_gone| gone())?
    }

    fn doubt(&self) {
        self.shared.held.write().unwrap_or_else(PoisonError::into_inner).in_doubt = true;
    }

    fn put(&self, value: V, offset: Position) {
        let held = Held { value, offset, in_doubt: false };
        *self.shared.held.write().unwrap_or_else(PoisonError::into_inner) = held;
    }
}

impl<V: Serialize + Send + Sync + 'static> FileView<V> {
    async fn store(&self, value: V, offset: Position) -> Result<(), OutputError> {
        // Until it is known to be stored, the file is the only one to ask; also if this is dropped.
        self.doubt();
        let value = self
            .on_thread(move |file| {
                file.store(&value, offset)?;
                Ok(value)
            })
            .await?;
        self.put(value, offset);
        Ok(())
    }
}

impl File {
    fn load<V: Default + DeserializeOwned>(&self) -> Result<(V, Position), ViewOpenError> {
        let file = match self.storage.open(&self.path, OpenMode::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((V::default(), Position::ZERO));
            }
            file => file.map_err(ViewOpenError::Unavailable)?,
        };
        let length = file.length().map_err(ViewOpenError::Unavailable)?;
        if length > VIEW_BYTES_MAX + HEADER_BYTES as u64 {
            return Err(ViewOpenError::Damaged("the file is longer than a view may be"));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        file.pread_exact(&mut bytes, 0).map_err(ViewOpenError::Unavailable)?;
        let stored = file_format::decode(&bytes).map_err(ViewOpenError::Damaged)?;
        if stored.version != self.version {
            return Ok((V::default(), Position::ZERO));
        }
        let value = Payload::new(CodecId::NAMED, "view", stored.version, stored.value.to_vec());
        let value = value
            .decode()
            .map_err(|_undecodable| ViewOpenError::Damaged("the value cannot be decoded"))?;
        Ok((value, stored.offset))
    }

    fn store<V: Serialize>(&self, value: &V, offset: Position) -> Result<(), OutputError> {
        let value = Payload::encode(CodecId::NAMED, "view", self.version, value)
            .map_err(|error| OutputError::Encode(error.into()))?;
        let value = value.bytes();
        let limit = Limit::new("view_bytes_max", VIEW_BYTES_MAX);
        limit.check(value.len() as u64).map_err(OutputError::TooLarge)?;
        let bytes = file_format::encode(&Stored { version: self.version, offset, value });
        self.replace(&bytes).map_err(|error| OutputError::Unavailable(error.into()))
    }

    /// Puts the bytes in the place of the file: they are on the disk before the name leads to them.
    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let new = beside(&self.path, "new");
        match self.storage.remove(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = self.storage.open(&new, OpenMode::CreateNew)?;
        file.pwrite(bytes, 0)?;
        file.datasync()?;
        self.storage.rename(&new, &self.path)?;
        self.storage.sync_dir(self.path.parent().unwrap_or(Path::new("")))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let lock = self.lock.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        drop(lock);
    }
}

/// The path of a file that belongs to the view: `<path>.<what>`.
fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    name.into()
}

#[async_trait]
impl<V> ProjectionStore for FileView<V>
where
    V: Default + Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    type Output = V;

    async fn begin(&self) -> Result<(V, Position), OutputError> {
        let known = {
            let held = self.shared.held.read().unwrap_or_else(PoisonError::into_inner);
            (!held.in_doubt).then(|| (held.value.clone(), held.offset))
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let load = |file: &File| {
            file.load::<V>().map_err(|error| match error {
                ViewOpenError::Unavailable(error) => OutputError::Unavailable(error.into()),
                damaged => OutputError::Refused(damaged.into()),
            })
        };
        let (value, offset) = self.on_thread(load).await?;
        self.put(value.clone(), offset);
        Ok((value, offset))
    }

    async fn commit(&self, output: V, offset: Position) -> Result<(), OutputError> {
        self.store(output, offset).await
    }

    async fn reset(&self) -> Result<(), OutputError> {
        self.store(V::default(), Position::ZERO).await
    }
}

impl<V> Clone for FileView<V> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), writer: Arc::clone(&self.writer) }
    }
}

impl<V> fmt::Debug for FileView<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.shared.file.path;
        f.debug_struct("FileView")
            .field("path", path)
            .field("offset", &self.offset())
            .finish_non_exhaustive()
    }
}

/// Why a view could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum ViewOpenError {
    /// Somebody has it open, in this process or another one.
    Locked,
    /// The file is not what was written; it is left as it is.
    Damaged(&'static str),
    /// It cannot be read now.
    Unavailable(io::Error),
}

impl fmt::Display for ViewOpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked => f.write_str("the view is open already"),
            Self::Damaged(how) => write!(f, "the view is damaged: {how}"),
            Self::Unavailable(_) => f.write_str("the view cannot be read now"),
        }
    }
}

impl Error for ViewOpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(error) => Some(error),
            _ => None,
        }
    }
}
