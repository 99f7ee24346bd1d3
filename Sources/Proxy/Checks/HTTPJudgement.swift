import Patterns
import Wire

/// The rules of `http-check expect`.
extension ScriptCheck {
    /// Judges the response so far.
    mutating func judgeResponse(_ expectation: CheckExpectation) -> ScriptJudgement {
        let isLast = hasEnded || values.answer.count >= values.subject.bytesMax
        switch HTTPResponse.parse(values.answer[...], isOfHead: hasAskedForHead, hasEnded: hasEnded) {
        case .incomplete where !isLast: return .undecided
        case .incomplete, .malformed: return failure(.layer7InvalidResponse, expectation)
        case .response(let response):
            code = response.head.status
            if isConditionalPass { return .asExpected }
            switch expectation.match {
            case .status(let ranges):
                return judgeHead(response, ranges.contains { $0.contains(code) } ? .found : .missing, expectation)
            case .statusExpression(let expression):
                return judgeHead(response, ScriptMatch(expression.matches(response.head.statusText[...], work: &workLeft)), expectation)
            case .header(let pattern): return judgeHead(response, match(pattern, in: response.head.headers), expectation)
            default: return judgeBody(response.body, isLast: isLast || response.isComplete, expectation)
            }
        }
    }

    /// The judgement about a head, which is complete. The information of a failure is the response's reason.
    private mutating func judgeHead(_ response: HTTPResponse, _ match: ScriptMatch, _ expectation: CheckExpectation) -> ScriptJudgement {
        if case .unable(let reason) = match { return failure(.layer7InvalidResponse, expectation, reason: reason) }
        if (match == .found) != expectation.isNegated { return .asExpected }
        return failure(expectation.failureStatus ?? .layer7WrongStatus, expectation, otherwise: ScriptValues.info(response.head.reason))
    }

    private mutating func judgeBody(_ body: [UInt8], isLast: Bool, _ expectation: CheckExpectation) -> ScriptJudgement {
        guard !body.isEmpty else {
            return isLast ? failure(expectation.mismatchStatus, expectation, otherwise: "HTTP content check could not find a response body") : .undecided
        }
        return judge(body, isLast: isLast, expectation)
    }

    // MARK: Headers

    private mutating func match(_ pattern: CheckHeaderPattern, in headers: [HTTPResponseHead.Header]) -> ScriptMatch {
        for header in headers {
            let nameMatch = match(pattern.name, header.name[...], ignoresCase: true)
            if case .unable = nameMatch { return nameMatch }
            guard nameMatch == .found else { continue }
            guard let valuePattern = pattern.value else { return .found }
            for value in pattern.isWholeLine ? [header.value[...]] : Self.listed(header.value) {
                let valueMatch = match(valuePattern, value, ignoresCase: false)
                if valueMatch != .missing { return valueMatch }
            }
        }
        return .missing
    }

    private mutating func match(_ pattern: CheckHeaderPattern.Text, _ text: ArraySlice<UInt8>, ignoresCase: Bool) -> ScriptMatch {
        switch pattern {
        case .expression(let expression): return ScriptMatch(expression.matches(text, work: &workLeft))
        case .text(let format, let comparison):
            var pattern = values.text(format)
            guard !pattern.isEmpty else { return .unable(Self.emptyFormatInfo) }
            if ignoresCase { pattern = pattern.map(\.asciiLowercased) }
            return comparison.holds(text, pattern) ? .found : .missing
        }
    }

    /// The values of a header between its commas, without blanks around them. A comma in double quotes is part of a value.
    private static func listed(_ value: [UInt8]) -> [ArraySlice<UInt8>] {
        var isQuoted = false
        let parts = value.split(omittingEmptySubsequences: false) { byte in
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            return byte == UInt8(ascii: ",") && !isQuoted
        }
        return parts.map(\.trimmed)
    }
}
