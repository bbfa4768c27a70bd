//! Terminal styles of labels.

use anstyle::{AnsiColor, Style};

/// Success: green.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();

/// Error: red.
pub const BAD: Style = AnsiColor::Red.on_default().bold();

/// Warning: yellow.
pub const CAUTION: Style = AnsiColor::Yellow.on_default().bold();

/// Help and notes: cyan.
pub const NOTE: Style = AnsiColor::Cyan.on_default().bold();

/// Emphasis: bold.
pub const STRONG: Style = Style::new().bold();
