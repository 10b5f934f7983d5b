//! An upload that arrives piece by piece, read by code that blocks: nothing holds the whole file.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use crate::Error;

/// The reading end, for a blocking thread.
pub struct Upload {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    now: Bytes,
}

/// The writing end. Dropping it ends the file.
pub struct Writer {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    left: usize,
    limit: usize,
}

/// Both ends of an upload of at most `limit` bytes.
pub fn upload(limit: usize) -> (Writer, Upload) {
    let (sender, pieces) = mpsc::channel(8);
    (Writer { pieces: sender, left: limit, limit }, Upload { pieces, now: Bytes::new() })
}

impl Writer {
    /// Passes a piece on; waits while the reader is behind. False when the reader has given up: it says why itself.
    pub async fn write(&mut self, piece: Bytes) -> Result<bool, Error> {
        let Some(left) = self.left.checked_sub(piece.len()) else {
            self.fail("the upload is too large").await;
            return Err(Error::TooLarge(self.limit));
        };
        self.left = left;
        Ok(self.pieces.send(Ok(piece)).await.is_ok())
    }

    /// Tells the reader that the rest will not come, so that half a file is never taken for a whole one.
    pub async fn fail(&mut self, why: &str) {
        let _ = self.pieces.send(Err(io::Error::other(why.to_owned()))).await;
    }
}

impl Read for Upload {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.now.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.now = piece?,
                None => return Ok(0),
            }
        }
        let n = self.now.len().min(out.len());
        self.now.copy_to_slice(&mut out[..n]);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_arrives_whole_or_fails() {
        let (mut writer, mut reader) = upload(10);
        let read = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        });
        assert!(writer.write("a,b\n".into()).await.expect("fits"));
        assert!(writer.write("1,2\n".into()).await.expect("fits"));
        drop(writer);
        assert_eq!(read.await.expect("joins").expect("reads"), "a,b\n1,2\n");

        let (mut writer, mut reader) = upload(3);
        let read = tokio::task::spawn_blocking(move || reader.read_to_string(&mut String::new()));
        assert!(matches!(writer.write("too long".into()).await, Err(Error::TooLarge(3))));
        assert!(read.await.expect("joins").is_err());
    }
}
