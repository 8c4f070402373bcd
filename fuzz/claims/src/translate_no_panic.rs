//! Whatever bytes are given to `Module::new`, under whatever configuration: it answers, and soon.

use crate::mutate::mutate;
use crate::originals::ORIGINALS;
use arbitrary::{Arbitrary, Result, Unstructured};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tussah::{Config, Engine, Module, OptLevel, RegallocAlgorithm};

/// How long a module of at most [`LONGEST`] bytes may take, in a build without optimisation on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const LONGEST: usize = 256 << 10;

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The bytes stand for nothing, or for too much.
    Nothing,
    /// An error.
    Refused,
    /// A module.
    Accepted,
}

fn engines() -> &'static [Engine] {
    static ENGINES: OnceLock<Vec<Engine>> = OnceLock::new();
    ENGINES.get_or_init(|| {
        let with = |change: fn(&mut Config)| {
            let mut config = Config::new();
            config
                .parallel_compilation(false)
                .wasm_custom_page_sizes(true)
                .wasm_wide_arithmetic(true);
            change(&mut config);
            Engine::new(&config).expect("an engine")
        };
        vec![
            with(|_| {}),
            with(|config| {
                config.consume_fuel(true).epoch_interruption(true);
            }),
            with(|config| {
                config
                    .consume_fuel(true)
                    .cranelift_opt_level(OptLevel::None)
                    .cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
            }),
            with(|config| {
                config.signals_based_traps(false).memory_reservation(0);
            }),
            with(|config| {
                config
                    .epoch_interruption(true)
                    .cranelift_opt_level(OptLevel::SpeedAndSize)
                    .generate_address_map(false)
                    .memory_guard_size(0);
            }),
        ]
    })
}

/// The module, in either format, that these bytes stand for.
fn module(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let rest = |u: &mut Unstructured<'_>| Ok(u.bytes(u.len())?.to_vec());
    Ok(match u.int_in_range(0..=7)? {
        0 => rest(u)?,
        1 => [b"\0asm\x01\0\0\0", &*rest(u)?].concat(),
        2 => {
            let mut text = u.choose(&ORIGINALS)?.as_bytes().to_vec();
            let other = u.choose(&ORIGINALS)?.as_bytes();
            mutate(&mut text, other, u)?;
            text
        }
        3 | 4 => {
            let binary = |text| wat::parse_str(text).expect("a module");
            let mut bytes = binary(u.choose(&ORIGINALS)?);
            let other = binary(u.choose(&ORIGINALS)?);
            mutate(&mut bytes, &other, u)?;
            bytes
        }
        kind => {
            // Of all proposals, implemented or not.
            let mut config = wasm_smith::Config::arbitrary(u)?;
            config.max_instructions = config.max_instructions.min(500);
            config.allow_invalid_funcs = kind == 6;
            let damage = u.arbitrary::<[u64; 8]>()?;
            let mut bytes = wasm_smith::Module::new(config, u)?.to_bytes();
            if kind == 7 {
                let damage: Vec<_> = damage.iter().flat_map(|word| word.to_le_bytes()).collect();
                let copy = bytes.clone();
                mutate(&mut bytes, &copy, &mut Unstructured::new(&damage))?;
            }
            bytes
        }
    })
}

/// Compiles what `data` stands for.
///
/// # Panics
///
/// If tussah does, or takes too long, or accepts what it finds invalid.
pub fn run(data: &[u8]) -> Seen {
    let mut u = Unstructured::new(data);
    let Ok(engine) = u.choose(engines()) else {
        return Seen::Nothing;
    };
    let Ok(bytes) = module(&mut u) else {
        return Seen::Nothing;
    };
    if bytes.len() > LONGEST {
        return Seen::Nothing;
    }
    let started = Instant::now();
    let outcome = Module::new(engine, &bytes);
    let took = started.elapsed();
    assert!(took < PATIENCE, "{} bytes took {took:?}", bytes.len());
    let module = match outcome {
        Ok(module) => module,
        Err(error) => {
            assert!(!format!("{error:?}").is_empty(), "an error without text");
            return Seen::Refused;
        }
    };
    if bytes.starts_with(b"\0asm") {
        Module::validate(engine, &bytes).expect("what was compiled is valid");
    }
    // What it says of itself is made when it is asked.
    let names = module.imports().count() + module.exports().count();
    assert!(names <= bytes.len(), "{names} names");
    assert!(module.functions().len() <= bytes.len());
    Seen::Accepted
}
