//! The hippocampus: the file, the search over it, and the text encoder that both need.

use std::path::Path;

use neuraxis_core::TextEmbedder;
use neuraxis_plan::Scene;
use rusqlite::{Row, params};

use crate::{
    Concluded, Draft, Embedding, EpisodeId, Forgotten, MemoryError, Outcome, Result, Stamp, Store, What,
    index::{Entry, Index},
    text,
};

/// Any sentence: says how wide the encoder's features are.
const PROBE: &str = "put the block on the table";

/// Remembers episodes, finds them again, and knows what is and was so.
///
/// `Send`, not `Sync`: owned by the hippocampus' thread, which allocates, waits for the disk and runs the text encoder.
/// Time is given by the caller.
pub struct Memory {
    pub(crate) store: Store,
    pub(crate) index: Index,
    embedder: Box<dyn TextEmbedder>,
}

impl Memory {
    /// Opens the memory at `path`, or makes one where there is nothing. Reads all embeddings into memory. Refused if it
    /// was written with another encoder: see [`Memory::reembed`].
    pub fn open(path: impl AsRef<Path>, embedder: Box<dyn TextEmbedder>) -> Result<Self> {
        Self::start(path.as_ref(), embedder, false)
    }

    /// As [`Memory::open`]; if it was written with another encoder, every instruction is encoded anew.
    pub fn reembed(path: impl AsRef<Path>, embedder: Box<dyn TextEmbedder>) -> Result<Self> {
        Self::start(path.as_ref(), embedder, true)
    }

    fn start(path: &Path, mut embedder: Box<dyn TextEmbedder>, anew: bool) -> Result<Self> {
        let mut store = Store::open(path)?;
        let width = Embedding::pooled(&embedder.embed(PROBE)?)?.width();
        let given = format!("{}, {width} numbers", embedder.id());
        match store.encoder()? {
            Some(stored) if stored == given => {}
            None => store.set_encoder(&given, &[])?,
            Some(_) if anew => {
                let mut all = Vec::new();
                for (id, instruction) in store.instructions()? {
                    all.push((id, Embedding::pooled(&embedder.embed(&instruction)?)?));
                }
                store.set_encoder(&given, &all)?;
            }
            Some(stored) => return Err(MemoryError::Encoder { path: path.into(), stored, given }),
        }
        let index = store.index(width)?;
        Ok(Self { store, index, embedder })
    }

    /// The file, to be asked about facts, skills and repairs.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How many episodes are remembered.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// True if none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An episode begins. Nothing of it is remembered before [`Memory::commit`].
    pub fn begin(&mut self, instruction: &str, scene: &Scene, embodiment: &str, at: Stamp) -> Result<Draft> {
        let embedding = self.embed(instruction)?;
        Draft::new(instruction, embedding, scene, embodiment, at)
    }

    /// Remembers an episode whose outcome is known. When this returns it is on the disk; if it fails, nothing of it is.
    pub fn commit(&mut self, concluded: &Concluded) -> Result<EpisodeId> {
        let embedding = &concluded.draft.embedding;
        if embedding.width() != self.index.width() {
            let why = format!("{} numbers, this memory has {}", embedding.width(), self.index.width());
            return Err(MemoryError::Vector(why));
        }
        let episode = self.store.write(concluded)?;
        let success = concluded.outcome == Outcome::Success;
        self.index.push(Entry { episode, ended: concluded.ended, success }, embedding)?;
        Ok(episode)
    }

    /// Sums up what many episodes have in common; to be called when idle. Says how many facts it changed.
    pub fn consolidate(&mut self, at: Stamp) -> Result<usize> {
        self.store.consolidate(at)
    }

    /// Forgets for good.
    pub fn forget(&mut self, what: &What) -> Result<Forgotten> {
        let forgotten = self.store.forget(what)?;
        self.index.retain(|id| !forgotten.episodes.contains(&id));
        Ok(forgotten)
    }

    /// The meaning of a sentence; refused before the encoder sees it if it is no sentence.
    pub(crate) fn embed(&mut self, sentence: &str) -> Result<Embedding> {
        let sentence = text::sentence("instruction", sentence)?;
        let embedding = Embedding::pooled(&self.embedder.embed(&sentence)?)?;
        if embedding.width() == self.index.width() {
            return Ok(embedding);
        }
        let why = format!("the encoder gave {} numbers, and {} before", embedding.width(), self.index.width());
        Err(MemoryError::Vector(why))
    }
}

impl Store {
    /// Name and width of the encoder of the embeddings; `None` before the first.
    pub fn encoder(&self) -> Result<Option<String>> {
        let found: Vec<String> = self.query(|db| {
            db.prepare_cached("SELECT value FROM meta WHERE key = 'encoder'")?
                .query_map([], |row| row.get(0))?
                .collect()
        })?;
        Ok(found.into_iter().next())
    }

    fn set_encoder(&mut self, encoder: &str, anew: &[(EpisodeId, Embedding)]) -> Result<()> {
        self.transaction(|tx| {
            tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('encoder', ?1)", [encoder])?;
            let mut update = tx.prepare_cached("UPDATE episodes SET embedding = ?2 WHERE id = ?1")?;
            for (id, embedding) in anew {
                update.execute(params![id.0, embedding.to_bytes()])?;
            }
            Ok(())
        })
    }

    fn instructions(&self) -> Result<Vec<(EpisodeId, String)>> {
        let row = |row: &Row| Ok((EpisodeId(row.get(0)?), row.get(1)?));
        self.query(|db| db.prepare("SELECT id, instruction FROM episodes ORDER BY id")?.query_map([], row)?.collect())
    }

    /// All embeddings; each must be whole.
    fn index(&self, width: usize) -> Result<Index> {
        let count: u32 = self.query(|db| db.query_row("SELECT count(*) FROM episodes", [], |row| row.get(0)))?;
        let mut index = Index::new(width);
        index.reserve(count as usize);
        let mut damaged = None;
        self.query(|db| {
            let mut query = db.prepare("SELECT id, embedding, ended_ms, outcome FROM episodes ORDER BY id")?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let episode = EpisodeId(row.get(0)?);
                let bytes = row.get_ref(1)?.as_blob()?;
                let success = row.get_ref(3)?.as_str()? == "success";
                let entry = Entry { episode, ended: Stamp::from_unix_ms(row.get(2)?), success };
                let pushed = Embedding::from_bytes(bytes, width).and_then(|embedding| index.push(entry, &embedding));
                if let Err(error) = pushed {
                    damaged = Some(format!("episode {episode}: {error}"));
                    break;
                }
            }
            Ok(())
        })?;
        damaged.map_or(Ok(index), |reason| Err(self.corrupt(reason)))
    }
}
