//! Formats the images of a Docker context as a table.

use crate::problem::text::size;
use crate::ship::docker::image::Image;
use crate::ui::table::{add_row, lines, plain_table};

/// Formats the images of a context as a table.
pub fn docker(images: &[Image]) -> String {
    let mut table = plain_table();
    table.set_header(["image", "platforms", "bins", "base", "size"]);
    for image in images {
        let platforms: Vec<String> = image
            .platforms
            .iter()
            .map(|platform| platform.platform.label())
            .collect();
        let bins: Vec<&str> = image
            .platforms
            .first()
            .iter()
            .flat_map(|platform| &platform.bins)
            .map(|bin| bin.place.as_str())
            .collect();
        let sizes: Vec<String> = image
            .platforms
            .iter()
            .map(|platform| size(platform.bins.iter().map(|bin| bin.size).sum()))
            .collect();
        add_row(
            &mut table,
            [
                image.name.clone(),
                platforms.join(", "),
                bins.join(", "),
                image.base.name(),
                sizes.join(", "),
            ],
        );
    }
    lines(&table)
}
