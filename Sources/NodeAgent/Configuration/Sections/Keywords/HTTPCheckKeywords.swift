import Proxy
import Wire

/// The rules of `option httpchk`.
enum HTTPCheckKeywords {
    static let rules: [Keyword<ProxyDraft>] =
        CheckRuleKeywords.rules(of: .http) + [
            Keyword(
                "http-check disable-on-404", .serverSide, "", "A running server that answers 404 keeps its sessions and gets no new ones.", disableOn404),
            CheckRuleKeywords.rule(
                "http-check send", of: .http,
                "[meth <method>] [uri <uri>] [uri-lf <format>] [ver <version>] [hdr <name> <format>] [body <text>] [body-lf <format>] [comment <text>] ...",
                differs: CheckRuleKeywords.sendDifference, "The request, or its parts that differ from `option httpchk`.", send),
            Keyword("http-check send-state", .serverSide, "", "Requests contain the server's state in `X-Haproxy-Server-State`.", sendState),
        ]

    // MARK: The option

    /// `option httpchk`: the request. HAProxy 2.6 also reads headers and a body after the version.
    @Sendable static func option(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        var words: [String] = []
        while words.count < 4, let word = line.take() { words.append(word) }
        var request = HTTPCheckRequest()
        if words.count > 1 { request.method = words[0] }
        if let target = words.count > 1 ? words[1] : words.first { request.target = CheckFormat(literal: Array(target.utf8)) }
        if words.count > 2 { try readVersion(words[2], into: &request, &line) }
        if words.count > 3 { request.headers.append(HTTPCheckRequest.Header(name: "host", value: try line.checkFormat(words[3], in: .http))) }
        proxy.checkRules.http.dropInherited()
        proxy.checkRules.http.isUsed = true
        proxy.checkRules.http.setRequest(request, line)
        proxy.backend.check = .script(CheckScript(.http))
    }

    /// Reads a version, and the lines after it.
    private static func readVersion(_ word: String, into request: inout HTTPCheckRequest, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        // A CRLF is one character of a Swift string, so the bytes are split.
        var lines = Array(word.utf8).split(separator: 10, omittingEmptySubsequences: false).map { $0.last == 13 ? $0.dropLast() : $0 }
        request.version = String(decoding: lines.removeFirst(), as: UTF8.self)
        guard !lines.isEmpty else { return }
        line.warn(
            .custom("headers after the version of '\(line.keyword)'", advice: "write 'http-check send hdr NAME VALUE': HAProxy 3 refuses them"))
        let end = lines.firstIndex { $0.isEmpty } ?? lines.endIndex
        for header in lines[..<end] {
            guard let colon = header.firstIndex(of: UInt8(ascii: ":")), colon > header.startIndex else {
                throw .badValue(String(decoding: header, as: UTF8.self), of: line.keyword, expected: "headers of the form NAME: VALUE")
            }
            let value = header[(colon + 1)...].drop { $0 == UInt8(ascii: " ") }
            try append(String(decoding: header[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self), to: &request, line)
        }
        let body = Array(lines[end...].dropFirst().map { Array($0) }.joined(separator: [13, 10]))
        if !body.isEmpty { request.body = CheckFormat(literal: body) }
    }

    /// Adds a header. Those of the body's length are left out, because they follow from the body.
    private static func append(_ name: String, _ value: String, to request: inout HTTPCheckRequest, _ line: ConfigurationLine) throws(ConfigurationProblem) {
        let lowercased = name.lowercased()
        guard lowercased != "content-length", lowercased != "transfer-encoding" else { return }
        guard lowercased != "host" || !request.headers.contains(where: { $0.name.lowercased() == "host" }) else {
            throw .custom("duplicate header '\(name)' after '\(line.keyword)'", advice: "remove one of them")
        }
        request.headers.append(HTTPCheckRequest.Header(name: name, value: try line.checkFormat(value, in: .http)))
    }

    // MARK: Rules

    @Sendable private static func disableOn404(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) { proxy.checkRules.passesOn404 = true }

    @Sendable private static func send(
        _ line: inout ConfigurationLine, _ kind: CheckScript.Kind
    ) throws(ConfigurationProblem) -> (CheckStep.Action, comment: String?) {
        var request = HTTPCheckRequest()
        var comment: String?
        while let word = line.peek {
            let part = try line.takeChoice(RequestPart.words)
            switch part {
            case .method: request.method = try line.takeText("a method")
            case .target: request.target = CheckFormat(literal: Array(try line.takeText("a target such as /health").utf8))
            case .targetFormat: request.target = try line.takeCheckFormat(in: .http)
            case .version: request.version = try line.takeText("a version such as HTTP/1.1")
            case .header:
                let name = try line.takeText("a header's name")
                try append(name, try line.takeText("a value after '\(word) \(name)'"), to: &request, line)
            case .body: request.body = CheckFormat(literal: Array(try line.takeText("a body").utf8))
            case .bodyFormat: request.body = try line.takeCheckFormat(in: .http)
            case .comment: comment = try line.takeComment()
            }
        }
        return (.send(.request(request)), comment)
    }

    private enum RequestPart {
        case method, target, targetFormat, version, header, body, bodyFormat, comment

        static let words: KeyValuePairs<String, RequestPart> = [
            "meth": .method, "uri": .target, "uri-lf": .targetFormat, "ver": .version, "hdr": .header, "body": .body, "body-lf": .bodyFormat,
            "comment": .comment,
        ]
    }

    @Sendable private static func sendState(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) { proxy.checkRules.sendsState = true }
}
