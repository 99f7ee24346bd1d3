import Glibc
import LinuxIO

/// Loads the files of `-f`: a file, or all files of a folder whose names end in `.cfg`.
enum ConfigurationFiles {
    /// The error of a file that cannot be read.
    struct LoadError: Error, Equatable, Sendable, CustomStringConvertible {
        let path: String
        let reason: String

        /// "haproxy.cfg: open: No such file or directory".
        var description: String { "\(path): \(reason)" }
    }

    static let filesMax = 1_024

    /// Loads the files of `paths`, in order; those of a folder are sorted by the bytes of their names.
    static func load(_ paths: [String]) throws(LoadError) -> [(name: String, bytes: [UInt8])] {
        var files: [(name: String, bytes: [UInt8])] = []
        for path in paths {
            guard !path.isEmpty else { throw LoadError(path: "-f", reason: "empty path: write a file or a folder") }
            let names = try isFolder(path) ? names(inFolder: path) : [path]
            guard files.count + names.count <= filesMax else { throw LoadError(path: path, reason: "more than \(filesMax) files") }
            for name in names {
                do throws(FileError) {
                    files.append((name, try Files.read(name, bytesMax: ConfigurationReader.fileBytesMax)))
                } catch {
                    throw LoadError(path: name, reason: error.description)
                }
            }
        }
        // As in HAProxy, a folder may be empty if there are other files.
        if files.isEmpty, let path = paths.first { throw LoadError(path: path, reason: "the folder has no file whose name ends in '.cfg'") }
        return files
    }

    /// The process's environment; of duplicate names the first one counts.
    static func environment() -> [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            next += 1
            guard let equals = text.firstIndex(of: "="), variables[String(text[..<equals])] == nil else { continue }
            variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return variables
    }

    private static func isFolder(_ path: String) throws(LoadError) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { throw LoadError(path: path, reason: SystemError.last("stat").description) }
        return status.st_mode & S_IFMT == S_IFDIR
    }

    private static func names(inFolder path: String) throws(LoadError) -> [String] {
        guard let folder = opendir(path) else { throw LoadError(path: path, reason: SystemError.last("opendir").description) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            guard name.hasSuffix(".cfg"), !name.hasPrefix(".") else { continue }
            guard names.count < filesMax else { throw LoadError(path: path, reason: "more than \(filesMax) files") }
            names.append(name)
        }
        names.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let prefix = path.hasSuffix("/") ? path : path + "/"
        var paths: [String] = []
        for name in names where try !isFolder(prefix + name) { paths.append(prefix + name) }
        return paths
    }
}
