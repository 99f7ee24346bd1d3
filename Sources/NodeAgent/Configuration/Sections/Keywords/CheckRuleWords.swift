import Proxy
import Wire

/// The words that `tcp-check` and `http-check` lines have in common.
extension ConfigurationLine {
    /// Takes `comment <text>`, if it follows.
    mutating func takeCheckComment() throws(ConfigurationProblem) -> String? {
        guard peek != nil else { return nil }
        _ = try takeChoice(["comment": true])
        return try takeComment()
    }

    /// Takes pairs of hexadecimal digits.
    mutating func takeHexadecimal() throws(ConfigurationProblem) -> [UInt8] {
        let word = try takeRequired()
        guard !word.isEmpty, let bytes = Hexadecimal.bytes(word.utf8) else {
            throw .badValue(word, of: keyword, expected: "pairs of hexadecimal digits, such as 50494e470d0a")
        }
        return bytes
    }

    /// The variable of a keyword such as `set-var(check.NAME)`.
    func checkVariable() throws(ConfigurationProblem) -> String {
        let word = words[next - 1]
        let name = word.split(separator: "(", maxSplits: 1).last.map { String($0.dropLast()) } ?? ""
        guard word.hasSuffix(")"), word.contains("(") else {
            throw .badValue(word, of: keyword, expected: "a variable in parentheses, such as \(word.prefix { $0 != "(" })(check.name)")
        }
        guard !CheckExpression.isVariable(name) else { return name }
        // A condition may follow the name: `check.name,ifexists`.
        let base = String(name.prefix { $0 != "," })
        guard base != name && CheckExpression.isVariable(base) || CheckExpression.isForeignVariable(base) else {
            throw .badValue(word, of: keyword, expected: Self.variableExpected)
        }
        throw .unsupported("\(word.prefix { $0 != "(" })(\(name))", advice: "only variables such as check.name exist: keep HAProxy for this proxy")
    }

    // MARK: Formats

    /// Takes a format.
    mutating func takeCheckFormat(in kind: CheckScript.Kind) throws(ConfigurationProblem) -> CheckFormat {
        try checkFormat(try takeText("a text with expressions such as %[res.len]"), in: kind)
    }

    /// Parses a format.
    func checkFormat(_ word: String, in kind: CheckScript.Kind) throws(ConfigurationProblem) -> CheckFormat {
        do throws(CheckFormatError) {
            return try CheckFormat(word, in: kind)
        } catch {
            throw problem(with: error, of: word, in: kind)
        }
    }

    /// Takes an expression. `expected` describes the values that the line may have.
    mutating func takeCheckExpression(
        in kind: CheckScript.Kind, expected: String = "an expression such as int(250)"
    ) throws(ConfigurationProblem) -> CheckExpression {
        let word = try takeText(expected)
        do throws(CheckFormatError) {
            return try CheckExpression(word, in: kind)
        } catch {
            throw problem(with: error, of: word, in: kind, expected: expected)
        }
    }

    // MARK: Connects

    private enum ConnectOption {
        case standard, port, address, proxyHeader, linger, comment
        /// TLS.
        case encrypted
        /// Other options of HAProxy.
        case foreign

        static let words: KeyValuePairs<String, ConnectOption> = [
            "default": .standard, "port": .port, "addr": .address, "send-proxy": .proxyHeader, "linger": .linger, "comment": .comment, "ssl": .encrypted,
            "sni": .encrypted, "alpn": .encrypted, "via-socks4": .foreign, "proto": .foreign,
        ]
    }

    /// Takes the options of a `connect` rule.
    mutating func takeCheckConnect(in kind: CheckScript.Kind) throws(ConfigurationProblem) -> (CheckConnect, comment: String?) {
        var connect = CheckConnect()
        var comment: String?
        while let word = peek {
            switch try takeConnectOption() {
            case .standard: connect.usesServerOptions = true
            case .port: connect.port = try takeCheckPort(in: kind)
            case .address: (connect.address, connect.addressPort) = try takeCheckAddress()
            case .proxyHeader: connect.sendsProxyHeader = true
            case .linger: connect.lingers = true
            case .comment: comment = try takeComment()
            case .encrypted: throw .encryption("\(keyword) \(word)")
            case .foreign: throw .unsupported("\(keyword) \(word)", advice: "keep HAProxy for this proxy, since the keyword decides how servers are reached")
            }
        }
        return (connect, comment)
    }

    /// Takes the name of an option. A message about another word names only the options that tsukada has.
    private mutating func takeConnectOption() throws(ConfigurationProblem) -> ConnectOption {
        let word = try takeRequired()
        if let option = ConnectOption.words.first(where: { $0.key == word })?.value { return option }
        let names = ConnectOption.words.filter { $0.value != .encrypted && $0.value != .foreign }.map(\.key)
        throw .unknownWord(word, of: keyword, allowed: names, suggestion: Spelling.nearest(to: word, among: names))
    }

    private mutating func takeCheckPort(in kind: CheckScript.Kind) throws(ConfigurationProblem) -> CheckConnect.Port {
        if let word = peek, !word.isEmpty, word.utf8.allSatisfy(ConfigurationValue.isDigit) { return .fixed(UInt16(try takeNumber(in: 1...65_535))) }
        let expected = "a port from 1 to 65535, or an expression such as int(3306)"
        let expression = try takeCheckExpression(in: kind, expected: expected)
        if case .number(let number) = expression.fetch, expression.converters.isEmpty, !(0...65_535).contains(number) {
            throw .badValue(words[next - 1], of: keyword, expected: expected)
        }
        return .expression(expression)
    }

    private mutating func takeCheckAddress() throws(ConfigurationProblem) -> (IPAddress, port: UInt16?) {
        let word = try takeRequired()
        let (endpoint, rule, _) = try AddressReader(self).readServer(word)
        guard case .ip(let address, _) = endpoint else { throw .badValue(word, of: keyword, expected: "a numeric address, such as 10.0.0.1") }
        switch rule {
        case .fixed(let port): return (address, port)
        case .client(offset: 0): return (address, nil)
        case .client: throw .badValue(word, of: keyword, expected: "an address, or an address and a port, such as 10.0.0.1:9200")
        }
    }

    // MARK: Expectations

    private enum ExpectOption {
        case bytesMin, comment, passStatus, failureStatus, timeoutStatus, passText, failureText, code

        static let words: KeyValuePairs<String, ExpectOption> = [
            "min-recv": .bytesMin, "comment": .comment, "ok-status": .passStatus, "error-status": .failureStatus, "tout-status": .timeoutStatus,
            "on-success": .passText, "on-error": .failureText, "status-code": .code,
        ]
    }

    /// Takes the options and the pattern of an `expect` rule.
    mutating func takeCheckExpectation(in kind: CheckScript.Kind) throws(ConfigurationProblem) -> (CheckExpectation, comment: String?) {
        var expectation = CheckExpectation(.string([]))
        var hasMatch = false
        var comment: String?
        while let word = peek {
            if let option = ExpectOption.words.first(where: { $0.key == word })?.value {
                next += 1
                comment = try take(option, into: &expectation, in: kind) ?? comment
                continue
            }
            guard !hasMatch else { throw .surplusArgument(word, of: keyword, shape: shape) }
            let match = try takeMatchWord()
            expectation.isNegated = match.isNegated
            expectation.match = try takeCheckMatch(match.word, in: kind)
            hasMatch = true
        }
        guard hasMatch else { throw .missingArgument(of: keyword, shape: shape) }
        return (expectation, comment)
    }

    /// Takes the value of an option. Returns it if it is a comment.
    private mutating func take(
        _ option: ExpectOption, into expectation: inout CheckExpectation, in kind: CheckScript.Kind
    ) throws(ConfigurationProblem) -> String? {
        switch option {
        case .bytesMin: expectation.bytesMin = try takeBytesMin()
        case .comment: return try takeComment()
        case .passStatus: expectation.passStatus = try takeStatus([.layer7OK, .layer7ConditionalPass, .layer6OK, .layer4OK])
        case .failureStatus:
            // A message does not propose a status with which a server that fails stays UP.
            expectation.failureStatus = try takeStatus(
                [.layer7InvalidResponse, .layer7WrongStatus, .layer6InvalidResponse, .layer4ConnectionProblem], unnamed: [.layer7ConditionalPass])
        case .timeoutStatus: expectation.timeoutStatus = try takeStatus([.layer7Timeout, .layer6Timeout, .layer4Timeout])
        case .passText: expectation.passText = try takeCheckFormat(in: kind)
        case .failureText: expectation.failureText = try takeCheckFormat(in: kind)
        case .code: expectation.code = try takeCheckExpression(in: kind, expected: "an expression such as int(5)")
        }
        return nil
    }

    /// Takes -1 for none, or a number of bytes.
    private mutating func takeBytesMin() throws(ConfigurationProblem) -> Int? {
        take("-1") ? nil : try takeNumber(in: 0...999_999_999)
    }

    /// Takes the name of a status; upper and lower case are equal. Messages name only `choices`.
    private mutating func takeStatus(_ choices: [CheckStatus], unnamed: [CheckStatus] = []) throws(ConfigurationProblem) -> CheckStatus {
        let word = try takeRequired()
        guard let status = (choices + unnamed).first(where: { $0.name == word.uppercased() }) else {
            let names = choices.map(\.name)
            throw .unknownWord(word, of: keyword, allowed: names, suggestion: Spelling.nearest(to: word, among: names))
        }
        return status
    }

    /// Takes exclamation marks, which negate, and the word after them. Blanks between them are allowed.
    private mutating func takeMatchWord() throws(ConfigurationProblem) -> (word: String, isNegated: Bool) {
        var isNegated = false
        while true {
            let word = try takeRequired()
            let rest = word.drop { $0 == "!" }
            if (word.utf8.count - rest.utf8.count) % 2 == 1 { isNegated.toggle() }
            if !rest.isEmpty || word.isEmpty { return (String(rest), isNegated) }
        }
    }
}
