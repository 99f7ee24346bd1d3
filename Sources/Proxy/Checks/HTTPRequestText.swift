/// The bytes of `http-check send`.
extension ScriptValues {
    /// The methods whose requests have no length without a body.
    private static let bodyless: Set = ["OPTIONS", "GET", "HEAD", "DELETE"]

    /// Composes a request as HAProxy does: names in lower case; `content-length` where a body is or may be expected; `connection: close` in HTTP/1.1.
    ///
    ///     PUT /y HTTP/1.1
    ///     host: foo
    ///     x-haproxy-server-state: UP 2/3; ...
    ///     content-length: 4
    ///     connection: close
    func bytes(of request: HTTPCheckRequest, sendsState: Bool) -> [UInt8] {
        let method = request.method ?? "OPTIONS"
        let version = request.version ?? "HTTP/1.0"
        let isNew = Self.isNew(version)
        var target = request.target.map(text) ?? []
        if target.isEmpty { target = [UInt8(ascii: "/")] }
        var lines: [UInt8] = []
        var options = ConnectionOptions()
        for header in request.headers {
            let (name, value) = (header.name.lowercased(), text(header.value))
            guard !value.isEmpty else { continue }
            if name == "host" { target = Self.replacingAuthority(of: target, by: value) }
            if name == "connection" { options.take(value) } else { lines += Self.line(name, value) }
        }
        if sendsState { lines += Self.line("x-haproxy-server-state", Array(subject.stateText().utf8)) }
        if !options.others.isEmpty { lines += Self.line("connection", options.others) }
        let body = request.body.map(text) ?? []
        if !body.isEmpty || !Self.bodyless.contains(method) { lines += Self.line("content-length", Array(String(body.count).utf8)) }
        if let option = options.final(isNew: isNew) { lines += Self.line("connection", Array(option.utf8)) }
        let space = UInt8(ascii: " ")
        return Array(method.utf8) + [space] + target + [space] + Array((isNew ? "HTTP/1.1" : version).utf8) + Self.lineEnd + lines + Self.lineEnd + body
    }

    private static let lineEnd: [UInt8] = [13, 10]

    private static func line(_ name: String, _ value: [UInt8]) -> [UInt8] { Array("\(name): ".utf8) + value + lineEnd }

    /// True for HTTP/1.1 and later, which are all sent as HTTP/1.1.
    private static func isNew(_ version: String) -> Bool {
        let bytes = Array(version.utf8)
        switch bytes.count {
        case 6: return bytes[5] == UInt8(ascii: "2")
        case 8: return bytes[5] > UInt8(ascii: "1") || bytes[5] == UInt8(ascii: "1") && bytes[7] >= UInt8(ascii: "1")
        default: return false
        }
    }

    /// The target with another host, if it has one: "http://foo/y".
    private static func replacingAuthority(of target: [UInt8], by host: [UInt8]) -> [UInt8] {
        guard let colon = target.firstIndex(of: UInt8(ascii: ":")), target[colon...].starts(with: "://".utf8) else { return target }
        let start = colon + 3
        let end = target[start...].firstIndex { "/?#".utf8.contains($0) } ?? target.endIndex
        return target[..<start] + host + target[end...]
    }

    /// The words of the request's `connection` headers.
    private struct ConnectionOptions {
        private var isGiven = false
        private var closes = false
        private var keepsAlive = false
        /// The other words, as written.
        private(set) var others: [UInt8] = []

        mutating func take(_ value: [UInt8]) {
            isGiven = true
            for part in value.split(separator: UInt8(ascii: ",")) {
                let word = part.drop { $0 == UInt8(ascii: " ") }.prefix { $0 != UInt8(ascii: " ") }
                switch String(decoding: word, as: UTF8.self).lowercased() {
                case "close": closes = true
                case "keep-alive": keepsAlive = true
                default: others += (others.isEmpty ? [] : Array(", ".utf8)) + word
                }
            }
        }

        /// The word that remains of "close" and "keep-alive": the version's default is left out.
        func final(isNew: Bool) -> String? {
            if isNew { return !isGiven || closes ? "close" : nil }
            return keepsAlive && !closes ? "keep-alive" : nil
        }
    }
}
