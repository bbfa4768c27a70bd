//! Formats receipts of `publish` and `yank` as tables.

use crate::problem::text::{count, size};
use crate::ship::publish::receipt::{Fate, Probed, Receipt};
use crate::ship::publish::s3::answer::clock;
use crate::ui::table::{add_row, lines, plain_table};

/// Formats what became of each object.
pub fn receipt(receipt: &Receipt) -> String {
    let mut table = plain_table();
    table.set_header(["object", "size", "fate"]);
    for line in &receipt.objects {
        let fate = line.fate.name().to_owned();
        add_row(&mut table, [line.key.clone(), size(line.size), fate]);
    }
    lines(&table)
}

/// Formats the sum of a receipt as a line.
pub fn summary(receipt: &Receipt) -> String {
    let version = receipt.version.as_deref().unwrap_or_default();
    let fates = [
        Fate::Put,
        Fate::Swapped,
        Fate::WouldPut,
        Fate::WouldSwap,
        Fate::There,
    ];
    let parts: Vec<String> = fates
        .into_iter()
        .map(|fate| (fate, receipt.count(fate)))
        .filter(|(_, number)| *number > 0)
        .map(|(fate, number)| format!("{number} {}", fate.name()))
        .collect();
    let latest = match &receipt.latest {
        Some(latest) => format!("latest is {latest}"),
        None => "there is no latest version".to_owned(),
    };
    format!(
        "{version} in {}/{}: {} ({}); {latest}",
        receipt.to,
        receipt.channel,
        count(receipt.objects.len(), "object"),
        parts.join(", "),
    )
}

/// Formats what a store can do.
pub fn probed(receipt: &Receipt) -> String {
    let Some(Probed {
        conditional,
        lists,
        hides_missing,
        clock_skew,
        absent_status,
    }) = &receipt.probe
    else {
        return String::new();
    };
    let yes = |is: &bool, yes: &str, no: &str| if *is { yes } else { no }.to_owned();
    let mut rows = vec![
        ("store", receipt.to.clone()),
        ("channel", receipt.channel.clone()),
        (
            "latest version",
            receipt.latest.clone().unwrap_or_else(|| "none".to_owned()),
        ),
        (
            "conditional writes",
            yes(conditional, "kept", "ignored (accepted)"),
        ),
        (
            "listing",
            yes(lists, "allowed", "denied: each file is asked for"),
        ),
        (
            "what is not there",
            yes(hides_missing, "403 (accepted)", "404"),
        ),
    ];
    if let Some(endpoint) = &receipt.endpoint {
        rows.insert(1, ("server", endpoint.clone()));
    }
    if let Some(skew) = clock_skew {
        rows.push(("clock", clock(*skew)));
    }
    let public = match absent_status {
        Some(status) => format!("{status} for what is not there"),
        None => "not checked".to_owned(),
    };
    rows.push(("registry's readers", public));
    let mut table = plain_table();
    table.set_header(["property", "value"]);
    for (property, value) in rows {
        add_row(&mut table, [property.to_owned(), value]);
    }
    lines(&table)
}
