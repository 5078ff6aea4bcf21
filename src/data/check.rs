//! Whether a token store can be believed: every number in it is looked at before it is used.

use super::error::DataError;
use super::fingerprint::Fingerprint;
use super::store::{HEADER_BYTES, MAGIC, TRAILER_BYTES, VERSION};
use crate::system::files::FileError;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

/// What header and trailer of a store say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// 2 or 4.
    pub token_bytes: usize,
    pub tokens: usize,
    pub sentences: usize,
    pub documents: usize,
    /// Where the sentence starts begin in the file.
    pub sentence_starts: usize,
    /// Where the document starts begin in the file.
    pub document_starts: usize,
    pub vocab_size: u64,
    pub vocabulary_fingerprint: u64,
    pub text_fingerprint: u64,
}

/// Checks sizes, checksum, order of the boundaries and range of the tokens; reads everything once, a
/// part at a time.
///
/// # Errors
/// [`DataError::File`] when it cannot be read, [`DataError::Store`] when it cannot be believed.
pub(super) fn check(source: &mut (impl Read + Seek), path: &Path) -> Result<Header, DataError> {
    let result = checked(source).map_err(|error| FileError::io("read", path, error))?;
    result.map_err(|reason| DataError::Store { path: path.to_path_buf(), reason })
}

/// The outer error is of reading, the inner one says what is wrong.
fn checked(source: &mut (impl Read + Seek)) -> io::Result<Result<Header, &'static str>> {
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
        return Ok(Err("it is of another version"));
    }
    let token_bytes = match u32_at(&head, 12) {
        2 => 2,
        4 => 4,
        _ => return Ok(Err("its tokens are of an unknown size")),
    };
    let counts = [0, 8, 16].map(|offset| u64_at(&tail, offset));
    let Some((sentence_starts, document_starts)) = sections(counts, token_bytes, trailer) else {
        return Ok(Err("its size does not fit its counts: it is cut short or altered"));
    };
    // The counts fit in memory addresses, now that they fit the file.
    let [tokens, sentences, documents] = counts.map(|count| count as usize);
    let header = Header {
        token_bytes,
        tokens,
        sentences,
        documents,
        sentence_starts,
        document_starts,
        vocab_size: u64_at(&head, 16),
        vocabulary_fingerprint: u64_at(&head, 24),
        text_fingerprint: u64_at(&tail, 24),
    };
    let reason = scan(source, &header, &head, trailer)?;
    Ok(reason.map_or(Ok(header), Err))
}

/// Reads all that lies between header and trailer, and the trailer. What is wrong with it, if
/// anything.
fn scan(
    source: &mut impl Read,
    header: &Header,
    head: &[u8],
    trailer: usize,
) -> io::Result<Option<&'static str>> {
    let mut checksum = Fingerprint::new();
    checksum.update(head);
    let token_end = HEADER_BYTES + header.tokens * header.token_bytes;
    let mut sentences = Ascending::default();
    let mut documents = Ascending::default();
    let mut largest = None;
    // A multiple of 8, as the sections are: no number is torn.
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
        documents.add(part(header.document_starts..trailer));
        at += length;
    }
    let mut tail = [0; TRAILER_BYTES];
    source.read_exact(&mut tail)?;
    let (rest, sum) = tail.split_at(TRAILER_BYTES - 8);
    checksum.update(rest);
    Ok(if checksum.finish() != u64_at(sum, 0) {
        Some("its checksum is wrong: it was altered")
    } else if header.documents == 0
        || !sentences.ends_at(header.tokens)
        || !documents.ends_at(header.sentences)
    {
        Some("its boundaries are out of order")
    } else if largest.is_some_and(|id| u64::from(id) >= header.vocab_size) {
        Some("it holds tokens that its vocabulary has not")
    } else {
        None
    })
}

fn largest_id(tokens: &[u8], token_bytes: usize) -> Option<u32> {
    if token_bytes == 2 {
        tokens.as_chunks::<2>().0.iter().map(|id| u16::from_le_bytes(*id)).max().map(u32::from)
    } else {
        tokens.as_chunks::<4>().0.iter().map(|id| u32::from_le_bytes(*id)).max()
    }
}

/// Whether numbers begin with 0 and ascend.
#[derive(Default)]
struct Ascending {
    last: Option<u64>,
    broken: bool,
}

impl Ascending {
    fn add(&mut self, numbers: &[u8]) {
        for number in numbers.as_chunks::<8>().0 {
            let number = u64::from_le_bytes(*number);
            self.broken |= self.last.map_or(number != 0, |last| number <= last);
            self.last = Some(number);
        }
    }

    fn ends_at(&self, end: usize) -> bool {
        !self.broken && self.last == Some(end as u64)
    }
}

/// Where the sentence starts and document starts begin, if the counts fill the file exactly up to
/// the trailer.
fn sections(counts: [u64; 3], token_bytes: usize, trailer: usize) -> Option<(usize, usize)> {
    let [tokens, sentences, documents] = counts;
    let token_bytes = usize::try_from(tokens).ok()?.checked_mul(token_bytes)?;
    let sentence_starts = HEADER_BYTES.checked_add(token_bytes)?.checked_next_multiple_of(8)?;
    let bytes = |count: u64| usize::try_from(count).ok()?.checked_add(1)?.checked_mul(8);
    let document_starts = sentence_starts.checked_add(bytes(sentences)?)?;
    let end = document_starts.checked_add(bytes(documents)?)?;
    (end == trailer).then_some((sentence_starts, document_starts))
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().expect("four bytes"))
}

/// The number at `offset`.
pub(super) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes[offset..offset + 8].try_into().expect("eight bytes"))
}
