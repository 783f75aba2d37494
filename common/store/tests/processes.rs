//! The embedded backend with several processes on one folder, some of them killed, some short of disk.
//!
//! Without the usual harness, because this program is also the other processes: `processes child ROLE
//! FOLDER NAME`.

#![allow(clippy::unwrap_used)]

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use palate_store::{Key, PutCondition, RecordStoreExt as _, StoreError, Stores, Write, embedded};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, child, role, folder, name] = arguments.as_slice()
        && child == "child"
    {
        let stores = embedded::open(Path::new(folder)).unwrap();
        match role.as_str() {
            "count" => count(&stores, name).await,
            "swap" => swap(&stores).await,
            "publish" => publish(&stores).await,
            "fill" => fill(&stores).await,
            other => panic!("{other} is no role"),
        }
        return;
    }
    for round in 0..3 {
        counts_stay_exact_when_a_process_is_killed(round).await;
    }
    blobs_swapped_by_two_processes_lose_nothing().await;
    a_killed_publisher_leaves_a_whole_blob_and_a_record_that_points_to_it().await;
    a_full_disk_leaves_what_was_there().await;
    eprintln!("4 cases with several processes: ok");
}

fn child(role: &str, folder: &Path, name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", role]).arg(folder).arg(name);
    command
}

/// Ends when the child says so, by a line.
fn await_line(child: &mut Child) {
    let mut line = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(!line.is_empty(), "the child ended without a word");
}

