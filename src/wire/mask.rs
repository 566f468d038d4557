//! Masking of WebSocket payloads (RFC 6455 §5.3).

/// Applies `key` to bytes that begin `offset` bytes into a payload; twice is nothing.
pub(super) fn apply(key: [u8; 4], offset: u64, bytes: &mut [u8]) {
    let mut key = key;
    key.rotate_left((offset % 4) as usize);
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offset_and_length_is_as_the_standard_says() {
        let key = [1, 20, 130, 255];
        let plain: Vec<u8> = (0..40).collect();
        let masked: Vec<u8> = plain
            .iter()
            .zip(key.iter().cycle())
            .map(|(b, k)| b ^ k)
            .collect();
        for start in 0..plain.len() {
            for end in start..=plain.len() {
                let mut part = masked[start..end].to_vec();
                apply(key, start as u64, &mut part);
                assert_eq!(part, plain[start..end], "{start}..{end}");
            }
        }
    }
}
