//! Whether an artifact fits an engine: both say in lines of `key=value` what they were made for.
//!
//! Two keys are special. `cpu` lists the instruction-set extensions that the code uses, and any machine that has them
//! will do. `codegen` names the code generator and its flags, which matter only to an engine that has one.

use crate::error::{Result, bail};
use crate::os;
use std::collections::HashMap;

/// The extensions, separated by commas.
pub(crate) const CPU: &str = "cpu";
/// The code generator and its flags.
pub(crate) const CODEGEN: &str = "codegen";

/// Refuses what does not fit, naming the first line that differs.
pub(super) fn check(found: &str, expected: &str) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let theirs: HashMap<_, _> = lines(found).collect();
    let ours: HashMap<_, _> = lines(expected).collect();
    for (key, want) in lines(expected) {
        match theirs.get(key) {
            Some(&have) if have == want => {}
            Some(have) if key == CPU => check_cpu(have)?,
            Some(have) => bail!(
                "the artifact was made for another engine: its {key} is `{have}`, this engine's is `{want}`"
            ),
            None => bail!(
                "the artifact was made for another engine: it states no {key}, this engine's is `{want}`"
            ),
        }
    }
    let unknown = |&(key, _): &(&str, &str)| key != CODEGEN && !ours.contains_key(key);
    if let Some((key, have)) = lines(found).find(unknown) {
        bail!(
            "the artifact was made for another engine: its {key} is `{have}`, which this engine does not know"
        );
    }
    let keys = |text| lines(text).map(|(key, _)| key);
    let known: Vec<_> = keys(found).filter(|key| ours.contains_key(key)).collect();
    if !keys(expected).eq(known) {
        bail!("the artifact was made for another engine: the order of its settings differs");
    }
    Ok(())
}

fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines()
        .map(|line| line.split_once('=').unwrap_or((line, "")))
}

fn check_cpu(features: &str) -> Result<()> {
    for feature in features.split(',').filter(|name| !name.is_empty()) {
        match os::has_cpu_feature(feature) {
            Some(true) => {}
            Some(false) => {
                bail!("the artifact uses the processor's `{feature}`, which this machine lacks")
            }
            None => bail!(
                "the artifact uses the processor's `{feature}`, which this version does not know"
            ),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    const OURS: &str = "target=x86_64-linux\ncpu=sse3\ncodegen=c 1 opt=speed\nfuel=true\n";

    fn refusal(found: &str, expected: &str) -> String {
        check(found, expected).unwrap_err().to_string()
    }

    #[test]
    fn engines_are_told_apart_by_what_differs() {
        check(OURS, OURS).unwrap();
        for (from, to, words) in [
            (
                "fuel=true\n",
                "fuel=false\n",
                "another engine: its fuel is `false`, this engine's is `true`",
            ),
            (
                "fuel=true\n",
                "",
                "another engine: it states no fuel, this engine's is `true`",
            ),
            (
                "fuel=true\n",
                "fuel=true\nepoch=true\n",
                "another engine: its epoch is `true`, which this engine does not know",
            ),
            (
                "opt=speed",
                "opt=none",
                "another engine: its codegen is `c 1 opt=none`, this engine's is `c 1 opt=speed`",
            ),
        ] {
            let error = refusal(&OURS.replace(from, to), OURS);
            assert!(error.ends_with(words), "{error}");
        }
        let (a, b) = ("a=1\nb=2\n", "b=2\na=1\n");
        assert!(refusal(a, b).ends_with("the order of its settings differs"));
    }

    #[test]
    fn processors_need_what_the_code_uses_and_no_more() {
        let with = |features: &str| OURS.replace("cpu=sse3", &format!("cpu={features}"));
        check(&with(""), OURS).unwrap();
        check(OURS, &with("sse3,later")).unwrap();
        let error = refusal(&with("sse3,quantum"), OURS);
        assert_eq!(
            error,
            "the artifact uses the processor's `quantum`, which this version does not know"
        );
    }

    #[test]
    fn an_engine_without_compiler_takes_any_code() {
        let without = OURS.replace("codegen=c 1 opt=speed\n", "");
        check(OURS, &without).unwrap();
        assert!(refusal(&without, OURS).contains("it states no codegen"));
    }
}
