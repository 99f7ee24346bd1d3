import Wire

/// A value that a check computes: a fetch, and converters that are applied to it in order.
///
///     res.payload(4,0),ltrim(' '),cut_crlf
package struct CheckExpression: Equatable, Sendable {
    /// The source of a value.
    package enum Fetch: Equatable, Sendable {
        /// `res.payload(offset,length)`: bytes of the answer; all from `offset` on with a length of 0.
        case payload(offset: Int, length: Int)
        /// `res.len`: the number of bytes of the answer.
        case length
        /// `var(check.NAME)`.
        case variable(String)
        /// `srv_name`.
        case serverName
        /// `be_name`.
        case backendName
        /// `str(TEXT)`.
        case text([UInt8])
        /// `int(NUMBER)`.
        case number(Int64)
        /// `date`: seconds since 1970.
        case date
    }

    /// A function from a value to another.
    package enum Converter: Equatable, Sendable {
        /// `cut_crlf`: the part before the first line end.
        case cutLine
        /// `ltrim(CHARACTERS)`: without these bytes at the front.
        case trimFront([UInt8])
        /// `rtrim(CHARACTERS)`: without these bytes at the end.
        case trimBack([UInt8])
        /// `lower`.
        case lowercased
        /// `upper`.
        case uppercased
        /// `hex`: two digits for each byte.
        case hexadecimal
        /// `bytes(offset[,length])`: a part, the rest without a length.
        case bytes(offset: Int, length: Int?)
        /// `length`: the number of bytes.
        case length
    }

    /// The names of the values; those of answers are not for HTTP checks.
    package static func fetchNames(in kind: CheckScript.Kind) -> [String] {
        (kind == .http ? [] : ["res.payload", "res.len"]) + ["var", "srv_name", "be_name", "str", "int", "date"]
    }
    /// The names of the converters.
    package static let converterNames = ["cut_crlf", "ltrim", "rtrim", "lower", "upper", "hex", "length", "bytes"]

    /// The most bytes of a number in a file: a sign, and the digits of the largest number.
    private static let digitsMax = 20

    /// The source.
    package let fetch: Fetch
    /// The functions.
    package let converters: [Converter]

    /// Creates an expression from its parts.
    package init(_ fetch: Fetch, _ converters: [Converter]) { (self.fetch, self.converters) = (fetch, converters) }

    /// Parses an expression.
    ///
    /// - Parameter kind: the script's family: responses of HTTP are not available as bytes.
    package init(_ text: String, in kind: CheckScript.Kind) throws(CheckFormatError) {
        var calls = try Self.calls(in: text)
        let first = calls.removeFirst()
        fetch = try Self.fetch(first)
        if kind == .http {
            switch fetch {
            case .payload, .length: throw CheckFormatError(first.text, .notInHTTP)
            default: break
            }
        }
        converters = try calls.map { call throws(CheckFormatError) in try Self.converter(call) }
    }

    /// True for `check.NAME` and `sess.NAME`, the variables of a single check.
    package static func isVariable(_ name: String) -> Bool {
        isVariable(name, of: ["check", "sess"])
    }

    /// True for the name of a variable that HAProxy has.
    package static func isForeignVariable(_ name: String) -> Bool { isVariable(name, of: ["proc", "txn", "req", "res"]) }

    private static func isVariable(_ name: String, of scopes: [String]) -> Bool {
        guard let dot = name.firstIndex(of: "."), scopes.contains(String(name[..<dot])) else { return false }
        let rest = name[name.index(after: dot)...].utf8
        return !rest.isEmpty && rest.allSatisfy { $0.isAlphanumeric || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") }
    }

    // MARK: Parsing

    /// A name with its arguments.
    private struct Call {
        let name: String
        let arguments: [[UInt8]]
        /// As written, for messages.
        let text: String
    }

    private static func fetch(_ call: Call) throws(CheckFormatError) -> Fetch {
        let arguments = call.arguments
        switch (call.name, arguments.count) {
        case ("res.payload", 2):
            guard let offset = number(arguments[0]), let length = number(arguments[1]) else { break }
            return .payload(offset: offset, length: length)
        case ("res.len", 0): return .length
        case ("var", 1):
            let name = String(decoding: arguments[0], as: UTF8.self)
            guard isVariable(name) else { throw CheckFormatError(call.text, .unknownVariable(name)) }
            return .variable(name)
        case ("srv_name", 0): return .serverName
        case ("be_name", 0): return .backendName
        case ("str", 0...1): return .text(arguments.first ?? [])
        case ("int", 1):
            guard let number = signedNumber(arguments[0]) else { break }
            return .number(number)
        case ("date", 0): return .date
        default: break
        }
        throw CheckFormatError(call.text, fetchNames(in: .tcp).contains(call.name) ? .badArguments : .unknownFetch(call.name))
    }

    private static func converter(_ call: Call) throws(CheckFormatError) -> Converter {
        let arguments = call.arguments
        switch (call.name, arguments.count) {
        case ("cut_crlf", 0): return .cutLine
        case ("ltrim", 0...1): return .trimFront(arguments.first ?? [])
        case ("rtrim", 0...1): return .trimBack(arguments.first ?? [])
        case ("lower", 0): return .lowercased
        case ("upper", 0): return .uppercased
        case ("hex", 0): return .hexadecimal
        case ("length", 0): return .length
        case ("bytes", 1):
            guard let offset = number(arguments[0]) else { break }
            return .bytes(offset: offset, length: nil)
        case ("bytes", 2):
            guard let offset = number(arguments[0]), let length = number(arguments[1]) else { break }
            return .bytes(offset: offset, length: length)
        default: break
        }
        throw CheckFormatError(call.text, converterNames.contains(call.name) ? .badArguments : .unknownConverter(call.name))
    }

    /// Splits `name(argument,...),name,...`. Further commas before a name are ignored, as in HAProxy. In arguments, quotes hold text together, and a backslash escapes a character.
    private static func calls(in text: String) throws(CheckFormatError) -> [Call] {
        var calls: [Call] = []
        var rest = Array(text.utf8)[...]
        repeat {
            let begin = rest
            let name = rest.prefix { $0 != UInt8(ascii: "(") && $0 != UInt8(ascii: ",") }
            rest = rest.dropFirst(name.count)
            var arguments: [[UInt8]] = []
            if rest.first == UInt8(ascii: "(") {
                rest.removeFirst()
                guard let found = takeArguments(&rest) else { throw CheckFormatError(String(decoding: begin, as: UTF8.self), .unclosed) }
                arguments = found
            }
            let written = String(decoding: begin.prefix(begin.count - rest.count), as: UTF8.self)
            calls.append(Call(name: String(decoding: name, as: UTF8.self), arguments: arguments, text: written))
            guard let next = rest.popFirst() else { break }
            rest = rest.drop { $0 == UInt8(ascii: ",") }
            guard next == UInt8(ascii: ","), !rest.isEmpty else { throw CheckFormatError(text, .badArguments) }
        } while true
        return calls
    }

    /// Takes the arguments and the closing parenthesis; `nil` if that is missing. `()` has no argument.
    private static func takeArguments(_ rest: inout ArraySlice<UInt8>) -> [[UInt8]]? {
        var arguments: [[UInt8]] = []
        var argument: [UInt8] = []
        var quote: UInt8?
        let isEmpty = rest.first == UInt8(ascii: ")")
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\\") where quote != UInt8(ascii: "'"):
                guard let escaped = rest.popFirst() else { return nil }
                argument.append(escape(escaped))
            case quote: quote = nil
            case UInt8(ascii: "'") where quote == nil, UInt8(ascii: "\"") where quote == nil: quote = byte
            case UInt8(ascii: ",") where quote == nil:
                arguments.append(argument)
                argument = []
            case UInt8(ascii: ")") where quote == nil:
                return isEmpty ? [] : arguments + [argument]
            default: argument.append(byte)
            }
        }
        return nil
    }

    private static func escape(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "n"): 10
        case UInt8(ascii: "r"): 13
        case UInt8(ascii: "t"): 9
        default: byte
        }
    }

    /// A number of bytes: no answer is longer than this.
    private static func number(_ digits: [UInt8]) -> Int? {
        guard let number = signedNumber(digits), (0...Int64(Int32.max)).contains(number) else { return nil }
        return Int(number)
    }

    private static func signedNumber(_ digits: [UInt8]) -> Int64? {
        guard (1...digitsMax).contains(digits.count) else { return nil }
        return Int64(String(decoding: digits, as: UTF8.self))
    }
}
