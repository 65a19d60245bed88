//! Integration tests.

mod oracle;
mod privtest;
