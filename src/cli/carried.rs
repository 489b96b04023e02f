//! The options of `completions` and `man`.

use clap::Args;

/// `completions`.
#[derive(Debug, Clone, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_parser = ["bash", "zsh", "fish"])]
    pub shell: String,
}

/// `man`.
#[derive(Debug, Clone, Args)]
pub struct Man {
    /// The page: pds(1), pds(5) or pds-daemon(8)
    #[arg(value_name = "PAGE", value_parser = ["1", "5", "8"], default_value = "1")]
    pub page: String,
}
