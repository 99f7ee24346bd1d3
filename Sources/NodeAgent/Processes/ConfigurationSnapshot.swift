import Wire

/// Configuration files as they were read, so that a worker that is started again after a crash reads the same: the files may be half edited by then.
///
/// It includes the addresses of the names that sockets are bound to and log lines go to. A worker looks these up as root, so it must not take them from
/// a process that has served.
///
///     name <family> <name> <address> LF     for each name
///     file <bytes> <name> LF <bytes>        for each file
struct ConfigurationSnapshot {
    /// Bytes of the longest snapshot that is kept.
    static let bytesMax = 64 << 20

    /// The files in the order of reading.
    var files: [(name: String, bytes: [UInt8])] = []
    /// The resolved names.
    var names: [NameQuestion: IPAddress] = [:]

    /// A snapshot of these.
    init(files: [(name: String, bytes: [UInt8])], names: [NameQuestion: IPAddress]) { (self.files, self.names) = (files, names) }

    /// The bytes that one process sends another.
    var bytes: [UInt8] {
        let lines = names.sorted { $0.key < $1.key }.map { AgentStateText.line(of: $0.key, $0.value) }
        return files.reduce(into: Array(lines.joined().utf8)) { $0 += Array("file \($1.bytes.count) \($1.name)\n".utf8) + $1.bytes }
    }

    /// The snapshot in `bytes`; `nil` for anything else.
    init?(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let newline = rest.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
            let line = String(decoding: rest[..<newline], as: UTF8.self)
            rest = rest[(newline + 1)...]
            if let (question, address) = AgentStateText.name(line) {
                names[question] = address
                continue
            }
            let words = line.split(separator: " ", maxSplits: 2)
            guard words.count == 3, words[0] == "file", let count = Int(words[1]), count >= 0, count <= rest.count else { return nil }
            files.append((String(words[2]), Array(rest.prefix(count))))
            rest = rest.dropFirst(count)
        }
    }
}
