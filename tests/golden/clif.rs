//! Takes out of CLIF what changes without meaning: source positions, value numbers and aliases, the numbers of names, trap
//! codes and regions.

use std::collections::HashMap;

/// The text as it is compared.
pub(crate) fn normalise(text: &str) -> String {
    let mut names: HashMap<&str, String> = HashMap::new();
    let mut aliases: HashMap<&str, &str> = HashMap::new();
    let mut lines = Vec::new();
    for line in text.lines() {
        let bare = line.trim_start();
        if let Some((number, name)) = legend(bare) {
            names.insert(number, name.to_owned());
        } else if let Some((region, name)) = region(bare) {
            names.insert(region, format!("@{name}"));
        } else if let Some((alias, value)) = alias(bare) {
            aliases.insert(alias, value);
        } else if let Some((_, instruction)) = located(bare) {
            lines.push(("    ", instruction.trim_start()));
        } else if line.is_empty() || !line.starts_with(' ') {
            lines.push(("", bare));
        } else {
            lines.push(("    ", bare));
        }
    }
    let mut values: HashMap<&str, usize> = HashMap::new();
    let mut out = String::new();
    for (indent, line) in lines {
        // Labels of blocks are printed as deep as what they contain.
        let indent = if line.starts_with("block") {
            ""
        } else {
            indent
        };
        out.push_str(indent);
        for word in words(line) {
            let word = aliased(&aliases, word);
            if is_value(word) {
                let next = values.len();
                let number = *values.entry(word).or_insert(next);
                out.push_str(&format!("v{number}"));
            } else {
                out.push_str(names.get(word).map_or(word, String::as_str));
            }
        }
        out.push('\n');
    }
    out
}

/// `; u1:2 is builtin-X`
fn legend(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("; ")?.split_once(" is ")
}

/// `region0 = 0 "heap"`
fn region(line: &str) -> Option<(&str, &str)> {
    let (region, name) = line.split_once(" = ")?;
    let name = name.split_once('"')?.1.strip_suffix('"')?;
    region.starts_with("region").then_some((region, name))
}

/// `v3 -> v1`
fn alias(line: &str) -> Option<(&str, &str)> {
    line.split_once(" -> ").filter(|(alias, _)| is_value(alias))
}

/// `@001f   v1 = ..`
fn located(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix('@')?.split_once(' ')
}

/// What a value is an alias of in the end.
fn aliased<'a>(aliases: &HashMap<&'a str, &'a str>, mut value: &'a str) -> &'a str {
    while let Some(next) = aliases.get(value) {
        value = next;
    }
    value
}

fn is_value(word: &str) -> bool {
    word.strip_prefix('v')
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// Splits into words and what lies between.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    line.split_inclusive(move |c| !part(c))
        .flat_map(move |piece| {
            // A colon ends a label; it is part of a name only between numbers.
            let word = piece.trim_end_matches(|c| !part(c));
            let word = word.trim_end_matches(':');
            let (word, rest) = piece.split_at(word.len());
            [word, rest].into_iter().filter(|piece| !piece.is_empty())
        })
}

#[test]
fn only_meaning_is_left() {
    let text = "\
; func-3
; u1:11 is builtin-OutOfFuel
; user9 is TableOutOfBounds
function u0:3(i64 vmctx, i64) -> i64 tail {
    region2 = 2 \"globals\"
    sig0 = () preserve_all
    fn0 = colocated u1:11 sig0

                                block0(v0: i64, v1: i64):
@001c                               v12 = load.i64 notrap region2 user9 v0+48
                                    v14 -> v12
@0020                               brif v14, block2(v1), block1

                                block1 cold:
@0020                               call fn0()
}
";
    let expected = "\
; func-3
function u0:3(i64 vmctx, i64) -> i64 tail {
    sig0 = () preserve_all
    fn0 = colocated builtin-OutOfFuel sig0

block0(v0: i64, v1: i64):
    v2 = load.i64 notrap @globals TableOutOfBounds v0+48
    brif v2, block2(v1), block1

block1 cold:
    call fn0()
}
";
    assert_eq!(normalise(text), expected);
}
