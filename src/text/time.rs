//! Times as documents and people read them: always UTC.

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

/// Seconds since the epoch as RFC 3339; times that no calendar holds become the epoch.
pub fn rfc3339(seconds: i64) -> String {
    timestamp(seconds).to_string()
}

/// Seconds since the epoch as `2024-01-31`; times that no calendar holds become the epoch.
pub fn day(seconds: i64) -> String {
    timestamp(seconds).strftime("%Y-%m-%d").to_string()
}

/// A length of time in its largest whole unit: `3 days`, `1 hour`; `less than a minute`.
pub fn span(seconds: i64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    match units.into_iter().find(|(length, _)| seconds >= *length) {
        Some((length, unit)) if seconds / length == 1 => format!("1 {unit}"),
        Some((length, unit)) => format!("{} {unit}s", seconds / length),
        None => "less than a minute".to_owned(),
    }
}

/// Seconds since the epoch of a time as people and tools write it, `2024-01-31 10:02:03.5` or RFC 3339; one
/// without a zone counts as UTC.
pub fn parse_stamp(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp.as_second());
    }
    let local = text.parse::<civil::DateTime>().ok()?;
    Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::{day, parse_stamp, rfc3339, span};

    #[test]
    fn spans_have_one_unit() {
        let cases =
            [(-5, "less than a minute"), (59, "less than a minute"), (60, "1 minute"), (7_199, "1 hour")];
        let cases =
            cases.into_iter().chain([(7_200, "2 hours"), (259_199, "2 days"), (86_400 * 400, "400 days")]);
        for (seconds, told) in cases {
            assert_eq!(span(seconds), told);
        }
    }

    #[test]
    fn times_are_utc_and_never_fail() {
        let both = |seconds| (rfc3339(seconds), day(seconds));
        assert_eq!(both(1_706_695_320), ("2024-01-31T10:02:00Z".to_owned(), "2024-01-31".to_owned()));
        assert_eq!(both(-1), ("1969-12-31T23:59:59Z".to_owned(), "1969-12-31".to_owned()));
        for beyond in [i64::MIN, i64::MAX] {
            assert_eq!(both(beyond), ("1970-01-01T00:00:00Z".to_owned(), "1970-01-01".to_owned()));
        }
    }
    #[test]
    fn create_dates_are_read_with_and_without_a_zone() {
        let read = |text| parse_stamp(text).map(rfc3339);
        let noon = Some("2024-01-31T12:00:00Z".to_owned());
        assert_eq!(read("2024-01-31 12:00:00.123456"), noon);
        assert_eq!(read(" 2024-01-31T12:00:00 "), noon);
        assert_eq!(read("2024-01-31 14:00:00+02:00"), noon);
        assert_eq!(read("2024-01-31"), Some("2024-01-31T00:00:00Z".to_owned()));
        for other in ["", "yesterday", "2024-13-01 00:00:00", "${create_date}"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
