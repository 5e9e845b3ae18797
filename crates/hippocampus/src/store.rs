//! The file: opened, checked, locked. No text encoder is needed to look into it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::{MemoryError, Result, schema};

/// How long a reader waits for the moment in which a writer folds its log into the file.
const PATIENCE: Duration = Duration::from_secs(5);

/// A memory on disk (SQLite, write-ahead log, every commit on the disk before it returns).
///
/// One process may write, and holds `PATH.lock` for as long as it lives: the kernel lets go of it however the process
/// ends. Any number may look meanwhile; each look sees whole episodes. `Send`, not `Sync`: owned by one thread, which
/// allocates and blocks on the disk; never the thread of a control loop.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    connection: Connection,
    /// Held, not read; `None`: this one only looks.
    _lock: Option<File>,
}

impl Store {
    /// For writing. A file that is not there is made; one that is there must be a memory of this version or an older
    /// one, sound, and in nobody else's hands.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let lock = locked(path)?;
        if !path.try_exists().map_err(MemoryError::io(path))? {
            create(path)?;
        }
        let store = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, Some(lock))?;
        Ok(store)
    }

    /// To look only; what is not there is not made.
    pub fn look(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if !path.try_exists().map_err(MemoryError::io(path))? {
            return Err(MemoryError::Missing { path: path.into() });
        }
        Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, None)
    }

    fn connect(path: &Path, mode: OpenFlags, lock: Option<File>) -> Result<Self> {
        let corrupt = |reason: &str| MemoryError::Corrupt { path: path.into(), reason: reason.into() };
        // Never opened but by SQLite: closing any descriptor of the file lets go of the locks that this process has on it.
        let meta = std::fs::metadata(path).map_err(MemoryError::io(path))?;
        if meta.is_dir() {
            return Err(MemoryError::io(path)(std::io::ErrorKind::IsADirectory.into()));
        }
        // SQLite would take an empty file for a new database.
        if meta.len() == 0 {
            return Err(corrupt("the file is empty"));
        }
        let error = |e| MemoryError::from_database(path, e);
        let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(error)?;
        settings(&connection).map_err(error)?;

        let found: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(error)?;
        if found != schema::APPLICATION_ID {
            return Err(MemoryError::NotOurs { path: path.into(), found });
        }
        let (version, known) = (schema::version(&connection).map_err(error)?, schema::STEPS.len() as i64);
        if version > known {
            return Err(MemoryError::Newer { path: path.into(), found: version, known });
        }
        let verdict: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0)).map_err(error)?;
        if verdict != "ok" {
            return Err(corrupt(&verdict));
        }
        if lock.is_some() {
            schema::migrate(&mut connection, schema::STEPS).map_err(error)?;
        } else if version < known {
            return Err(corrupt(&format!("version {version} is older than {known}; open it once for writing")));
        }
        Ok(Self { path: path.into(), connection, _lock: lock })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Does everything in `work`, or nothing; it is on the disk when this returns.
    pub(crate) fn transaction<T>(&mut self, work: impl FnOnce(&Transaction) -> Result<T, Refused>) -> Result<T> {
        let path = &self.path;
        let error = |e| MemoryError::from_database(path, e);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(error)?;
        // What is dropped without commit is rolled back.
        let value = work(&transaction).map_err(|refused| match refused {
            Refused::Database(e) => error(e),
            Refused::Memory(e) => e,
        })?;
        transaction.commit().map_err(error)?;
        Ok(value)
    }

    /// Runs a query, and says which file it was about if it fails.
    pub(crate) fn query<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.connection).map_err(|e| MemoryError::from_database(&self.path, e))
    }

    /// Something in the file that only a program other than this one can have put there.
    pub(crate) fn corrupt(&self, reason: impl Into<String>) -> MemoryError {
        MemoryError::Corrupt { path: self.path.clone(), reason: reason.into() }
    }
}

/// Why a transaction is given up.
pub(crate) enum Refused {
    Database(rusqlite::Error),
    Memory(MemoryError),
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<MemoryError> for Refused {
    fn from(error: MemoryError) -> Self {
        Self::Memory(error)
    }
}

fn settings(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A file from elsewhere must not bring functions of its own into play.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // What is forgotten is overwritten.
    connection.pragma_update(None, "secure_delete", true)?;
    // Each commit waits for the disk: what was acknowledged survives a power cut.
    connection.pragma_update(None, "synchronous", "FULL")
}

/// Takes `PATH.lock` and writes our process number into it.
fn locked(path: &Path) -> Result<File> {
    let name = beside(path, ".lock");
    let error = |e| MemoryError::io(&name)(e);
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&name).map_err(error)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            let _ = file.take(32).read_to_string(&mut owner);
            let owner = if owner.trim().is_empty() { "unknown".into() } else { owner.trim().to_string() };
            return Err(MemoryError::InUse { path: path.into(), owner });
        }
        Err(TryLockError::Error(e)) => return Err(error(e)),
    }
    file.set_len(0).map_err(error)?;
    file.seek(SeekFrom::Start(0)).map_err(error)?;
    writeln!(file, "{}", std::process::id()).map_err(error)?;
    Ok(file)
}

/// Makes a new memory beside its place and puts it there whole: no half-made file is ever at `path`.
fn create(path: &Path) -> Result<()> {
    if beside(path, "-wal").exists() {
        let reason = "there is a -wal file without its database".to_string();
        return Err(MemoryError::Corrupt { path: path.into(), reason });
    }
    let new = beside(path, ".new");
    for old in [new.clone(), beside(&new, "-wal"), beside(&new, "-shm"), beside(&new, "-journal")] {
        match std::fs::remove_file(&old) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(MemoryError::io(&old)(e)),
            _ => {}
        }
    }
    let error = |e| MemoryError::from_database(&new, e);
    let mut connection = Connection::open(&new).map_err(error)?;
    settings(&connection).map_err(error)?;
    schema::migrate(&mut connection, schema::STEPS).map_err(error)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(error)?;
    // Closing folds the log into the file and removes it.
    connection.close().map_err(|(_, e)| error(e))?;
    let io = |e| MemoryError::io(path)(e);
    File::open(&new).and_then(|file| file.sync_all()).map_err(io)?;
    std::fs::rename(&new, path).map_err(io)?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}

/// `PATH` with something behind it, as SQLite names the files beside a database.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
