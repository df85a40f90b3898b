//! Partial comparison of JSON: a case states what matters to it, the snapshot holds the rest.

use serde_json::Value;

/// Compares `expected` with `actual` and says where they differ.
///
/// Objects may have more fields than expected. Lists have the same length and order, but for `findings`, whose order
/// is not what a case is about.
pub fn differences(expected: &Value, actual: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(expected, actual, "$", &mut found);
    found
}

fn compare(expected: &Value, actual: &Value, place: &str, found: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(fields), Value::Object(all)) => {
            for (name, value) in fields {
                let place = format!("{place}.{name}");
                match all.get(name) {
                    Some(actual) if name == "findings" => any_order(value, actual, &place, found),
                    Some(actual) => compare(value, actual, &place, found),
                    None => found.push(format!("{place} is missing, expected {value}")),
                }
            }
        }
        (Value::Array(items), Value::Array(all)) if items.len() == all.len() => {
            for (index, (item, actual)) in items.iter().zip(all).enumerate() {
                compare(item, actual, &format!("{place}[{index}]"), found);
            }
        }
        _ if expected == actual => {}
        _ => found.push(format!("{place} is {actual}, expected {expected}")),
    }
}

fn any_order(expected: &Value, actual: &Value, place: &str, found: &mut Vec<String>) {
    let (Value::Array(items), Value::Array(all)) = (expected, actual) else {
        return compare(expected, actual, place, found);
    };
    let mut left: Vec<&Value> = all.iter().collect();
    for item in items {
        match left.iter().position(|actual| differences(item, actual).is_empty()) {
            Some(position) => {
                left.remove(position);
            }
            None => found.push(format!("{place} lacks {item}")),
        }
    }
    for actual in left {
        found.push(format!("{place} has also {actual}"));
    }
}

#[test]
fn objects_may_have_more_and_lists_may_not() {
    let actual = serde_json::json!({"a": [1, 2], "b": {"c": null, "d": 1}, "findings": [{"rule": "x"}, {"rule": "y"}]});
    let same = serde_json::json!({"b": {"c": null}, "findings": [{"rule": "y"}, {"rule": "x"}]});
    assert_eq!(differences(&same, &actual), Vec::<String>::new());
    let other = serde_json::json!({"a": [2, 1], "b": {"e": 1}, "findings": [{"rule": "x"}, {"rule": "x"}]});
    assert_eq!(
        differences(&other, &actual),
        [
            "$.a[0] is 1, expected 2",
            "$.a[1] is 2, expected 1",
            "$.b.e is missing, expected 1",
            "$.findings lacks {\"rule\":\"x\"}",
            "$.findings has also {\"rule\":\"y\"}",
        ]
    );
    assert_eq!(differences(&serde_json::json!({"a": [1]}), &actual), ["$.a is [1,2], expected [1]"]);
}
