// Probes of one target, one after the other, at a fixed rate.

import LinuxIO
import Wire

/// One running probe: connects, sends a request if it is an HTTP probe, and reports once.
final class Probe {
    private static let answerBytesMax = 4096

    private let socket: OpenFile
    private let request: [UInt8]
    private let reactor: Reactor
    private var answer: [UInt8] = []
    private var timer: TimerToken?
    private var report: ((ProbeOutcome) -> Void)?
    private var isConnected = false
    private let isAnswered: Bool

    /// - Parameters:
    ///   - request: the bytes to send after the connect.
    ///   - isAnswered: an HTTP answer is required; otherwise the connect alone passes.
    init(
        _ address: SocketAddress, request: [UInt8], isAnswered: Bool, timeout: Duration, reactor: Reactor, report: @escaping (ProbeOutcome) -> Void
    ) throws(SystemError) {
        (self.request, self.isAnswered, self.reactor, self.report) = (request, isAnswered, reactor, report)
        socket = OpenFile(try Sockets.open(.stream, for: address))
        _ = try Sockets.connect(socket.raw, to: address)
        try reactor.watch(socket.raw, for: .write) { [weak self] _ in self?.isReady() }
        timer = reactor.setTimer(at: reactor.now.advanced(by: timeout)) { [weak self] in
            // An answer that has arrived counts: a late load balancer must not blame its target.
            guard let self else { return }
            if isConnected { isReady() }
            finish(.failed(reason: "no answer within \(timeout)"))
        }
    }

    private func isReady() {
        do throws(SystemError) {
            if !isConnected { try connected() } else { try readAnswer() }
        } catch {
            finish(.failed(reason: error.reason))
        }
    }

    private func connected() throws(SystemError) {
        if let failure = Sockets.pendingError(socket.raw) { throw failure }
        isConnected = true
        // A few hundred bytes: a new connection's buffer takes them at once.
        if !request.isEmpty { _ = try Sockets.send(socket.raw, request[...]) }
        guard isAnswered else { return finish(.passed) }
        try reactor.rewatch(socket.raw, for: .read)
    }

    private func readAnswer() throws(SystemError) {
        guard let bytes = try Sockets.receive(socket.raw, upTo: Self.answerBytesMax) else { return }
        answer += bytes
        guard !bytes.isEmpty else { return finish(.failed(reason: "no whole answer")) }
        if let outcome = Probe.outcome(ofAnswer: answer) { return finish(outcome) }
        if answer.count > Self.answerBytesMax { finish(.failed(reason: "no HTTP answer")) }
    }

    /// The outcome by an HTTP answer's first line; nil while the line is incomplete.
    static func outcome(ofAnswer answer: [UInt8]) -> ProbeOutcome? {
        guard let end = answer.firstIndex(of: 0x0a) else { return nil }
        let line = String(decoding: answer[..<end], as: UTF8.self)
        let words = line.split(whereSeparator: \.isWhitespace)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1.") else { return .failed(reason: "no HTTP answer") }
        return words[1] == "200" ? .passed : .failed(reason: "HTTP \(words[1])")
    }

    private func finish(_ outcome: ProbeOutcome) {
        guard let report else { return }
        self.report = nil
        if let timer { reactor.cancel(timer) }
        reactor.unwatch(socket.raw)
        report(outcome)
    }
}

/// The probes of one target.
final class Prober {
    private let settings: ProbeSettings
    private let address: SocketAddress
    private let listener: SocketAddress
    private let reactor: Reactor
    private var probe: Probe?
    /// True while the group's PROXY protocol is on: probes begin with a PROXY header.
    var isProxyProtocolOn: Bool
    private let report: (ProbeOutcome) -> Void

    /// Probes `target` until it is released, the first time after `delay`.
    init(
        _ settings: ProbeSettings, target: SocketAddress, listener: SocketAddress, isProxyProtocolOn: Bool, delay: Duration, reactor: Reactor,
        report: @escaping (ProbeOutcome) -> Void
    ) {
        (self.settings, self.listener, self.reactor, self.report) = (settings, listener, reactor, report)
        self.isProxyProtocolOn = isProxyProtocolOn
        address = if let port = settings.port, let host = target.address { .ip(host, port: port) } else { target }
        reactor.setTimer(at: reactor.now.advanced(by: delay)) { [weak self] in self?.start() }
    }

    private func start() {
        reactor.setTimer(at: reactor.now.advanced(by: settings.interval)) { [weak self] in self?.start() }
        guard probe == nil else { return }  // the timeout is longer than the interval
        var request = isProxyProtocolOn ? ProxyHeader.local : []
        if case .http(let path) = settings.kind {
            // Like AWS: the host is the load balancer's own address.
            request += Array("GET \(path) HTTP/1.1\r\nHost: \(listener)\r\nConnection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\nAccept: */*\r\n\r\n".utf8)
        }
        do throws(SystemError) {
            let isAnswered = settings.kind != .tcp
            probe = try Probe(address, request: request, isAnswered: isAnswered, timeout: settings.timeout, reactor: reactor) { [weak self] outcome in
                self?.probe = nil
                self?.report(outcome)
            }
        } catch {
            report(.failed(reason: error.reason))
        }
    }
}
