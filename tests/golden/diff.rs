//! Differences between two texts, as people read them.

/// Lines around a difference that are shown.
const CONTEXT: usize = 3;

/// The unified diff of two texts, without a header.
pub(crate) fn unified(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let script = script(&old, &new);
    let mut out = String::new();
    let mut at = 0;
    while let Some(first) = (at..script.len()).find(|&i| script[i].0 != ' ') {
        // A hunk goes on while less than twice the context separates differences.
        let mut last = first;
        for (i, (mark, _)) in script.iter().enumerate().skip(first) {
            if i > last + 2 * CONTEXT {
                break;
            }
            if *mark != ' ' {
                last = i;
            }
        }
        let start = first.saturating_sub(CONTEXT);
        let end = script.len().min(last + CONTEXT + 1);
        let line = |other: char| script[..start].iter().filter(|(m, _)| *m != other).count() + 1;
        out.push_str(&format!("@@ -{} +{} @@\n", line('+'), line('-')));
        for (mark, text) in &script[start..end] {
            out.push_str(&format!("{mark}{text}\n"));
        }
        at = end;
    }
    out
}

/// Every line of both texts in order, marked as kept, removed or added; as many as possible are kept.
fn script<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    // Lengths of the longest common subsequences of all tails.
    let mut common = vec![vec![0u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut script = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            script.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || i < old.len() && common[i + 1][j] >= common[i][j + 1] {
            script.push(('-', old[i]));
            i += 1;
        } else {
            script.push(('+', new[j]));
            j += 1;
        }
    }
    script
}

#[test]
fn differences_are_shown_in_context() {
    let old = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\n";
    let new = "a\nb\nc\nd\nE\nf\ng\nh\ni\nj\nk\nl\nm\n";
    let expected = "@@ -2 +2 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n@@ -10 +10 @@\n j\n k\n l\n+m\n";
    assert_eq!(unified(old, new), expected);
    assert_eq!(unified(old, old), "");
}
