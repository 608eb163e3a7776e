//! Keys of ESP tunnels from a file: TOML, or the lines of Wireshark's table `esp_sa`. Knows no
//! packet, and nothing else of the program.

use std::net::IpAddr;

use serde::Deserialize;

/// Octets of salt: what the key of an AEAD ends with (RFC 4106, 8.1; RFC 7634, 2).
const SALT_BYTES: usize = 4;

/// One direction of a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EspSa {
    /// Security parameters index.
    pub spi: u32,
    /// As in a case id: `aes-256-gcm`.
    pub algorithm: String,
    /// Key of the encryption, then that of the integrity algorithm where it is another one.
    pub key: Vec<u8>,
    /// Salt of an AEAD, else zeros.
    pub salt: [u8; SALT_BYTES],
    /// Outer source; any without one.
    pub source: Option<IpAddr>,
    /// Outer destination; any without one.
    pub destination: Option<IpAddr>,
    /// Upper half of the sequence numbers, where they are extended (RFC 4303, 2.2.1).
    pub esn_high: Option<u32>,
}

/// Why a file of keys cannot be used. `line` counts from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// Neither TOML of this shape nor `esp_sa`.
    #[error("line {line}: {what}")]
    Malformed {
        /// Where.
        line: usize,
        /// What the parser says.
        what: String,
    },
    /// A field that means nothing.
    #[error("SA {at}: {field} is {value:?}, not {wanted}")]
    Field {
        /// Which SA, from 1.
        at: usize,
        /// Name of the field.
        field: &'static str,
        /// What it says; keys are not shown.
        value: String,
        /// What would do.
        wanted: &'static str,
    },
    /// Nothing in it.
    #[error("all its lines are empty or comments: it names no SA")]
    Empty,
}

/// Reads a file of keys. Which of the two formats it is, its first line says.
pub fn parse(text: &str) -> Result<Vec<EspSa>, KeysError> {
    let first = text.lines().map(str::trim).find(|line| is_content(line));
    let sas = if first.is_some_and(|line| line.starts_with('"')) {
        parse_table(text)?
    } else {
        parse_toml(text)?
    };
    if sas.is_empty() {
        return Err(KeysError::Empty);
    }
    Ok(sas)
}

fn is_content(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    sa: Vec<Written>,
}

/// An SA as TOML has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    spi: Spi,
    algorithm: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    integrity_key: String,
    salt: Option<String>,
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    esn_high: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Spi {
    Number(u32),
    Text(String),
}

fn parse_toml(text: &str) -> Result<Vec<EspSa>, KeysError> {
    let file: File = toml::from_str(text).map_err(|why| {
        let before = why.span().and_then(|span| text.get(..span.start));
        KeysError::Malformed {
            line: before.unwrap_or_default().matches('\n').count() + 1,
            what: why
                .message()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
        }
    })?;
    let sas = file.sa.into_iter().zip(1..);
    sas.map(|(written, at)| {
        let key = [
            hex(at, "key", &written.key)?,
            hex(at, "integrity_key", &written.integrity_key)?,
        ];
        let salt = match &written.salt {
            None => [0; SALT_BYTES],
            Some(salt) => four(at, &hex(at, "salt", salt)?)?,
        };
        Ok(EspSa {
            spi: match written.spi {
                Spi::Number(spi) => spi,
                Spi::Text(text) => number(at, "spi", &text)?,
            },
            algorithm: written.algorithm,
            key: key.concat(),
            salt,
            source: written.source,
            destination: written.destination,
            esn_high: written.esn_high,
        })
    })
    .collect()
}

/// Wireshark's `esp_sa`: protocol, source, destination, SPI, encryption and its key, integrity
/// and its key, and from 4.2 on the length of sequence numbers and their upper half.
fn parse_table(text: &str) -> Result<Vec<EspSa>, KeysError> {
    let lines = text.lines().zip(1..);
    let lines = lines.filter(|(line, _)| is_content(line.trim()));
    let mut sas = Vec::new();
    for (line, number) in lines {
        let fields = fields(line).ok_or(KeysError::Malformed {
            line: number,
            what: "a line of esp_sa is fields in double quotes with commas between".to_owned(),
        })?;
        sas.push(table_sa(sas.len() + 1, number, &fields)?);
    }
    Ok(sas)
}

