import Patterns
import Wire

/// What an expectation says about the answer so far.
enum ScriptJudgement: Equatable {
    /// The answer is as expected: the next step follows.
    case asExpected
    /// More bytes may change the answer.
    case undecided
    /// The check has failed, with this status and information.
    case failed(CheckStatus, String)
}

/// Whether a pattern occurs.
enum ScriptMatch: Equatable {
    case found, missing
    /// The answer is too short for the pattern.
    case tooShort
    /// The pattern cannot be compared, for this reason.
    case unable(String)

    /// The result of a regular expression, which may reach a limit.
    init(_ result: Bool?) { self = result.map { $0 ? .found : .missing } ?? .unable(Self.limitInfo) }

    /// The text for an expression that reaches a limit. HAProxy has none: its limits are far higher.
    private static let limitInfo = "the regular expression takes too many steps"
}

extension CheckExpectation {
    /// The status of an answer that is not as expected.
    var mismatchStatus: CheckStatus { failureStatus ?? .layer7InvalidResponse }
}

extension ScriptCheck {
    /// Judges the answer so far by the current step's expectation.
    mutating func judge(_ expectation: CheckExpectation) -> ScriptJudgement {
        if script.kind == .http { return judgeResponse(expectation) }
        let answer = values.answer
        guard !answer.isEmpty else { return hasEnded ? .failed(expectation.mismatchStatus, script.steps[current].emptyText) : .undecided }
        let isLast = hasEnded || answer.count >= values.subject.bytesMax
        return expectation.match == .ldapBind ? judgeBind(answer, isLast: isLast, expectation) : judge(answer, isLast: isLast, expectation)
    }

    /// Judges the bytes of an answer, or of a response's body, by a pattern for bytes.
    mutating func judge(_ bytes: [UInt8], isLast: Bool, _ expectation: CheckExpectation) -> ScriptJudgement {
        if !isLast, let least = expectation.bytesMin, bytes.count < least { return .undecided }
        switch match(expectation.match, in: bytes[...]) {
        case .tooShort where !isLast: return .undecided
        case .unable(let reason): return failure(.layer7InvalidResponse, expectation, reason: reason)
        case .missing where !isLast && expectation.bytesMin == nil: return .undecided
        case let match where (match == .found) != expectation.isNegated: return .asExpected
        case .found, .missing, .tooShort: return failure(expectation.mismatchStatus, expectation, otherwise: mismatchText(expectation))
        }
    }

    private func mismatchText(_ expectation: CheckExpectation) -> String {
        switch script.kind {
        case .tcp: script.steps[current].mismatchText(expectation.match, isUnwanted: expectation.isNegated)
        case .http: expectation.isNegated ? "HTTP check matched unwanted content" : "HTTP content check did not match"
        case .other: ""
        }
    }

    /// Compares bytes with a pattern for bytes.
    private mutating func match(_ match: CheckMatch, in bytes: ArraySlice<UInt8>) -> ScriptMatch {
        switch match {
        case .string(let pattern), .binary(let pattern): return Self.search(pattern, in: bytes)
        case .expression(let expression): return ScriptMatch(expression.matches(bytes, work: &workLeft))
        case .binaryExpression(let expression): return ScriptMatch(expression.matches(Hexadecimal.upperDigits(bytes)[...], work: &workLeft))
        case .text(let format):
            let pattern = values.text(format)
            return pattern.isEmpty ? .unable(Self.emptyFormatInfo) : Self.search(pattern, in: bytes)
        case .hexadecimal(let format):
            let digits = values.text(format)
            guard !digits.isEmpty else { return .unable(Self.emptyFormatInfo) }
            guard let pattern = Hexadecimal.bytes(digits) else { return .unable("Failed to parse hexastring resulting of eval of a log-format string") }
            return Self.search(pattern, in: bytes)
        case .status, .statusExpression, .header, .ldapBind: preconditionFailure("\(match) is no pattern for bytes")
        }
    }

    static let emptyFormatInfo = "log-format string evaluated to an empty string"

    private static func search(_ pattern: [UInt8], in bytes: ArraySlice<UInt8>) -> ScriptMatch {
        bytes.count < pattern.count ? .tooShort : bytes.includes(pattern) ? .found : .missing
    }

    private mutating func judgeBind(_ answer: [UInt8], isLast: Bool, _ expectation: CheckExpectation) -> ScriptJudgement {
        switch LDAPBindResponse.parse(answer[...]) {
        case .incomplete: return isLast ? failure(.layer7InvalidResponse, expectation) : .undecided
        case .malformed: return failure(.layer7InvalidResponse, expectation, reason: "Not LDAPv3 protocol")
        case .result(let result):
            code = Int(result)
            guard code != 0 else { return .asExpected }
            return failure(.layer7WrongStatus, expectation, reason: "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9")
        }
    }

    /// The failure of the current step's expectation. Its information is `reason`, or the text of `on-error`, or `otherwise`.
    mutating func failure(_ status: CheckStatus, _ expectation: CheckExpectation, reason: String = "", otherwise: String = "") -> ScriptJudgement {
        var info = reason.isEmpty ? expectation.failureText.map { values.info($0) } ?? otherwise : reason
        if let comment = script.steps[current].comment { info += " comment: \(comment)" }
        setCode(expectation)
        return .failed(status, info)
    }

    /// Computes the code of `status-code`, if the expectation has one.
    mutating func setCode(_ expectation: CheckExpectation) {
        if let number = expectation.code.flatMap({ values.value($0)?.number }) { code = Int(clamping: number) }
    }
}
