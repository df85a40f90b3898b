//! Times as people type them.

use jiff::{Timestamp, ToSpan as _, Zoned, civil};

use super::exit::Failure;

/// Now, unless `SOURCE_DATE_EPOCH` says another time, as it does where equal input has to give equal output
/// (<https://reproducible-builds.org/specs/source-date-epoch/>).
#[allow(clippy::disallowed_methods, reason = "the clock is the environment's to set")]
pub(super) fn now() -> Timestamp {
    let fixed = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    fixed.and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or_else(Timestamp::now)
}

/// Seconds since the epoch of `2024-01-31`, an RFC 3339 time, or an age such as `2 weeks`.
pub(super) fn parse_since(text: &str) -> Result<i64, Failure> {
    let text = text.trim();
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp.as_second());
    }
    if let Ok(date) = text.parse::<civil::Date>()
        && let Ok(start) = date.in_tz("UTC")
    {
        return Ok(start.timestamp().as_second());
    }
    let age = text.trim_end_matches("ago").trim();
    let words = age.split(['.', ' ']).filter(|word| !word.is_empty()).collect::<Vec<_>>();
    if let [count, unit] = words.as_slice()
        && let Ok(count) = count.parse::<i32>()
    {
        let span = match unit.trim_end_matches('s') {
            "hour" => Some(count.hours()),
            "day" => Some(count.days()),
            "week" => Some(count.weeks()),
            "month" => Some(count.months()),
            "year" => Some(count.years()),
            _ => None,
        };
        if let Some(span) = span
            && let Ok(then) = Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).checked_sub(span)
        {
            return Ok(then.timestamp().as_second());
        }
    }
    Err(Failure::new(
        format!("'{text}' is no time"),
        "--since 2024-01-31   or: --since 2024-01-31T12:00:00Z   or: --since '2 weeks'",
    ))
}