fn number(value: &[u8]) -> u64 {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

const TURNS: u64 = 150;

/// Counts in a record of all and in one of its own, in one commit.
async fn count(stores: &Stores, name: &str) {
    let (all, own) = (Key::new("count", "all"), Key::new("count", name));
    let mut mine = 0;
    while mine < TURNS {
        let record = stores.records.get(&all).await.unwrap().unwrap();
        let own = match mine {
            0 => Write::Create { key: own.clone(), value: b"1".to_vec() },
            _ => Write::Update { key: own.clone(), expected: mine, value: (mine + 1).to_string().into_bytes() },
        };
        let next = (number(&record.value) + 1).to_string().into_bytes();
        let all = Write::Update { key: record.key, expected: record.version, value: next };
        match stores.records.commit(vec![own, all]).await {
            Ok(()) => mine += 1,
            Err(StoreError::Conflict { .. }) => continue,
            Err(error) => panic!("{error:?}"),
        }
        if mine == 20 {
            eprintln!("well under way");
        }
    }
}

async fn counts_stay_exact_when_a_process_is_killed(round: u64) {
    let folder = tempfile::tempdir().unwrap();
    let stores = embedded::open(folder.path()).unwrap();
    stores.records.create(Key::new("count", "all"), b"0".to_vec()).await.unwrap();
    let mut one = child("count", folder.path(), "one").spawn().unwrap();
    let mut two = child("count", folder.path(), "two").spawn().unwrap();
    let mut killed = child("count", folder.path(), "killed").stderr(Stdio::piped()).spawn().unwrap();
    await_line(&mut killed);
    // Not always at the same point of a commit.
    std::thread::sleep(Duration::from_micros(700 * round));
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(one.wait().unwrap().success() && two.wait().unwrap().success());
    drop(stores);

    let stores = embedded::open(folder.path()).unwrap();
    let counts = stores.records.list_all("count", "").await.unwrap();
    let of = |name: &str| counts.iter().find(|record| record.key.sort == name).map(|record| number(&record.value));
    assert_eq!((of("one"), of("two")), (Some(TURNS), Some(TURNS)));
    let of_killed = of("killed").unwrap();
    assert!((20..=TURNS).contains(&of_killed), "what was told is there: {of_killed}");
    assert_eq!(of("all").unwrap(), 2 * TURNS + of_killed);
}

const SWAPS: u64 = 100;

/// Counts in a blob by its etag.
async fn swap(stores: &Stores) {
    let mut mine = 0;
    while mine < SWAPS {
        let etag = stores.blobs.head("counter").await.unwrap().etag;
        let next = number(&stores.blobs.get("counter").await.unwrap()) + 1;
        match stores.blobs.put("counter", next.to_string().into(), PutCondition::Etag(etag)).await {
            Ok(_) => mine += 1,
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

async fn blobs_swapped_by_two_processes_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let stores = embedded::open(folder.path()).unwrap();
    stores.blobs.put("counter", "0".into(), PutCondition::Absent).await.unwrap();
    let mut children = ["one", "two"].map(|name| child("swap", folder.path(), name).spawn().unwrap());
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    assert_eq!(number(&stores.blobs.get("counter").await.unwrap()), 2 * SWAPS);
}

/// Writes blob after blob and points a record to each, as an import does with its manifest.
async fn publish(stores: &Stores) {
    let pointer = Key::new("pointer", "latest");
    let before = stores.records.get(&pointer).await.unwrap();
    let (mut version, mut n) = before.map_or((0, 0), |record| (record.version, number(&record.value)));
    let first = n;
    loop {
        n += 1;
        for key in [format!("parts/{n}"), "replaced".into()] {
            let mut writer = stores.blobs.writer(&key).await.unwrap();
            for _ in 0..3 {
                writer.write(Bytes::from(vec![n as u8; 700_000])).await.unwrap();
            }
            writer.finish().await.unwrap();
        }
        let value = n.to_string().into_bytes();
        match version {
            0 => stores.records.create(pointer.clone(), value).await.unwrap(),
            _ => stores.records.update(pointer.clone(), version, value).await.unwrap(),
        }
        version += 1;
        if n == first + 3 {
            eprintln!("well under way");
        }
    }
}

async fn a_killed_publisher_leaves_a_whole_blob_and_a_record_that_points_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let aside = folder.path().join(".tmp");
    for round in 0..8 {
        let mut killed = child("publish", folder.path(), "-").stderr(Stdio::piped()).spawn().unwrap();
        await_line(&mut killed);
        std::thread::sleep(Duration::from_micros(1300 * round));
        killed.kill().unwrap();
        killed.wait().unwrap();

        let stores = embedded::open(folder.path()).unwrap();
        let pointer = stores.records.get(&Key::new("pointer", "latest")).await.unwrap().unwrap();
        let latest = number(&pointer.value);
        let listed = stores.blobs.list("", None, 1000).await.unwrap().entries;
        // The killed one may have been one blob ahead of its record.
        assert!((latest as usize + 1..=latest as usize + 2).contains(&listed.len()), "{latest}: {listed:?}");
        for meta in &listed {
            let content = stores.blobs.get(&meta.key).await.unwrap();
            assert_eq!(content.len(), 2_100_000, "{}", meta.key);
            assert!(content.iter().all(|byte| *byte == content[0]), "{} is a mixture", meta.key);
        }
        stores.blobs.head(&format!("parts/{latest}")).await.unwrap();
    }
    for entry in fs::read_dir(&aside).unwrap() {
        let long_ago = SystemTime::now() - Duration::from_secs(3600);
        File::options().write(true).open(entry.unwrap().path()).unwrap().set_modified(long_ago).unwrap();
    }
    drop(embedded::open(folder.path()).unwrap());
    let left: Vec<_> = fs::read_dir(&aside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"], "what the killed ones left is gone");
}

/// Runs under a limit of 1 MiB a file: what goes beyond fails as on a full disk.
async fn fill(stores: &Stores) {
    let failed = |error: &StoreError| matches!(error, StoreError::Backend { .. });
    let error = stores.blobs.put("old", vec![1; 2 << 20].into(), PutCondition::Always).await.unwrap_err();
    assert!(failed(&error), "{error:?}");
    let mut writer = stores.blobs.writer("new").await.unwrap();
    let mut result = Ok(());
    for _ in 0..4 {
        result = result.and(writer.write(vec![1; 1 << 20].into()).await);
    }
    assert!(result.is_err_and(|error| failed(&error)));
    assert!(failed(&writer.finish().await.unwrap_err()));
    let key = |n: u32| Key::new("filled", format!("{n:03}"));
    let mut n = 0;
    while stores.records.create(key(n), vec![2; 100_000]).await.is_ok() {
        n += 1;
        assert!(n < 100, "the limit does not hold");
    }
    assert!(stores.records.get(&key(n)).await.unwrap().is_none());
    // Still of use for what fits, and for reading.
    assert_eq!(stores.records.list_all("filled", "").await.unwrap().len(), n as usize);
    assert_eq!(stores.blobs.get("old").await.unwrap(), "old");
    stores.blobs.put("small", "x".into(), PutCondition::Always).await.unwrap();
    eprintln!("{n} records fitted");
}

async fn a_full_disk_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let stores = embedded::open(folder.path()).unwrap();
    stores.blobs.put("old", "old".into(), PutCondition::Always).await.unwrap();
    stores.records.create(Key::new("p", "old"), b"old".to_vec()).await.unwrap();
    // In the units of POSIX: 512 bytes.
    let script = r#"trap "" XFSZ; ulimit -f 2048; exec "$0" child fill "$1" -"#;
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg(folder.path())
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    let fitted: usize = told.split_whitespace().next().unwrap().parse().unwrap();
    assert!(fitted > 0);

    let check = async |stores: Stores| {
        assert_eq!(stores.records.get(&Key::new("p", "old")).await.unwrap().unwrap().value, b"old");
        assert_eq!(stores.records.list_all("filled", "").await.unwrap().len(), fitted);
        let listed = stores.blobs.list("", None, 10).await.unwrap().entries;
        assert_eq!(listed.iter().map(|meta| meta.key.as_str()).collect::<Vec<_>>(), ["old", "small"]);
    };
    check(stores).await;
    check(embedded::open(folder.path()).unwrap()).await;
}