/// What stands in the quotes.
fn fields(line: &str) -> Option<Vec<&str>> {
    let inside = line.trim().strip_prefix('"')?.strip_suffix('"')?;
    let fields: Vec<&str> = inside.split("\",\"").collect();
    fields
        .iter()
        .all(|field| !field.contains('"'))
        .then_some(fields)
}

fn table_sa(at: usize, line: usize, fields: &[&str]) -> Result<EspSa, KeysError> {
    let &[
        _,
        source,
        destination,
        spi,
        encryption,
        key,
        integrity,
        integrity_key,
        ref numbers @ ..,
    ] = fields
    else {
        return Err(KeysError::Malformed {
            line,
            what: format!("a line of esp_sa has 8 or 10 fields, not {}", fields.len()),
        });
    };
    let mut key = hex(at, "the encryption key", key)?;
    let is_aead = encryption.starts_with("AES-GCM") || encryption.starts_with("ChaCha20");
    let salt = if is_aead {
        let salt = key.split_off(key.len().saturating_sub(SALT_BYTES));
        four(at, &salt)?
    } else {
        [0; SALT_BYTES]
    };
    let algorithm = algorithm(encryption, integrity, key.len()).ok_or(KeysError::Field {
        at,
        field: "the pair of algorithms",
        value: format!("{encryption} with {integrity}"),
        wanted: "one that tunneltax speaks: AES-GCM with 16 octet ICV, ChaCha20 with Poly1305, \
                 or AES-CBC, TripleDES-CBC or NULL with HMAC-SHA-256-128 or HMAC-SHA-1-96",
    })?;
    key.extend(hex(at, "the integrity key", integrity_key)?);
    let esn_high = match numbers {
        ["64-bit"] => Some(0),
        ["64-bit", high, ..] => Some(number(at, "the upper half", high)?),
        _ => None,
    };
    Ok(EspSa {
        spi: number(at, "the SPI", spi)?,
        algorithm,
        key,
        salt,
        source: address(at, "the source", source)?,
        destination: address(at, "the destination", destination)?,
        esn_high,
    })
}

/// A line of the table for an SA, of whose key the last octets are the integrity algorithm's;
/// `None` where Wireshark has no name for the algorithm. Eight fields, which every version reads,
/// unless sequence numbers are extended.
pub fn table_line(sa: &EspSa, integrity_bytes: usize) -> Option<String> {
    let (encryption, integrity) = names(&sa.algorithm)?;
    let (key, integrity_key) = sa
        .key
        .split_at_checked(sa.key.len().checked_sub(integrity_bytes)?)?;
    let is_aead = integrity == "NULL";
    let salt = if is_aead { &sa.salt[..] } else { &[] };
    let is_v6 = [sa.source, sa.destination]
        .iter()
        .flatten()
        .any(IpAddr::is_ipv6);
    let address = |of: Option<IpAddr>| of.map_or("*".to_owned(), |of| of.to_string());
    let numbers = sa
        .esn_high
        .map(|high| format!(",\"64-bit\",\"0x{high:x}\""));
    Some(format!(
        "\"{}\",\"{}\",\"{}\",\"0x{:08x}\",\"{encryption}\",\"{}\",\"{integrity}\",\"{}\"{}\n",
        if is_v6 { "IPv6" } else { "IPv4" },
        address(sa.source),
        address(sa.destination),
        sa.spi,
        digits(&[key, salt].concat()),
        digits(integrity_key),
        numbers.unwrap_or_default(),
    ))
}

/// Octets with `0x` in front; nothing without any.
fn digits(octets: &[u8]) -> String {
    let prefix = if octets.is_empty() { "" } else { "0x" };
    let digits = octets.iter().map(|octet| format!("{octet:02x}"));
    prefix.to_owned() + &digits.collect::<String>()
}

