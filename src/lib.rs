#![doc = "Plain text in, pretrained BERT out."]
#![deny(missing_docs)]
#![deny(unsafe_code)]

pub mod autodiff;
pub mod data;
pub mod error;
pub mod files;
pub mod model;
#[cfg(feature = "cli")]
pub mod report;
pub mod tasks;
pub mod tensor;
pub mod tokenizer;
pub mod train;

pub use error::{Error, Result};
