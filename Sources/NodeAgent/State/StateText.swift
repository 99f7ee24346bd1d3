import LinuxIO
import Wire

/// The content of a state file.
protocol StateContent {
    /// The word for the content in the file's name and in its first line.
    static var kind: String { get }
    /// The most lines of a file.
    static var linesMax: Int { get }
    /// The consequence of a failure to load, as the end of a sentence.
    static var loss: String { get }

    /// A sentence for the first failure to save.
    static func failure(_ error: SystemError) -> String
    /// A sentence for the first success after a failure.
    static var recovery: String { get }

    /// Appends all lines.
    func write(to text: inout FieldText)
    /// Parses the lines; `nil` if one of them differs from the format that `write` produces.
    init?(_ lines: ArraySlice<Substring>)
}

/// The format of a state file.
///
///     tsukada-gossip 1            the kind of its content, and the format's version
///     node tsukada01              the node that wrote it
///     ...                         the content's lines
///     end 5f3a...                 `StateChecksum`
///
/// Any other text is not a state file, even if only one byte is missing.
enum StateText {
    /// The longest file, in bytes.
    static let bytesMax = 1 << 20
    /// The limit of header and content in bytes, which leaves room for the last line.
    static let contentBytesMax = bytesMax - 64

    /// The first line.
    static func header(_ kind: String) -> String { "tsukada-\(kind) 1" }

    /// The form of `node` in a line and in the file's name.
    static func name(of node: String) -> String { String(node.map { $0 == "/" || $0.isWhitespace ? "_" : $0 }) }

    /// The lines of `bytes`, without their line feeds.
    static func lines(of bytes: some Collection<UInt8>) -> [Substring] {
        let lines = parts(of: String(decoding: bytes, as: UTF8.self)[...], at: UInt8(ascii: "\n"), omittingEmpty: false)
        return lines.last?.isEmpty == true ? lines.dropLast() : lines
    }

    /// The parts of `text` between bytes `separator`. Splitting at characters takes ten times longer, and a state has several lines for each server.
    static func parts(of text: Substring, at separator: UInt8, omittingEmpty: Bool = true) -> [Substring] {
        text.utf8.split(separator: separator, omittingEmptySubsequences: omittingEmpty).map { Substring($0) }
    }
}

extension StateContent {
    /// The file of `node`, as bytes.
    func bytes(node: String) -> [UInt8] {
        var text = FieldText()
        text.append("\(StateText.header(Self.kind))\nnode \(StateText.name(of: node))\n")
        write(to: &text)
        return StateChecksum.bytes(of: text.bytes)
    }

    /// Parses the file of `node`; `nil` if it is damaged, or belongs to another node or version.
    init?(_ bytes: [UInt8], node: String) {
        guard bytes.count <= StateText.bytesMax, let lines = StateChecksum.lines(of: bytes), (2...Self.linesMax + 2).contains(lines.count) else { return nil }
        guard lines[0] == StateText.header(Self.kind), lines[1] == "node \(StateText.name(of: node))" else { return nil }
        self.init(lines.dropFirst(2))
    }
}

/// Appends and verifies the last line of a state file: `end 5f3a...`, a checksum of all preceding bytes.
enum StateChecksum {
    /// The bytes of a file with these lines, each of which ends with a line feed.
    static func bytes(of lines: [UInt8]) -> [UInt8] { lines + end(of: lines[...]) }

    /// The lines above the last; `nil` if the last line does not match them.
    static func lines(of bytes: [UInt8]) -> [Substring]? {
        guard bytes.last == UInt8(ascii: "\n") else { return nil }
        let start = bytes.dropLast().lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? bytes.startIndex
        return bytes[start...].elementsEqual(end(of: bytes[..<start])) ? StateText.lines(of: bytes[..<start]) : nil
    }

    private static func end(of lines: ArraySlice<UInt8>) -> [UInt8] { Array("end \(Hexadecimal.text(checksum(lines), digits: 16))\n".utf8) }

    /// FNV-1a of 64 bits, which detects torn and mixed-up files but not manipulation.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
