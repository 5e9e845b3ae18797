//! `neuraxis memory`: what is remembered, why it is believed, and forgetting it.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use neuraxis_hippocampus::{EpisodeId, KnownId, MemoryError, RepairId, Stamp, Store, What};

/// Episodes that the overview lists.
const NEWEST: u32 = 20;
const DAY_MS: i64 = 86_400_000;

/// `memory show [EPISODE]`: the memory at a glance, or all that is remembered of one episode.
pub fn show(store: &Store, episode: Option<i64>) -> Result<()> {
    put!("{}", shown(store, episode)?);
    Ok(())
}

/// `memory why WHAT`: what a belief rests on. A fact or repair by its number (`fact 7`, `repair 2`, or only `7` for a fact),
/// a fact in words (`in(red_block,top_drawer)`), a thing (`red_block`: all that was ever so), or `episode 3`.
pub fn why(store: &Store, what: &[String]) -> Result<()> {
    put!("{}", reasons(store, what)?);
    Ok(())
}

/// `memory forget episode N | thing NAME | older DAYS`: for good. `now`: wall-clock time.
pub fn forget(store: &mut Store, what: &[String], now: Stamp) -> Result<()> {
    let what = to_forget(what, now)?;
    say!("{}", store.forget(&what)?);
    Ok(())
}

fn shown(store: &Store, episode: Option<i64>) -> Result<String> {
    if let Some(id) = episode {
        let unknown = || MemoryError::Unknown { what: "episode", id: id.to_string() };
        return Ok(store.episode(EpisodeId(id))?.ok_or_else(unknown)?.to_string());
    }
    let seen = store.overview(NEWEST)?;
    let ((path, encoder, bytes), (all, good)) = (&seen.file, seen.episodes);
    let encoder = encoder.as_deref().unwrap_or("none yet");
    let mut text = format!("{path}\n{all} episodes, {good} reached their goal; {:.1} MB\n", *bytes as f64 / 1e6);
    writeln!(text, "text encoder: {encoder}")?;

    let row = |(id, ended, said, good): &(EpisodeId, Stamp, String, bool)| {
        let outcome = if *good { "success" } else { "failure" };
        vec![id.to_string(), ended.to_string(), outcome.into(), said.clone()]
    };
    table(&mut text, &["episode", "ended", "outcome", "what was said"], seen.newest.iter().map(row));

    let row = |fact: &neuraxis_hippocampus::Known| {
        let at = fact.position_in_world.map_or_else(String::new, |[x, y, z]| format!("{x:.3} {y:.3} {z:.3}"));
        let from = fact.episode.map_or_else(|| "-".into(), |id| id.to_string());
        vec![fact.id.0.to_string(), fact.triple.to_string(), at, fact.valid_from.to_string(), from]
    };
    table(&mut text, &["fact", "what is so", "at [m]", "since", "episode"], seen.facts.iter().map(row));

    let row = |skill: &neuraxis_hippocampus::SkillRecord| {
        let worked = format!("{}/{}", skill.worked, skill.worked + skill.failed);
        let secs = format!("{:.1} s", skill.mean_secs);
        vec![skill.skill.clone(), skill.class.clone(), skill.embodiment.clone(), worked, secs]
    };
    table(&mut text, &["skill", "of", "with", "worked", "takes"], seen.skills.iter().map(row));

    let row = |repair: &neuraxis_hippocampus::Repair| {
        let kind = if repair.is_skill() { "skill" } else { "repair" };
        let when = format!("{} of {} fails by {}", repair.skill, repair.class, repair.failure);
        let worked = format!("{} episodes, failed {}", repair.worked, repair.failed);
        vec![repair.id.0.to_string(), kind.into(), when, worked]
    };
    table(&mut text, &["repair", "is a", "when", "worked in"], seen.repairs.iter().map(row));
    Ok(text)
}

