import Wire

/// A value of a check's expression.
enum ScriptValue: Equatable, Sendable {
    case bytes([UInt8])
    case number(Int64)

    /// The text of the value. As in HAProxy, a text ends before the first NUL.
    var text: [UInt8] {
        switch self {
        case .bytes(let bytes): Array(bytes.prefix { $0 != 0 })
        case .number(let number): Array(String(number).utf8)
        }
    }

    /// The value in memory: a number has eight bytes, as in HAProxy.
    private var binary: [UInt8] {
        switch self {
        case .bytes(let bytes): bytes
        case .number(let number): withUnsafeBytes(of: number.bigEndian) { Array($0) }
        }
    }

    /// The number that the text consists of; `nil` if it is none.
    var number: Int64? {
        switch self {
        case .bytes(let bytes): bytes.count <= 19 ? Int64(String(decoding: bytes, as: UTF8.self)) : nil
        case .number(let number): number
        }
    }

    /// The result of a converter, which has at most `bytesMax` bytes.
    func converted(by converter: CheckExpression.Converter, bytesMax: Int) -> ScriptValue {
        switch converter {
        case .cutLine: .bytes(Array(text.prefix { $0 != 13 && $0 != 10 }))
        case .trimFront(let trimmed): .bytes(Array(text.drop { trimmed.contains($0) }))
        case .trimBack(let trimmed):
            .bytes(Array(text[..<((text.lastIndex { !trimmed.contains($0) } ?? -1) + 1)]))
        case .lowercased: .bytes(text.map(\.asciiLowercased))
        case .uppercased: .bytes(text.map(\.asciiUppercased))
        // Only this converter lengthens a value.
        case .hexadecimal: .bytes(Hexadecimal.upperDigits(binary.prefix(bytesMax / 2)))
        case .bytes(let offset, let length): .bytes(Array(binary.dropFirst(offset).prefix(length ?? .max)))
        case .length: .number(Int64(text.count))
        }
    }
}

/// The values that a running script has.
struct ScriptValues {
    let subject: CheckSubject
    /// The answer so far.
    var answer: [UInt8] = []
    /// The variables, by their whole names.
    var variables: [String: ScriptValue] = [:]

    init(_ subject: CheckSubject) { self.subject = subject }

    /// The value of an expression; `nil` when its source has none.
    func value(_ expression: CheckExpression) -> ScriptValue? {
        guard let value = value(expression.fetch) else { return nil }
        return expression.converters.reduce(value) { $0.converted(by: $1, bytesMax: subject.bytesMax) }
    }

    private func value(_ fetch: CheckExpression.Fetch) -> ScriptValue? {
        switch fetch {
        case .payload(let offset, let length):
            guard offset + length <= answer.count else { return nil }
            return .bytes(Array(answer[offset..<(length == 0 ? answer.count : offset + length)]))
        case .length: return .number(Int64(answer.count))
        case .variable(let name): return variables[name]
        case .serverName: return .bytes(Array(subject.serverName.utf8))
        case .backendName: return .bytes(Array(subject.backendName.utf8))
        case .text(let text): return .bytes(text)
        case .number(let number): return .number(number)
        case .date: return .number(subject.unixSeconds())
        }
    }

    /// The text of a format, cut at the most bytes of a message.
    func text(_ format: CheckFormat) -> [UInt8] {
        var text: [UInt8] = []
        for part in format.parts {
            switch part {
            case .literal(let bytes): text += bytes
            case .expression(let expression): text += value(expression)?.text ?? []
            }
        }
        return text.count <= subject.bytesMax ? text : Array(text.prefix(subject.bytesMax))
    }

    /// A text for a log line. As in HAProxy, it ends before the first NUL.
    func info(_ format: CheckFormat) -> String { Self.info(text(format)) }

    /// Bytes as a text for a log line. As in HAProxy, it ends before the first NUL.
    static func info(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes.prefix { $0 != 0 }), as: UTF8.self) }
}
