//! Entry points for fuzzing, and the function they plug in.
