//! The kernels of the bench `interrupt`, and what they must return: computed here in Rust, so that neither runtime is
//! taken at its word.

/// All of them, as one module: `(param i32) (result i64)` each.
pub const KERNELS_WAT: &str = include_str!("kernels.wat");

/// An export of [`KERNELS_WAT`].
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// The export.
    pub name: &'static str,
    /// How much it is to do: about a millisecond's worth.
    pub argument: i32,
    /// What it does, in Rust.
    pub reference: fn(u32) -> i64,
}

impl Kernel {
    /// What it must return.
    #[must_use]
    pub fn expected(&self) -> i64 {
        (self.reference)(self.argument.cast_unsigned())
    }
}

/// The kernels in the order of the table.
pub const KERNELS: [Kernel; 8] = [
    kernel("fib", 24, fib),
    kernel("i64 loop", 500_000, xorshift),
    kernel("sieve", 200_000, sieve),
    kernel("f64 matmul", 80, matmul),
    kernel("collatz", 8_000, collatz),
    kernel("call_indirect", 300_000, indirect),
    kernel("direct calls", 500_000, direct),
    kernel("alternating calls", 300_000, alternating),
];

const fn kernel(name: &'static str, argument: i32, reference: fn(u32) -> i64) -> Kernel {
    Kernel {
        name,
        argument,
        reference,
    }
}

fn fib(n: u32) -> i64 {
    let (mut a, mut b) = (0, 1);
    for _ in 0..n {
        (a, b) = (b, a + b);
    }
    a
}

fn xorshift(n: u32) -> i64 {
    let mut x = 88_172_645_463_325_252_u64;
    for _ in 0..n {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    x.cast_signed()
}

fn sieve(n: u32) -> i64 {
    let prime = |i: &u32| {
        (2..)
            .take_while(|d| d * d <= *i)
            .all(|d| !i.is_multiple_of(d))
    };
    let mut count = 0;
    for _ in (2..n).filter(prime) {
        count += 1;
    }
    count
}

fn matmul(n: u32) -> i64 {
    // Element `i` of either matrix, as its byte offset makes it.
    let a = |i: u32| f64::from(i * 8) / 3.0;
    let b = |i: u32| 1000.0 - f64::from(i * 8);
    let mut sum = 0.0;
    for i in 0..n {
        for j in 0..n {
            let products = (0..n).map(|k| a(i * n + k) * b(k * n + j));
            sum += products.fold(0.0, |dot, product| dot + product);
        }
    }
    sum.to_bits().cast_signed()
}

fn collatz(n: u32) -> i64 {
    let mut steps = 0;
    for start in 1..=u64::from(n) {
        let mut x = start;
        while x > 1 {
            x = if x.is_multiple_of(2) {
                x / 2
            } else {
                3 * x + 1
            };
            steps += 1;
        }
    }
    steps
}

fn multiply(x: i64, i: i64) -> i64 {
    x.wrapping_mul(31).wrapping_add(i)
}

fn indirect(n: u32) -> i64 {
    through_table(n, |i| i >> 16)
}

fn alternating(n: u32) -> i64 {
    through_table(n, |i| i)
}

fn through_table(n: u32, which: fn(u32) -> u32) -> i64 {
    (1..=n).rev().fold(0, |x: i64, i| {
        let n = i64::from(i);
        match which(i) % 4 {
            0 => x.wrapping_add(n),
            1 => x ^ n,
            2 => multiply(x, n),
            _ => x.wrapping_sub(n),
        }
    })
}

fn direct(n: u32) -> i64 {
    (1..=n).rev().fold(0, |x, i| multiply(x, i64::from(i)))
}

#[cfg(test)]
mod tests {
    use super::{collatz, fib, sieve};

    #[test]
    fn references_know_what_is_known() {
        assert_eq!(fib(24), 46_368);
        assert_eq!(sieve(200_000), 17_984);
        // 1 needs no step, 2 one, 3 seven.
        assert_eq!(collatz(3), 8);
    }
}
