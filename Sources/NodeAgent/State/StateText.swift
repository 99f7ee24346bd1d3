import LinuxIO

/// What a state file contains.
protocol StateContent {
    /// The word for the content in the file's name and in its first line.
    static var kind: String { get }
    /// The most lines.
    static var linesMax: Int { get }
    /// What it means that nothing could be loaded: the end of a sentence.
    static var loss: String { get }

    /// A sentence for the first time that saving fails.
    static func failure(_ error: SystemError) -> String
    /// A sentence for the first time that saving succeeds again.
    static var recovery: String { get }

    /// Adds all lines.
    func write(to text: inout FieldText)
    /// Reads the lines; `nil` when one of them is not as `write` writes it.
    init?(_ lines: ArraySlice<Substring>)
}

/// The text of a state file.
///
///     tsukada-gossip 1            the kind of its content, and the format's version
///     node tsukada01              the node that wrote it
///     ...                         the content's lines
///     end 5f3a...                 `StateSeal`
///
/// Anything else is no state file, even with one byte less.
enum StateText {
    /// Bytes of the longest file.
    static let bytesMax = 1 << 20
    /// Lines of the content end before this many bytes, so that the seal has room.
    static let contentBytesMax = bytesMax - 64

    /// The first line.
    static func header(_ kind: String) -> String { "tsukada-\(kind) 1" }

    /// The name of `node` in a line and in a file's name.
    static func name(of node: String) -> String { String(node.map { $0 == "/" || $0.isWhitespace ? "_" : $0 }) }

    /// The lines of `bytes`, without their line feeds.
    static func lines(of bytes: some Collection<UInt8>) -> [Substring] {
        let lines = parts(of: String(decoding: bytes, as: UTF8.self)[...], at: UInt8(ascii: "\n"), omittingEmpty: false)
        return lines.last?.isEmpty == true ? lines.dropLast() : lines
    }

    /// The parts of `text` between bytes `separator`. To split at characters takes ten times as long, and a state has several lines for each server.
    static func parts(of text: Substring, at separator: UInt8, omittingEmpty: Bool = true) -> [Substring] {
        text.utf8.split(separator: separator, omittingEmptySubsequences: omittingEmpty).map { Substring($0) }
    }
}

extension StateContent {
    /// The file of `node`.
    func bytes(node: String) -> [UInt8] {
        var text = FieldText()
        text.append("\(StateText.header(Self.kind))\nnode \(StateText.name(of: node))\n")
        write(to: &text)
        return StateSeal.bytes(of: text.bytes)
    }

    /// The content of the file of `node`; `nil` when it is damaged, of another node, or of another version.
    init?(_ bytes: [UInt8], node: String) {
        guard bytes.count <= StateText.bytesMax, let lines = StateSeal.lines(of: bytes), (2...Self.linesMax + 2).contains(lines.count) else { return nil }
        guard lines[0] == StateText.header(Self.kind), lines[1] == "node \(StateText.name(of: node))" else { return nil }
        self.init(lines.dropFirst(2))
    }
}

/// The last line of a state file: `end 5f3a...`, a checksum of all bytes above.
enum StateSeal {
    /// The bytes of a file with these lines, which all end.
    static func bytes(of lines: [UInt8]) -> [UInt8] { lines + end(of: lines[...]) }

    /// The lines above the last one; `nil` when the last one does not match them.
    static func lines(of bytes: [UInt8]) -> [Substring]? {
        guard bytes.last == UInt8(ascii: "\n") else { return nil }
        let start = bytes.dropLast().lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? bytes.startIndex
        return bytes[start...].elementsEqual(end(of: bytes[..<start])) ? StateText.lines(of: bytes[..<start]) : nil
    }

    private static func end(of lines: ArraySlice<UInt8>) -> [UInt8] { Array("end \(Hexadecimal.text(checksum(lines), digits: 16))\n".utf8) }

    /// FNV-1a of 64 bits: against torn and mixed up files, not against people.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
