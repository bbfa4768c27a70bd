//! Styles of labels.

use anstyle::{AnsiColor, Style};

pub const GOOD: Style = AnsiColor::Green.on_default().bold();

pub const BAD: Style = AnsiColor::Red.on_default().bold();

pub const CAUTION: Style = AnsiColor::Yellow.on_default().bold();

pub const NOTE: Style = AnsiColor::Cyan.on_default().bold();

pub const STRONG: Style = Style::new().bold();
