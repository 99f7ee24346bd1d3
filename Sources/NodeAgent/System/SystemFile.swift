import Glibc
import LinuxIO

/// A small text file of the system, read whole.
enum SystemFile {
    /// The largest file that is read; one that is longer is an error, not cut.
    static let bytesMax = 4 << 20

    /// The text of the file at `path`. Bytes that are not UTF-8 become replacement characters.
    static func text(_ path: String) throws(FileError) -> String { String(decoding: try Files.read(path, bytesMax: bytesMax), as: UTF8.self) }

    /// The lines of `text` without comments, each as its words; lines without words are left out.
    static func words(_ text: String, commentMarks: String) -> [[Substring]] {
        text.split(whereSeparator: \.isNewline).compactMap { line in
            let words = line.prefix { !commentMarks.contains($0) }.split(whereSeparator: \.isWhitespace)
            return words.isEmpty ? nil : words
        }
    }
}
