use palate_recipes::parts::{Part, PartError, Source, rewrite};

use super::{Manifest, PartInfo, keeps_sessions};
use crate::jobs::WorkError;
use crate::schema::DatasetType;
use crate::service::Service;

/// A part with fewer bytes is small.
const SMALL_BYTES: u64 = 4 << 20;
/// So many small ones in a row become one.
const MANY: usize = 8;
/// What is merged has at most so many bytes.
const MERGED_BYTES: u64 = 32 << 20;

/// Whether small parts have become many.
pub(super) fn is_due(manifest: &Manifest) -> bool {
    run(&manifest.parts).is_some()
}

/// Small parts of one origin that stand side by side, if they are many: their place in the list.
fn run(parts: &[PartInfo]) -> Option<std::ops::Range<usize>> {
    let mut begin = 0;
    while begin < parts.len() {
        let first = parts.get(begin)?;
        let mut bytes = 0;
        let fits = |part: &&PartInfo| {
            bytes += part.bytes;
            part.origin == first.origin && part.bytes < SMALL_BYTES && bytes <= MERGED_BYTES
        };
        let n = parts.iter().skip(begin).take_while(fits).count();
        if n >= MANY {
            return Some(begin..begin + n);
        }
        begin += n.max(1);
    }
    None
}

/// Small parts and the content of the one that takes their place.
pub(super) struct Merged {
    pub replaced: Vec<PartInfo>,
    pub content: bytes::Bytes,
    pub rows: u64,
}

/// Joins the first small parts that are many. Records of one id keep their times, so that the newest still
/// counts; no row is left out, since exports give every version.
pub(super) async fn merge(
    service: &Service,
    dataset_type: DatasetType,
    manifest: &Manifest,
) -> Result<Option<Merged>, WorkError> {
    let Some(run) = run(&manifest.parts) else { return Ok(None) };
    let replaced: Vec<PartInfo> = manifest.parts.get(run).unwrap_or_default().to_vec();
    let mut contents = Vec::with_capacity(replaced.len());
    for part in &replaced {
        contents.push((part.imported_ms, service.stores.blobs.get(&part.key).await?));
    }
    let timed = !keeps_sessions(dataset_type);
    let joined = tokio::task::spawn_blocking(move || -> Result<_, PartError> {
        let parts: Vec<(u64, Part)> = contents
            .into_iter()
            .map(|(at_ms, content)| Ok((at_ms, Part::open(content)?)))
            .collect::<Result<_, PartError>>()?;
        let source = |(at_ms, part)| {
            let at_ms: &u64 = at_ms;
            Source { part, at_ms: timed.then(|| i64::try_from(*at_ms).unwrap_or(i64::MAX)), keep: None }
        };
        let sources: Vec<Source<'_>> = parts.iter().map(|(at_ms, part)| source((at_ms, part))).collect();
        Ok((rewrite(&sources)?, parts.iter().map(|(_, part)| part.n_rows() as u64).sum()))
    });
    let (content, rows) = joined.await.map_err(WorkError::retry)?.map_err(WorkError::retry)?;
    Ok(Some(Merged { replaced, content, rows }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Origin;

    fn part(origin: Origin, bytes: u64) -> PartInfo {
        PartInfo { key: String::new(), rows: 1, bytes, sha256: String::new(), imported_ms: 0, origin }
    }

    #[test]
    fn only_many_small_parts_of_one_origin_are_merged() {
        let small = |origin, n| vec![part(origin, 1000); n];
        assert_eq!(run(&small(Origin::Put, MANY - 1)), None);
        assert_eq!(run(&small(Origin::Put, MANY)), Some(0..MANY));
        let mixed = [small(Origin::Bulk, 5), small(Origin::Put, 5), small(Origin::Bulk, 5)].concat();
        assert_eq!(run(&mixed), None);
        let after_large = [vec![part(Origin::Bulk, SMALL_BYTES)], small(Origin::Bulk, MANY)].concat();
        assert_eq!(run(&after_large), Some(1..=MANY).map(|run| *run.start()..run.end() + 1));
    }

    #[test]
    fn what_is_merged_is_not_larger_than_a_part_should_be() {
        let parts = vec![part(Origin::Bulk, SMALL_BYTES - 1); 20];
        let found = run(&parts).map(|run| run.len());
        assert_eq!(found, Some((MERGED_BYTES / (SMALL_BYTES - 1)) as usize));
    }
}
