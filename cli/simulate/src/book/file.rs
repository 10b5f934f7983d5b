//! The book on disk: JSON lines, appended with one write each, so that a killed simulator tears at most the last line.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Seek, SeekFrom, Write};
use std::path::Path;

use super::Line;

/// Opens or creates the file and reads its lines. A torn last line is cut off; a wrong line elsewhere is an error.
pub(super) fn open(path: &Path) -> Result<(File, Vec<Line>)> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let mut lines = Vec::new();
    let mut good = 0_u64;
    let mut reader = BufReader::new(&file);
    let mut text = Vec::new();
    while reader.read_until(b'\n', &mut text)? > 0 {
        if text.last() != Some(&b'\n') {
            tracing::warn!(path = %path.display(), "the book's last line is torn and is dropped");
            break;
        }
        let line = serde_json::from_slice(&text)
            .map_err(|error| Error::new(ErrorKind::InvalidData, format!("line {} is no entry: {error}", lines.len() + 1)))?;
        lines.push(line);
        good += text.len() as u64;
        text.clear();
    }
    file.set_len(good)?;
    file.seek(SeekFrom::End(0))?;
    Ok((file, lines))
}

/// Appends one line with one write.
pub(super) fn append(file: &mut File, line: &Line) -> Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    file.write_all(&text)
}