/// What Wireshark calls the encryption and the integrity of an algorithm of a case id.
fn names(algorithm: &str) -> Option<(&'static str, &'static str)> {
    const GCM: &str = "AES-GCM with 16 octet ICV [RFC4106]";
    match algorithm {
        "aes-128-gcm" | "aes-192-gcm" | "aes-256-gcm" => return Some((GCM, "NULL")),
        "chacha20-poly1305" => return Some(("ChaCha20 with Poly1305 [RFC7634]", "NULL")),
        _ => {}
    }
    let (encryption, mac) = algorithm.split_once('+')?;
    let encryption = match encryption {
        "aes-128-cbc" | "aes-256-cbc" => "AES-CBC [RFC3602]",
        "3des-cbc" => "TripleDES-CBC [RFC2451]",
        "null" => "NULL",
        _ => return None,
    };
    let mac = match mac {
        "hmac-sha-256-128" => "HMAC-SHA-256-128 [RFC4868]",
        "hmac-sha-1-96" => "HMAC-SHA-1-96 [RFC2404]",
        _ => return None,
    };
    Some((encryption, mac))
}

/// What a pair of Wireshark's names is in a case id.
fn algorithm(encryption: &str, integrity: &str, key_bytes: usize) -> Option<String> {
    let name = |text: &str| {
        text.split_once(" [")
            .map_or(text, |(name, _)| name)
            .to_owned()
    };
    let bits = key_bytes * 8;
    let mac = match name(integrity).as_str() {
        "HMAC-SHA-256-128" => Some("hmac-sha-256-128"),
        "HMAC-SHA-1-96" => Some("hmac-sha-1-96"),
        _ => None,
    };
    match (name(encryption).as_str(), mac) {
        ("AES-GCM" | "AES-GCM with 16 octet ICV", None) => Some(format!("aes-{bits}-gcm")),
        ("ChaCha20 with Poly1305", None) => Some("chacha20-poly1305".to_owned()),
        ("AES-CBC", Some(mac)) => Some(format!("aes-{bits}-cbc+{mac}")),
        ("TripleDES-CBC", Some(mac)) => Some(format!("3des-cbc+{mac}")),
        ("NULL", Some(mac)) => Some(format!("null+{mac}")),
        _ => None,
    }
}

/// Octets in hexadecimal, with or without `0x`.
fn hex(at: usize, field: &'static str, text: &str) -> Result<Vec<u8>, KeysError> {
    let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    let octet = |pair: &[u8]| {
        let &[high, low] = pair else { return None };
        let digit = |digit: u8| char::from(digit).to_digit(16);
        Some((digit(high)? << 4 | digit(low)?) as u8)
    };
    let octets: Option<Vec<u8>> = digits.chunks(2).map(octet).collect();
    octets.ok_or(KeysError::Field {
        at,
        field,
        // A key is a secret, even a wrong one.
        value: format!("{} characters", digits.len()),
        wanted: "octets in hexadecimal",
    })
}

fn four(at: usize, salt: &[u8]) -> Result<[u8; SALT_BYTES], KeysError> {
    salt.try_into().map_err(|_| KeysError::Field {
        at,
        field: "salt",
        value: format!("{} octets", salt.len()),
        wanted: "4 octets, in Wireshark's table the last of the key",
    })
}

/// A number of 32 bits, decimal or hexadecimal with `0x`.
fn number(at: usize, field: &'static str, text: &str) -> Result<u32, KeysError> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| KeysError::Field {
        at,
        field,
        value: text.to_owned(),
        wanted: "a number of 32 bits, as 4097 or 0x1001",
    })
}

