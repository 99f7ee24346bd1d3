import Foundation
import Testing

/// The repository's text files, read from disk.
struct SourceTree {
    /// One file.
    struct File {
        /// The path from the repository's root.
        var path: String
        /// Its lines, without newlines.
        var lines: [String]
        /// The whole text.
        var text: String { lines.joined(separator: "\n") }
    }

    /// The repository's root.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The files below `folders` that end in `ending`, in the order of their paths.
    static func files(in folders: String..., ending: String) -> [File] {
        folders.flatMap { folder -> [File] in
            let paths = FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path)?.compactMap { $0 as? String } ?? []
            return paths.filter { $0.hasSuffix(ending) && !$0.contains(".build") }.sorted().compactMap { file(folder + "/" + $0) }
        }
    }

    /// The file with this path from the root; `nil` for folders and for files that are not UTF-8.
    static func file(_ path: String) -> File? {
        guard let text = try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8) else { return nil }
        return File(path: path, lines: text.components(separatedBy: "\n"))
    }

    /// The documents in the root, all of which must exist.
    static func rootDocuments() throws -> [File] {
        try ["README.md", "README.ja.md", "CONTRIBUTING.md", "HACKING.md", "CHANGELOG.md"].map { name in
            let document = file(name)
            return try #require(document, "\(name) is missing")
        }
    }
}

extension String {
    /// The number of spaces at the line's beginning.
    var indentation: Int { prefix { $0 == " " }.count }

    /// The texts in backticks in the line.
    var textsInBackticks: [String] { components(separatedBy: "`").enumerated().filter { $0.offset % 2 == 1 }.map { $0.element } }

    /// The line without its indentation.
    var unindented: Substring { drop { $0 == " " } }
}
