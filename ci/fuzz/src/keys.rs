//! A file of ESP keys: read, or refused in one sentence that shows no key.

use tunneltax_harness::esp_keys;

use crate::Target;

pub const TARGET: Target = Target {
    name: "keys",
    run,
    seeds,
};

fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match esp_keys::parse(text) {
        Ok(sas) => {
            assert!(!sas.is_empty());
            for sa in &sas {
                // Whatever its keys are: a line, or none.
                let line = esp_keys::table_line(sa, sa.key.len() / 2);
                assert!(line.is_none_or(|line| line.ends_with('\n')));
            }
        }
        Err(why) => assert!(!why.to_string().is_empty()),
    }
}

/// Both formats, with and without what may be left out.
fn seeds() -> Vec<Vec<u8>> {
    let toml = "[[sa]]\nspi = \"0x1001\"\nalgorithm = \"aes-128-gcm\"\nkey = \"000102\"\n\
        salt = \"10111213\"\nsource = \"192.0.2.1\"\ndestination = \"2001:db8::2\"\nesn_high = 7\n\
        [[sa]]\nspi = 4097\nalgorithm = \"null\"\nintegrity_key = \"0xff\"\n";
    let table = "# esp_sa\n\"IPv4\",\"192.0.2.1\",\"*\",\"0x1001\",\
        \"AES-GCM with 16 octet ICV [RFC4106]\",\"0x00010203ff\",\"NULL\",\"\",\"64-bit\",\"0x7\"\n\
        \"IPv6\",\"*\",\"2001:db8::2\",\"4097\",\"AES-CBC [RFC3602]\",\"0x00\",\
        \"HMAC-SHA-256-128 [RFC4868]\",\"0xff\"\n";
    vec![toml.into(), table.into()]
}
