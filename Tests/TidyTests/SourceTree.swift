import Foundation

/// The repository's text files, read from disk.
struct SourceTree {
    /// One file.
    struct File {
        /// The path from the repository's root.
        var path: String
        /// Its lines, without newlines.
        var lines: [String]
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
}

extension String {
    /// The number of spaces at the line's beginning.
    var indentation: Int { prefix { $0 == " " }.count }

    /// The line without its indentation.
    var unindented: Substring { drop { $0 == " " } }
}
