use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

use foldhash::quality::RandomState;
use rayon::prelude::*;

use super::IdMap;
use crate::parts::Strings;

/// No row.
pub const NONE: u32 = u32::MAX;

/// So many maps share the ids, each with a lock of its own: threads seldom meet, and a million ids are looked
/// up a cache's worth at a time.
const N_SHARDS: usize = 64;

/// Gives numbers to ids, from several threads at once.
///
/// Which number an id gets depends on who came first, so numbers serve only until [`Interned::sorted`] gives
/// rows that depend on the ids alone.
pub struct Interner {
    hasher: RandomState,
    shards: Vec<Mutex<IdMap>>,
}

impl Default for Interner {
    fn default() -> Self {
        let hasher = RandomState::default();
        let shards = (0..N_SHARDS).map(|_| Mutex::new(IdMap::with_hasher(hasher.clone()))).collect();
        Self { hasher, shards }
    }
}

impl Interner {
    /// The number of each of the ids, new ones where they have none. `None` if there are no more numbers.
    pub fn insert_all(&self, ids: &Strings) -> Option<Vec<u32>> {
        let hashes: Vec<u64> = ids.iter().map(|id| self.hasher.hash_one(id)).collect();
        let (order, offsets) = by_shard(&hashes);
        let mut numbers = vec![NONE; hashes.len()];
        // Each part begins elsewhere, so that parts read at the same time do not queue for the same shards.
        let first = hashes.first().map_or(0, |hash| *hash as usize % N_SHARDS);
        for shard in (first..N_SHARDS).chain(0..first) {
            let places = &order[offsets[shard]..offsets[shard + 1]];
            if places.is_empty() {
                continue;
            }
            let mut map = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
            for place in places {
                let place = *place as usize;
                let row = map.insert_hashed(hashes[place], ids.get(place))?;
                let number = row.checked_mul(N_SHARDS as u32)?.checked_add(shard as u32)?;
                numbers[place] = Some(number).filter(|number| *number != NONE)?;
            }
        }
        Some(numbers)
    }

    pub fn finish(self) -> Interned {
        let maps = self.shards.into_iter().map(|shard| shard.into_inner().unwrap_or_else(PoisonError::into_inner));
        Interned { shards: maps.collect() }
    }
}

/// Places by shard, ascending within one, and where each shard's begin: a counting sort.
fn by_shard(hashes: &[u64]) -> (Vec<u32>, Vec<usize>) {
    // The map's slots go by the lower bits.
    let shard = |hash: &u64| (hash >> (64 - N_SHARDS.ilog2())) as usize;
    let mut offsets = vec![0; N_SHARDS + 1];
    for hash in hashes {
        offsets[shard(hash) + 1] += 1;
    }
    for shard in 0..N_SHARDS {
        offsets[shard + 1] += offsets[shard];
    }
    let mut next = offsets.clone();
    let mut order = vec![0; hashes.len()];
    for (place, hash) in hashes.iter().enumerate() {
        let free = &mut next[shard(hash)];
        order[*free] = place as u32;
        *free += 1;
    }
    (order, offsets)
}

/// Ids with the numbers that an [`Interner`] gave them.
pub struct Interned {
    shards: Vec<IdMap>,
}

impl Interned {
    /// All numbers are below.
    pub fn bound(&self) -> usize {
        self.shards.iter().map(|map| map.len() * N_SHARDS).max().unwrap_or(0)
    }

    /// How many ids there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(IdMap::len).sum()
    }

    pub fn id(&self, number: u32) -> &str {
        self.shards[number as usize % N_SHARDS].id(number / N_SHARDS as u32)
    }

    /// The numbers that were given.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        let shards = self.shards.iter().enumerate();
        shards.flat_map(|(shard, map)| (0..map.len() as u32).map(move |row| row * N_SHARDS as u32 + shard as u32))
    }

    /// The kept ids in byte order, and by number the row there; [`NONE`] for those that are not.
    pub fn sorted(&self, keep: impl Fn(u32) -> bool) -> (IdMap, Vec<u32>) {
        let kept: Vec<u32> = self.numbers().filter(|number| keep(*number)).collect();
        let n_same = self.common_prefix(&kept);
        let mut keys: Vec<(u64, u32)> =
            kept.par_iter().map(|number| (key(&self.id(*number).as_bytes()[n_same..]), *number)).collect();
        // Most are told apart by eight bytes, without going to the text.
        keys.par_sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.id(a.1).cmp(self.id(b.1))));
        let mut ids = IdMap::with_capacity(keys.len(), keys.iter().map(|(_, number)| self.id(*number).len()).sum());
        let mut rows = vec![NONE; self.bound()];
        for (row, (_, number)) in (0..).zip(&keys) {
            ids.push_new(self.id(*number));
            rows[*number as usize] = row;
        }
        (ids, rows)
    }

    /// How many leading bytes all of them share.
    fn common_prefix(&self, numbers: &[u32]) -> usize {
        let Some(first) = numbers.first() else { return 0 };
        let first = self.id(*first).as_bytes();
        numbers.iter().fold(first.len(), |n_same, number| {
            let other = self.id(*number).as_bytes();
            first[..n_same].iter().zip(other).take_while(|(a, b)| a == b).count()
        })
    }
}

/// The first eight bytes, in an order that does not contradict that of the bytes.
fn key(bytes: &[u8]) -> u64 {
    let mut key = [0; 8];
    let n_bytes = bytes.len().min(8);
    key[..n_bytes].copy_from_slice(&bytes[..n_bytes]);
    u64::from_be_bytes(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::parts::{Column, ColumnType, Part, PartBuilder};

    fn strings(ids: &[String]) -> Strings {
        let column = Column { name: "A".into(), kind: ColumnType::String, nullable: false };
        let mut part = PartBuilder::new(&[column]);
        ids.iter().for_each(|id| part.push_str(0, id));
        Part::open(part.finish().unwrap()).unwrap().strings("A").unwrap().dictionary
    }

    proptest! {
        #[test]
        fn sorting_gives_the_kept_ids_in_byte_order(
            ids in prop::collection::vec("user-[a-c\0é]{0,10}", 0..60),
            kept in prop::collection::vec(any::<bool>(), 60),
        ) {
            let ids = strings(&ids);
            let interner = Interner::default();
            let numbers = interner.insert_all(&ids).unwrap();
            prop_assert_eq!(&interner.insert_all(&ids).unwrap(), &numbers);
            let kept: BTreeSet<u32> = numbers.iter().zip(kept).filter(|(_, kept)| *kept).map(|(id, _)| *id).collect();
            let interned = interner.finish();
            let (sorted, rows) = interned.sorted(|number| kept.contains(&number));
            prop_assert_eq!(sorted.len(), kept.len());
            prop_assert!(sorted.iter().zip(sorted.iter().skip(1)).all(|(a, b)| a < b));
            for (place, number) in numbers.iter().enumerate() {
                let row = rows[*number as usize];
                prop_assert_eq!(row != NONE, kept.contains(number));
                if row != NONE {
                    prop_assert_eq!(sorted.id(row), ids.get(place));
                    prop_assert_eq!(sorted.get(ids.get(place)), Some(row));
                }
            }
        }
    }
}
