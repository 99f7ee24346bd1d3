/// Text that databases, nameservers, peers, clients and files have given may hold anything: escape sequences that a terminal obeys, line ends that begin
/// another log line, marks that reorder what follows. It is shown by these only. Both forms write a byte in the way of HAProxy's log lines: `<1B>`.
extension StringProtocol {
    /// One line that a terminal shows as it is: control and format characters, and what is no character, as `<1B>`. A text that has been through this is not
    /// changed by it.
    package var shown: String {
        if utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) { return String(self) }
        var bytes: [UInt8] = []
        for scalar in unicodeScalars {
            if scalar.isVisible { bytes += Array(scalar.utf8) } else { for byte in scalar.utf8 { OutsideText.append(byte, to: &bytes) } }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// HAProxy's form between the quotes of a log line: quotes, angle brackets and everything but printable ASCII as `<1B>`.
    package var shownInQuotes: String {
        var bytes: [UInt8] = []
        for byte in utf8 {
            let isPlain = (0x20..<0x7f).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "<") && byte != UInt8(ascii: ">")
            if isPlain { bytes.append(byte) } else { OutsideText.append(byte, to: &bytes) }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

private enum OutsideText {
    private static let digits = Array("0123456789ABCDEF".utf8)

    static func append(_ byte: UInt8, to bytes: inout [UInt8]) {
        bytes += [UInt8(ascii: "<"), digits[Int(byte >> 4)], digits[Int(byte & 15)], UInt8(ascii: ">")]
    }
}

extension Unicode.Scalar {
    /// False for what a terminal obeys, and for U+FFFD, which stands in place of bytes that were no text.
    fileprivate var isVisible: Bool {
        switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        default: value != 0xfffd
        }
    }
}
