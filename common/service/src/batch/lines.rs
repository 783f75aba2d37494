/// A line is one question; what is longer than this is no question.
const MAX_LINE_BYTES: usize = 16 << 20;

/// Cuts a stream of bytes into lines.
#[derive(Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// The whole lines so far, without their ends and without blank ones; `last` says that nothing follows.
    pub fn take_whole(&mut self, content: &[u8], last: bool) -> Result<Vec<Vec<u8>>, String> {
        let mut lines = Vec::new();
        let mut pieces = content.split(|&byte| byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            self.rest.extend_from_slice(piece);
            if self.rest.len() > MAX_LINE_BYTES {
                return Err(format!("a line is longer than {MAX_LINE_BYTES} bytes"));
            }
            if pieces.peek().is_some() || last {
                let line = std::mem::take(&mut self.rest);
                if !line.trim_ascii().is_empty() {
                    lines.push(line);
                }
            }
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lines_are_the_same_however_the_bytes_arrive() {
        let text = b"one\ntwo\r\n\n three";
        let whole: Vec<Vec<u8>> = vec![b"one".to_vec(), b"two\r".to_vec(), b" three".to_vec()];
        for size in 1..=text.len() {
            let (mut lines, mut found) = (Lines::default(), Vec::new());
            let mut at = 0;
            while at < text.len() {
                let end = (at + size).min(text.len());
                found.extend(lines.take_whole(&text[at..end], end == text.len()).unwrap());
                at = end;
            }
            assert_eq!(found, whole, "chunks of {size}");
        }
    }
}
