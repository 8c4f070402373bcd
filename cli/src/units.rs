//! Sizes and durations on the command line.

use std::time::Duration;

/// `4096`, `64KiB`, `1GiB`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    parse_size::Config::new()
        .with_binary()
        .parse_size(text)
        .map_err(|error| format!("{error}; sizes are like 4096, 64KiB or 1GiB"))
}

/// `250ms`, `5s`, `1m 30s`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; durations are like 250ms, 5s or 1m 30s"))?;
    if parsed.is_zero() {
        return Err("a timeout of nothing leaves no time for anything".to_owned());
    }
    Ok(parsed)
}

/// Bytes as people read them.
pub(crate) fn show_size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut shown = format!("{bytes} bytes");
    let mut rest = bytes;
    for unit in UNITS {
        if rest == 0 || !rest.is_multiple_of(1024) {
            break;
        }
        rest /= 1024;
        shown = format!("{rest} {unit}");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{duration, show_size, size};
    use std::time::Duration;

    #[test]
    fn sizes() {
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("4096"), Ok(4096));
        assert_eq!(size("2K"), Ok(2048));
        assert!(size("many").unwrap_err().contains("sizes are like"));
        assert_eq!(show_size(64 << 20), "64 MiB");
        assert_eq!(show_size(1000), "1000 bytes");
        assert_eq!(show_size(0), "0 bytes");
    }

    #[test]
    fn durations() {
        assert_eq!(duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert!(duration("0s").is_err() && duration("soon").is_err());
    }
}
