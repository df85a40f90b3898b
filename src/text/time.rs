//! Times as documents and people read them: always UTC.

use jiff::Timestamp;

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

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::{day, rfc3339, span};

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
}
