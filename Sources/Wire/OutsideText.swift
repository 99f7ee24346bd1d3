/// Forms for text from databases, nameservers, peers, clients and files. Such text may contain escape sequences for a terminal, line ends that start a forged
/// log line, or marks that reorder the text after them. It is shown only in one of these forms, which write a byte as HAProxy's log lines do: `<1B>`.
extension StringProtocol {
    /// One line that is safe on a terminal: control characters, format characters and invalid bytes become `<1B>`. Idempotent.
    package var shown: String {
        if utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) { return String(self) }
        var bytes: [UInt8] = []
        for scalar in unicodeScalars {
            if scalar.isVisible { bytes += Array(scalar.utf8) } else { for byte in scalar.utf8 { OutsideText.append(byte, to: &bytes) } }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// HAProxy's form between the quotes of a log line: quotes, angle brackets and everything except printable ASCII become `<1B>`.
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
    /// False for characters that control a terminal, and for U+FFFD, which replaces bytes that are not valid text.
    fileprivate var isVisible: Bool {
        switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        default: value != 0xfffd
        }
    }
}
