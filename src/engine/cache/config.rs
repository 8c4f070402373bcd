//! Where a cache is, and how large it may be.

use crate::error::{Context, Result, bail};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

/// 512 MiB.
const DEFAULT_SIZE: u64 = 512 << 20;
const DEFAULT_COUNT: u64 = 65_536;

/// Settings of a [`Cache`](crate::Cache).
#[derive(Clone, Debug)]
pub struct CacheConfig {
    directory: Option<PathBuf>,
    size: u64,
    count: u64,
}

impl Default for CacheConfig {
    fn default() -> Self {
        CacheConfig {
            directory: None,
            size: DEFAULT_SIZE,
            count: DEFAULT_COUNT,
        }
    }
}

/// The file's form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cache: Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    directory: Option<PathBuf>,
    files_total_size_soft_limit: Option<Size>,
    file_count_soft_limit: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Size {
    Bytes(u64),
    Text(String),
}

impl CacheConfig {
    /// The default settings: the user's cache folder, at most 512 MiB and 65,536 entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads settings from a TOML file, or from the user's `tussah/config.toml` in the folder for configurations if no
    /// file is named; if that one does not exist, the default settings.
    ///
    /// ```toml
    /// [cache]
    /// directory = "/var/cache/guests"
    /// files-total-size-soft-limit = "1GiB"   # or a number of bytes
    /// file-count-soft-limit = 1000
    /// ```
    ///
    /// # Errors
    ///
    /// The file cannot be read, or says something else.
    pub fn from_file(config_file: Option<&Path>) -> Result<Self> {
        let (path, optional) = match config_file {
            Some(path) => (path.to_owned(), false),
            None => match user_folder("XDG_CONFIG_HOME", ".config") {
                Some(folder) => (folder.join("tussah/config.toml"), true),
                None => return Ok(Self::default()),
            },
        };
        let text = match fs::read_to_string(&path) {
            Err(error) if optional && error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            text => text.with_context(|| format!("failed to read `{}`", path.display()))?,
        };
        Self::parse(&text).with_context(|| format!("failed to understand `{}`", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let File { cache } = toml::from_str(text)?;
        let mut config = CacheConfig {
            directory: cache.directory,
            ..CacheConfig::default()
        };
        if let Some(size) = cache.files_total_size_soft_limit {
            config.size = match size {
                Size::Bytes(bytes) => bytes,
                Size::Text(text) => parse_size(&text)?,
            };
        }
        if let Some(count) = cache.file_count_soft_limit {
            config.count = count;
        }
        Ok(config)
    }

    /// Sets the folder. It is made if it does not exist.
    pub fn with_directory(&mut self, directory: impl Into<PathBuf>) -> &mut Self {
        self.directory = Some(directory.into());
        self
    }

    /// Sets how many bytes the entries may have together: 512 MiB by default. When there are more, those that have not
    /// been used for longest are removed until 80 % are left. Soft: between two checks there may be more.
    pub fn with_files_total_size_soft_limit(&mut self, bytes: u64) -> &mut Self {
        self.size = bytes;
        self
    }

    /// Sets how many entries there may be: 65,536 by default. As for the size.
    pub fn with_file_count_soft_limit(&mut self, count: u64) -> &mut Self {
        self.count = count;
        self
    }

    /// The folder, if one was set.
    pub fn directory(&self) -> Option<&PathBuf> {
        self.directory.as_ref()
    }

    /// How many bytes the entries may have together.
    pub fn files_total_size_soft_limit(&self) -> u64 {
        self.size
    }

    /// How many entries there may be.
    pub fn file_count_soft_limit(&self) -> u64 {
        self.count
    }

    /// The folder to be used.
    pub(super) fn folder(&self) -> Result<PathBuf> {
        let folder = match &self.directory {
            Some(folder) => folder.clone(),
            None => user_folder("XDG_CACHE_HOME", ".cache")
                .context("no folder for the cache: neither XDG_CACHE_HOME nor HOME is set")?
                .join("tussah"),
        };
        if !folder.is_absolute() {
            bail!(
                "the folder of a cache must be an absolute path, not `{}`",
                folder.display()
            );
        }
        Ok(folder)
    }
}

/// A folder of the user as the XDG base directory specification finds it.
fn user_folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let named = std::env::var_os(variable).map(PathBuf::from);
    named.filter(absolute).or_else(|| {
        let home = PathBuf::from(std::env::var_os("HOME")?);
        Some(home.join(below_home)).filter(absolute)
    })
}

/// `4096`, `64KiB`, `1.5`-less: a number and a unit.
fn parse_size(text: &str) -> Result<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().trim_end_matches('B').trim_end_matches('i') {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        unit => bail!("`{unit}` is no unit of size; there are KiB, MiB, GiB and TiB"),
    };
    let number: u64 = number
        .parse()
        .with_context(|| format!("`{text}` is no size"))?;
    number
        .checked_mul(factor)
        .with_context(|| format!("`{text}` exceeds 64 bits"))
}

#[cfg(test)]
mod tests {
    use super::{CacheConfig, parse_size};

    #[test]
    fn files_are_read() {
        let config = CacheConfig::parse(
            "[cache]\ndirectory = \"/a/b\"\nfiles-total-size-soft-limit = \"3MiB\"\n",
        )
        .unwrap();
        assert_eq!(config.directory().unwrap().to_str(), Some("/a/b"));
        assert_eq!(config.files_total_size_soft_limit(), 3 << 20);
        assert_eq!(config.file_count_soft_limit(), 65_536);
        for wrong in [
            "",
            "[cache]\nsize = 3",
            "[cache]\nfile-count-soft-limit = -1",
        ] {
            assert!(CacheConfig::parse(wrong).is_err(), "{wrong}");
        }
        let missing = CacheConfig::from_file(Some("/no/such/file".as_ref()));
        assert!(missing.unwrap_err().to_string().contains("/no/such/file"));
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("7", 7),
            ("2K", 2048),
            ("512 MiB", 512 << 20),
            ("1GB", 1 << 30),
        ] {
            assert_eq!(parse_size(text).unwrap(), bytes);
        }
        for wrong in [
            "",
            "x",
            "1.5M",
            "-1",
            "9999999999999999999999",
            "99999999T",
            "3 parsecs",
        ] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn relative_folders_are_refused() {
        let mut config = CacheConfig::new();
        config.with_directory("here");
        assert!(
            config
                .folder()
                .unwrap_err()
                .to_string()
                .contains("absolute")
        );
    }
}
