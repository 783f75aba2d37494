use std::collections::HashSet;

use foldhash::fast::FixedState;
use rayon::prelude::*;

use super::codes::Codes;
use super::histories::Histories;
use super::intern::NONE;
use super::rows::Rows;
use super::visits::{Visit, visits};

/// Threads work on this many interactions at a time, those of a user always together.
const ROWS_A_TASK: usize = 1 << 18;

/// Interactions by user and time, each once.
pub struct Built {
    pub histories: Histories,
    pub event_type: Codes,
    pub value: Vec<f32>,
    /// As [`Rows::input`].
    pub input: Option<Vec<u32>>,
    /// See [`super::Dataset::is_same_visit`]; empty if no session is known.
    pub visits: Vec<Visit>,
}

/// Sorts and drops repetitions. `users`, `items` and `event_types` say which row a number becomes.
///
/// One column after the other leaves the order of the input, so that never more than one is there twice.
pub fn build(mut rows: Rows, users: &[u32], n_users: usize, items: &[u32], event_types: &[u32]) -> Built {
    rows.user.par_iter_mut().for_each(|user| *user = users.get(*user as usize).copied().unwrap_or(NONE));
    let offsets = offsets(&rows.user, n_users);
    let mut order = by_user(&rows.user, &offsets);
    rows.user = Vec::new();
    let offsets = sort(&rows, &mut order, &offsets);
    rows.others = Vec::new();
    let time = rows.time.gather(&order);
    rows.time = Default::default();
    let item = order.par_iter().map(|row| items[rows.item[*row as usize] as usize]).collect();
    rows.item = Vec::new();
    let greatest = event_types.len() as u32;
    let event_type = match rows.event_type.len() {
        0 => Codes::default(),
        _ => rows.event_type.gather(&order, greatest, |code| match code {
            0 => 0,
            code => event_types[code as usize - 1] + 1,
        }),
    };
    rows.event_type = Codes::default();
    let value = match rows.value.len() {
        0 => Vec::new(),
        _ => order.par_iter().map(|row| rows.value[*row as usize]).collect(),
    };
    let input = rows.input.map(|input| order.par_iter().map(|row| input[*row as usize]).collect());
    let histories = Histories::new(offsets, item, time);
    let session = rows.session.filter(|session| session.iter().any(|session| *session != NONE));
    let session = session.map(|session| order.par_iter().map(|row| session[*row as usize]).collect::<Vec<u32>>());
    let visits = session.map_or_else(Vec::new, |session| visits(&histories, &session));
    Built { histories, event_type, value, input, visits }
}

/// How often each number below `n` occurs; others are passed over.
pub fn count(numbers: &[u32], n: usize) -> Vec<u32> {
    let pieces = numbers.len().div_ceil(rayon::current_num_threads().clamp(1, 8)).max(1);
    let count = |piece: &[u32]| {
        let mut counts = vec![0; n];
        for number in piece {
            if let Some(count) = counts.get_mut(*number as usize) {
                *count += 1;
            }
        }
        counts
    };
    let add = |mut a: Vec<u32>, b: Vec<u32>| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        a
    };
    numbers.par_chunks(pieces).map(count).reduce_with(add).unwrap_or_else(|| vec![0; n])
}

fn offsets(user: &[u32], n_users: usize) -> Vec<usize> {
    let mut offsets = Vec::with_capacity(n_users + 1);
    offsets.push(0);
    let mut end = 0;
    for count in count(user, n_users) {
        end += count as usize;
        offsets.push(end);
    }
    offsets
}

/// Rows by user, in the order of the input within a user: a counting sort.
///
/// Each thread sees all rows and places those of its own run of users.
fn by_user(user: &[u32], offsets: &[usize]) -> Vec<u32> {
    let mut order = vec![0; offsets[offsets.len() - 1]];
    let runs = runs(offsets, order.len().div_ceil(rayon::current_num_threads().clamp(1, 16)).max(1));
    let ends: Vec<usize> = runs.iter().map(|(_, last)| offsets[*last]).collect();
    let pieces = split_mut(&mut order, &ends);
    runs.par_iter().zip(pieces).for_each(|((first, last), piece)| {
        let mut next: Vec<u32> = offsets[*first..*last].iter().map(|begin| (begin - offsets[*first]) as u32).collect();
        let first = *first as u32;
        for (row, user) in (0_u32..).zip(user) {
            // Users before the run wrap around to numbers beyond it, and so does NONE.
            if let Some(next) = next.get_mut(user.wrapping_sub(first) as usize) {
                piece[*next as usize] = row;
                *next += 1;
            }
        }
    });
    order
}

