//! Figures and names as text: as many digits as a figure deserves, and nothing in a name that
//! could steer a terminal or a page.

/// Longest name shown; captures can be called anything.
pub const NAME_CHARS: usize = 48;
/// Longest message or value shown.
pub const TEXT_CHARS: usize = 400;

/// `text` on one line: control characters, line breaks and marks that turn the writing
/// direction become `\u{FFFD}`; the middle is left out where it is longer than `max` characters.
pub fn clean(text: &str, max: usize) -> String {
    let harmless: Vec<char> = text
        .chars()
        .map(|c| {
            let steers = c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
            if steers { '\u{fffd}' } else { c }
        })
        .collect();
    if harmless.len() <= max {
        return harmless.into_iter().collect();
    }
    let head = max.saturating_sub(1).div_ceil(2);
    let tail = max.saturating_sub(1) - head;
    let mut short: String = harmless.iter().take(head).collect();
    short.push('…');
    short.extend(harmless.iter().skip(harmless.len() - tail));
    short
}

/// How much room a figure has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Three digits or one decimal, nothing around the sign: a narrow terminal.
    Tight,
    /// One digit more, and spaces.
    Ample,
}

/// A mean with half of its interval: `174.2 ± 1.1`, or `174±2` where room is tight. Half an
/// interval is rounded up, so that it never shows as 0.
pub fn estimate(mean: f64, half: Option<f64>, room: Room) -> String {
    let half = half.filter(|half| half.is_finite()).map(f64::abs);
    let Some(digits) = decimals(mean, half, room) else {
        return "—".to_owned();
    };
    let value = signed(mean, digits);
    match half {
        None => value,
        Some(half) => {
            let half = at_least(half, digits);
            match room {
                Room::Tight => format!(
                    "{value}±{}",
                    half.strip_prefix('0')
                        .filter(|s| s.len() > 1)
                        .unwrap_or(&half)
                ),
                Room::Ample => format!("{value} ± {half}"),
            }
        }
    }
}

/// A bound, rounded up: `0.4`.
pub fn bound(value: f64, room: Room) -> String {
    decimals(value, None, room).map_or_else(|| "—".to_owned(), |digits| at_least(value, digits))
}

/// A command as a shell takes it: words with anything but plain characters in quotes.
pub fn command(words: &[String]) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=./:,@+%".contains(c);
    let quoted = |word: &String| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Three significant digits: rates and ratios.
pub fn three(value: f64) -> String {
    if !value.is_finite() {
        return "—".to_owned();
    }
    let digits = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    signed(value, digits)
}

/// A count with its thousands set apart: `1,234,567`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A mean number of bytes: whole where it is.
pub fn bytes(value: f64) -> String {
    if !value.is_finite() {
        "—".to_owned()
    } else if (value - value.round()).abs() < 0.05 {
        signed(value, 0)
    } else {
        signed(value, 1)
    }
}

/// A list in a sentence: `a`, `a and b`, `a, b and c`.
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// An algorithm as its standard spells it: `aes-256-gcm` → `AES-256-GCM`.
pub fn algorithm(name: &str) -> String {
    let part = |part: &str| match part {
        "chacha20" => "ChaCha20".to_owned(),
        "poly1305" => "Poly1305".to_owned(),
        other => other.to_uppercase(),
    };
    name.split('-').map(part).collect::<Vec<_>>().join("-") + legacy(name)
}

/// What is said behind an algorithm that nobody should choose any more: 3DES (RFC 8221, 5).
pub fn legacy(algorithm: &str) -> &'static str {
    if algorithm.starts_with("3des-") {
        " (legacy)"
    } else {
        ""
    }
}

fn decimals(value: f64, half: Option<f64>, room: Room) -> Option<usize> {
    let magnitude = value.abs();
    let half = half.unwrap_or(f64::NAN);
    match room {
        _ if !value.is_finite() => None,
        Room::Tight if magnitude >= 99.95 || half >= 0.95 => Some(0),
        Room::Tight => Some(1),
        Room::Ample if magnitude >= 999.5 => Some(0),
        Room::Ample if magnitude >= 99.95 || half >= 0.095 => Some(1),
        Room::Ample if magnitude >= 9.95 && half.is_nan() => Some(1),
        Room::Ample => Some(2),
    }
}

fn signed(value: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", value.abs());
    let zero = text.chars().all(|c| matches!(c, '0' | '.'));
    if value < 0.0 && !zero {
        format!("−{text}")
    } else {
        text
    }
}

fn at_least(value: f64, digits: usize) -> String {
    let scale = [1.0, 10.0, 100.0].get(digits).copied().unwrap_or(1e3);
    let scaled = value.abs() * scale;
    let up = if scaled.is_finite() {
        (scaled - 1e-9).ceil().max(1.0) / scale
    } else {
        value.abs()
    };
    format!("{up:.digits$}")
}
