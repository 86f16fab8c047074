//! The seam to the operating system: a handful of small files, the space of a file system.

use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Bytes of one file that are looked at; what is needed stands at the beginning of each.
const FILE_BYTES_MAX: u64 = 64 * 1_024;

/// What monitors read from.
pub(crate) trait Files: Send + Sync + fmt::Debug {
    /// The beginning of a file.
    fn text(&self, path: &str) -> io::Result<String>;

    /// The handles that this process has open.
    fn handles(&self) -> io::Result<Handles>;

    /// The space of the file system that a path is on; may take long on a network.
    fn space(&self, path: &Path) -> io::Result<Space>;
}

/// Open handles of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Handles {
    /// All of them, sockets included.
    pub(crate) open: u64,
    /// Those that are sockets.
    pub(crate) sockets: u64,
}

/// Blocks and inodes of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    pub(crate) blocks: u64,
    pub(crate) blocks_free: u64,
    /// Free blocks that are not reserved for the administrator.
    pub(crate) blocks_available: u64,
    /// 0 where the file system makes inodes as it needs them.
    pub(crate) inodes: u64,
    pub(crate) inodes_free: u64,
}

/// The files of this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemFiles;

impl Files for SystemFiles {
    fn text(&self, path: &str) -> io::Result<String> {
        let mut text = String::new();
        File::open(path)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
        Ok(text)
    }

    fn handles(&self) -> io::Result<Handles> {
        let mut handles = Handles::default();
        for entry in fs::read_dir("/proc/self/fd")? {
            handles.open += 1;
            // A handle may be closed between the listing and the look at it.
            let target = entry.and_then(|entry| fs::read_link(entry.path()));
            let socket = target.is_ok_and(|target| target.to_string_lossy().starts_with("socket:"));
            handles.sockets += u64::from(socket);
        }
        // The listing itself was one.
        handles.open = handles.open.saturating_sub(1);
        Ok(handles)
    }

    #[cfg(unix)]
    fn space(&self, path: &Path) -> io::Result<Space> {
        let space = rustix::fs::statvfs(path)?;
        Ok(Space {
            blocks: space.f_blocks,
            blocks_free: space.f_bfree,
            blocks_available: space.f_bavail,
            inodes: space.f_files,
            inodes_free: space.f_ffree,
        })
    }

    #[cfg(not(unix))]
    fn space(&self, _path: &Path) -> io::Result<Space> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// What could not be read, or made no sense.
#[derive(Debug)]
pub(super) struct Unreadable {
    what: String,
    source: Option<io::Error>,
}

impl Unreadable {
    /// Something that was read but made no sense.
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), source: None }
    }

    /// A file that could not be read.
    pub(super) fn io(path: &str, source: io::Error) -> Self {
        Self { what: format!("cannot read {path}"), source: Some(source) }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Unreadable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as &(dyn Error + 'static))
    }
}

/// A file's text, or what could not be read.
pub(super) fn read(files: &dyn Files, path: &str) -> Result<String, Unreadable> {
    files.text(path).map_err(|error| Unreadable::io(path, error))
}

/// What `parse` finds in a file, or that it makes no sense.
pub(super) fn parsed<T>(
    files: &dyn Files,
    path: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Unreadable> {
    let text = read(files, path)?;
    parse(&text).ok_or_else(|| Unreadable::new(format!("{path} is not of the expected form")))
}