/// Runs of users (first, and the one after the last), each with about as many rows.
fn runs(offsets: &[usize], n_rows: usize) -> Vec<(usize, usize)> {
    let n_users = offsets.len() - 1;
    let mut runs = Vec::new();
    let mut first = 0;
    while first < n_users {
        let goal = offsets[first] + n_rows;
        let last = offsets.partition_point(|offset| *offset < goal).clamp(first + 1, n_users);
        runs.push((first, last));
        first = last;
    }
    runs
}

/// Puts each user's rows in the order of time, and drops repetitions. Returns where users begin now.
fn sort(rows: &Rows, order: &mut Vec<u32>, offsets: &[usize]) -> Vec<usize> {
    let runs = runs(offsets, ROWS_A_TASK);
    let ends: Vec<usize> = runs.iter().map(|(_, last)| offsets[*last]).collect();
    let kept: Vec<Vec<u32>> = runs
        .par_iter()
        .zip(split_mut(order, &ends))
        .map_init(Scratch::default, |scratch, ((first, last), piece)| {
            let mut free = 0;
            let users = offsets[*first..=*last].windows(2);
            let kept = users.map(|pair| {
                let begin = pair[0] - offsets[*first];
                let list = &mut piece[begin..begin + pair[1] - pair[0]];
                scratch.sort(rows, list);
                let n_kept = scratch.drop_repeated(rows, list);
                piece.copy_within(begin..begin + n_kept, free);
                free += n_kept;
                n_kept as u32
            });
            kept.collect()
        })
        .collect();
    let mut new_offsets = Vec::with_capacity(offsets.len());
    new_offsets.push(0);
    let mut end = 0;
    for ((first, _), kept) in runs.iter().zip(kept) {
        let begin = end;
        for n_kept in kept {
            end += n_kept as usize;
            new_offsets.push(end);
        }
        order.copy_within(offsets[*first]..offsets[*first] + end - begin, begin);
    }
    order.truncate(end);
    new_offsets
}

/// What tells rows of one user and moment apart.
type Print = (u32, u32, u32, u64);

/// Memory that one thread sorts in.
#[derive(Default)]
struct Scratch {
    keyed: Vec<(i64, u32)>,
    seen: HashSet<Print, FixedState>,
}

impl Scratch {
    /// Rows come in the order of the input, which is kept among those of one moment.
    fn sort(&mut self, rows: &Rows, list: &mut [u32]) {
        self.keyed.clear();
        self.keyed.extend(list.iter().map(|row| (rows.time.get(*row as usize), *row)));
        // A row's number is its place in the input.
        if !self.keyed.is_sorted() {
            self.keyed.sort_unstable();
            list.iter_mut().zip(&self.keyed).for_each(|(row, (_, sorted))| *row = *sorted);
        }
    }

    /// Moves the first of each set of equal rows of the list just sorted to the front, in order; returns how many.
    fn drop_repeated(&mut self, rows: &Rows, list: &mut [u32]) -> usize {
        let mut kept = 0;
        for moment in self.keyed.chunk_by(|a, b| a.0 == b.0) {
            for (_, row) in moment {
                if moment.len() == 1 || self.seen.insert(print(rows, *row as usize)) {
                    list[kept] = *row;
                    kept += 1;
                }
            }
            // Clearing takes as long as the set was ever large, which is too long for the many small moments.
            match moment.len() {
                1 => {}
                2..64 => self.seen.clear(),
                _ => self.seen = HashSet::default(),
            }
        }
        kept
    }
}

fn print(rows: &Rows, row: usize) -> Print {
    let value = rows.value.get(row).map_or(f32::NAN.to_bits(), |value| value.to_bits());
    (rows.item[row], rows.event_type.get(row), value, rows.others.get(row).copied().unwrap_or(0))
}

/// Cuts a slice at ascending ends, the last of which is its length.
fn split_mut<'a, T>(mut slice: &'a mut [T], ends: &[usize]) -> Vec<&'a mut [T]> {
    let mut pieces = Vec::with_capacity(ends.len());
    let mut begin = 0;
    for end in ends {
        let (piece, rest) = slice.split_at_mut(end - begin);
        pieces.push(piece);
        slice = rest;
        begin = *end;
    }
    pieces
}
