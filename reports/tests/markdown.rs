//! Markdown's look: read the snapshot before blessing it.

mod common;

use tunneltax_reports::render::markdown;

#[test]
fn a_small_run() {
    let mut record = common::record();
    record.groups.retain(|group| {
        matches!(
            group.workload.as_str(),
            "64" | "imix" | "1440" | "https" | "https 512-1023"
        )
    });
    insta::assert_snapshot!(markdown(&record).unwrap());
}
