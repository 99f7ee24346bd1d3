import Glibc
import LinuxIO

/// A small text file of the system, which is read as a whole.
enum SystemFile {
    /// The largest file that is read, in bytes; a longer file is an error.
    static let bytesMax = 4 << 20

    /// The text of the file at `path`. Bytes that are not UTF-8 become replacement characters.
    static func text(_ path: String) throws(FileError) -> String { String(decoding: try Files.read(path, bytesMax: bytesMax), as: UTF8.self) }

    /// The lines of `text` without comments, each split into words; lines without words are omitted.
    static func words(_ text: String, commentMarks: String) -> [[Substring]] {
        text.split(whereSeparator: \.isNewline).compactMap { line in
            let words = line.prefix { !commentMarks.contains($0) }.split(whereSeparator: \.isWhitespace)
            return words.isEmpty ? nil : words
        }
    }
}
