//! Validating a token store: every number is checked before any is used.

use super::error::DataError;
use super::store_format::{
    HEADER_BYTES, MAGIC, StoreHeader, TRAILER_BYTES, VERSION, digest_at, u64_at,
};
use crate::system::digest::Sha256;
use crate::system::files::FileError;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

/// Checks the sizes, the checksum, the order of the starts and the range of the token ids. Reads the
/// source once, in blocks. `path` is named in errors.
///
/// # Errors
/// [`DataError::File`] when the source cannot be read; [`DataError::Store`] when it is not a valid
/// store of this version.
pub(super) fn check(
    source: &mut (impl Read + Seek),
    path: &Path,
) -> Result<StoreHeader, DataError> {
    let result = checked(source).map_err(|error| FileError::io("read", path, error))?;
    result.map_err(|reason| DataError::Store { path: path.to_path_buf(), reason })
}

/// The outer error is a read error; the inner one says why the store is invalid.
fn checked(source: &mut (impl Read + Seek)) -> io::Result<Result<StoreHeader, &'static str>> {
    let length = source.seek(SeekFrom::End(0))?;
    let Some(trailer) = usize::try_from(length).ok().and_then(|l| l.checked_sub(TRAILER_BYTES))
    else {
        return Ok(Err("it is cut short"));
    };
    if trailer < HEADER_BYTES {
        return Ok(Err("it is cut short"));
    }
    let (mut head, mut tail) = ([0; HEADER_BYTES], [0; TRAILER_BYTES]);
    source.seek(SeekFrom::Start(trailer as u64))?;
    source.read_exact(&mut tail)?;
    source.rewind()?;
    source.read_exact(&mut head)?;
    if &head[..8] != MAGIC {
        return Ok(Err("it is no token store"));
    }
    if u32_at(&head, 8) != VERSION {
        return Ok(Err("it was written by another version"));
    }
    let token_bytes = match u32_at(&head, 12) {
        2 => 2,
        4 => 4,
        _ => return Ok(Err("the size of its tokens is unknown")),
    };
    let counts = [0, 8, 16, 24].map(|offset| u64_at(&tail, offset));
    let Some([sentence_starts, document_starts, file_starts]) =
        sections(counts, token_bytes, trailer)
    else {
        return Ok(Err("its size does not match its counts: it is cut short or damaged"));
    };
    // The counts match the size of the file, so they fit in usize.
    let [tokens, sentences, documents, files] = counts.map(|count| count as usize);
    let header = StoreHeader {
        token_bytes,
        tokens,
        sentences,
        documents,
        files,
        sentence_starts,
        document_starts,
        file_starts,
        vocab_size: u64_at(&head, 16),
        vocabulary_digest: digest_at(&head, 24),
        text_digest: digest_at(&tail, 32),
    };
    let reason = scan(source, &header, &head, trailer)?;
    Ok(reason.map_or(Ok(header), Err))
}

/// Reads everything from the end of the header to the end of the trailer. Returns what is wrong with
/// it, or `None`.
fn scan(
    source: &mut impl Read,
    header: &StoreHeader,
    head: &[u8],
    trailer: usize,
) -> io::Result<Option<&'static str>> {
    let mut checksum = Sha256::new();
    checksum.update(head);
    let token_end = HEADER_BYTES + header.tokens * header.token_bytes;
    let mut sentences = Ascending::default();
    let mut documents = Ascending::default();
    let mut files = Ascending::default();
    let mut largest = None;
    // Sections and blocks begin at multiples of 8, so no number lies across two blocks.
    let mut buffer = vec![0; 1 << 20];
    let mut at = HEADER_BYTES;
    while at < trailer {
        let length = buffer.len().min(trailer - at);
        let block = &mut buffer[..length];
        source.read_exact(block)?;
        checksum.update(block);
        let part = |section: Range<usize>| {
            let clip = |place: usize| place.clamp(at, at + length) - at;
            &block[clip(section.start)..clip(section.end)]
        };
        largest = largest.max(largest_id(part(HEADER_BYTES..token_end), header.token_bytes));
        sentences.add(part(header.sentence_starts..header.document_starts));
        documents.add(part(header.document_starts..header.file_starts));
        files.add(part(header.file_starts..trailer));
        at += length;
    }
    let mut tail = [0; TRAILER_BYTES];
    source.read_exact(&mut tail)?;
    let (rest, sum) = tail.split_at(TRAILER_BYTES - 32);
    checksum.update(rest);
    Ok(if checksum.finish() != digest_at(sum, 0) {
        Some("its checksum is wrong: it is damaged")
    } else if header.documents == 0
        || !sentences.ends_at(header.tokens)
        || !documents.ends_at(header.sentences)
        || !files.ends_at(header.documents)
    {
        Some("its sentence, document or file boundaries are out of order")
    } else if largest.is_some_and(|id| u64::from(id) >= header.vocab_size) {
        Some("it contains token ids that its vocabulary does not have")
    } else {
        None
    })
}

/// The largest id of little-endian `tokens`; `None` when there are none.
fn largest_id(tokens: &[u8], token_bytes: usize) -> Option<u32> {
    if token_bytes == 2 {
        tokens.as_chunks::<2>().0.iter().map(|id| u16::from_le_bytes(*id)).max().map(u32::from)
    } else {
        tokens.as_chunks::<4>().0.iter().map(|id| u32::from_le_bytes(*id)).max()
    }
}

/// Checks that numbers start at 0 and strictly ascend.
#[derive(Default)]
struct Ascending {
    last: Option<u64>,
    broken: bool,
}

impl Ascending {
    /// Takes the next numbers, little-endian `u64`.
    fn add(&mut self, numbers: &[u8]) {
        for number in numbers.as_chunks::<8>().0 {
            let number = u64::from_le_bytes(*number);
            self.broken |= self.last.map_or(number != 0, |last| number <= last);
            self.last = Some(number);
        }
    }

    /// Whether all was in order and the last number is `end`.
    fn ends_at(&self, end: usize) -> bool {
        !self.broken && self.last == Some(end as u64)
    }
}

/// The byte offsets of the starts of sentences, documents and files; `None` unless the counts (tokens,
/// sentences, documents, files) fill the store exactly up to the trailer.
fn sections(counts: [u64; 4], token_bytes: usize, trailer: usize) -> Option<[usize; 3]> {
    let [tokens, sentences, documents, files] = counts;
    let token_bytes = usize::try_from(tokens).ok()?.checked_mul(token_bytes)?;
    let sentence_starts = HEADER_BYTES.checked_add(token_bytes)?.checked_next_multiple_of(8)?;
    let bytes = |count: u64| usize::try_from(count).ok()?.checked_add(1)?.checked_mul(8);
    let document_starts = sentence_starts.checked_add(bytes(sentences)?)?;
    let file_starts = document_starts.checked_add(bytes(documents)?)?;
    let end = file_starts.checked_add(bytes(files)?)?;
    (end == trailer).then_some([sentence_starts, document_starts, file_starts])
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().expect("four bytes"))
}
