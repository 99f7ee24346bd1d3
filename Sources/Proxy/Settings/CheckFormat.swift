import Wire

/// A text with expressions, which a check evaluates: `send-lf`, `on-error`, the headers of `http-check send`.
///
///     literal text    %%    %[fetch(arguments),converter(arguments),...]
///
/// These are the parts of HAProxy's log formats that checks use: `CheckExpression` lists the fetches and converters. Every other part is an error.
package struct CheckFormat: Equatable, Sendable {
    /// A part of a format.
    package enum Part: Equatable, Sendable {
        /// Bytes as they are.
        case literal([UInt8])
        /// The text of a value; empty without a value.
        case expression(CheckExpression)
    }

    /// The parts in order.
    package let parts: [Part]

    /// Creates a format from its parts.
    package init(_ parts: [Part]) { self.parts = parts }

    /// Creates a format without expressions.
    package init(literal bytes: [UInt8]) { parts = bytes.isEmpty ? [] : [.literal(bytes)] }

    /// Parses a format.
    ///
    /// - Parameter kind: the script's family: responses of HTTP are not available as bytes.
    package init(_ text: String, in kind: CheckScript.Kind) throws(CheckFormatError) {
        var parts: [Part] = []
        var literal: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                literal.append(byte)
                continue
            }
            switch rest.first {
            case UInt8(ascii: "%"): literal.append(rest.removeFirst())
            case UInt8(ascii: "["):
                guard let end = Self.end(of: rest) else { throw CheckFormatError("%" + String(decoding: rest, as: UTF8.self), .unclosed) }
                let expression = try CheckExpression(String(decoding: rest[rest.startIndex + 1..<end], as: UTF8.self), in: kind)
                if !literal.isEmpty { parts.append(.literal(literal)) }
                parts.append(.expression(expression))
                (literal, rest) = ([], rest[(end + 1)...])
            default:
                let word = String(decoding: rest.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)
                throw CheckFormatError("%" + word, .unknownAlias(word))
            }
        }
        if !literal.isEmpty { parts.append(.literal(literal)) }
        self.parts = parts
    }

    /// The index of the bracket that closes the first one. Brackets in parentheses belong to an argument.
    private static func end(of text: ArraySlice<UInt8>) -> Int? {
        var depth = 0
        for index in text.indices {
            switch text[index] {
            case UInt8(ascii: "("): depth += 1
            case UInt8(ascii: ")"): depth -= 1
            case UInt8(ascii: "]") where depth <= 0: return index
            default: break
            }
        }
        return nil
    }
}

/// Why a text is no format or expression that a check evaluates.
package struct CheckFormatError: Error, Equatable, Sendable {
    /// The kind of mistake.
    package enum Reason: Equatable, Sendable {
        /// A percent sign before this text, which may be one of HAProxy's aliases: `ci` in `%ci`.
        case unknownAlias(String)
        /// The name of a value that tsukada does not have; HAProxy may have it.
        case unknownFetch(String)
        /// The name of a converter that tsukada does not have; HAProxy may have it.
        case unknownConverter(String)
        /// The name of a variable that does not belong to checks.
        case unknownVariable(String)
        /// A bracket or a parenthesis is not closed.
        case unclosed
        /// Arguments of a fetch or converter are missing, or have another form.
        case badArguments
        /// It is bytes of an answer, which HTTP checks do not have.
        case notInHTTP
    }

    /// The part that cannot be read.
    package let expression: String
    /// The kind of mistake.
    package let reason: Reason

    /// Creates an error about a part of a format.
    init(_ expression: String, _ reason: Reason) { (self.expression, self.reason) = (expression, reason) }
}
