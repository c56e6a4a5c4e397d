//! How long a host wants to be left alone.

use std::time::{Duration, SystemTime};

/// The first pause after a 429 that does not say how long; each further one lasts twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// What an endless time is cut to, so that it can be added to an instant.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// How long a reply asks to wait before the next request to its host: `None` if it does not. `said` is its
/// `Retry-After`, `strikes` how many such replies of the host came before. RFC 9110, section 10.2.3, and RFC 6585,
/// section 4.
#[must_use]
pub fn pause(status: u16, said: Option<&[u8]>, strikes: u32, now: SystemTime) -> Option<Duration> {
    if !matches!(status, 429 | 503) {
        return None;
    }
    let said = said.and_then(|value| retry_after(value, now));
    said.or_else(|| (status == 429).then(|| FIRST_PAUSE.saturating_mul(1 << strikes.min(16)).min(LONGEST_PAUSE)))
}

/// The time in a `Retry-After` field: seconds, or a date; none if the date is past.
fn retry_after(value: &[u8], now: SystemTime) -> Option<Duration> {
    let value = std::str::from_utf8(value).ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse().map_or(FOR_EVER, Duration::from_secs).min(FOR_EVER));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default().min(FOR_EVER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 29 Nov 2026 12:00:00 GMT").unwrap();
        let seconds = |value: &str| retry_after(value.as_bytes(), now).map(|pause| pause.as_secs());
        assert_eq!(seconds("0"), Some(0));
        assert_eq!(seconds(" 120 "), Some(120));
        assert_eq!(seconds("1000000000"), Some(1_000_000_000));
        assert_eq!(seconds("99999999999999999999999999"), Some(FOR_EVER.as_secs()));
        assert_eq!(seconds("Sun, 29 Nov 2026 12:01:30 GMT"), Some(90));
        assert_eq!(seconds("Sunday, 29-Nov-26 12:01:30 GMT"), Some(90));
        assert_eq!(seconds("Sun, 29 Nov 2015 12:00:00 GMT"), Some(0));
        for nothing in ["", "-1", "1.5", "soon", "+3"] {
            assert_eq!(seconds(nothing), None, "{nothing:?}");
        }
        assert_eq!(retry_after(b"\xff", now), None);
    }
}
