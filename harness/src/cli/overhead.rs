//! `overhead`: octets and the MTU.

use clap::Args;

use crate::inner_sizes::InnerSizes;

/// What `overhead --help` says of the output.
pub(super) const OVERHEAD: &str = "\
JSON, for each case:
  added          bytes added, one number an inner size; null where no such packet exists
  fragments      packets that leave for an inner IPv4 packet without DF; with DF, or of IPv6, a
                 packet for which this is more than 1 is dropped with ICMP, but by esp+fragment/…
  segmented      true where the tunnel is in TCP, which cuts what does not fit, DF or not
  largest_inner  largest inner packet that fits the MTU
  mss_ipv4       TCP MSS to clamp to over inner IPv4; mss_ipv6 over inner IPv6";

/// `overhead`.
#[derive(Debug, Args)]
pub struct OverheadArguments {
    /// Inner packets, IP total length: a number, a range or a comma-separated list of them
    #[arg(long, value_name = "SIZES", default_value = "20-1500")]
    pub inner: InnerSizes,
    /// Longest packet that leaves the near gateway, bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1500, value_parser = clap::value_parser!(u16).range(68..=9216))]
    pub mtu: u16,
    /// Cases, as a glob over ids (repeatable); every one that is no yardstick if left out
    #[arg(long = "case", value_name = "GLOB")]
    pub cases: Vec<String>,
    /// Write every size as JSON to standard output and nothing else
    #[arg(long)]
    pub json: bool,
}