fn reasons(store: &Store, what: &[String]) -> Result<String> {
    let words: Vec<&str> = what.iter().flat_map(|word| word.split_whitespace()).collect();
    let number = |text: &str| text.parse::<i64>().with_context(|| format!("{text:?} is no number"));
    let text = match words[..] {
        ["fact", id] => store.why_fact(KnownId(number(id)?))?.to_string(),
        ["repair", id] => store.why_repair(RepairId(number(id)?))?.to_string(),
        ["episode", id] => shown(store, Some(number(id)?))?,
        [one] if one.chars().all(|c| c.is_ascii_digit()) => store.why_fact(KnownId(number(one)?))?.to_string(),
        [] => bail!("why what? a fact's number, `repair N`, `episode N`, a fact in words, or a thing"),
        _ => {
            let said: String = words.concat();
            let facts = store.facts_now(None)?;
            let found = facts.iter().find(|known| known.triple.to_string() == said);
            match found {
                Some(known) => store.why_fact(known.id)?.to_string(),
                None => history(store, &said)?,
            }
        }
    };
    Ok(text)
}

/// Everything that was ever known of a thing, and where it was before.
fn history(store: &Store, thing: &str) -> Result<String> {
    let known = store.history(thing)?;
    if known.is_empty() {
        bail!("nothing is known of {thing:?}; `neuraxis memory show` lists what is");
    }
    let mut text = String::new();
    for fact in &known {
        writeln!(text, "{fact}")?;
    }
    if let Some(last) = store.last_move(thing)? {
        writeln!(text, "\n{last}")?;
    }
    Ok(text)
}

fn to_forget(what: &[String], now: Stamp) -> Result<What> {
    let words: Vec<&str> = what.iter().map(String::as_str).collect();
    match words[..] {
        ["episode", id] => Ok(What::Episode(EpisodeId(id.parse().with_context(|| format!("{id:?} is no number"))?))),
        ["thing", name] => Ok(What::Thing(name.to_string())),
        ["older", days] => {
            let days: u32 = days.parse().with_context(|| format!("{days:?} is no number of days"))?;
            let ms = i64::from(days).saturating_mul(DAY_MS);
            Ok(What::Before(Stamp::from_unix_ms(now.unix_ms().saturating_sub(ms))))
        }
        _ => bail!("forget what? `episode N`, `thing NAME` (all facts about it), or `older DAYS`"),
    }
}

/// Adds a table with a title row, if there is anything in it; columns as wide as what stands in them.
fn table(text: &mut String, titles: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let titles: Vec<String> = titles.iter().map(ToString::to_string).collect();
    let all = || std::iter::once(&titles).chain(&rows);
    let wide = |column: usize| all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..titles.len()).map(|column| wide(column).unwrap_or(0)).collect();
    text.push('\n');
    for row in all() {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}", width = *width)).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(String::from).collect()
    }

    #[test]
    fn what_to_forget_is_read_or_refused() {
        let now = Stamp::from_unix_ms(10 * DAY_MS);
        assert_eq!(to_forget(&words("episode 3"), now).unwrap(), What::Episode(EpisodeId(3)));
        assert_eq!(to_forget(&words("thing red_block"), now).unwrap(), What::Thing("red_block".into()));
        let before = What::Before(Stamp::from_unix_ms(3 * DAY_MS));
        assert_eq!(to_forget(&words("older 7"), now).unwrap(), before);
        assert!(to_forget(&words("everything"), now).is_err() && to_forget(&words("episode x"), now).is_err());
    }

    #[test]
    fn an_empty_memory_is_shown_and_knows_no_reasons() {
        let path = std::env::temp_dir().join(format!("neuraxis-memory-{}", std::process::id()));
        let mut store = Store::open(&path).unwrap();
        assert!(shown(&store, None).unwrap().contains("0 episodes"));
        assert!(shown(&store, Some(1)).is_err() && reasons(&store, &words("fact 1")).is_err());
        assert!(reasons(&store, &words("red_block")).unwrap_err().to_string().contains("nothing is known"));
        assert!(forget(&mut store, &words("older 0"), Stamp::from_unix_ms(0)).is_ok());
        drop(store);
        for ending in ["", ".lock", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
        }
    }

    #[test]
    fn tables_have_columns() {
        let mut text = String::new();
        let rows = [["1", "red"], ["22", "a"]].map(|row| row.map(String::from).to_vec());
        table(&mut text, &["n", "what"], rows.into_iter());
        assert_eq!(text, "\nn   what\n1   red\n22  a\n");
        table(&mut text, &["n"], std::iter::empty());
        assert!(text.ends_with("a\n"));
    }
}