/// An address; `*` is any.
fn address(at: usize, field: &'static str, text: &str) -> Result<Option<IpAddr>, KeysError> {
    if text == "*" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| KeysError::Field {
        at,
        field,
        value: text.to_owned(),
        wanted: "an address, or * for any",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = r#"
        [[sa]]
        spi = "0x00001001"
        algorithm = "aes-128-gcm"
        key = "000102030405060708090a0b0c0d0e0f"
        salt = "10111213"
        source = "192.0.2.1"
        destination = "192.0.2.2"
        esn_high = 7
    "#;
    const TABLE: &str = "# This file is automatically generated, DO NOT MODIFY.\n\
        \"IPv4\",\"192.0.2.1\",\"192.0.2.2\",\"0x00001001\",\"AES-GCM with 16 octet ICV [RFC4106]\",\
        \"0x000102030405060708090a0b0c0d0e0f10111213\",\"NULL\",\"\",\"64-bit\",\"0x7\"\n";

    #[test]
    fn both_formats_say_the_same() {
        let sas = parse(TOML).unwrap();
        assert_eq!(parse(TABLE).unwrap(), sas);
        let [sa] = &sas[..] else { panic!("{sas:?}") };
        assert_eq!((sa.spi, sa.esn_high), (0x1001, Some(7)));
        assert_eq!(sa.key, (0..16).collect::<Vec<u8>>());
        assert_eq!(sa.salt, [16, 17, 18, 19]);
    }

    #[test]
    fn what_is_written_is_read() {
        for (algorithm, key_bytes, integrity_bytes) in [
            ("aes-128-gcm", 16, 0),
            ("aes-192-gcm", 24, 0),
            ("aes-256-gcm", 32, 0),
            ("chacha20-poly1305", 32, 0),
            ("aes-128-cbc+hmac-sha-1-96", 16, 20),
            ("aes-256-cbc+hmac-sha-256-128", 32, 32),
            ("3des-cbc+hmac-sha-256-128", 24, 32),
            ("null+hmac-sha-1-96", 0, 20),
        ] {
            for esn_high in [None, Some(3)] {
                let sa = EspSa {
                    spi: 0x1001,
                    algorithm: algorithm.to_owned(),
                    key: (0..key_bytes + integrity_bytes).collect(),
                    salt: if integrity_bytes == 0 {
                        [1, 2, 3, 4]
                    } else {
                        [0; 4]
                    },
                    source: "192.0.2.1".parse().ok(),
                    destination: None,
                    esn_high,
                };
                let line = table_line(&sa, usize::from(integrity_bytes)).unwrap();
                assert_eq!(parse(&line), Ok(vec![sa]), "{line}");
            }
        }
    }

    #[test]
    fn two_keys_stand_one_behind_the_other() {
        let line = "\"IPv6\",\"*\",\"2001:db8::2\",\"4097\",\"AES-CBC [RFC3602]\",\
            \"0x000102030405060708090a0b0c0d0e0f\",\"HMAC-SHA-1-96 [RFC2404]\",\"0xffee\"";
        let [sa] = &parse(line).unwrap()[..] else {
            panic!()
        };
        assert_eq!(sa.algorithm, "aes-128-cbc+hmac-sha-1-96");
        assert_eq!((sa.key.len(), &sa.key[16..]), (18, &[0xff, 0xee][..]));
        assert_eq!((sa.source, sa.esn_high), (None, None));
    }

    #[test]
    fn a_mistake_is_named_and_a_key_is_not_shown() {
        let said = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(
            said(""),
            "all its lines are empty or comments: it names no SA"
        );
        assert_eq!(
            said("[[sa]]\nspi = 1\n"),
            "line 1: missing field `algorithm`"
        );
        assert_eq!(
            said(&TOML.replace("10111213", "1011121")),
            "SA 1: salt is \"7 characters\", not octets in hexadecimal"
        );
        assert_eq!(
            said(&TOML.replace("10111213", "101112")),
            "SA 1: salt is \"3 octets\", not 4 octets, in Wireshark's table the last of the key"
        );
        assert!(said(&TABLE.replace("AES-GCM", "AES-CTR")).contains("AES-CTR"));
        assert_eq!(
            said("\"IPv4\",\"1\""),
            "line 1: a line of esp_sa has 8 or 10 fields, not 2"
        );
        assert!(!said(&TOML.replace("0001", "secret")).contains("secret"));
    }
}
