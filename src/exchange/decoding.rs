//! Undoing a body's content encodings: RFC 9110, section 8.4.
//!
//! Whatever follows a complete stream is ignored, as browsers do; a stream that is corrupt or cut short is an error.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::fault::Fault;

/// Encodings of one body; more are no accident.
const MAX_ENCODINGS: usize = 5;

/// The largest window of zstd, in bytes: RFC 9659.
const MAX_WINDOW: u64 = 8 << 20;

/// The body as it was before the encodings that the values of `Content-Encoding` list were applied to it. It is left as
/// it is if it is empty, or if one of them is unknown.
///
/// Memory is bounded: neither the result nor any step towards it may have more than `limit` bytes.
pub fn decode<'a>(
    mut body: Vec<u8>,
    content_encodings: impl IntoIterator<Item = &'a [u8]>,
    limit: u64,
) -> Result<Vec<u8>, Fault> {
    let names: Vec<_> = content_encodings
        .into_iter()
        .flat_map(|value| value.split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case(b"identity"))
        .collect();
    if body.is_empty() {
        return Ok(body);
    }
    if names.len() > MAX_ENCODINGS {
        return Err(Fault::Decoding(format!("the response's body has more than {MAX_ENCODINGS} encodings")));
    }
    let Some(encodings) = names.into_iter().map(Encoding::named).collect::<Option<Vec<_>>>() else { return Ok(body) };
    for encoding in encodings.into_iter().rev() {
        body = encoding.undo(&body, limit)?;
    }
    Ok(body)
}

#[derive(Debug, Clone, Copy)]
enum Encoding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Encoding {
    fn named(name: &[u8]) -> Option<Self> {
        Some(match &name.to_ascii_lowercase()[..] {
            b"gzip" | b"x-gzip" => Encoding::Gzip,
            b"deflate" => Encoding::Deflate,
            b"br" => Encoding::Brotli,
            b"zstd" => Encoding::Zstd,
            _ => return None,
        })
    }

    fn undo(self, data: &[u8], limit: u64) -> Result<Vec<u8>, Fault> {
        let mut output = Output { encoding: self, bytes: Vec::new(), limit };
        match self {
            Encoding::Gzip => {
                let mut rest = data;
                loop {
                    rest = output.take_from(rest, inflate(Decompress::new_gzip(15)))?;
                    // A file may have several members.
                    if !rest.starts_with(&[0x1f, 0x8b]) {
                        break;
                    }
                }
            }
            Encoding::Deflate => {
                output.take_from(data, inflate(Decompress::new(has_zlib_header(data))))?;
            }
            Encoding::Brotli => {
                output.take_from(data, unbrotli())?;
            }
            Encoding::Zstd => output.take_from_zstd(data)?,
        }
        Ok(output.bytes)
    }

    fn fault(self) -> Fault {
        let name = match self {
            Encoding::Gzip => "gzip",
            Encoding::Deflate => "deflate",
            Encoding::Brotli => "br",
            Encoding::Zstd => "zstd",
        };
        Fault::Decoding(format!("the response's body is corrupt or cut short: it is not valid {name}"))
    }
}

/// Whether it begins as RFC 1950 says: some servers send the bare stream of RFC 1951.
fn has_zlib_header(data: &[u8]) -> bool {
    matches!(*data, [method, flags, ..] if method & 15 == 8 && u16::from_be_bytes([method, flags]) % 31 == 0)
}

/// What a decoder did in one step.
struct Step {
    /// Bytes of input that it took.
    taken: usize,
    /// Bytes of output that it made.
    made: usize,
    /// Whether the stream is complete.
    done: bool,
}

/// Steps of zlib; None if the data is corrupt.
fn inflate(mut decoder: Decompress) -> impl FnMut(&[u8], &mut [u8]) -> Option<Step> {
    move |input, output| {
        let (taken, made) = (decoder.total_in(), decoder.total_out());
        let status = decoder.decompress(input, output, FlushDecompress::None).ok()?;
        Some(Step {
            taken: (decoder.total_in() - taken) as usize,
            made: (decoder.total_out() - made) as usize,
            done: status == Status::StreamEnd,
        })
    }
}

/// Steps of brotli; None if the data is corrupt.
fn unbrotli() -> impl FnMut(&[u8], &mut [u8]) -> Option<Step> {
    let mut state =
        BrotliState::new_strict(StandardAlloc::default(), StandardAlloc::default(), StandardAlloc::default());
    move |input, output| {
        let (mut taken, mut made) = (0, 0);
        let result = BrotliDecompressStream(
            &mut input.len(),
            &mut taken,
            input,
            &mut output.len(),
            &mut made,
            output,
            &mut 0,
            &mut state,
        );
        let done = matches!(result, BrotliResult::ResultSuccess);
        (!matches!(result, BrotliResult::ResultFailure)).then_some(Step { taken, made, done })
    }
}

/// What one encoding was undone to.
struct Output {
    encoding: Encoding,
    bytes: Vec<u8>,
    limit: u64,
}

impl Output {
    /// Takes a whole stream from the beginning of `data`; returns what follows it.
    fn take_from<'a>(
        &mut self,
        mut data: &'a [u8],
        mut step: impl FnMut(&[u8], &mut [u8]) -> Option<Step>,
    ) -> Result<&'a [u8], Fault> {
        let mut end = self.bytes.len();
        loop {
            if end == self.bytes.len() {
                self.bound()?;
                // One byte more than allowed shows that there is more.
                let most = usize::try_from(self.limit).unwrap_or(usize::MAX).saturating_add(1);
                self.bytes.resize((end + end.max(16 << 10)).min(most), 0);
            }
            let Step { taken, made, done } = step(data, &mut self.bytes[end..]).ok_or_else(|| self.encoding.fault())?;
            data = &data[taken..];
            end += made;
            if done {
                self.bytes.truncate(end);
                self.bound()?;
                return Ok(data);
            }
            if taken == 0 && made == 0 {
                return Err(self.encoding.fault());
            }
        }
    }

    /// Takes all frames of zstd from the beginning of `data`.
    fn take_from_zstd(&mut self, mut data: &[u8]) -> Result<(), Fault> {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW);
        let mut any = false;
        while !data.is_empty() {
            match decoder.init(&mut data) {
                Ok(()) => {}
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    data = data.get(length as usize..).ok_or_else(|| self.encoding.fault())?;
                    any = true;
                    continue;
                }
                Err(FrameDecoderError::ReadFrameHeaderError(
                    ReadFrameHeaderError::BadMagicNumber(_) | ReadFrameHeaderError::MagicNumberReadError(_),
                )) if any => return Ok(()),
                Err(_) => return Err(self.encoding.fault()),
            }
            any = true;
            while !decoder.is_finished() {
                decoder
                    .decode_blocks(&mut data, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(|_| self.encoding.fault())?;
                decoder.collect_to_writer(&mut self.bytes).map_err(|_| self.encoding.fault())?;
                self.bound()?;
            }
            let checksum = decoder.get_checksum_from_data();
            if checksum.is_some() && checksum != decoder.get_calculated_checksum() {
                return Err(self.encoding.fault());
            }
        }
        Ok(())
    }

    fn bound(&self) -> Result<(), Fault> {
        if self.bytes.len() as u64 > self.limit {
            return Err(Fault::BodyTooLarge { limit: self.limit });
        }
        Ok(())
    }
}
