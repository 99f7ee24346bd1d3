import Wire

/// The configuration files as a process has read them. A worker that replaces a crashed one uses them, because the files may be half edited by then.
///
/// The snapshot includes the addresses of names for binds and log targets. A worker resolves these as root, so it must not take them from a process that
/// has served.
///
///     name <family> <name> <address> LF     for each name
///     file <bytes> <name> LF <bytes>        for each file
struct ConfigurationSnapshot {
    /// The longest snapshot in bytes; a longer one is not kept.
    static let bytesMax = 64 << 20

    /// The files, in the order of reading.
    var files: [(name: String, bytes: [UInt8])] = []
    /// The resolved names.
    var names: [NameQuestion: IPAddress] = [:]

    /// A snapshot of these files and names.
    init(files: [(name: String, bytes: [UInt8])], names: [NameQuestion: IPAddress]) { (self.files, self.names) = (files, names) }

    /// The encoded snapshot.
    var bytes: [UInt8] {
        var text = FieldText()
        var state = AgentState()
        state.names = names
        state.write(to: &text)
        return files.reduce(into: text.bytes) { $0 += Array("file \($1.bytes.count) \($1.name)\n".utf8) + $1.bytes }
    }

    /// Decodes a snapshot; `nil` if `bytes` are malformed.
    init?(_ bytes: [UInt8]) {
        var rest = bytes[...]
        var state = AgentState()
        while !rest.isEmpty {
            guard let newline = rest.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
            var line = StateLine(String(decoding: rest[..<newline], as: UTF8.self)[...])
            rest = rest[(newline + 1)...]
            switch line.word() {
            case "name": guard StatePart.names.read(&line, &state) else { return nil }
            case "file":
                guard let count = line.number(in: 0...rest.count), let name = line.text() else { return nil }
                files.append((String(name), Array(rest.prefix(count))))
                rest = rest.dropFirst(count)
            default: return nil
            }
        }
        names = state.names
    }
}
