//! Hello from Rust.
fn main() {
    println!("hello from Rust");
}
