//! Tests of conditions and symbols.
